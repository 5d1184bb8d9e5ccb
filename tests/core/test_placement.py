"""Helpers are kept off the processor of the call they help with, and nothing else is changed."""

from __future__ import annotations

import os
import sys
import threading

import numpy as np
import pytest

import fastml
from fastml.core import crew, placement

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
        placement.keep_off(cpu, {thread})
        assert os.sched_getaffinity(thread) == allowed - {cpu}
    assert os.sched_getaffinity(0) == allowed


@linux
def test_a_thread_is_left_alone_where_there_is_no_other_processor(thread):
    before = os.sched_getaffinity(thread)
    cpu = min(before)
    own = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {cpu})
        placement.keep_off(cpu, {thread})
    finally:
        os.sched_setaffinity(0, own)
    assert os.sched_getaffinity(thread) == before


@linux
def test_many_threads_are_left_alone(thread):
    before = os.sched_getaffinity(thread)
    placement.keep_off(min(before), [thread] * 9)
    assert os.sched_getaffinity(thread) == before


def test_an_unknown_processor_and_threads_that_are_gone_are_no_errors():
    placement.keep_off(-1, {1})
    gone = threading.Thread(target=lambda: None)
    gone.start()
    number = gone.native_id
    gone.join()
    placement.keep_off(placement.current_cpu(), {number})


@linux
def test_a_shared_call_moves_its_helpers(monkeypatch):
    if not 1 < len(os.sched_getaffinity(0)) <= 8:
        pytest.skip("needs some processors")
    told = []
    monkeypatch.setattr(crew, "keep_off", lambda cpu, threads: told.append((cpu, set(threads))))
    monkeypatch.setattr(crew._crew, "avoided", -2)
    x = np.zeros(4_000_000, np.float32)
    with fastml.num_threads(2):
        fastml.sigmoid(x, out=x)
    assert told
    assert told[0][0] in os.sched_getaffinity(0)
    assert all(threads == crew._crew.threads for _, threads in told)
