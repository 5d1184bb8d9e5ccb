"""Gram matrices of rows: what least squares, Newton's method and whitening start from.

Rows are packed as they lie, features along the lanes: entry (j, i) of the Gram matrix is then a
lane of ``rank1(tile, features i of a row, feature j of that row)`` summed over rows, and nothing
is transposed.  Behind the features stand the targets and a one, so that products with the targets,
sums and the number of rows are entries of the same matrix, often for nothing, in lanes that would
have been padding.  Only entries i >= j, and what shares a tile with them, are computed.

A *panel* holds some rows in strips of :func:`strip_width` columns, strip by strip, each row by
row.  It is float64, or float32 for wide rows: then products are summed in float32 over the rows of
one panel only, and panels in float64.  Blocks of rows are summed over the fixed tree of
:mod:`.sums`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..tile import M, N, fill, lanes, lanes_of, load, rank1, store
from .flat import load_up_to
from .scratch import aligned_zeros
from .sums import add_block, take_total

#: Columns of a tile: a divisor of a strip in every element type.
COLUMNS = min(8 if N >= 8 else 4, M * lanes_of(np.float64))
#: Rows of a reduction block, whatever the width.
BLOCK_ROWS = 4096
#: Bytes of a panel: part of a second-level cache.
_PANEL_BYTES = 1 << 19


class Rows(NamedTuple):
    """Rows as kernels pack them, made by :meth:`of`.

    X : (n_samples, n_features) float32 or float64
    Y : (n_samples, n_targets) float64, C-contiguous; n_targets may be 0
    roots : (n_samples,) float64 square roots of weights, or (0,) for weights of one
    shift : (n_columns,) float64, subtracted from features and targets; n_columns is the width of
        whole strips
    """

    X: Any
    Y: Any
    roots: Any
    shift: Any

    @classmethod
    def of(cls, X: Any, Y: Any, roots: Any, shift: Any, panel_type: Any = np.float64) -> Rows:
        """Check shapes and types, pad the shift.

        Parameters
        ----------
        X, Y, roots : ndarray, as above; Y and roots may be None
        shift : ndarray (n_features + n_targets,)
        panel_type : the element type of panels

        Raises
        ------
        ValueError
            If shapes do not match, or a type is not what kernels take.
        """
        Y = np.empty((len(X), 0)) if Y is None else Y
        roots = np.empty(0) if roots is None else roots
        width = X.shape[1] + Y.shape[1]
        if X.dtype not in (np.float32, np.float64) or X.ndim != 2 or Y.ndim != 2:
            raise ValueError(f"X must be a matrix of floats, got {X.dtype} {X.shape}.")
        if len(Y) != len(X) or roots.shape not in {(0,), (len(X),)} or shift.shape != (width,):
            raise ValueError("X, Y, weights and shift are of different sizes.")
        padded = np.zeros(columns_of(width + 1, panel_type))
        padded[:width] = shift
        Y, roots = (np.ascontiguousarray(a, np.float64) for a in (Y, roots))
        return cls(X, Y, roots, padded)


def columns_of(n_columns: int, panel_type: Any = np.float64) -> int:
    """Return the columns of whole strips, outside kernels."""
    width = M * lanes_of(panel_type)
    return -(-n_columns // width) * width


def panel_rows(n_columns: int, panel_type: Any = np.float64) -> int:
    """Return the rows of a panel: a divisor of a block, by width alone."""
    rows = 256
    while rows > 32 and rows * n_columns * np.dtype(panel_type).itemsize > _PANEL_BYTES:
        rows //= 2
    return rows


@inner_kernel
def strip_width(panel):
    """Return the columns of a strip."""
    return M * lanes(panel)


@inner_kernel
def pack_strips(rows, first, count, height, piece, panel):
    """Write rows [first, first + count): shifted, then multiplied by the root of their weight.

    Parameters
    ----------
    rows : IN Rows
    height : int, rows of a whole panel
    piece : OUT (strip_width,) of X's type, zero before: working memory
    panel : OUT (n_columns * height,)
    """
    X, shift, roots = rows.X, rows.shift, rows.roots
    n_features = X.shape[1]
    n_targets = rows.Y.shape[1]
    width = strip_width(panel)
    dense = X.strides[1] == X.itemsize and X.strides[0] == n_features * X.itemsize
    for start in range(0, shift.size, width):
        whole = start + width <= n_features
        for r in range(count):
            at = start * height + r * width
            row = first + r
            if whole:
                for i in range(width):
                    panel[at + i] = X[row, start + i] - shift[start + i]
            elif start < n_features:
                if dense:
                    for q in range(0, width, lanes(X)):
                        left = n_features - start - q
                        if left > 0:
                            vector = load_up_to(X, row * n_features + start + q, left)
                            store(piece, q, 0, vector)
                else:
                    for i in range(n_features - start):
                        piece[i] = X[row, start + i]
                for i in range(width):
                    panel[at + i] = piece[i] - shift[start + i]
            else:
                for i in range(width):
                    panel[at + i] = 0
            if not whole:
                for k in range(n_targets):
                    i = n_features + k - start
                    if 0 <= i < width:
                        panel[at + i] = rows.Y[row, k] - shift[start + i]
                i = n_features + n_targets - start
                if 0 <= i < width:
                    panel[at + i] = 1
            if roots.size > 0:
                root = roots[row]
                for i in range(width):
                    panel[at + i] *= root


@inner_kernel
def add_gram(panel, count, height, n_columns, held, at, G):
    """Add the Gram matrix of a panel's rows, entries i >= j, to float64 sums.

    Parameters
    ----------
    panel : IN, see ``pack_strips``
    count, height : int, rows in use, and of a whole panel
    n_columns : int, columns of whole strips
    held : OUT (strip_width * COLUMNS,) of the panel's type, working memory
    at : int, where the matrix begins
    G : IN/OUT flat float64; entry (i, j) at ``at + j * n_columns + i``
    """
    step = lanes(panel)
    width = strip_width(panel)
    for si in range(0, n_columns, width):
        for sj in range(0, si + 1, width):
            for j in range(0, width, COLUMNS):
                left, right = si * height, sj * height + j
                if si == sj and j >= step:  # above the diagonal: the second vector only
                    half = fill(panel, 0.0, 1, COLUMNS)
                    for r in range(count):
                        features = load(panel, left + r * width + step, 0, 1, 1)
                        half = rank1(half, features, panel, right + r * width, 1)
                    store(held, 0, step, half)
                    _add_held(held, step, at + (sj + j) * n_columns + si + step, n_columns, G)
                else:
                    tile = fill(panel, 0.0, M, COLUMNS)
                    for r in range(count):
                        features = load(panel, left + r * width, 0, M, 1)
                        tile = rank1(tile, features, panel, right + r * width, 1)
                    store(held, 0, width, tile)
                    _add_held(held, width, at + (sj + j) * n_columns + si, n_columns, G)


@inner_kernel
def _add_held(held, width, at, pitch, G):
    for j in range(COLUMNS):
        for i in range(width):
            G[at + j * pitch + i] += held[j * width + i]


@allocating_kernel
def gram(rows, like, height, blocks_a_ticket, first_ticket, last_ticket, n_levels, state, partials):
    """Sum the Gram matrices of aligned ranges of blocks, as a member of a team.

    Parameters
    ----------
    rows : IN Rows
    like : IN array of the panels' element type
    height : int, rows of a panel, a divisor of BLOCK_ROWS
    blocks_a_ticket : int, a power of two
    first_ticket, last_ticket : int, which tickets this call does
    n_levels : int, see ``sums.levels_for``
    state : IN/OUT the team's state, zero at the start
    partials : OUT (n_tickets, n_columns * n_columns) float64
    """
    n_samples = rows.X.shape[0]
    n_columns = rows.shift.size
    width = strip_width(like)
    piece = aligned_zeros(rows.X, width)
    panel = aligned_zeros(like, n_columns * height)
    held = aligned_zeros(like, width * COLUMNS)
    G = aligned_zeros(rows.shift, n_columns * n_columns)
    levels = np.empty((n_levels, G.size))
    full = np.zeros(n_levels, np.bool_)
    while True:
        ticket = first_ticket + take_ticket(state)
        if ticket >= last_ticket:
            return
        for number in range(blocks_a_ticket):
            start = (ticket * blocks_a_ticket + number) * BLOCK_ROWS
            if start >= n_samples:
                break
            stop = min(start + BLOCK_ROWS, n_samples)
            for i in range(G.size):
                G[i] = 0
            for first in range(start, stop, height):
                count = min(height, stop - first)
                pack_strips(rows, first, count, height, piece, panel)
                add_gram(panel, count, height, n_columns, held, 0, G)
            add_block(number, True, G, levels, full)
        take_total(levels, full, partials[ticket])
