"""A run of the bench waits while threads take from each other, but not for ever."""

from __future__ import annotations

import pytest

from bench.harness import sizes, stage
from bench.harness.case import Case, Row
from bench.machine import cores


class Clock:
    """Time that passes where somebody sleeps."""

    def __init__(self, monkeypatch, better_at):
        self.now = 0.0
        monkeypatch.setattr(cores.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(cores.time, "sleep", self.sleep)
        monkeypatch.setattr(cores.Cores, "_take_from_each_other", lambda _: self.now < better_at)

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def patient():
    found = cores.Cores(True)
    found._threads = 2
    return found


def test_it_waits_for_a_better_moment(monkeypatch, patient):
    Clock(monkeypatch, better_at=7)
    patient.wait()
    patient.wait()
    assert patient.told() == {"turns": 2, "shared": 0, "waited": 7.0}


def test_it_does_not_wait_for_ever(monkeypatch, patient):
    Clock(monkeypatch, better_at=1e9)
    for _ in range(50):
        patient.wait()
    told = patient.told()
    assert told["turns"] == told["shared"] == 50
    assert cores._ALL_PATIENCE <= told["waited"] <= cores._ALL_PATIENCE + cores._PATIENCE + 2


def test_bursts_are_compared(monkeypatch, patient):
    monkeypatch.setattr(cores, "SHARED", 1e6)  # two are never a million times as fast
    assert patient._take_from_each_other()
    monkeypatch.setattr(cores, "SHARED", 1e-6)
    assert not patient._take_from_each_other()


def test_a_turn_begins_when_it_may():
    told = []
    rows = {"a": lambda work: Row(lambda: told.append("a"), one_way=True)}
    case = Case("g", "n", rows, inputs=lambda: None, check=lambda *given: None)
    size = sizes.Size("tiny", seconds=1.0, turns=2, rounds=1, settle=0.0)
    stage.measure(case, size, wait=lambda: told.append("wait"))
    assert told.count("wait") == 2
    assert told[told.index("wait") + 1] == "a"
