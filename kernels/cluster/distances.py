"""The distances of rows to centres, accurate where they are small: direct differences in the tile.

The product |x|^2 - 2 x.c + |c|^2 would take half the arithmetic, and cancels where x is near c:
around 1e8 nothing is left of it.  The sum of (x_p - c_p)^2 has nothing to cancel.  With the unit
round-off u of the element type, a difference is off by at most u of itself, its square by
2 u + u^2, a product that is not fused by one more u, and each addition by u of what was added
so far, all of which is positive.  At most ``_TERMS`` squares are added one by one, then these
sums; so a squared distance is off by at most (min(d, 128) + d / 128 + 4) u of itself to first
order, and its root, which is rounded once more, by

    ((min(d, 128) + d / 128) / 2 + 3) u,

whatever the offset of the data.  Sums that are infinite, or so small that squares may have
underflowed, are computed once more, in float64 and scaled: the bound holds at every scale at which
the distance itself is a normal number.

The cosine distance of vectors of unit length is half their squared distance.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_inner_kernel, allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.exact import distance
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.product import NARROW
from ..ops.scratch import aligned_zeros
from ..tile import (
    COLUMNS,
    VECTORS,
    any_lane,
    fill,
    fill_like,
    lanes,
    load,
    load_square,
    minimum,
    square_root,
    squared_differences,
    store,
    store_part,
    transpose,
)
from .centers import padded_clusters

#: Squares that are added one by one; so many features' panel columns also stay in the cache.
_TERMS = 128


@inner_kernel
def add_squares(tile, panel, start, stop, points, first, stride):
    """Return tile + the squared differences of features [start, stop) of a panel to some points.

    Parameters
    ----------
    tile : tile, VECTORS x n
    panel : IN flat array, (n_features, rows)
    points : IN flat, feature p of the n points from element ``first + p * stride``
    """
    height = rows_per_block(panel)
    for p in range(start, stop):
        column = load(panel, p * height, 0, VECTORS, 1)
        tile = squared_differences(tile, column, points, first + p * stride, 1)
    return tile


@inner_kernel
def as_distances(squares, cosine):
    """Return squared distances as what is wanted (a tile); NaN stays NaN."""
    if cosine:
        return minimum(fill_like(squares, 2.0), squares * 0.5)
    return square_root(squares)


@inner_kernel
def measure_panel(panel, n_features, points, n_clusters, cosine, distances):
    """Write the distances of a panel's samples to all points.

    Parameters
    ----------
    panel : IN flat array, (n_features, rows)
    points : IN flat, the points of a tile side by side, feature by feature, then the next tile's
    cosine : bool
    distances : OUT flat array, (padded_clusters, rows)

    Returns
    -------
    bool : whether squares may have left the range of the type, so that some must be done again
    """
    height = rows_per_block(panel)
    tiny = n_features * (2.0**-126 if panel.itemsize == 4 else 2.0**-1022)
    padded = padded_clusters(n_clusters)
    again = False
    j = 0
    while j + COLUMNS <= padded:
        total = fill(panel, 0.0, VECTORS, COLUMNS)
        for start in range(0, n_features, _TERMS):
            stop = min(start + _TERMS, n_features)
            part = fill(panel, 0.0, VECTORS, COLUMNS)
            total = total + add_squares(part, panel, start, stop, points, j * n_features, COLUMNS)
        again = again or any_lane(~((total > tiny) & (total < np.inf)))
        store(distances, j * height, height, as_distances(total, cosine))
        j += COLUMNS
    if j < padded:
        total = fill(panel, 0.0, VECTORS, NARROW)
        for start in range(0, n_features, _TERMS):
            stop = min(start + _TERMS, n_features)
            few = fill(panel, 0.0, VECTORS, NARROW)
            total = total + add_squares(few, panel, start, stop, points, j * n_features, NARROW)
        again = again or any_lane(~((total > tiny) & (total < np.inf)))
        store(distances, j * height, height, as_distances(total, cosine))
    return again


@inner_kernel
def write_panel(panel, n_columns, out, first, count):
    """Write ``count`` samples of a panel to rows first, first + 1, ... of a matrix.

    Parameters
    ----------
    panel : IN flat array, (columns, rows), of at least ``n_columns`` padded to whole vectors
    out : OUT flat array, (n_samples, n_columns)
    """
    height = rows_per_block(panel)
    n_lanes = lanes(panel)
    for i in range(0, count, n_lanes):
        rows = min(n_lanes, count - i)
        for p in range(0, n_columns, n_lanes):
            columns = min(n_lanes, n_columns - p)
            tile = transpose(load_square(panel, p * height + i, height))
            at = (first + i) * n_columns + p
            if rows == n_lanes and columns == n_lanes:
                store(out, at, n_columns, tile)
            else:
                store_part(out, at, n_columns, tile, columns, rows)


@inner_kernel
def measure_again(X, first, count, points, cosine, out):
    """Compute those distances again whose squares are too large or small for the type of X.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    points : IN (n_clusters, n_features)
    out : IN/OUT flat array, (n_samples, n_clusters)
    """
    n_clusters = points.shape[0]
    tiny = X.shape[1] * (2.0**-126 if X.itemsize == 4 else 2.0**-1022)
    for i in range(first, first + count):
        for j in range(n_clusters):
            found = np.float64(out[i * n_clusters + j])
            square = 2.0 * found if cosine else found * found
            # Looked at with room to spare for the root's rounding: as well again as not at all.
            if not (square > 1.01 * tiny and found < np.inf):
                exact = distance(X, i, points, j)
                out[i * n_clusters + j] = min(2.0, 0.5 * exact * exact) if cosine else exact


@inner_kernel
def measure_rows(X, start, stop, points, packed, cosine, panel, rows, distances, out):
    """Write the distances of rows [start, stop) to all points.

    Parameters
    ----------
    X, points, packed, cosine, out : see :func:`all_distances`
    panel, rows, distances : OUT flat, working memory, see :func:`panel_memory`
    """
    n_features, n_clusters = X.shape[1], points.shape[0]
    height = rows_per_block(X)
    for first in range(start, stop, height):
        count = min(height, stop - first)
        pack_panel(X, first, stop - 1, rows, panel, 0)
        again = measure_panel(panel, n_features, packed, n_clusters, cosine, distances)
        write_panel(distances, n_clusters, out, first, count)
        if again:
            measure_again(X, first, count, points, cosine, out)


@allocating_inner_kernel
def panel_memory(X, n_clusters):
    """Return room for a panel, its rows' numbers, and their distances to all centres."""
    height, n_lanes = rows_per_block(X), lanes(X)
    columns = max(padded_clusters(n_clusters), n_clusters + n_lanes) + n_lanes
    rows = np.empty(height, np.int64)
    return aligned_zeros(X, panel_size(X)), rows, aligned_zeros(X, columns * height)


@allocating_kernel
def pack_points(points):
    """Return points as :func:`all_distances` reads them, with zeros where they pad."""
    n_clusters, n_features = points.shape
    padded = padded_clusters(n_clusters)
    packed = np.zeros(padded * n_features, points.dtype)
    for j in range(n_clusters):
        tile = j // COLUMNS * COLUMNS
        width = min(COLUMNS, padded - tile)
        at = tile * n_features + j - tile
        for p in range(n_features):
            packed[at + p * width] = points[j, p]
    return packed


@allocating_kernel
def all_distances(X, points, packed, cosine, block_rows, state, out):
    """Write the distance of every row to every centre, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features), any strides
    points : IN (n_clusters, n_features) the centres
    packed : IN (padded_clusters * n_features,) flat: the centres of a tile side by side, feature
        by feature, then those of the next tile; anything where centres pad
    cosine : bool, whether to write half the squares, for rows and centres of unit length
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    out : OUT (n_samples * n_clusters,) flat, of X's type
    """
    n_samples = X.shape[0]
    panel, rows, distances = panel_memory(X, points.shape[0])
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        measure_rows(X, start, stop, points, packed, cosine, panel, rows, distances, out)
        finish_ticket(state)


@allocating_kernel
def distances_of_few(X, points, cosine, out):
    """Write the distance of every row to every centre, on the calling thread: few rows.

    Parameters
    ----------
    X, points, cosine, out : see :func:`all_distances`
    """
    packed = pack_points(points)
    panel, rows, distances = panel_memory(X, points.shape[0])
    measure_rows(X, 0, X.shape[0], points, packed, cosine, panel, rows, distances, out)
