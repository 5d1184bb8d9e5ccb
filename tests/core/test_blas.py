"""The BLAS of NumPy and SciPy has one thread inside, and what it had afterwards."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info

from fastml.core.blas import one_blas_thread


def _counts() -> list[int]:
    return [found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"]


def test_one_thread_inside_and_as_many_as_before_after_it():
    before = _counts()
    assert before
    with one_blas_thread():
        assert set(_counts()) == {1}
        with one_blas_thread():
            assert set(_counts()) == {1}
        assert set(_counts()) == {1}
    assert _counts() == before


def test_what_is_raised_inside_gives_the_threads_back():
    before = _counts()
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        raise ZeroDivisionError
    assert _counts() == before


def test_nobody_sets_the_threads_back_for_others():
    before, seen = _counts(), []

    def work(_: int) -> None:
        with one_blas_thread():
            seen.append(set(_counts()))
            time.sleep(0.002)
            seen.append(set(_counts()))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(24)))
    assert len(seen) == 48
    assert seen.count({1}) == 48
    assert _counts() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a fork beside threads
def test_a_process_forked_while_another_thread_is_inside_does_not_wait_for_it():
    inside, over = threading.Event(), threading.Event()

    def stay() -> None:
        with one_blas_thread():
            inside.set()
            over.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # which ends it, if it waits
        with one_blas_thread():
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    over.set()
    thread.join()
    assert status == 0
