"""Jobs of Python code that several threads share, each taking the next one.

Kernels are shared by tickets (:mod:`.crew`); this is for jobs that read rows and hand them to
kernels, long enough that the interpreter lock does not matter.  A thread that does a whole job
needs nobody to hand it over to, and what it has read is still in its cache when it computes.
"""

from __future__ import annotations

import time
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Iterable
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from .readers import STACK_BYTES, stack_of

Job = TypeVar("Job")

#: Seconds after which a waiting caller looks whether it was interrupted.
_PATIENCE = 0.1
#: So long an interrupted caller waits for what others are in the middle of: a read may be stuck.
_LONGEST_FAREWELL = 0.5


def share(jobs: Iterable[Job], work: Callable[[Job, Any], None], rooms: list[Any]) -> None:
    """Call ``work(job, room)`` for every job, the next one by whoever is free.

    The calling thread takes part, and one more for each further room.  When this returns or
    raises an Exception, nobody is at work any more.

    Parameters
    ----------
    jobs : iterable
    work : callable
        Called by several threads at once, each time with a room nobody else is in.
    rooms : list
        What every thread has for its own, at least one.

    Raises
    ------
    BaseException
        What ``work`` raised: of the first job, in their order, if of several.
    """
    waiting, lock = enumerate(jobs), allocate_lock()
    errors: dict[int, BaseException] = {}
    over: list[bool] = []
    done: SimpleQueue[None] = SimpleQueue()

    def go(room: Any) -> None:
        while not over:
            with lock:
                number, job = next(waiting, (-1, None))
            if number < 0:
                return
            try:
                work(job, room)  # type: ignore[arg-type]
            except BaseException as error:
                errors[number] = error
                over.append(True)

    def help_out(room: Any) -> None:
        try:
            go(room)
        finally:
            done.put(None)

    helpers = 0
    try:
        with stack_of(STACK_BYTES):
            for room in rooms[1:]:
                try:
                    start_new_thread(copy_context().run, (help_out, room))
                except (RuntimeError, MemoryError):  # no more threads to be had
                    break
                helpers += 1
        go(rooms[0])
    except BaseException as interrupt:  # between two jobs
        errors[-1] = interrupt
        over.append(True)
    _wait(done, helpers, errors)
    if errors:
        first = errors[min(errors)]
        errors.clear()
        try:
            raise first
        finally:
            del first  # a name in a frame of its own traceback: both would stay


def _wait(done: SimpleQueue[None], helpers: int, errors: dict[int, BaseException]) -> None:
    """Wait until so many helpers are done; not long after an interrupt."""
    since = time.monotonic()
    while helpers:
        try:
            done.get(timeout=_PATIENCE)
            helpers -= 1
        except Empty:
            interrupted = any(not isinstance(error, Exception) for error in errors.values())
            if interrupted and time.monotonic() - since > _LONGEST_FAREWELL:
                return
