"""Margins and sums of one output from rows where they lie: nothing is packed.

For dense float rows, with a target each or none, whose products with the whole strips' width stay
inside X: what is loaded past the last feature is the next row's, and counts for nothing.  Numbers
are widened and moved by the shift twice, for the margins and for the sums, which costs less than
writing them down.  Products are added in the order packed rows have, so which of the two computed a
panel shows in no bit.
"""

from __future__ import annotations

from typing import Any

from ..machine.host import host
from ..machine.jit import inlined_kernel, inner_kernel
from ..ops.strips import strip_width
from ..tile import (
    VECTORS,
    add_as,
    add_lane_sums,
    broadcast,
    fill,
    lanes,
    load,
    load_as,
    multiply_add,
    prefetch_far,
    rank1,
    rows_below,
    select,
    store,
)

#: Rows of a tile of margins, and bytes of a row up to which they are taken side by side.
_ROWS, _SHORT_ROW = 8, 128
#: Longer rows that are widened at once: with 16 registers the shift and the weights, wider numbers,
#: are loaded more often than rows are.
_WIDENED = 4 if host().vector_registers == 16 else 1


@inner_kernel
def lies_ready(rows, first, count, height):
    """Say whether a whole panel of rows can be used where it lies."""
    X, n_features = rows.X, rows.X.shape[1]
    dense = X.strides[1] == X.itemsize and X.strides[0] == n_features * X.itemsize
    plain = rows.Y.shape[1] <= 1 and rows.roots.size == 0
    last = (first + height - 1) * n_features + rows.shift.size
    return dense and plain and count == height and last <= X.size


@inner_kernel
def _one_lane(like, lane):
    """Return the vector that is one in this lane, and zero in the others."""
    one = fill(like, 1.0, 1, 1)
    upto, below = rows_below(like, lane + 1, 1), rows_below(like, lane, 1)
    return select(upto, one, 0.0) - select(below, one, 0.0)


def _products_of(n_rows: int) -> Any:
    """Make the function that multiplies long rows with the weights, ``n_rows`` at a time."""

    @inlined_kernel
    def add_rows(rows, at, height, weights_at, memory, to):
        X, shift = rows.X, rows.shift
        n_features, step = X.shape[1], lanes(shift)
        tile = fill(shift, 0.0, 1, n_rows)
        for p in range(0, n_features, step):
            if n_rows > 1:  # of the next panel, a line a vector
                prefetch_far(X, at + n_rows * p + height * n_features)
            moved = load_as(shift, X, at + p, n_features, 1, n_rows) - load(shift, p, 0, 1, n_rows)
            tile = multiply_add(moved, load(memory, weights_at + p, 0, 1, n_rows), tile)
        store(memory, to, step, tile)

    return add_rows


_add_row, _add_widened = _products_of(1), _products_of(_WIDENED)


@inner_kernel
def direct_margins(rows, first, height, targets, memory, weights_at, z):
    """Write the margins of rows [first, first + height).

    Short rows are taken side by side.  Of longer ones these would be too many streams for the
    processor to foresee: they are taken one after the other.

    Parameters
    ----------
    rows : IN Rows that lie ready
    targets : IN (>= height,), the rows' targets less their shift, where there is one a row
    memory : OUT working memory at the start; weights of whole strips from element ``weights_at``
        on: of features, of the target, if any, which is 1, and of the one
    z : OUT (>= height,) of the shift's type, as are all arrays but the rows
    """
    X, shift = rows.X, rows.shift
    n_features, step = X.shape[1], lanes(shift)
    n_vectors = (n_features + step - 1) // step
    one = n_features + rows.Y.shape[1]
    own, intercept = memory[weights_at + n_features], memory[weights_at + one]
    # Targets and the one add to the lanes that packed rows have them in.
    store(memory, 0, 0, _one_lane(shift, n_features % step))
    store(memory, step, 0, _one_lane(shift, one % step) * intercept)
    to_target, alone = load(memory, 0, 0, 1, _ROWS), load(memory, step, 0, 1, _ROWS)
    memory[weights_at + n_features] = memory[weights_at + one] = 0.0
    side_by_side = n_features * X.itemsize <= _SHORT_ROW
    for r in range(0, height, _ROWS):
        tile = fill(shift, 0.0, 1, _ROWS)
        if side_by_side:
            at = (first + r) * n_features
            for p in range(0, n_vectors * step, step):
                moved = load_as(shift, X, at + p, n_features, 1, _ROWS)
                moved = moved - load(shift, p, 0, 1, _ROWS)
                tile = multiply_add(moved, load(memory, weights_at + p, 0, 1, _ROWS), tile)
        else:
            at = (first + r) * n_features
            if lanes(X) > lanes(shift):
                for i in range(0, _ROWS, _WIDENED):
                    _add_widened(rows, at + i * n_features, height, weights_at, memory, i * step)
            else:
                for i in range(_ROWS):
                    _add_row(rows, at + i * n_features, height, weights_at, memory, i * step)
            tile = load(memory, 0, step, 1, _ROWS)
        if one > n_features:
            tile = multiply_add(broadcast(targets, r, 1, 1, _ROWS), to_target, tile)
        for i in range(r, r + _ROWS):
            z[i] = 0.0
        add_lane_sums(z, r, 0, tile + alone, 1, _ROWS)
    memory[weights_at + n_features], memory[weights_at + one] = own, intercept


@inner_kernel
def add_direct_sums(rows, first, height, residuals, at, sums):
    """Add residuals times rows, and the residuals themselves in the column of the one, to sums.

    Nothing is added in the column of the target.

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
    ahead = height * n_features
    for start in range(0, n_features, width):
        s = load(shift, start, 0, VECTORS, 1)
        a = fill(shift, 0.0, VECTORS, 1)
        b = fill(shift, 0.0, VECTORS, 1)
        c = fill(shift, 0.0, VECTORS, 1)
        d = fill(shift, 0.0, VECTORS, 1)
        for r in range(quarter):
            p = (first + r) * n_features + start
            if lanes(X) > lanes(shift):  # widening leaves the time to ask for the next panel
                for q in range(4):
                    prefetch_far(X, p + ahead + q * move)
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
    # Begun with elements, since a zero would make float64 of them.
    e, f, g, h = residuals[0], residuals[quarter], residuals[2 * quarter], residuals[3 * quarter]
    for r in range(1, quarter):
        e += residuals[r]
        f += residuals[r + quarter]
        g += residuals[r + 2 * quarter]
        h += residuals[r + 3 * quarter]
    sums[at + n_features + rows.Y.shape[1]] += (e + f) + (g + h)
