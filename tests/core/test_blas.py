"""The BLAS of NumPy and SciPy has one thread inside, and what it had afterwards."""

from __future__ import annotations

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
