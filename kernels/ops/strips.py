"""Rows packed as they lie: features along the lanes, then targets and a one.

A *panel* holds some rows in strips of :func:`strip_width` columns, strip by strip, each row by
row.  A strip has room for one row more than a panel has, lest the same row of all strips falls into
the same few lines of a cache.  Nothing is transposed; what a row says is moved by a shift common to
all rows, so that sums of products keep their digits whatever the offsets, and multiplied by the
root of its weight.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import inner_kernel
from ..tile import (
    VECTORS,
    broadcast,
    fill,
    lanes,
    lanes_of,
    load,
    load_as,
    prefetch,
    rows_below,
    select,
    store,
    store_as,
)

#: How far ahead of the row at work memory is asked for.
_BYTES_AHEAD = 4096
#: Bytes of a panel that stays in a second-level cache with what else is there, and of one in the
#: last level, whose strips do.
_SMALL_BYTES, _LARGE_BYTES = 1 << 19, 1 << 22


class Rows(NamedTuple):
    """Rows as kernels pack them, made by :meth:`of`.

    X : (n_samples, n_features) float32 or float64
    Y : (n_samples, n_targets) float64, or float32 beside float32 features, C-contiguous; n_targets
        may be 0
    roots : (n_samples,) float64 square roots of weights, or (0,) for weights of one
    shift : (n_columns,) of the panels' type, subtracted from features and targets; n_columns is the
        width of whole strips
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
        shift : ndarray (n_features + n_targets,); numbers of the panels' type
        panel_type : the element type of panels: float64, or that of X

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
        if panel_type not in (np.float64, X.dtype):
            raise ValueError(f"Panels of {X.dtype} rows are not {panel_type}.")
        if not (X.flags.c_contiguous or X.flags.f_contiguous):
            raise ValueError("X must be contiguous.")
        if len(Y) != len(X) or roots.shape not in {(0,), (len(X),)} or shift.shape != (width,):
            raise ValueError("X, Y, weights and shift are of different sizes.")
        padded = np.zeros(columns_of(width + 1, panel_type), panel_type)
        padded[:width] = shift
        same = shift.dtype == padded.dtype or np.array_equal(padded[:width], shift, equal_nan=True)
        if not same:
            raise ValueError("The shift is no vector of the panels' type.")
        both_single = X.dtype == Y.dtype == np.float32
        Y = np.ascontiguousarray(Y, np.float32 if both_single else np.float64)
        return cls(X, Y, np.ascontiguousarray(roots, np.float64), padded)


def columns_of(n_columns: int, panel_type: Any = np.float64) -> int:
    """Return the columns of whole strips, outside kernels."""
    width = VECTORS * lanes_of(panel_type)
    return -(-n_columns // width) * width


def panel_rows(n_columns: int, panel_type: Any = np.float64) -> int:
    """Return the rows of a panel: a divisor of a block, by width alone.

    Wide rows have many sums, which are fetched less often for a panel of many rows.
    """
    row_bytes = n_columns * np.dtype(panel_type).itemsize
    if 256 * row_bytes <= _SMALL_BYTES:
        return 256
    rows = 1024
    while rows > 64 and rows * row_bytes > _LARGE_BYTES:
        rows //= 2
    return rows


@inner_kernel
def strip_width(panel):
    """Return the columns of a strip."""
    return VECTORS * lanes(panel)


@inner_kernel
def columns_in_use(rows):
    """Return the features, targets and the one."""
    return rows.X.shape[1] + rows.Y.shape[1] + 1


@inner_kernel
def pack_strips(rows, first, count, height, panel):
    """Write rows [first, first + count): shifted, then multiplied by the root of their weight.

    Parameters
    ----------
    rows : IN Rows
    height : int, rows a strip has room for
    panel : OUT (n_columns * height,) or more, of the shift's type
    """
    X = rows.X
    if is_dense(X):
        _pack_whole_strips(rows, first, count, height, panel)
        _pack_last_features(rows, first, count, height, panel)
    else:
        _pack_columns(rows, first, count, height, panel)
    _pack_targets(rows, 0, first, count, height, panel)
    _weigh(rows, first, count, height, panel)


@inner_kernel
def is_dense(X):
    """Say whether rows lie together, one after the other."""
    return X.strides[1] == X.itemsize and X.strides[0] == X.shape[1] * X.itemsize


@inner_kernel
def can_follow(rows, first, count):
    """Say whether rows may be packed by :func:`store_in_strip`, then :func:`finish_strips`.

    What is loaded past the last feature must be in X.
    """
    X = rows.X
    return is_dense(X) and (first + count - 1) * X.shape[1] + rows.shift.size <= X.size


@inner_kernel
def strip_of(rows, start):
    """Return what packing rows in the strip of column ``start`` takes, for :func:`store_in_strip`.

    Returns
    -------
    start : int
    inside : mask, which of its columns are features
    own : mask, which is the first target
    move : tile, the shift
    rest : tile, what follows the features: zeros, and the one
    """
    n_features, n_targets = rows.X.shape[1], rows.Y.shape[1]
    one = n_features + n_targets - start
    zero, ones = fill(rows.shift, 0.0, VECTORS, 1), fill(rows.shift, 1.0, VECTORS, 1)
    up_to, before = rows_below(rows.shift, one + 1, VECTORS), rows_below(rows.shift, one, VECTORS)
    rest = select(before, zero, select(up_to, ones, zero))
    inside = rows_below(rows.shift, n_features - start, VECTORS)
    with_target = n_features + min(n_targets, 1) - start
    own = inside ^ rows_below(rows.shift, with_target, VECTORS)
    return start, inside, own, load(rows.shift, start, 0, VECTORS, 1), rest


@inner_kernel
def store_in_strip(rows, row, strip, target, panel, at):
    """Write the columns of a row in a strip: shifted features, a target, the one, zeros.

    Without a branch: beside multiply-adds it would part these from their numbers in memory.

    Parameters
    ----------
    strip : what :func:`strip_of` returns
    target : int, where in the panel the first target is, see :func:`hold_targets`
    panel : OUT of the shift's type, from element ``at`` on
    """
    start, inside, own, move, rest = strip
    moved = load_as(rows.shift, rows.X, row * rows.X.shape[1] + start, 0, VECTORS, 1) - move
    rest = select(own, broadcast(panel, target, 0, VECTORS, 1), rest)
    store(panel, at, 0, select(inside, moved, rest))


@inner_kernel
def hold_targets(rows, first, count, panel, at):
    """Write the first targets of rows, shifted, from element ``at`` of a panel on, behind it."""
    Y, n_targets = rows.Y, rows.Y.shape[1]
    if n_targets == 0:
        return
    move, step = rows.shift[rows.X.shape[1]], lanes(rows.roots)
    r = 0
    if n_targets == 1:
        while r + step <= count:
            store_as(panel, at + r, 0, load_as(rows.roots, Y, first + r, 0, 1, 1) - move)
            r += step
    while r < count:
        panel[at + r] = Y[first + r, 0] - move
        r += 1


@inner_kernel
def finish_strips(rows, first, count, height, panel):
    """Complete a panel of which :func:`store_in_strip` has written what has two vectors a row.

    The first targets are behind it.
    """
    width = strip_width(panel)
    last = (columns_in_use(rows) - 1) // width * width
    if last + lanes(panel) >= columns_in_use(rows):
        strip, target = strip_of(rows, last), rows.shift.size * height
        for r in range(count):
            at = last * height + r * width
            store_in_strip(rows, first + r, strip, target + r, panel, at)
    _pack_targets(rows, 1, first, count, height, panel)
    _weigh(rows, first, count, height, panel)


@inner_kernel
def _weigh(rows, first, count, height, panel):
    if rows.roots.size > 0:
        width = strip_width(panel)
        for start in range(0, rows.shift.size, width):
            for r in range(count):
                at = start * height + r * width
                store(panel, at, 0, load(panel, at, 0, VECTORS, 1) * rows.roots[first + r])


@inner_kernel
def _pack_whole_strips(rows, first, count, height, panel):
    X = rows.X
    width = strip_width(panel)
    n_features = X.shape[1]
    whole = n_features // width * width
    ahead = 1 + _BYTES_AHEAD // (n_features * X.itemsize)
    for r in range(count):
        for start in range(0, whole, width):
            prefetch(X, first + r + ahead, start)
            features = load_as(rows.shift, X, (first + r) * n_features + start, 0, VECTORS, 1)
            moved = features - load(rows.shift, start, 0, VECTORS, 1)
            store(panel, start * height + r * width, 0, moved)


@inner_kernel
def _pack_last_features(rows, first, count, height, panel):
    """Write the strip of the last features, and what follows them."""
    X, shift = rows.X, rows.shift
    width = strip_width(panel)
    n_features = X.shape[1]
    whole = n_features // width * width
    left = n_features - whole
    start = whole
    if left > 0:
        start += width
        _, inside, _, move, rest = strip_of(rows, whole)
        for r in range(count):
            at, place = whole * height + r * width, (first + r) * n_features + whole
            if place + width <= X.size:  # beyond is the next row's
                moved = load_as(shift, X, place, 0, VECTORS, 1) - move
                store(panel, at, 0, select(inside, moved, rest))
            else:
                store(panel, at, 0, rest)
                for i in range(left):
                    panel[at + i] = X[first + r, whole + i] - shift[whole + i]
    _store_rest(rows, start, count, height, panel)


@inner_kernel
def _store_rest(rows, start, count, height, panel):
    """Write what follows the features in the strips from column ``start`` on."""
    width = strip_width(panel)
    for strip in range(start, rows.shift.size, width):
        rest = strip_of(rows, strip)[4]
        for r in range(count):
            store(panel, strip * height + r * width, 0, rest)


@inner_kernel
def _pack_columns(rows, first, count, height, panel):
    """Write features from a matrix whose rows do not lie together, and what follows them."""
    X, shift = rows.X, rows.shift
    width = strip_width(panel)
    n_features = X.shape[1]
    _store_rest(rows, n_features // width * width, count, height, panel)
    for p in range(n_features):
        at = p // width * width * height + p % width
        for r in range(count):
            panel[at + r * width] = X[first + r, p] - shift[p]


@inner_kernel
def _pack_targets(rows, begin, first, count, height, panel):
    """Write the targets from number ``begin`` on."""
    width = strip_width(panel)
    n_features, n_targets = rows.X.shape[1], rows.Y.shape[1]
    for k in range(begin, n_targets):
        i = n_features + k
        at = i // width * width * height + i % width
        for r in range(count):
            panel[at + r * width] = rows.Y[first + r, k] - rows.shift[i]
