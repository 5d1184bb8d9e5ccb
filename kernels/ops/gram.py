"""Gram matrices of rows: what least squares, Newton's method and whitening start from.

Rows are packed as they lie (:mod:`.strips`): entry (j, i) of the Gram matrix is then a lane of
``rank1(tile, features i of a row, feature j of that row)`` summed over rows, and nothing is
transposed.  Products with the targets, sums and the number of rows are entries of the same matrix,
often for nothing, in lanes that would have been padding.  Only entries i >= j, and what shares a
tile with them, are computed.

A panel is float64, or float32 for wide float32 rows: then products are summed in float32 over
``CHUNK_ROWS`` rows only, and these sums in float64.  Blocks of rows are summed over the fixed tree
of :mod:`.sums`.

Multiply-adds leave room for other work: while one small panel is multiplied, the next is packed, a
row of a strip at every step, from memory that was asked for a panel earlier.

Sums lie in squares as wide as a strip, those of strips i >= j only, in the order (0, 0), (1, 0),
(1, 1), (2, 0), ...  In a square, entry (i, j) is at ``j * width + i``; above the diagonal of all
there are no sums.  :func:`symmetric` makes a matrix of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..tile import COLUMNS, VECTORS, add_as, fill, lanes, lanes_of, load, prefetch, rank1
from .scratch import aligned_zeros
from .strips import (
    can_follow,
    columns_in_use,
    finish_strips,
    first_features,
    move_of,
    pack_strips,
    store_features,
    strip_width,
)
from .sums import add_block, take_total

#: Columns of a tile: a divisor of a strip in every element type.
GRAM_COLUMNS = min(8 if COLUMNS >= 8 else 4, VECTORS * lanes_of(np.float64))
#: Rows of a reduction block, whatever the width, and rows summed in the panels' type.
BLOCK_ROWS, CHUNK_ROWS = 4096, 256


def squares(n_columns: int, panel_type: Any) -> int:
    """Return the number of sums of all squares, outside kernels."""
    width = VECTORS * lanes_of(panel_type)
    n_strips = n_columns // width
    return n_strips * (n_strips + 1) // 2 * width * width


def symmetric(sums: NDArray[Any], n_columns: int, panel_type: Any) -> NDArray[Any]:
    """Return the symmetric matrix (n_columns, n_columns) whose squares these are."""
    width = VECTORS * lanes_of(panel_type)
    n_strips = n_columns // width
    i, j = np.tril_indices(n_strips)
    upper = sums.reshape(len(i), width, width)
    lower = upper.transpose(0, 2, 1)
    G = np.empty((n_strips, width, n_strips, width))
    G[j, :, i, :] = upper
    G[i, :, j, :] = lower
    diagonal = np.tril(lower[i == j])
    each = np.arange(n_strips)
    G[each, :, each, :] = diagonal + np.tril(diagonal, -1).transpose(0, 2, 1)
    return G.reshape(n_columns, n_columns)


@inner_kernel
def add_gram(panel, count, height, at, G, rows, following, other, packing):
    """Add the Gram matrix of a panel's rows, entries i >= j, to float64 sums.

    Parameters
    ----------
    panel : IN, see ``strips``
    count, height : int, rows in use, and those a strip has room for
    at : int, the first of the sums
    G : IN/OUT flat float64
    rows : IN Rows
    following : int, which of the rows comes next: its memory and that of the rows after it is asked
        for meanwhile
    other : OUT where rows from ``following`` on are packed; ``panel`` itself where none are
    packing : bool, whether as many rows as these are packed: as ``strips.can_follow`` says
    """
    n_lanes, width = lanes(panel), strip_width(panel)
    n_used = columns_in_use(rows)
    wanted = following + count if packing else following
    line = 0
    for si in range(0, n_used, width):
        for sj in range(0, si + 1, width):
            for chunk in range(0, count, CHUNK_ROWS):
                n_rows = min(CHUNK_ROWS, count - chunk)
                for j in range(0, min(width, n_used - sj), GRAM_COLUMNS):
                    left = si * height + chunk * width
                    right = sj * height + chunk * width + j
                    to = at + j * width
                    if si == sj and j >= n_lanes:  # above the diagonal: the second vector only
                        _add_half(panel, left + n_lanes, right, n_rows, to + n_lanes, G)
                    elif si + n_lanes >= n_used:  # the second vector is empty
                        _add_half(panel, left, right, n_rows, to, G)
                    else:
                        tile = fill(panel, 0.0, VECTORS, GRAM_COLUMNS)
                        if packing and sj == 0 and j == 0:
                            inside, move = first_features(rows, si), move_of(rows, si)
                            for r in range(n_rows):
                                prefetch(rows.X, wanted + chunk + r, line)
                                features = load(panel, left + r * width, 0, VECTORS, 1)
                                tile = rank1(tile, features, panel, right + r * width, 1)
                                store_features(
                                    rows, following + chunk + r, si, inside, move,
                                    other, left + r * width,
                                )  # fmt: skip
                        else:
                            for r in range(n_rows):
                                prefetch(rows.X, wanted + chunk + r, line)
                                features = load(panel, left + r * width, 0, VECTORS, 1)
                                tile = rank1(tile, features, panel, right + r * width, 1)
                        add_as(G, to, width, tile)
                        line = _next_line(rows.X, line, chunk + n_rows == count)
            at += width * width


@inner_kernel
def _next_line(X, line, through):
    """Return the element of rows to ask for next, once all rows have been asked for this one."""
    if not through:
        return line
    line += 64 // X.itemsize
    return line if line < X.shape[1] else 0


@inner_kernel
def _add_half(panel, left, right, count, to, G):
    width = strip_width(panel)
    half = fill(panel, 0.0, 1, GRAM_COLUMNS)
    for r in range(count):
        half = rank1(half, load(panel, left + r * width, 0, 1, 1), panel, right + r * width, 1)
    add_as(G, to, width, half)


@allocating_kernel
def gram(rows, like, height, tickets, state, partials):
    """Sum the Gram matrices of aligned ranges of blocks, as a member of a team.

    Parameters
    ----------
    rows : IN Rows
    like : IN array of the panels' element type
    height : int, rows of a panel, a divisor of BLOCK_ROWS
    tickets : IN Tickets
    state : IN/OUT the team's state, zero at the start
    partials : OUT (n_tickets, squares) float64
    """
    n_samples, n_columns = rows.X.shape[0], rows.shift.size
    panel = aligned_zeros(like, n_columns * (height + 1))
    other = aligned_zeros(like, n_columns * (height + 1))
    G = np.zeros(partials.shape[1])
    levels = np.empty((tickets.n_levels, G.size))
    full = np.zeros(tickets.n_levels, np.bool_)
    while True:
        ticket = tickets.first + take_ticket(state)
        if ticket >= tickets.last:
            return
        end = min((ticket + 1) * tickets.blocks * BLOCK_ROWS, n_samples)
        packed = False
        for number in range(tickets.blocks):
            start = (ticket * tickets.blocks + number) * BLOCK_ROWS
            if start >= n_samples:
                break
            stop = min(start + BLOCK_ROWS, n_samples)
            for i in range(G.size):
                G[i] = 0
            for first in range(start, stop, height):
                count = min(height, stop - first)
                if packed:
                    finish_strips(rows, first, count, height + 1, panel)
                else:
                    pack_strips(rows, first, count, height + 1, panel)
                after = first + height
                packed = count == height <= CHUNK_ROWS and after + height <= end
                packed = packed and can_follow(rows, after, height)
                add_gram(panel, count, height + 1, 0, G, rows, after, other, packed)
                if packed:
                    panel, other = other, panel
            add_block(number, True, G, levels, full)
        take_total(levels, full, partials[ticket])
