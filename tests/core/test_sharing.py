"""Jobs that threads share: each done once, and what happens when one fails."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from fastml.core import sharing
from fastml.core.sharing import share


def test_every_job_is_done_once_and_a_room_holds_one_at_a_time():
    done, inside = [], set()

    def work(job, room):
        assert room not in inside
        inside.add(room)
        time.sleep(0.001)
        done.append((job, threading.get_ident()))
        inside.remove(room)

    share(range(60), work, [1, 2, 3])
    assert sorted(job for job, _ in done) == list(range(60))
    assert 1 < len({thread for _, thread in done}) <= 3
    done.clear()
    share(range(5), work, [1])
    assert done == [(job, threading.get_ident()) for job in range(5)]
    share([], work, [1, 2])


def test_of_several_errors_the_first_jobs_is_raised():
    barrier = threading.Barrier(2, timeout=60)
    begun = []

    def work(job, room):
        begun.append(job)
        if job in (4, 5):
            barrier.wait()  # both are under way
            time.sleep(0.05 if job == 4 else 0)
            raise OSError(f"job {job}")

    with pytest.raises(OSError, match="job 4"):
        share(range(1000), work, [None, None])
    assert max(begun) == 5


def test_nobody_is_at_work_after_an_error():
    working = threading.Event()
    finished = []

    def work(job, room):
        if job == 0:
            working.wait(60)
            raise OSError("no")
        working.set()
        time.sleep(0.2)
        finished.append(job)

    with pytest.raises(OSError, match="no"):
        share(range(2), work, [None, None])
    assert finished == [1]


def test_an_interrupt_does_not_wait_for_a_stuck_read(interrupts):
    stuck, main = threading.Event(), threading.get_ident()

    def work(job, room):
        if threading.get_ident() == main:
            time.sleep(0.01)
        else:
            stuck.wait(60)

    timer = threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            share(range(1000), work, [None, None])
        assert time.monotonic() - started < 40  # not the minute
    finally:
        stuck.set()
        timer.join()


def test_without_more_threads_the_caller_does_all(monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(sharing, "start_new_thread", refuse)
    done = []
    share(range(4), lambda job, room: done.append(job), [None, None])
    assert done == [0, 1, 2, 3]
