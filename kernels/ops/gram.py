"""Gram matrices of rows: what least squares, Newton's method and whitening start from.

Rows are packed as they lie (:mod:`.strips`): entry (j, i) of the Gram matrix is then a lane of
``rank1(tile, features i of a row, feature j of that row)`` summed over rows, and nothing is
transposed.  Products with the targets, sums and the number of rows are entries of the same matrix,
often for nothing, in lanes that would have been padding.  Only entries i >= j, and what shares a
tile with them, are computed.

A panel is float64, or float32 for wide float32 rows: then products are summed in float32 over
``CHUNK_ROWS`` rows only, and these sums in float64.  Blocks of rows are summed over the fixed tree
of :mod:`.sums`.

Multiply-adds leave room for other work: while the rows of a small panel are used for the last time,
those of the next are packed in their place, from memory that was asked for a panel earlier.

Sums lie in squares as wide as a strip, those of strips i >= j only, in the order (0, 0), (1, 0),
(1, 1), (2, 0), ...  In a square, entry (i, j) is at ``j * width + i``.  Those of a vector with
itself are computed once (:mod:`..tile.turns`): lane i times lane i + k, counted round, is where
entry (i, k) of theirs would be.  Above them on the diagonal there are no sums.  :func:`symmetric`
makes a matrix of all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..tile import (
    COLUMNS,
    VECTORS,
    add_as,
    add_turns,
    fill,
    lanes,
    lanes_of,
    load,
    no_half,
    no_turns,
    prefetch,
    rank1,
)
from .scratch import aligned_zeros
from .strips import (
    can_follow,
    columns_in_use,
    finish_strips,
    hold_targets,
    pack_strips,
    store_in_strip,
    strip_of,
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
    G = np.empty((n_columns, n_columns))
    inside = entries_of_a_strip(width)
    at = 0
    for i in range(0, n_columns, width):
        rows, until = slice(i, i + width), at + i * width
        # Squares (i, 0), (i, 1), ... of equal widths lie one after the other, as one of i rows.
        G[:i, rows] = sums[at:until].reshape(i, width)
        G[rows, :i] = G[:i, rows].T
        at = until + width * width
        G[rows, rows] = sums[until:at][inside]
    return G


@lru_cache(2)
def entries_of_a_strip(width: int) -> NDArray[Any]:
    """Return where in its square each product (width, width) of a strip with itself is."""
    size = width // VECTORS
    row, column = np.indices((width, width))
    i, j = np.maximum(row, column), np.minimum(row, column)
    turn = (i - j) % size  # of j, to meet i; or else of i, to meet j
    lane, turn = np.where(turn <= size // 2, j, i), np.minimum(turn, size - turn)
    of_one = i // size == j // size
    i, j = np.where(of_one, lane, i), np.where(of_one, j // size * size + turn, j)
    return np.asarray(j * width + i)


@inner_kernel
def add_gram(panel, count, height, at, G, rows, following, packing, share, shares):
    """Add the Gram matrix of a panel's rows, entries i >= j, or a share of them, to float64 sums.

    A strip is multiplied with itself last: its rows are then of no more use, and one after the
    other makes room for one of those that follow.

    Parameters
    ----------
    panel : IN/OUT, see ``strips``
    count, height : int, rows in use, and those a strip has room for
    at : int, the first of the sums
    G : IN/OUT flat float64
    rows : IN Rows
    following : int, which of the rows comes next: its memory and that of the rows after it is asked
        for meanwhile
    packing : bool, whether as many rows as these are packed from there on: as
        ``strips.can_follow`` says; not where there are several shares
    share, shares : int, which of how many shares of the strips is multiplied with those after them
    """
    n_lanes, width = lanes(panel), strip_width(panel)
    n_used = columns_in_use(rows)
    wanted, targets = following, rows.shift.size * height  # first targets stand behind a panel
    if packing:
        wanted += count
        hold_targets(rows, following, count, panel, targets)
    line, every = 0, 1
    for sj in range(0, n_used, width):
        # There and back again: the first strips have most to be multiplied with.
        turn = sj // width % (2 * shares)
        if min(turn, 2 * shares - 1 - turn) != share:
            continue
        for si in range(sj + width, n_used, width):
            square = at + _place(si // width, sj // width) * width * width
            for chunk in range(0, count, CHUNK_ROWS):
                n_rows = min(CHUNK_ROWS, count - chunk)
                for j in range(0, width, GRAM_COLUMNS):
                    left = si * height + chunk * width
                    right = sj * height + chunk * width + j
                    if si + n_lanes >= n_used:  # the second vector is empty
                        _add_half(panel, left, right, n_rows, square + j * width, G)
                        continue
                    tile = fill(panel, 0.0, VECTORS, GRAM_COLUMNS)
                    for r in range(n_rows):
                        prefetch(rows.X, wanted + (chunk + r) * every, line)
                        features = load(panel, left + r * width, 0, VECTORS, 1)
                        tile = rank1(tile, features, panel, right + r * width, 1)
                    add_as(G, square + j * width, width, tile)
                    if chunk + n_rows == count:
                        line, every = _next_line(rows.X, line, every)
        square = at + _place(sj // width, sj // width) * width * width
        for chunk in range(0, count, CHUNK_ROWS):
            n_rows = min(CHUNK_ROWS, count - chunk)
            left = sj * height + chunk * width
            if sj + n_lanes >= n_used:
                _add_turns(panel, left, n_rows, square, G)
                continue
            for v in range(VECTORS):
                own, right = v * n_lanes, v * n_lanes // 2
                turns, half = no_turns(panel), no_half(panel)
                if packing and v == VECTORS - 1:
                    strip = strip_of(rows, sj)
                    for r in range(n_rows):
                        prefetch(rows.X, wanted + r * every, line)
                        first = left + r * width
                        below = load(panel, first + n_lanes, 0, 1, 1)
                        half = rank1(half, below, panel, first + right, 1)
                        turns = add_turns(turns, below)
                        store_in_strip(rows, following + r, strip, targets + r, panel, first)
                else:
                    for r in range(n_rows):
                        prefetch(rows.X, wanted + (chunk + r) * every, line)
                        first = left + r * width
                        below = load(panel, first + n_lanes, 0, 1, 1)
                        half = rank1(half, below, panel, first + right, 1)
                        turns = add_turns(turns, load(panel, first + own, 0, 1, 1))
                add_as(G, square + own * width + own, width, turns)
                add_as(G, square + right * width + n_lanes, width, half)
                if chunk + n_rows == count:
                    line, every = _next_line(rows.X, line, every)


@inner_kernel
def _place(i, j):
    """Return the number of the square of strips i >= j."""
    return i * (i + 1) // 2 + j


@inner_kernel
def _add_turns(panel, left, count, to, G):
    width = strip_width(panel)
    turns = no_turns(panel)
    for r in range(count):
        turns = add_turns(turns, load(panel, left + r * width, 0, 1, 1))
    add_as(G, to, width, turns)


@inner_kernel
def _next_line(X, line, every):
    """Return the element of rows to ask for once all rows have been asked for this one.

    And the step from row to row, 0 after the last: wide rows are multiplied more often than they
    have lines, and whatever is asked for again takes the place of the panel in the first cache.
    """
    line += 64 // X.itemsize
    return (line, every) if line < X.shape[1] else (0, 0)


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
    partials : OUT (n_tickets * shares, squares) float64, zero where another share has its sums
    """
    shares = tickets.shares
    n_samples, n_columns = rows.X.shape[0], rows.shift.size
    panel = aligned_zeros(like, n_columns * (height + 1) + height)
    G = np.zeros(partials.shape[1])
    levels = np.empty((tickets.n_levels, G.size))
    full = np.zeros(tickets.n_levels, np.bool_)
    while True:
        place = tickets.first * shares + take_ticket(state)
        ticket, share = place // shares, place % shares
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
                packed = packed and shares == 1 and can_follow(rows, after, height)
                add_gram(panel, count, height + 1, 0, G, rows, after, packed, share, shares)
            add_block(number, True, G, levels, full)
        take_total(levels, full, partials[place])
