"""Threads: how many (:mod:`.thread_count`), who runs (:mod:`.crew`), and when it is worth it."""

from __future__ import annotations

import time

from .crew import new_state, run_team
from .thread_count import (
    get_num_threads,
    num_threads,
    number_at,
    set_num_threads,
    thread_source,
)

__all__ = [
    "get_num_threads",
    "new_state",
    "num_threads",
    "run_team",
    "set_num_threads",
    "team_size",
    "thread_source",
]

#: Work of less nanoseconds is not worth sharing with a helper that is parked, or that still
#: listens after a call just before (:mod:`.crew`).
_WORTH_WAKING, _WORTH_SHARING = 200_000, 50_000
#: A call so soon after the end of the last one, as estimated, finds helpers listening, or is
#: likely to be followed by others that will.
_SOON = 150_000

_expected_end = 0.0


def team_size(nanoseconds: float) -> int:
    """Return how many members work of this estimated length on one thread deserves.

    It depends on what was called just before; results never depend on it.
    """
    global _expected_end
    if nanoseconds < _WORTH_SHARING:
        return 1
    now = time.monotonic_ns()
    enough = _WORTH_SHARING if now - _expected_end < _SOON else _WORTH_WAKING
    _expected_end = now + nanoseconds
    if nanoseconds < enough:
        return 1
    return min(number_at(now), 1 + int(2 * nanoseconds / enough))
