"""Threads: how many, and the one mechanism that runs a kernel on several of them.

Kernels are serial and release the interpreter lock.  :func:`run_team` runs the same kernel
on the calling thread and on helpers from a pool; inside, the members share the work by
tickets (:mod:`fastml.kernels.machine.team`).  No helper is ever required: one that the pool could
not spare is cancelled when the caller has finished the work.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Waking a helper takes about this long; less work than this is not worth sharing.
_WAKING_NANOSECONDS = 100_000

_chosen: int | None = None
_in_context: ContextVar[int | None] = ContextVar("fastml_num_threads", default=None)
_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_lock = threading.Lock()


def _forget_pool() -> None:
    """Threads do not survive a fork: the child makes its own pool on demand."""
    global _pool, _pool_size, _lock
    _pool, _pool_size, _lock = None, 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def _checked(n: Any) -> int:
    if isinstance(n, bool) or not isinstance(n, Integral):
        raise TypeError(f"n must be an instance of int, got {n!r} instead.")
    if int(n) < 1:
        raise ValueError(f"n == {n}, must be >= 1.")
    return int(n)


def _from_environment() -> int | None:
    text = os.environ.get("FASTML_NUM_THREADS", "").strip()
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError(f"FASTML_NUM_THREADS must be a positive integer, got {text!r} instead.")
    return number


def _usable_cpus() -> int:
    """Return the CPUs this process may use: affinity and cgroup limits respected."""
    import joblib

    return int(joblib.cpu_count())


def thread_source() -> tuple[int, str]:
    """Return the number of threads in force and where it came from."""
    number = _in_context.get()
    if number is not None:
        return number, "fastml.num_threads"
    if _chosen is not None:
        return _chosen, "fastml.set_num_threads"
    number = _from_environment()
    if number is not None:
        return number, "FASTML_NUM_THREADS"
    return _usable_cpus(), "CPUs this process may use"


def get_num_threads() -> int:
    """Return the number of threads fastml uses.

    In this order: the enclosing :func:`num_threads`, :func:`set_num_threads`, the environment
    variable ``FASTML_NUM_THREADS``, the CPUs the process may use (affinity and cgroup
    limits respected).

    Returns
    -------
    n : int

    Raises
    ------
    ValueError
        If ``FASTML_NUM_THREADS`` is not a positive integer.

    Examples
    --------
    >>> import fastml
    >>> with fastml.num_threads(3):
    ...     fastml.get_num_threads()
    3
    """
    return thread_source()[0]


def set_num_threads(n: int | None) -> None:
    """Set the number of threads fastml uses in this process.

    Results do not depend on it: every kernel gives the same bits for any number.

    Parameters
    ----------
    n : int or None
        At least 1; may exceed the number of cores.  None returns to the default.

    Raises
    ------
    TypeError
        If ``n`` is not an integer.
    ValueError
        If ``n`` is below 1.

    Examples
    --------
    >>> import fastml
    >>> fastml.set_num_threads(2)
    >>> fastml.get_num_threads()
    2
    >>> fastml.set_num_threads(None)
    """
    global _chosen
    _chosen = None if n is None else _checked(n)


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """Use ``n`` threads within a ``with`` block, in this thread and its tasks only.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    TypeError, ValueError
        As :func:`set_num_threads`.

    Examples
    --------
    >>> import fastml
    >>> with fastml.num_threads(1):
    ...     fastml.get_num_threads()
    1
    """
    token = _in_context.set(_checked(n))
    try:
        yield
    finally:
        _in_context.reset(token)


def team_size(nanoseconds: float) -> int:
    """Return how many members work of this estimated length on one thread deserves."""
    if nanoseconds < 2 * _WAKING_NANOSECONDS:
        return 1
    return min(get_num_threads(), 1 + int(nanoseconds / _WAKING_NANOSECONDS))


@cache
def _state_size() -> int:
    from ..kernels.machine.team import STATE_SIZE

    return STATE_SIZE


@cache
def _alone() -> bool:
    """Whether tiles are checked: a member that raises would leave the others waiting."""
    from ..kernels.machine.jit import CHECK_TILES

    return CHECK_TILES


def new_state() -> NDArray[np.int64]:
    """Return the shared counters of a team that has not begun."""
    return np.zeros(_state_size(), np.int64)


def _submit(
    members: int, kernel: Callable[..., Any], arguments: tuple[Any, ...]
) -> list[Future[Any]]:
    global _pool, _pool_size
    with _lock:
        if _pool is None or _pool_size < members:
            if _pool is not None:
                _pool.shutdown(wait=False)
            _pool = ThreadPoolExecutor(members, thread_name_prefix="fastml")
            _pool_size = members
        helpers: list[Future[Any]] = []
        try:
            for _ in range(members):
                helpers.append(_pool.submit(kernel, *arguments))
        except RuntimeError:  # no more threads, or the interpreter is shutting down
            pass
        return helpers


def run_team(kernel: Callable[..., Any], members: int, *arguments: Any) -> None:
    """Run ``kernel(*arguments)`` on the calling thread and up to ``members - 1`` helpers.

    The kernel takes tickets from a state among its arguments until none is left.  An
    exception of any member is raised here, after all have stopped.
    """
    if members <= 1 or _alone():
        kernel(*arguments)
        return
    helpers = _submit(members - 1, kernel, arguments)
    try:
        kernel(*arguments)
    finally:
        running = [helper for helper in helpers if not helper.cancel()]
        for helper in running:
            helper.result()
