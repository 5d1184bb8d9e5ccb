"""Margins of packed rows, w.x for every output, and sums of residuals times rows.

One output has its features along the lanes and its rows' sums added up at the end.  Many outputs
lie along the lanes themselves: a row's number times a vector of weights, and nothing to add up.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..machine.jit import inner_kernel
from ..ops.gram import GRAM_COLUMNS
from ..ops.scratch import copy_elements
from ..ops.strips import strip_width
from ..tile import (
    VECTORS,
    add_as,
    add_lane_sums,
    fill,
    lanes,
    lanes_of,
    load,
    load_square,
    outer,
    prefetch,
    rank1,
    store,
    transpose,
)

#: Rows, and outputs, of a tile of products.
_ROWS, _FEW = 8, GRAM_COLUMNS // 2
#: Columns whose weights are used for all rows of a panel before the next.
_CHUNK = 128
#: Bytes of a panel of rows: a first-level cache, or most of one.  Of one output they are few: rows
#: are read twice and nothing else is done, and memory has nothing to do in the second half.
_PANEL_BYTES, _BYTES_OF_ONE = 1 << 15, 1 << 13


def panel_rows(n_columns: int, panel_type: Any = np.float64, alone: bool = False) -> int:
    """Return the rows of a panel: a divisor of a block, by width alone.

    Parameters
    ----------
    alone : bool, default=False
        Whether one output is all that is computed.
    """
    rows, item = 256, np.dtype(panel_type).itemsize
    least, most = (32, _BYTES_OF_ONE) if alone else (256 // item, _PANEL_BYTES)
    while rows > least and rows * n_columns * item > most:
        rows //= 2
    return rows


def output_pitch(n_outputs: int, panel_type: Any = np.float64) -> int:
    """Return the outputs with those that pad them to whole vectors, outside kernels."""
    width = lanes_of(panel_type)
    return -(-n_outputs // width) * width


def weights_as_packed(W: Any, n_columns: int, panel_type: Any = np.float64) -> Any:
    """Return weights (n_outputs, width) as :func:`margins` takes them, flat, of the panel's type.

    One output: (n_columns,).  Many: (n_columns, pitch), outputs along the lanes.
    """
    n_outputs, width = W.shape
    if n_outputs == 1:
        packed = np.zeros(n_columns, panel_type)
        packed[:width] = W[0]
        return packed
    packed = np.zeros((n_columns, output_pitch(n_outputs, panel_type)), panel_type)
    packed[:width, :n_outputs] = W.T
    return packed.reshape(-1)


@inner_kernel
def pitch_of(panel, n_outputs):
    """Return the outputs with those that pad them to whole vectors."""
    return (n_outputs + lanes(panel) - 1) // lanes(panel) * lanes(panel)


@inner_kernel
def hold_weights(panel, height, n_columns, W, n_outputs):
    """Copy the weights of one output behind the panel, ``n_columns`` more elements."""
    if n_outputs == 1:
        copy_elements(W, 0, n_columns, panel, n_columns * (height + 1))


@inner_kernel
def margins(panel, height, n_columns, W, n_outputs, z, X, following):
    """Write the margins of a panel's rows: output k of row r at ``r * pitch + k`` of ``z``.

    The pitch is 1 for one output, else :func:`pitch_of`.

    Parameters
    ----------
    panel : IN, see ``ops.strips``; behind it what :func:`hold_weights` wrote
    height, n_columns : int, of the panel; its strips have room for one row more
    W : IN flat, see :func:`weights_as_packed`
    z : OUT (height * pitch,)
    X, following : the rows, and which of them comes next: for many outputs the memory of the next
        panel is asked for meanwhile
    """
    if n_outputs == 1:
        _margins_of_one(panel, height, n_columns, z)
    else:
        pitch = pitch_of(panel, n_outputs)
        _margins_of_many(panel, height, n_columns, W, pitch, z, X, following)


@inner_kernel
def _margins_of_one(panel, height, n_columns, z):
    width = strip_width(panel)
    step = lanes(panel)
    for r in range(height):
        z[r] = 0
    for r in range(0, height, _ROWS):
        tile = fill(panel, 0.0, 1, _ROWS)
        for start in range(0, n_columns, width):
            at = start * (height + 1) + r * width
            for v in range(0, width, step):
                tile = outer(tile, panel, n_columns * (height + 1) + start + v, at + v, width)
        add_lane_sums(z, r, 0, tile, 1, _ROWS)


@inner_kernel
def _margins_of_many(panel, height, n_columns, W, pitch, z, X, following):
    """Go through the columns in chunks, so that their weights stay in the first-level cache."""
    width = strip_width(panel)
    pairs = pitch // width * width
    for i in range(height * pitch):
        z[i] = 0
    for chunk in range(0, n_columns, _CHUNK):
        last = min(chunk + _CHUNK, n_columns)
        for r in range(0, height, _ROWS):
            for k in range(0, pairs, width):
                wide = load(z, r * pitch + k, pitch, VECTORS, _ROWS)
                for start in range(chunk, last, width):
                    at = start * (height + 1) + r * width
                    for i in range(width):
                        w = load(W, (start + i) * pitch + k, 0, VECTORS, 1)
                        wide = rank1(wide, w, panel, at + i, width)
                store(z, r * pitch + k, pitch, wide)
            for k in range(pairs, pitch, lanes(panel)):
                tile = load(z, r * pitch + k, pitch, 1, _ROWS)
                for start in range(chunk, last, width):
                    at = start * (height + 1) + r * width
                    for i in range(width):
                        if i % 2 == 0:  # two lines of every row, one at a time
                            prefetch(X, following + r + i // 4, start + i % 4 * 8)
                        w = load(W, (start + i) * pitch + k, 0, 1, 1)
                        tile = rank1(tile, w, panel, at + i, width)
                store(z, r * pitch + k, pitch, tile)


@inner_kernel
def outputs_in_rows(z, first, n_outputs, columns):
    """Write as many rows as a vector has lanes, output k of row i at ``k * lanes + i``."""
    step = lanes(z)
    if n_outputs == 1:
        store(columns, 0, 0, load(z, first, 0, 1, 1))
        return
    pitch = pitch_of(z, n_outputs)
    for k in range(0, pitch, step):
        square = transpose(load_square(z, first * pitch + k, pitch))
        store(columns, k * step, step, square)


@inner_kernel
def add_row_sums(panel, height, n_columns, residuals, n_outputs, at, sums):
    """Add residuals times rows to sums: output k from ``at + k * n_columns`` on.

    Parameters
    ----------
    residuals : IN output k of row r at ``k * height + r``
    sums : IN/OUT flat float64
    """
    width = strip_width(panel)
    for start in range(0, n_columns, width):
        strip = start * (height + 1)
        k = 0
        while n_outputs - k >= GRAM_COLUMNS:
            tile = fill(panel, 0.0, VECTORS, GRAM_COLUMNS)
            for r in range(height):
                features = load(panel, strip + r * width, 0, VECTORS, 1)
                tile = rank1(tile, features, residuals, k * height + r, height)
            add_as(sums, at + k * n_columns + start, n_columns, tile)
            k += GRAM_COLUMNS
        while n_outputs - k >= _FEW:
            slim = fill(panel, 0.0, VECTORS, _FEW)
            for r in range(height):
                features = load(panel, strip + r * width, 0, VECTORS, 1)
                slim = rank1(slim, features, residuals, k * height + r, height)
            add_as(sums, at + k * n_columns + start, n_columns, slim)
            k += _FEW
        while n_outputs - k >= 2:  # one column waits for the multiply-add before, two do not
            pair = fill(panel, 0.0, VECTORS, 2)
            for r in range(height):
                features = load(panel, strip + r * width, 0, VECTORS, 1)
                pair = rank1(pair, features, residuals, k * height + r, height)
            add_as(sums, at + k * n_columns + start, n_columns, pair)
            k += 2
        if k < n_outputs:
            one = _sum_of_one(panel, strip, height, residuals, k * height)
            add_as(sums, at + k * n_columns + start, 0, one)


@inner_kernel
def _sum_of_one(panel, strip, height, residuals, first):
    """Return four sums of a quarter of the rows each, added up: to hide the latency."""
    width = strip_width(panel)
    quarter = height // 4
    move = quarter * width
    a = fill(panel, 0.0, VECTORS, 1)
    b = fill(panel, 0.0, VECTORS, 1)
    c = fill(panel, 0.0, VECTORS, 1)
    d = fill(panel, 0.0, VECTORS, 1)
    for i in range(quarter):
        p, r = strip + i * width, first + i
        a = rank1(a, load(panel, p, 0, VECTORS, 1), residuals, r, 1)
        b = rank1(b, load(panel, p + move, 0, VECTORS, 1), residuals, r + quarter, 1)
        c = rank1(c, load(panel, p + 2 * move, 0, VECTORS, 1), residuals, r + 2 * quarter, 1)
        d = rank1(d, load(panel, p + 3 * move, 0, VECTORS, 1), residuals, r + 3 * quarter, 1)
    return (a + b) + (c + d)
