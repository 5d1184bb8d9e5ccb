"""Margins and sums of one output from rows where they lie: nothing is packed.

For dense float rows whose products with the whole strips' width stay inside X: what is loaded past
the last feature is the next row's, and counts for nothing.  Numbers are widened and moved by the
shift twice, for the margins and for the sums, which costs less than writing them down.  Products
are added in the order packed rows have, so which of the two computed a panel shows in no bit.
"""

from __future__ import annotations

from ..machine.jit import inner_kernel
from ..ops.strips import strip_width
from ..tile import (
    VECTORS,
    add_as,
    add_lane_sums,
    fill,
    lanes,
    load,
    load_as,
    multiply_add,
    prefetch,
    rank1,
    rows_below,
    select,
    store,
)

#: Rows of a tile of margins, and how far ahead of them memory is asked for.
_ROWS, _BYTES_AHEAD = 8, 4096


@inner_kernel
def lies_ready(rows, first, count, height):
    """Say whether a whole panel of rows can be used where it lies."""
    X, n_features = rows.X, rows.X.shape[1]
    dense = X.strides[1] == X.itemsize and X.strides[0] == n_features * X.itemsize
    plain = rows.Y.shape[1] == 0 and rows.roots.size == 0
    last = (first + height - 1) * n_features + rows.shift.size
    return dense and plain and count == height and last <= X.size


@inner_kernel
def direct_margins(rows, first, height, weights, weights_at, z):
    """Write the margins of rows [first, first + height).

    Parameters
    ----------
    rows : IN Rows that lie ready
    weights : IN float64; those of whole strips from element ``weights_at`` on, the intercept's
        where the panel of packed rows has its one
    z : OUT (>= height,) float64
    """
    X, shift = rows.X, rows.shift
    n_features, step = X.shape[1], lanes(shift)
    n_vectors = (n_features + step - 1) // step
    intercept, lane = weights[weights_at + n_features], n_features % step
    last = load(weights, weights_at + n_features - lane, 0, 1, 1)
    upto, below = rows_below(shift, lane + 1, 1), rows_below(shift, lane, 1)
    store(z, 0, 0, select(upto, last, 0.0) - select(below, last, 0.0))
    alone = load(z, 0, 0, 1, _ROWS)  # the intercept in its lane, as packed rows have it
    weights[weights_at + n_features] = 0.0
    ahead = _ROWS + _BYTES_AHEAD // (n_features * X.itemsize)
    for r in range(0, height, _ROWS):
        at = (first + r) * n_features
        tile = fill(shift, 0.0, 1, _ROWS)
        for p in range(0, n_vectors * step, step):
            for line in range(p * _ROWS, (p + step) * _ROWS, 64 // X.itemsize):
                prefetch(X, first + r + ahead, line)
            moved = load_as(shift, X, at + p, n_features, 1, _ROWS) - load(shift, p, 0, 1, _ROWS)
            tile = multiply_add(moved, load(weights, weights_at + p, 0, 1, _ROWS), tile)
        for i in range(r, r + _ROWS):
            z[i] = 0.0
        add_lane_sums(z, r, 0, tile + alone, 1, _ROWS)
    weights[weights_at + n_features] = intercept


@inner_kernel
def add_direct_sums(rows, first, height, residuals, at, sums):
    """Add residuals times rows, and the residuals themselves in the column of the one, to sums.

    Parameters
    ----------
    rows : IN Rows that lie ready
    residuals : IN (>= height,) float64
    sums : IN/OUT flat float64, from element ``at`` on
    """
    X, shift = rows.X, rows.shift
    n_features, width = X.shape[1], strip_width(shift)
    quarter = height // 4
    move = quarter * n_features
    for start in range(0, n_features, width):
        s = load(shift, start, 0, VECTORS, 1)
        a = fill(shift, 0.0, VECTORS, 1)
        b = fill(shift, 0.0, VECTORS, 1)
        c = fill(shift, 0.0, VECTORS, 1)
        d = fill(shift, 0.0, VECTORS, 1)
        for r in range(quarter):
            p = (first + r) * n_features + start
            a = rank1(a, load_as(shift, X, p, 0, VECTORS, 1) - s, residuals, r, 1)
            p += move
            b = rank1(b, load_as(shift, X, p, 0, VECTORS, 1) - s, residuals, r + quarter, 1)
            p += move
            c = rank1(c, load_as(shift, X, p, 0, VECTORS, 1) - s, residuals, r + 2 * quarter, 1)
            p += move
            d = rank1(d, load_as(shift, X, p, 0, VECTORS, 1) - s, residuals, r + 3 * quarter, 1)
        total = (a + b) + (c + d)
        inside = rows_below(shift, n_features - start, VECTORS)
        add_as(sums, at + start, 0, select(inside, total, 0.0))
    e, f, g, h = 0.0, 0.0, 0.0, 0.0
    for r in range(quarter):
        e += residuals[r]
        f += residuals[r + quarter]
        g += residuals[r + 2 * quarter]
        h += residuals[r + 3 * quarter]
    sums[at + n_features] += (e + f) + (g + h)
