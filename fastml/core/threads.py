"""Threads: how many (:mod:`.thread_count`), who runs (:mod:`.crew`), and when it is worth it."""

from __future__ import annotations

import time

from .crew import listeners, more_calls, new_state, run_team
from .thread_count import (
    get_num_threads,
    num_threads,
    number_at,
    set_num_threads,
    thread_source,
)

__all__ = [
    "ALONE",
    "get_num_threads",
    "more_calls",
    "new_state",
    "num_threads",
    "run_team",
    "set_num_threads",
    "team_size",
    "thread_source",
]

#: Nanoseconds of work that are worth waking a parked helper for, which takes some fifty; and a
#: member's share that is worth being joined by one that still listens after a call just before.
_WORTH_WAKING, _WORTH_SHARING = 200_000, 30_000
#: Work of less nanoseconds is never shared: a kernel may do it without a team, whose state and
#: tickets take longer than a row does.
ALONE = _WORTH_SHARING
#: A call so soon after the end of the last one, as estimated, is likely to be followed by others.
_SOON = 100_000

_expected_end = 0.0
_in_a_row = 0.0


def team_size(nanoseconds: float) -> int:
    """Return how many members work of this estimated length on one thread deserves.

    It depends on what was called just before; results never depend on it.  Calls that follow one
    another wake helpers when together they are worth it, and find them listening from then on.
    """
    global _expected_end, _in_a_row
    if nanoseconds < _WORTH_SHARING:
        return 1
    now = time.monotonic_ns()
    number = number_at(now)
    if number == 1:
        return 1
    useful = min(int(nanoseconds / _WORTH_SHARING), number - 1)
    helpers = min(useful, listeners())
    if helpers < useful:
        _in_a_row = nanoseconds + (_in_a_row if now - _expected_end < _SOON else 0.0)
        if _in_a_row >= _WORTH_WAKING:
            waking = useful if nanoseconds < _WORTH_WAKING else int(2 * nanoseconds / _WORTH_WAKING)
            helpers = max(helpers, min(useful, waking))
            _in_a_row = 0.0
    _expected_end = now + nanoseconds / (1 + helpers)
    return 1 + helpers
