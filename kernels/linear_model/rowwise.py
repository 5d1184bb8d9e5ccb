"""Margins of rows that lie one after another, read where they lie: nothing is packed or moved.

Features are along the lanes.  A block of outputs and rows is held in registers, and the sums over
the lanes are taken once a chunk of columns.  What is loaded past a row's last feature is the next
row's, and counts for nothing.
"""

from __future__ import annotations

from typing import Any

from ..machine.jit import inner_kernel
from ..tile import SIDE, add_lane_sums, fill, lanes, load_as, outer_with, prefetch_far

#: Rows of a panel, for which weights are fetched once; and of one for a few rows.
HEIGHT, FEW = 8 * SIDE, 2 * SIDE
#: Columns whose weights stay in the first-level cache for all rows of a panel.
_CHUNK = 512
#: Bytes of a row up to which processors foresee what is read next.
_SHORT_ROW = 128


def _margins_of(n_outputs: int, n_rows: int) -> Any:
    """Make the function that adds a chunk's part of ``n_outputs`` margins, ``n_rows`` at a time."""

    @inner_kernel
    def add_some(rows, start, n_features, height, chunk, W, first_weight, n_columns, z, at):
        asks = n_features * rows.itemsize > _SHORT_ROW
        for r in range(0, height, n_rows):
            tile = fill(W, 0.0, n_outputs, n_rows)
            if asks:
                for p in range(0, n_rows * n_features, 64 // rows.itemsize):
                    prefetch_far(rows, start + (r + height) * n_features + p)
            for p in range(chunk, min(chunk + _CHUNK, n_columns), lanes(W)):
                row = load_as(W, rows, start + r * n_features + p, n_features, 1, n_rows)
                tile = outer_with(tile, W, first_weight + p, n_columns, row)
            add_lane_sums(z, at + r, height, tile, n_outputs, n_rows)

    return add_some


_square, _pair, _single = _margins_of(SIDE, SIDE), _margins_of(2, FEW), _margins_of(1, FEW)


@inner_kernel
def padded_outputs(n_outputs):
    """Return the outputs with those that fill the last block: one, or two, or whole squares."""
    left = n_outputs % SIDE
    if n_outputs == 1 or left == 0:
        return n_outputs
    return n_outputs - left + (2 if left <= 2 else SIDE)


@inner_kernel
def columns_of(W, n_features):
    """Return the features with those that fill the last vector."""
    return (n_features + lanes(W) - 1) // lanes(W) * lanes(W)


@inner_kernel
def write_margins(rows, start, n_features, height, W, intercept, z):
    """Write the margins of a panel: output k of row r at ``k * height + r`` of ``z``.

    Parameters
    ----------
    rows : IN flat, float32 or float64: row r from element ``start + r * n_features`` on
    height : int, HEIGHT or FEW, and so many rows are there; the last is followed by what fills its
        last vector
    W : IN flat float64: of each of :func:`padded_outputs` the weights, :func:`columns_of` them,
        zeros where there is no output or feature
    intercept : IN (n_outputs,)
    z : OUT (padded outputs * height,) float64
    """
    n_columns, n_outputs = columns_of(W, n_features), intercept.size
    padded = padded_outputs(n_outputs)
    for k in range(padded):
        for r in range(height):
            z[k * height + r] = intercept[k] if k < n_outputs else 0.0
    for chunk in range(0, n_columns, _CHUNK):
        if n_outputs == 1:
            _single(rows, start, n_features, height, chunk, W, 0, n_columns, z, 0)
            continue
        k = 0
        while k + SIDE <= padded:
            w, at = k * n_columns, k * height
            _square(rows, start, n_features, height, chunk, W, w, n_columns, z, at)
            k += SIDE
        if k < padded:
            w, at = k * n_columns, k * height
            _pair(rows, start, n_features, height, chunk, W, w, n_columns, z, at)
