"""Scores of some rows against all centres, in the two ways tiles can hold them.

*Packed*, samples lie along the lanes: rows are transposed into a panel, and every number of a
centre meets a vector of samples.  *As they lie*, features do: a vector of a row meets a vector of
a centre, and each score is a sum over lanes at the end.  Transposing costs some operations a
feature, a sum over lanes some a score, so few centres of many features are better taken as they
lie: :func:`pitch_of` is where that is decided, by shape alone.  Labels do not depend on it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.host import host
from ..machine.jit import allocating_inner_kernel, inlined_kernel, inner_kernel
from ..ops.pack import (
    LONG_ROW,
    consecutive_rows,
    pack_few_features,
    pack_rows,
    panel_size,
    rows_per_block,
)
from ..ops.product import NARROW, add_products
from ..ops.scratch import aligned_zeros
from ..tile import (
    COLUMNS,
    SIDE,
    VECTORS,
    add_lane_sums,
    broadcast,
    fill,
    indices,
    lanes,
    largest_column,
    load,
    load_some_rows,
    multiply_add,
    outer_with,
    prefetch,
    store,
)

#: Features, and features a centre, from where on rows are taken as they lie.
_FEATURES_AS_THEY_LIE, _FEATURES_A_CENTER = 64, 8
#: Centres up to which they are: with 16 registers packed rows load less for a product.
_CENTERS_AS_THEY_LIE = 32 if host().vector_registers == 16 else 1 << 30
#: Rows that are taken as they lie at once; panels hold whole groups of them.  With SIDE centres
#: their 12 sums, a vector of each centre and one of a row just fill 16 registers.
_ROWS = 4
#: Bytes of a row that are taken at once: with so few registers little more is multiplied than
#: loaded, so what is loaded again and again must stay in the first-level cache.
_BYTES_AT_ONCE = 1 << 11 if host().vector_registers == 16 else 1 << 30
#: Products of packed rows added to one sum: sums of sums round less, see ``ops.certify``.
_PRODUCTS_AT_ONCE = 128


class PanelWork(NamedTuple):
    """Working memory of one member: all that scoring a panel needs.

    panel : the samples, features first, or what scoring rows as they lie takes; (size,) of X's
        type, and more than four tile heights
    rows : (2 * height,) int64, their row numbers, and the next ones
    distances : (n_clusters,) float64, of the sample that is decided again
    labels : (height,) int32, of the panel's samples
    """

    panel: np.ndarray
    rows: np.ndarray
    distances: np.ndarray
    labels: np.ndarray


@allocating_inner_kernel
def panel_work(X, n_clusters):
    """Return working memory for panels of X."""
    height = rows_per_block(X)
    return PanelWork(
        aligned_zeros(X, panel_size(X) // height * (height + _ROWS) + 4 * height),
        np.empty(2 * height, np.int64),
        np.empty(n_clusters),
        np.empty(height, np.int32),
    )


def pitch_of(n_features: int, n_clusters: int, lanes_: int) -> int:
    """Return the elements from one centre to the next where rows are taken as they lie, else 0.

    For rows whose features are back to back.
    """
    if n_features < _FEATURES_AS_THEY_LIE or n_features < _FEATURES_A_CENTER * n_clusters:
        return 0
    if n_clusters > _CENTERS_AS_THEY_LIE:
        return 0
    return -(-n_features // lanes_) * lanes_


@inner_kernel
def roundings(points, pitch):
    """Return through how many roundings a product goes on its way into a score.

    Its own, then one for every sum it is part of: over features (or vectors of them), over
    lanes, and with the bias.

    Parameters
    ----------
    points : IN (n_clusters, n_features)
    pitch : int, of Centers
    """
    n_features = points.shape[1]
    if pitch == 0:
        at_once = _PRODUCTS_AT_ONCE
        return 1 + min(n_features, at_once) + (n_features + at_once - 1) // at_once
    width = lanes(points)
    count = 2 + pitch // width
    while width > 1:
        count += 1
        width //= 2
    return count


@inlined_kernel
def score_rows(X, rows, first, soon, last, centers, panel):
    """Score rows, gathered by number, against all centres.

    Parameters
    ----------
    X : IN (n_samples, n_features), any strides
    rows : IN int64, row numbers; those of this panel from element ``first``, then of the next
    soon, last : int, the memory of ``rows[soon:last]`` is asked for on the way
    centers : IN Centers
    panel : OUT, of a PanelWork

    Returns
    -------
    norms, best, index, second : tiles; the squares of the samples' norms, the largest
        score, its centre, and the second largest score
    """
    if centers.pitch == 0:
        pack_rows(X, rows, first, 0, panel, 0)
        return score_panel(panel, centers, X, rows, soon, last)
    return _score_as_they_lie(X, rows, first, centers, panel)


@inlined_kernel
def score_few_features(X, first, last, rows, centers, panel):
    """Score rows first, first + 1, ..., repeating ``last``, of few features, as :func:`score_rows`.

    Parameters
    ----------
    rows : OUT, of a PanelWork
    """
    pack_few_features(X, first, last, rows, panel, 0)
    return score_panel(panel, centers, X, rows, 0, 0)


@inlined_kernel
def score_consecutive(X, first, last, rows, centers, panel):
    """Score rows first, first + 1, ..., repeating ``last``, as :func:`score_rows` does.

    Parameters
    ----------
    rows : OUT, of a PanelWork
    """
    consecutive_rows(first, last, rows)
    if centers.pitch == 0:
        pack_rows(X, rows, 0, 0, panel, 0)
        return score_panel(panel, centers, X, rows, rows_per_block(X), rows.size)
    return _score_as_they_lie(X, rows, 0, centers, panel)


@inner_kernel
def _shift_panel(panel, n_features, shift):
    """Subtract ``shift`` from a panel of samples and return the squares of their norms (a tile).

    Parameters
    ----------
    panel : IN/OUT flat array, (n_features, rows)
    shift : IN (n_features,)
    """
    height = rows_per_block(panel)
    norms = fill(panel, 0.0, VECTORS, 1)
    for p in range(n_features):
        column = load(panel, p * height, 0, VECTORS, 1) - broadcast(shift, p, 0, VECTORS, 1)
        store(panel, p * height, 0, column)
        norms = multiply_add(column, column, norms)
    return norms


def _scores_of_width(width: int) -> Any:
    """Make the function that scores a panel against ``width`` centres, in one tile."""

    @inner_kernel
    def scores(panel, n_features, centers, j):
        height = rows_per_block(panel)
        tile = broadcast(centers.half_norms, j, 1, VECTORS, width)
        for p in range(0, n_features, _PRODUCTS_AT_ONCE):
            count = min(_PRODUCTS_AT_ONCE, n_features - p)
            at = j * n_features + p * width
            if p == 0:
                tile = add_products(tile, panel, 0, height, count, centers.shifted, at, width, 1)
            else:
                some = fill(panel, 0.0, VECTORS, width)
                tile = tile + add_products(
                    some, panel, p * height, height, count, centers.shifted, at, width, 1
                )
        return tile

    return scores


_wide, _narrow = _scores_of_width(COLUMNS), _scores_of_width(NARROW)


@inner_kernel
def _ask_for_rows(X, rows, first, last):
    """Ask for the memory of ``rows[first:last]``."""
    line = 64 // X.itemsize
    for i in range(first, last):
        for p in range(0, X.shape[1], line):
            prefetch(X, rows[i], p)


@inlined_kernel
def score_panel(panel, centers, X, rows, soon, last):
    """Score a packed panel of samples against all centres, as :func:`score_rows` does.

    The memory of rows to come is asked for in parts, one with every tile: all at once would hold
    up what is loaded here, and a panel packed without is waited for line by line.

    Parameters
    ----------
    panel : IN/OUT flat array, (n_features, rows); shifted
    centers : IN Centers, packed
    X, rows, soon, last : see :func:`score_rows`
    """
    half_norms = centers.half_norms
    n_features = centers.points.shape[1]
    n_tiles = (half_norms.size + COLUMNS - 1) // COLUMNS
    if X.strides[1] != X.itemsize or n_features * X.itemsize > LONG_ROW:
        last = soon
    # A part's rows are found by adding: a division a tile would take as long as its scores.
    part = (last - soon + n_tiles - 1) // n_tiles if last > soon else 0
    norms = _shift_panel(panel, n_features, centers.shift)
    best = fill(panel, -np.inf, VECTORS, 1)
    second = fill(panel, -np.inf, VECTORS, 1)
    index = indices(panel, 0, VECTORS)
    j = 0
    while j + COLUMNS <= half_norms.size:
        _ask_for_rows(X, rows, soon, min(soon + part, last))
        soon += part
        wide = _wide(panel, n_features, centers, j)
        best, index, second = largest_column(wide, j, best, index, second)
        j += COLUMNS
    if j < half_norms.size:
        _ask_for_rows(X, rows, soon, min(soon + part, last))
        narrow = _narrow(panel, n_features, centers, j)
        best, index, second = largest_column(narrow, j, best, index, second)
    return norms, best, index, second


@inner_kernel
def _shift_rows(X, rows, first, soon, centers, panel, panel_at, norms_at):
    """Write _ROWS rows less the shift, one after the other, and the squares of their norms.

    On the way the memory of row ``soon`` is asked for, a line at a time: many at once would hold up
    what is loaded here.
    """
    norms = fill(panel, 0.0, 1, _ROWS)
    for p in range(0, centers.pitch, lanes(panel)):
        prefetch(X, soon, p)
        part = load_some_rows(X, rows, first, p, _ROWS) - load(centers.shift, p, 0, 1, _ROWS)
        store(panel, panel_at + p, centers.pitch, part)
        norms = multiply_add(part, part, norms)
    add_lane_sums(panel, norms_at, 0, norms, 1, _ROWS)


@inner_kernel
def _score_square(X, soon, panel, panel_at, tile, start, stop, centers):
    """Return the products of the centres of a tile with _ROWS shifted rows, lane by lane.

    Of features [start, stop) only.
    """
    shifted, pitch = centers.shifted, centers.pitch
    at = tile * SIDE * pitch
    square = fill(shifted, 0.0, SIDE, _ROWS)
    for p in range(start, stop, lanes(shifted)):
        prefetch(X, soon, p)
        part = load(panel, panel_at + p, pitch, 1, _ROWS)
        square = outer_with(square, shifted, at + p, pitch, part)
    return square


@inner_kernel
def _score_as_they_lie(X, rows, first, centers, panel):
    """Score a panel's rows a few at a time: these stay near while all centres pass by.

    The panel holds the scores, (n_clusters, rows), then the norms, then the rows at work.
    """
    half_norms = centers.half_norms
    height = rows_per_block(X)
    norms_at = half_norms.size * height
    rows_at = norms_at + height
    n_tiles = half_norms.size // SIDE
    at_once = _BYTES_AT_ONCE // X.itemsize
    store(panel, norms_at, 0, fill(panel, 0.0, VECTORS, 1))
    for j in range(0, half_norms.size, SIDE):
        store(panel, j * height, height, broadcast(half_norms, j, 1, VECTORS, SIDE))
    for i in range(0, height, _ROWS):
        following = first + i + _ROWS  # of the rows after these, one is asked for with every tile
        soon = rows[min(following + _ROWS - 1, rows.size - 1)]
        _shift_rows(X, rows, first + i, soon, centers, panel, rows_at, norms_at + i)
        for start in range(0, centers.pitch, at_once):
            stop = min(start + at_once, centers.pitch)
            for tile in range(n_tiles):
                soon = rows[min(following + tile % _ROWS, rows.size - 1)]
                square = _score_square(X, soon, panel, rows_at, tile, start, stop, centers)
                add_lane_sums(panel, tile * SIDE * height + i, height, square, SIDE, _ROWS)
    best = fill(panel, -np.inf, VECTORS, 1)
    second = fill(panel, -np.inf, VECTORS, 1)
    index = indices(panel, 0, VECTORS)
    for j in range(0, half_norms.size, SIDE):
        scores = load(panel, j * height, height, VECTORS, SIDE)
        best, index, second = largest_column(scores, j, best, index, second)
    return load(panel, norms_at, 0, VECTORS, 1), best, index, second
