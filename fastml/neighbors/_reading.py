"""When a few queries are sooner compared with rows as they stand than on the tile, and in parts."""

from __future__ import annotations

from ..core.threads import team_size
from ..core.validation import Array

#: Up to so many queries reading is faster than the tile, which always scores a panel; up to so many
#: where rows are long, and caches hold all; and where both are soon done.
_ALWAYS, _FEW, _MOST = 2, 4, 8
_LONG, _CACHED_BYTES = 64, 1 << 25
#: What one thread reads in so many nanoseconds it has read before the tile is ready; and before
#: others have been told of it.
_BEFORE_TILE, ALONE = 45_000, 85_000
#: Bytes of a ticket's rows, about, at most; of rows that are fewer, tickets of a member at most,
#: and how long one takes at least.
_PART_BYTES, _PARTS_A_MEMBER, _PART_NANOSECONDS = 1 << 20, 4, 30_000


def is_sooner(X: Array, n_queries: int, *, packed: bool) -> bool:
    """Say whether so many queries are sooner answered by reading rows than by packed ones.

    Rows that would have to be packed first are read for as many queries, whatever their length.
    """
    if n_queries <= (_ALWAYS if packed else _FEW):
        return True
    if n_queries <= _FEW and X.shape[1] >= _LONG and X.nbytes <= _CACHED_BYTES:
        return True
    return n_queries <= _MOST and nanoseconds(X, n_queries) < _BEFORE_TILE


def nanoseconds(X: Array, n_queries: int) -> float:
    """Estimate how long one thread compares some queries with rows as they stand."""
    return 0.01 * X.nbytes + n_queries * (2.5 * len(X) + 0.015 * X.nbytes)


def parts(X: Array, n_queries: int, n_candidates: int) -> tuple[int, int]:
    """Return how many members share the rows, and how many rows a ticket has."""
    n_samples, n_features = X.shape
    work = nanoseconds(X, n_queries)
    members = team_size(work)
    tickets = min(max(1, int(work / members / _PART_NANOSECONDS)), _PARTS_A_MEMBER)
    most = max(1, _PART_BYTES // (n_features * X.itemsize))
    rows = min(-(-n_samples // (members * tickets)), most)
    rows = -(-max(rows, 2 * n_candidates) // 64) * 64
    return min(members, -(-n_samples // rows)), rows
