"""Threads: how many (:mod:`.thread_count`), who runs (:mod:`.crew`), and when it is worth it."""

from __future__ import annotations

from .crew import State, new_state, run_team
from .thread_count import get_num_threads, num_threads, set_num_threads, thread_source

__all__ = [
    "State",
    "get_num_threads",
    "new_state",
    "num_threads",
    "run_team",
    "set_num_threads",
    "team_size",
    "thread_source",
]

#: Waking a helper takes about this long; less work than this is not worth sharing.
_WAKING_NANOSECONDS = 100_000


def team_size(nanoseconds: float) -> int:
    """Return how many members work of this estimated length on one thread deserves."""
    if nanoseconds < 2 * _WAKING_NANOSECONDS:
        return 1
    return min(get_num_threads(), 1 + int(nanoseconds / _WAKING_NANOSECONDS))
