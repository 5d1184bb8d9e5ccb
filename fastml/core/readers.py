"""Threads that read ahead while the caller computes.

They only wait for disks and decompress: kernels are run by :mod:`.crew`.  A reader is a daemon that
ends with its generator; a caller that is interrupted or forked owes it nothing.
"""

from __future__ import annotations

import mmap
from _thread import stack_size, start_new_thread
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import numpy as np

Job = TypeVar("Job")
Result = TypeVar("Result")

#: Stack of a thread that reads: the usual eight megabytes would count against a memory limit.
STACK_BYTES = 1 << 20
_HUGE_PAGE, _LINE = 1 << 21, 64
#: Seconds after which a waiting caller looks whether it was interrupted.
_PATIENCE = 0.1


@contextmanager
def stack_of(n_bytes: int) -> Iterator[None]:
    """Have threads that are started within the block get so many bytes of stack."""
    before = stack_size(n_bytes)
    try:
        yield
    finally:
        stack_size(before)


def ring(n_buffers: int, n_bytes: int) -> list[Any]:
    """Return buffers of bytes that go back to the system as soon as all are dropped.

    Memory from NumPy's allocator might stay with the process.
    """
    if not hasattr(mmap, "MAP_PRIVATE"):
        return [np.empty(n_bytes, np.uint8) for _ in range(n_buffers)]
    each = -(-n_bytes // _LINE) * _LINE
    whole = max(n_buffers * each, 1)
    if whole >= _HUGE_PAGE:  # the system cuts whole ones only from whole ones
        whole = -(-whole // _HUGE_PAGE) * _HUGE_PAGE
    memory = mmap.mmap(-1, whole, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):  # small ones take ten times the reading to be there
        with suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    flat = np.frombuffer(memory, np.uint8)
    return [flat[i * each : i * each + n_bytes] for i in range(n_buffers)]


def read_ahead(
    jobs: Iterable[Job], read: Callable[[Job, Any], Result], buffers: list[Any], n_threads: int
) -> Iterator[Result]:
    """Yield ``read(job, buffer)`` of every job, in order, the next ones read meanwhile.

    A result may use its buffer until the next one is asked for.

    Parameters
    ----------
    jobs : iterable
    read : callable
        Called by the threads, each time with a buffer nobody else has.
    buffers : list
        At most as many jobs as there are buffers are being read, or read and not yet yielded.
    n_threads : int
        With one, jobs are read in order.

    Raises
    ------
    BaseException
        What ``read`` raised, at the turn of its job.
    """
    todo: SimpleQueue[Any] = SimpleQueue()
    done: SimpleQueue[Any] = SimpleQueue()
    waiting = iter(enumerate(jobs))
    started = 0

    def answer(number: int, job: Job, buffer: Any) -> tuple[Any, ...]:
        try:
            return number, read(job, buffer), buffer, None
        except BaseException as error:
            return number, None, buffer, error

    def work() -> None:
        while (order := todo.get()) is not None:
            done.put(answer(*order))
            del order  # or its buffer would stay until this thread wakes up again

    def ask(buffer: Any) -> bool:
        nonlocal started
        number, job = next(waiting, (None, None))
        if number is None:
            return False
        if started < n_threads:
            try:
                with stack_of(STACK_BYTES):
                    start_new_thread(copy_context().run, (work,))
                started += 1
            except (RuntimeError, MemoryError):  # no more threads to be had
                pass
        if started:
            todo.put((number, job, buffer))
        else:
            done.put((number, read(job, buffer), buffer, None))  # type: ignore[arg-type]
        return True

    found: dict[int, tuple[Any, Any, Any]] = {}
    try:
        left = sum([ask(buffer) for buffer in buffers])
        number = 0
        while left:
            while number not in found:
                try:
                    at, *rest = done.get(timeout=_PATIENCE)
                except Empty:
                    continue
                found[at] = (rest[0], rest[1], rest[2])
            result, buffer, error = found.pop(number)
            if error is not None:
                raise error
            yield result
            number += 1
            del result
            left += ask(buffer) - 1
    finally:
        for _ in range(started):
            todo.put(None)
