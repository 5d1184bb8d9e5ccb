"""Where a call's time goes, measured: what does not grow with the rows, computing, the rest.

The same call is timed on one thread, on two small tables whose rows lie in its caches.  What their
difference says of a row, times all rows and shared evenly by all threads, is *computing*; what is
left of the smaller is *fixed*: the checks and what is set up.  A whole call takes longer than both
by what it waits for memory, by waking threads, and by threads that wait for each other.
"""

from __future__ import annotations

from typing import Any

from .. import peers
from .case import FASTML, Case, Cost
from .timer import least

#: Bytes of the larger of the two tables: they fit the second-level cache of one core.
_CACHED = 3 << 18
#: Rows of the larger table over those of the smaller.
_TIMES = 4
#: A whole table has so many times the rows of the larger one, or it lies in the caches too.
_LARGER = 4
#: Seconds each of the two is repeated for.
_SECONDS = 0.1


def measure(case: Case, cost: Cost, inputs: Any, seconds: float = _SECONDS) -> dict[str, float]:
    """Return the seconds that are fixed, and those of computing all rows as if they were cached.

    Empty where the whole table is about as small, or nothing says what its first rows are.

    Parameters
    ----------
    case : Case, whose row FASTML is timed
    cost : Cost, of the whole
    inputs : the whole inputs
    seconds : float, how long each of two calls is repeated
    """
    if not hasattr(inputs, "head"):
        return {}
    n = len(inputs)
    many = int(_CACHED // max((cost.read + cost.written) / n, 1.0))
    few = many // _TIMES
    if few < 1 or n < _LARGER * many:
        return {}
    import fastml

    with fastml.num_threads(1):
        small, large = (_least(case, inputs.head(rows), seconds) for rows in (few, many))
    each = max(large - small, 0.0) / (many - few)
    return {"fixed": max(small - few * each, 0.0), "computing": n * each / peers.cpus()}


def _least(case: Case, inputs: Any, seconds: float) -> float:
    row = case.rows[FASTML](inputs)
    row.before()
    row.call()
    return least(row.call, seconds)
