"""Helpers are kept off the processor of the call they help with, and nothing else is changed."""

from __future__ import annotations

import os
import sys
import threading
import time

import numpy as np
import pytest

import fastml
from fastml.core import crew, placement
from fastml.core.threads import new_state

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads are placed on Linux only")


@pytest.fixture
def thread():
    """Return the number of a thread that waits, in the operating system."""
    stop, known = threading.Event(), threading.Event()
    number = []

    def wait():
        number.append(threading.get_native_id())
        known.set()
        stop.wait()

    waiting = threading.Thread(target=wait)
    waiting.start()
    known.wait()
    yield number[0]
    stop.set()
    waiting.join()


@linux
def test_the_processor_is_one_of_those_allowed():
    assert placement.current_cpu() in os.sched_getaffinity(0)


@linux
def test_a_thread_may_run_anywhere_else(thread):
    allowed = os.sched_getaffinity(0)
    if not 1 < len(allowed) <= 8:
        pytest.skip("needs some processors")
    for cpu in sorted(allowed):
        assert placement.keep_off(cpu, {thread}) == allowed
        assert os.sched_getaffinity(thread) == allowed - {cpu}
    assert os.sched_getaffinity(0) == allowed


@linux
def test_a_thread_is_left_alone_where_there_is_no_other_processor(thread):
    before = os.sched_getaffinity(thread)
    cpu = min(before)
    own = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {cpu})
        assert placement.keep_off(cpu, {thread}) == set()
    finally:
        os.sched_setaffinity(0, own)
    assert os.sched_getaffinity(thread) == before


@linux
def test_many_threads_are_left_alone(thread):
    before = os.sched_getaffinity(thread)
    assert placement.keep_off(min(before), [thread] * 9) == set()
    assert os.sched_getaffinity(thread) == before


def test_an_unknown_processor_and_threads_that_are_not_there_are_no_errors():
    assert placement.keep_off(-1, {1}) == set()
    no_thread = (1 << 22) + 1  # Linux numbers no more
    assert placement.keep_off(placement.current_cpu(), {no_thread}) == set()
    placement.let_go(set())


@linux
def test_a_thread_that_is_awake_may_run_anywhere():
    allowed = os.sched_getaffinity(0)
    found = []

    def run():
        os.sched_setaffinity(0, {min(allowed)})
        placement.let_go(allowed)
        found.append(os.sched_getaffinity(0))

    awake = threading.Thread(target=run)
    awake.start()
    awake.join()
    assert found == [allowed]


@linux
def test_a_shared_call_moves_its_helpers(monkeypatch):
    if not 1 < len(os.sched_getaffinity(0)) <= 8:
        pytest.skip("needs some processors")
    told, freed = [], threading.Event()

    def keep_off(cpu, threads):
        told.append((cpu, set(threads)))
        return {-7}

    monkeypatch.setattr(crew, "keep_off", keep_off)
    monkeypatch.setattr(crew, "let_go", lambda allowed: freed.set() if allowed == {-7} else None)
    x = np.zeros(4_000_000, np.float32)
    with fastml.num_threads(2):
        for _ in range(1000):
            time.sleep(0.001)  # helpers no longer listen: they are to be woken
            fastml.sigmoid(x, out=x)
            if freed.is_set():
                break
    assert freed.is_set()
    assert told[0][0] in os.sched_getaffinity(0)
    assert all(threads == crew._crew.threads for _, threads in told)


def test_where_helpers_may_run_is_handed_on_by_a_job_that_is_taken_down(monkeypatch):
    """Nobody came for it, so nobody was let go: who comes for the next one is."""
    monkeypatch.setattr(crew, "keep_off", lambda cpu, threads: set())
    a_crew = crew._Crew()
    a_crew.helpers.add(-1)
    jobs = [crew._Job(a_crew, len, (), new_state()) for _ in range(2)]
    jobs[0].allowed = {3, 4}
    a_crew.board.put(jobs[0])
    a_crew.offer(jobs[1], 1)
    assert a_crew.board.get_nowait() is jobs[1]
    assert jobs[1].allowed == {3, 4}
