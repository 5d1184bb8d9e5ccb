"""How many threads, and that any number of them, from anywhere, does the work right."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

import fastml
from fastml import reference
from fastml.core import crew as _crew
from fastml.core import threads as _threads


@pytest.fixture(autouse=True)
def default_again():
    yield
    fastml.set_num_threads(None)


@pytest.fixture
def no_environment(monkeypatch):
    for name in ("FASTML_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def problem(seed=0, n_samples=20_000):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_samples, 8)).astype("float32")
    return X, X[:30].copy()


def run(code, **variables):
    """Run code in a fresh interpreter; a hang is a failure, not a stop of the suite."""
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=900
    )


# --- how many ---------------------------------------------------------------------------


def test_order_of_precedence(no_environment, monkeypatch):
    default = fastml.get_num_threads()
    assert default >= 1
    monkeypatch.setenv("FASTML_NUM_THREADS", "5")
    assert fastml.get_num_threads() == 5
    fastml.set_num_threads(3)
    assert fastml.get_num_threads() == 3
    with fastml.num_threads(7):
        assert fastml.get_num_threads() == 7
        with fastml.num_threads(np.int64(2)):
            assert fastml.get_num_threads() == 2
        fastml.set_num_threads(4)
        assert fastml.get_num_threads() == 7
    assert fastml.get_num_threads() == 4
    fastml.set_num_threads(None)
    assert fastml.get_num_threads() == 5
    monkeypatch.setenv("FASTML_NUM_THREADS", "")
    assert fastml.get_num_threads() == default


def test_context_ends_with_an_exception(no_environment):
    before = fastml.get_num_threads()
    with pytest.raises(KeyError), fastml.num_threads(before + 3):
        raise KeyError
    assert fastml.get_num_threads() == before


def test_context_is_of_one_thread():
    seen = []
    with fastml.num_threads(9):
        other = threading.Thread(target=lambda: seen.append(fastml.get_num_threads()))
        other.start()
        other.join()
        assert fastml.get_num_threads() == 9
    assert seen == [fastml.get_num_threads()]


@pytest.mark.parametrize("wrong", [0, -1])
def test_numbers_below_one_are_refused(wrong):
    fastml.set_num_threads(2)
    with pytest.raises(ValueError, match="must be >= 1"):
        fastml.set_num_threads(wrong)
    with pytest.raises(ValueError, match="must be >= 1"), fastml.num_threads(wrong):
        pass
    assert fastml.get_num_threads() == 2


@pytest.mark.parametrize("wrong", [1.0, "2", True, [1]])
def test_what_is_not_an_integer_is_refused(wrong):
    fastml.set_num_threads(2)
    with pytest.raises(TypeError, match="must be an instance of int"):
        fastml.set_num_threads(wrong)
    with pytest.raises(TypeError, match="must be an instance of int"), fastml.num_threads(wrong):
        pass
    assert fastml.get_num_threads() == 2


@pytest.mark.parametrize("wrong", ["0", "-2", "many", "1.5"])
def test_wrong_environment_is_refused_by_name(monkeypatch, wrong):
    monkeypatch.setenv("FASTML_NUM_THREADS", wrong)
    with pytest.raises(ValueError, match="FASTML_NUM_THREADS must be a positive integer"):
        fastml.get_num_threads()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
def test_default_respects_affinity():
    code = """
import os
os.environ.pop("FASTML_NUM_THREADS", None)
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
import fastml
print(fastml.get_num_threads())
"""
    assert run(code).stdout.strip() == "1"


# --- that they do the work right ------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that stands still unless it is set, for a process that called nothing yet."""
    now = [1 << 60]
    monkeypatch.setattr(_threads, "time", SimpleNamespace(monotonic_ns=lambda: now[0]))
    monkeypatch.setattr(_threads, "_expected_end", 0.0)
    monkeypatch.setattr(_threads, "_in_a_row", 0.0)
    return now


@pytest.mark.parametrize(
    ("nanoseconds", "listening", "members"),
    [
        (29_000, 15, 1),  # not worth being joined even at once
        (61_000, 15, 3),  # as many as have a share worth coming for
        (61_000, 1, 2),  # as many as listen
        (199_000, 0, 1),  # not worth waking anybody
        (201_000, 0, 3),
        (201_000, 15, 7),
        (10_000_000, 0, 16),
    ],
)
def test_how_many_a_call_is_worth(clock, monkeypatch, nanoseconds, listening, members):
    monkeypatch.setattr(_threads, "listeners", lambda: listening)
    with fastml.num_threads(16):
        assert _threads.team_size(nanoseconds) == members


def test_calls_in_a_row_wake_helpers_when_together_they_are_worth_it(clock, monkeypatch):
    monkeypatch.setattr(_threads, "listeners", lambda: 0)

    def sizes(gap):
        found = []
        for _ in range(8):
            found.append(_threads.team_size(60_000))
            clock[0] += 60_000 + gap
        return found

    with fastml.num_threads(16):
        assert sizes(20_000) == [1, 1, 1, 3, 1, 1, 1, 3]
        clock[0] += 1_000_000
        assert sizes(150_000) == [1] * 8  # each is one on its own
    with fastml.num_threads(1):
        assert sizes(0) == [1] * 8


def test_many_more_threads_than_cores(shared_work):
    X, centers = problem()
    expected = reference.nearest_centroid(X, centers)
    with fastml.num_threads(200):
        np.testing.assert_array_equal(fastml.nearest_centroid(X, centers), expected)
        np.testing.assert_array_equal(fastml.nearest_centroid(X[:1], centers), expected[:1])


def test_concurrent_calls_from_many_threads(shared_work):
    problems = [problem(seed, 3000 + seed) for seed in range(12)]
    expected = [reference.nearest_centroid(*p) for p in problems]
    slopes = [fastml.sigmoid_derivative(p[0]) for p in problems]

    def work(i):
        with fastml.num_threads(1 + i % 5):
            for _ in range(10):
                np.testing.assert_array_equal(fastml.nearest_centroid(*problems[i]), expected[i])
                np.testing.assert_array_equal(fastml.sigmoid_derivative(problems[i][0]), slopes[i])

    with ThreadPoolExecutor(12) as callers:
        list(callers.map(work, range(12)))


def test_helpers_that_cannot_be_had_are_not_needed(shared_work, monkeypatch):
    """A process at its limit of threads still gets its result, from the caller alone."""

    asked = []

    def refuse(*arguments):
        asked.append(arguments)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_crew, "_crew", _crew._Crew())
    monkeypatch.setattr(_crew, "start_new_thread", refuse)
    X, centers = problem()
    with fastml.num_threads(3):
        labels = fastml.nearest_centroid(X, centers)
    np.testing.assert_array_equal(labels, reference.nearest_centroid(X, centers))
    assert asked
    assert _crew._crew.board.qsize() == 0
    assert not _crew._crew.callers


class Held:
    """A job that keeps its helper until it is released."""

    def __init__(self, release):
        self.release, self.taken = release, threading.Event()

    def help(self):
        self.taken.set()
        self.release.wait(60)


def test_busy_helpers_are_not_needed(shared_work):
    """With every helper held up, the caller finishes alone."""
    X, centers = problem()
    expected = reference.nearest_centroid(X, centers)
    release = threading.Event()
    with fastml.num_threads(3):
        fastml.nearest_centroid(X, centers)  # starts the helpers
        before = _crew._crew
        held = [Held(release) for _ in before.helpers]
        for job in held:
            before.board.put(job)
        for job in held:
            assert job.taken.wait(60)
        try:
            labels = fastml.nearest_centroid(X, centers)
        finally:
            release.set()
    assert len(held) >= 2
    np.testing.assert_array_equal(labels, expected)
