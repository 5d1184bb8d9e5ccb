"""Rows as bytes, which show of most rows that a candidate is not nearer than their own centre.

A row x, moved by a vector near the middle of the data, is written as s e + r: a step s, the same
for all, whole numbers e, cut to -127 ... 127, and a rest r.  Cutting is a projection onto a box,
which brings no two rows further apart, and rounding takes half a step a feature at most.  So two
rows of d features are at least s (|e - f| - sqrt(d)) apart, whatever they are; and y is no nearer
to x than the centre at the distance D if

    e.f - |f|^2 / 2  <=  (|e|^2 - (D / s + sqrt(d))^2) / 2.

The left side is a product of bytes, exact and four times as fast as one of float32.  The right one
is the row's *limit*, a whole number rounded down, that changes with D only.

D is the root of a sum of squares in the rows' own type, and what it is compared with another:
each is off by less than d + 4 units of round-off of itself, so D is taken as larger by the part
d + 8.  Moving and dividing a row is off by 2^-15 of a step, for which sqrt(d) is taken as larger by
the part 2^-13.  A step is never so small that squares below it underflow.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..machine.jit import inner_kernel
from ..ops.pack import pack_panel, prefetch_rows, rows_per_block
from ..tile import (
    COLUMNS,
    VECTORS,
    add_byte_products,
    as_integers,
    broadcast,
    column_maximum,
    fill,
    load,
    lowest_bit,
    mask_bits,
    maximum,
    minimum,
    round_to_whole,
    store_as,
)

#: Turns bytes from 0 on into signed ones, 128 less, four at once.
_SIGNED = np.int32(-2139062144)
#: The limit of a row that everything passes, and of one that is none.
NEVER_PASSED, ALWAYS_PASSED = 2**31 - 1, -(2**31)
#: Columns of the tile for points that do not fill wide ones of six: seven take two of four.
FEW = 4


def padded_points(count: int) -> int:
    """Return the columns that so many points take: whole tiles, wide ones or of a few columns."""
    if COLUMNS != 6:
        return -(-count // COLUMNS) * COLUMNS
    return max(-(-count // 2) * 2, FEW)


class Screen(NamedTuple):
    """Rows and points as bytes; empty arrays where there is none.

    words : (n_panels * quads * rows,) int32: four features of a row as bytes from 0 on; feature
        quad q of lane i of a panel is element ``(panel * quads + q) * rows + i``
    norms : (n_panels * rows,) int32, |e|^2
    limits : (n_panels * rows,) int32, what a point's value must pass to come into question; never
        passed where rows pad
    codes : (quads * n_columns,) int32: four features of a point as signed bytes, point j at
        ``q * n_columns + j``
    seeds : (n_columns,) int32, what a point's products begin with; never passing where points pad
    middle : (n_features,) of the rows' type, what they are moved by
    inverse : float, one over the step
    reach, slack : float, what the root of a distance is multiplied by, and what is added to it
    """

    words: np.ndarray
    norms: np.ndarray
    limits: np.ndarray
    codes: np.ndarray
    seeds: np.ndarray
    middle: np.ndarray
    inverse: float
    reach: float
    slack: float


@inner_kernel
def encode_block(X, start, stop, screen, rows, panel):
    """Write rows [start, stop) as bytes.

    Parameters
    ----------
    X : IN (n_samples, n_features), any strides
    start, stop : int, ``start`` a whole number of panels
    screen : Screen; ``words`` and ``norms`` are OUT
    rows, panel : OUT, see ``pack_panel``
    """
    n_features = X.shape[1]
    quads = (n_features + 3) // 4
    height, tall = rows_per_block(X), rows_per_block(screen.words)
    for first in range(start, stop, height):
        pack_panel(X, first, stop - 1, rows, panel, 0)
        at = first // tall * quads * tall + first % tall
        norm = as_integers(fill(panel, 0.0, VECTORS, 1))
        for quad in range(quads):
            word = as_integers(fill(panel, 0.0, VECTORS, 1))
            for p in range(4 * quad, 4 * quad + 4):
                word = word << 8
                if p < n_features:
                    moved = load(panel, p * height, 0, VECTORS, 1) - screen.middle[p]
                    cut = minimum(maximum(moved * screen.inverse, -127.0), 127.0)
                    code = as_integers(round_to_whole(cut))
                    norm = norm + code * code
                    word = word + (code + 128)
                else:
                    word = word + 128
            store_as(screen.words, at + quad * tall, 0, word)
        store_as(screen.norms, first, 0, norm)


@inner_kernel
def limit_of(screen, row, closest):
    """Return the limit of a row at the squared distance ``closest`` from its centre."""
    reach = math.sqrt(closest) * screen.reach + screen.slack
    limit = math.floor(0.5 * (np.float64(screen.norms[row]) - reach * reach)) - 1.0
    return np.int32(max(limit, np.float64(ALWAYS_PASSED)))


@inner_kernel
def encode_point(row, column, screen):
    """Make a row the point of a column."""
    tall = rows_per_block(screen.words)
    n_columns = screen.seeds.size
    quads = screen.codes.size // n_columns
    at = row // tall * quads * tall + row % tall
    total = 0
    for quad in range(quads):
        word = screen.words[at + quad * tall] ^ _SIGNED
        screen.codes[quad * n_columns + column] = word
        for byte in range(4):
            total += int(np.int32(word << (24 - 8 * byte)) >> 24)
    screen.seeds[column] = -(screen.norms[row] // 2) - 128 * total


@inner_kernel
def find_near(X, start, stop, screen, near, bits_of):
    """Write the rows of [start, stop) to which some point may be nearer; return how many.

    Their memory is asked for.

    Parameters
    ----------
    X : the rows, which are not looked at
    start : int, a whole number of panels
    screen : IN Screen
    near : OUT int64, the rows in order
    bits_of : OUT (n_panels,) int64, a bit for each row of a panel that is one of them
    """
    tall = rows_per_block(screen.words)
    n_columns = screen.seeds.size
    quads = screen.codes.size // n_columns
    count = 0
    for first in range(start, stop, tall):
        limits = load(screen.limits, first, 0, VECTORS, 1)
        bits = np.int64(0)
        j = 0
        while j < n_columns:
            if (n_columns - j) % COLUMNS == 0:
                tile = broadcast(screen.seeds, j, 1, VECTORS, COLUMNS)
                for quad in range(quads):
                    column = load(screen.words, first * quads + quad * tall, 0, VECTORS, 1)
                    tile = add_byte_products(tile, column, screen.codes, quad * n_columns + j, 1)
                bits |= mask_bits(column_maximum(tile) > limits)
                j += COLUMNS
            else:
                few = broadcast(screen.seeds, j, 1, VECTORS, FEW)
                for quad in range(quads):
                    column = load(screen.words, first * quads + quad * tall, 0, VECTORS, 1)
                    few = add_byte_products(few, column, screen.codes, quad * n_columns + j, 1)
                bits |= mask_bits(column_maximum(few) > limits)
                j += FEW
        bits_of[(first - start) // tall] = bits
        before = count
        while bits != 0:
            near[count] = first + lowest_bit(bits)
            bits &= bits - 1
            count += 1
        prefetch_rows(X, near, before, count)
    return count
