"""Where helpers wake up: not on the processor of the call they help with.

Linux often puts a thread that is woken on the processor of whoever wakes it, even if another one
is idle, and corrects that some milliseconds later.  On two processors, calls shorter than that
had no help at all.  Once awake, a helper may run anywhere: the caller may be moved, too.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Collection

#: Of more processors Linux finds an idle one, and more helpers would take long to tell.
_FEW = 8


def _processor_number() -> int:
    return -1


if sys.platform.startswith("linux"):
    try:
        _processor_number = ctypes.PyDLL(None).sched_getcpu
    except (AttributeError, OSError):  # another C library: nobody is kept off anything
        pass


def current_cpu() -> int:
    """Return the number of the processor that runs this, -1 where that is not known."""
    return _processor_number()


def keep_off(cpu: int, threads: Collection[int]) -> set[int]:
    """Let threads run wherever the calling one may but on one processor, if there are others.

    Parameters
    ----------
    cpu : int
        -1 for none: nothing is changed then.
    threads : collection of int
        Their numbers in the operating system.

    Returns
    -------
    allowed : set of int
        Where the calling thread may run, for :func:`let_go`; empty if nothing was changed.
    """
    if cpu < 0 or sys.platform != "linux":
        return set()
    try:
        allowed = os.sched_getaffinity(0)
        others = allowed - {cpu}
        if not others or max(len(allowed), len(threads)) > _FEW:
            return set()
        for thread in list(threads):
            os.sched_setaffinity(thread, others)
    except OSError:  # not allowed, or a thread is gone: they run where they are put
        return set()
    return allowed


def let_go(allowed: set[int]) -> None:
    """Let the calling thread run on any of these processors; if there are none, where it may."""
    if allowed and sys.platform == "linux":
        try:
            os.sched_setaffinity(0, allowed)
        except OSError:
            return
