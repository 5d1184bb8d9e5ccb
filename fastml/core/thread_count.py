"""How many threads: what the user chose, what others set for this process, what there is."""

from __future__ import annotations

import multiprocessing.process
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from numbers import Integral
from typing import Any

_chosen: int | None = None
_in_context: ContextVar[int | None] = ContextVar("fastml_num_threads", default=None)

#: When the default was last looked up and what it was; and for so long, in nanoseconds, it stands.
_seen = -(1 << 62), 1
_LASTING = 1_000_000


def _checked_count(n: Any) -> int:
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


@cache
def _cpus_at_first() -> int:
    """CPUs by affinity and cgroup; joblib reads files to know, so it is asked once."""
    import joblib

    return int(joblib.cpu_count())


def _usable_cpus() -> int:
    """Return the CPUs this process may use: affinity and cgroup limits respected."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(_cpus_at_first(), len(affinity(0))) if affinity else _cpus_at_first()


def _limit_of_others(name: str) -> int | None:
    """Return the number in a variable that is not ours: what it may hold is not ours to judge.

    ``OMP_NUM_THREADS`` may be a list, one number for each level of nesting.
    """
    text = os.environ.get(name, "").partition(",")[0].strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


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
    limit, source = _usable_cpus(), "CPUs this process may use"
    if multiprocessing.process.current_process().daemon:
        # One of a pool's workers: the others have the other CPUs.
        return 1, "a worker process of a pool"
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        number = _limit_of_others(name)
        if number is not None and number < limit:
            limit, source = number, name
    return limit, source


def get_num_threads() -> int:
    """Return the number of threads fastml uses.

    In this order: the enclosing :func:`num_threads`, :func:`set_num_threads`, the environment
    variable ``FASTML_NUM_THREADS``; 1 in the worker processes of a ``multiprocessing.Pool``, which
    has one for every CPU; else the CPUs the process may use (affinity and cgroup limits
    respected), or ``OMP_NUM_THREADS`` or ``NUMBA_NUM_THREADS`` where that is less: so joblib and
    others tell their workers how much of the machine is theirs.

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


def number_at(nanoseconds: int) -> int:
    """Return :func:`get_num_threads` at a moment: looked up anew a millisecond after the last time.

    What others tell takes four microseconds to look up, a good part of a small call.
    """
    global _seen
    number = _in_context.get()
    if number is None:
        number = _chosen
    if number is None:
        if nanoseconds - _seen[0] > _LASTING:
            _seen = nanoseconds, get_num_threads()
        number = _seen[1]
    return number


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
    _chosen = None if n is None else _checked_count(n)


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
    token = _in_context.set(_checked_count(n))
    try:
        yield
    finally:
        _in_context.reset(token)


_from_environment()  # a number that is none is refused at once, before anything is changed
