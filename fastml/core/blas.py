"""One thread for the BLAS behind NumPy and SciPy, where its bits are ours.

Its threads would wait for ours, and how many there are decides the order it adds in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import Any

import scipy.linalg  # noqa: F401  (so that its BLAS is there to be found)
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

#: The number of threads is the process's: who leaves sets it back, also for others still inside.
_one_at_a_time = RLock()


def _free() -> None:
    """Of a forked process's threads only one goes on, and another may have been inside."""
    global _one_at_a_time
    _one_at_a_time = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free)


@cache
def _libraries() -> Any:
    """Return those that are loaded: to look for them takes 2 milliseconds, so it is done once."""
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Have the BLAS of NumPy and SciPy use one thread inside; other threads of ours wait."""
    with _one_at_a_time, _libraries().limit(limits=1):
        yield
