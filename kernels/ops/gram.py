"""Gram matrices of rows: what least squares, Newton's method and whitening start from.

Rows are packed as they lie (:mod:`.strips`): entry (j, i) of the Gram matrix is then a lane of
``rank1(tile, features i of a row, feature j of that row)`` summed over rows, and nothing is
transposed.  Products with the targets, sums and the number of rows are entries of the same matrix,
often for nothing, in lanes that would have been padding.  Only entries i >= j, and what shares a
tile with them, are computed.

A panel is float64, or float32 for wide float32 rows: then products are summed in float32 over the
rows of one panel only, and panels in float64.  Blocks of rows are summed over the fixed tree of
:mod:`.sums`.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..tile import COLUMNS, VECTORS, add_as, fill, lanes, lanes_of, load, prefetch, rank1
from .scratch import aligned_zeros
from .strips import columns_in_use, pack_strips, strip_width
from .sums import add_block, take_total

#: Columns of a tile: a divisor of a strip in every element type.
GRAM_COLUMNS = min(8 if COLUMNS >= 8 else 4, VECTORS * lanes_of(np.float64))
#: Rows of a reduction block, whatever the width.
BLOCK_ROWS = 4096


@inner_kernel
def add_gram(panel, count, height, n_used, at, pitch, G, X, following):
    """Add the Gram matrix of a panel's rows, entries i >= j, to float64 sums.

    Parameters
    ----------
    panel : IN, see ``strips``
    count, height : int, rows in use, and those a strip has room for
    n_used : int, columns in use
    at, pitch : int, entry (i, j) at ``at + j * pitch + i``; pitch is the width of whole strips
    G : IN/OUT flat float64
    X, following : the rows, and which of them comes next: its memory and that of the rows after it
        is asked for meanwhile
    """
    n_lanes = lanes(panel)
    width = strip_width(panel)
    line = 0
    for si in range(0, n_used, width):
        for sj in range(0, si + 1, width):
            for j in range(0, min(width, n_used - sj), GRAM_COLUMNS):
                left, right = si * height, sj * height + j
                to = at + (sj + j) * pitch + si
                if si == sj and j >= n_lanes:  # above the diagonal: the second vector only
                    _add_half(panel, left + n_lanes, right, count, to + n_lanes, pitch, G)
                elif si + n_lanes >= n_used:  # the second vector is empty
                    _add_half(panel, left, right, count, to, pitch, G)
                else:
                    tile = fill(panel, 0.0, VECTORS, GRAM_COLUMNS)
                    for r in range(count):
                        prefetch(X, following + r, line)
                        features = load(panel, left + r * width, 0, VECTORS, 1)
                        tile = rank1(tile, features, panel, right + r * width, 1)
                    add_as(G, to, pitch, tile)
                    line = line + 64 // X.itemsize if line + 64 // X.itemsize < X.shape[1] else 0


@inner_kernel
def _add_half(panel, left, right, count, to, pitch, G):
    width = strip_width(panel)
    half = fill(panel, 0.0, 1, GRAM_COLUMNS)
    for r in range(count):
        half = rank1(half, load(panel, left + r * width, 0, 1, 1), panel, right + r * width, 1)
    add_as(G, to, pitch, half)


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
    partials : OUT (n_tickets, n_columns * n_columns) float64
    """
    n_samples = rows.X.shape[0]
    n_columns, n_used = rows.shift.size, columns_in_use(rows)
    panel = aligned_zeros(like, n_columns * (height + 1))
    G = np.zeros(n_columns * n_columns)
    levels = np.empty((tickets.n_levels, G.size))
    full = np.zeros(tickets.n_levels, np.bool_)
    while True:
        ticket = tickets.first + take_ticket(state)
        if ticket >= tickets.last:
            return
        for number in range(tickets.blocks):
            start = (ticket * tickets.blocks + number) * BLOCK_ROWS
            if start >= n_samples:
                break
            stop = min(start + BLOCK_ROWS, n_samples)
            for i in range(G.size):
                G[i] = 0
            for first in range(start, stop, height):
                count = min(height, stop - first)
                pack_strips(rows, first, count, height + 1, panel)
                add_gram(panel, count, height + 1, n_used, 0, n_columns, G, rows.X, first + count)
            add_block(number, True, G, levels, full)
        take_total(levels, full, partials[ticket])
