"""Bounds that show, without looking at a row, that its label cannot have changed.

When a row is scored, the tile also gives the runner-up, hence an upper bound u on the distance to
its centre and a lower bound l on the distance to every other.  Its label a can change only once
the centres have moved far enough: while the moves of centre a, plus the largest moves of
another centre, add up to less than l - u (Hamerly, "Making k-means even faster", SDM 2010, with
both bounds in one number).  Those moves are summed once per cluster, in what it has *spent*; a
row keeps the spending at which it must be scored again, its *limit*.  So an iteration compares
one number a row.

Limits are float32 for float64 data too, always rounded down: a row is scored too often at
scales float32 cannot tell, never too seldom.  l - u is reduced by 2e-6 (l + u), far more than
float64 distances round: a row that is skipped would get the same label if scored.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel
from ..tile import fill_like, maximum, multiply_add, square_root

_CAUTION = 2e-6
_ROUND_DOWN = 2.0**-22
#: The smallest float32 above zero, and almost the largest: what is beyond is cut to it.
_SMALLEST, _LARGEST = 2.0**-149, 2.0**127


@inner_kernel
def select_rows(start, stop, labels, spent, limits, selected):
    """Write the rows of [start, stop) whose label may have changed; return how many.

    Parameters
    ----------
    labels : IN (n_samples,) int32
    spent : IN (n_clusters,) float64, what each cluster has spent
    limits : IN (n_samples,) float32
    selected : OUT (stop - start,) int64

    Returns
    -------
    int : the number, or -1 if the label of a row is none
    """
    largest = np.uint32(0)
    for i in range(np.uint64(start), np.uint64(stop)):  # a loop of its own: vectors of labels
        largest = max(largest, np.uint32(labels[i]))
    if largest >= np.uint32(spent.size):
        return -1
    count = np.uint64(0)
    one = np.uint64(1)
    for i in range(np.uint64(start), np.uint64(stop)):
        # Unsigned numbers spare Numba's look for negative indices: a third of this loop.
        selected[count] = i
        if not limits[i] > spent[np.uint32(labels[i])]:
            count += one
    return np.int64(count)


@inner_kernel
def slack(norms, best, second, needed, margin):
    """Return l - u, reduced by all that rounding may account for (a tile).

    |x - c|^2 = |x|^2 - 2 score, each score off by at most half of ``needed``.
    """
    error = multiply_add(norms, margin[3], needed)
    zero = fill_like(norms, 0.0)
    upper = square_root(maximum(multiply_add(best, -2.0, norms) + error, zero))
    lower = square_root(maximum(multiply_add(second, -2.0, norms) - error, zero))
    return lower - upper - (lower + upper) * _CAUTION


@inner_kernel
def limit_of(slack_of_row, spent):
    """Return the spending at which a row must be scored again, rounded down to float32."""
    limit = np.float64(slack_of_row) + spent
    # The cast rounds to nearest: by less than what is taken away, normal or subnormal.
    limit -= abs(limit) * _ROUND_DOWN + _SMALLEST
    if limit > _LARGEST:  # never true of NaN, which has the row scored again
        limit = _LARGEST
    return np.float32(limit)


@inner_kernel
def add_moves(moves, spent):
    """Add to what each cluster has spent its own move and the largest move of another.

    Parameters
    ----------
    moves : IN (n_clusters,) float64
    spent : IN/OUT (n_clusters,) float64
    """
    largest, second, which = 0.0, 0.0, -1
    for j in range(moves.size):
        if moves[j] > largest:
            largest, second, which = moves[j], largest, j
        elif moves[j] > second:
            second = moves[j]
    for j in range(moves.size):
        other = second if j == which else largest
        spent[j] += (moves[j] + other) * (1.0 + _CAUTION)
