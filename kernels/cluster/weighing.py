"""Distances of all rows to a centre and some candidates, and the potentials they come to.

Distances are direct differences, so nothing cancels where clusters are tight and far apart.  Soon
most rows are nearer to their own centre than to any candidate, and their bytes tell
(:mod:`.screen`): then only the others are looked at, gathered into panels.  Sums of potentials are
added up in the same order as ever, so that no bit of them depends on which rows those are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, inlined_kernel, inner_kernel
from ..ops.pack import pack_panel, pack_rows, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros, copy_elements
from ..tile import (
    COLUMNS,
    VECTORS,
    count_lanes,
    fill,
    load,
    load_expanded,
    mask_of_bits,
    minimum,
    multiply_add,
    squared_differences,
    store,
)
from .screen import FEW, find_near, limit_of

#: Of so many rows of a block, one may have to be looked at for it to be worth gathering them.
_FEW = 2


class Samples(NamedTuple):
    """What centres are drawn from.

    X : (n_samples, n_features), any strides
    sample_weight : (n_samples,) of X's type, or (0,) for weights of one
    """

    X: np.ndarray
    sample_weight: np.ndarray


class Draw(NamedTuple):
    """Centres drawn so far, and the candidates for the next.

    chosen : (n_clusters,) int64 row numbers, the first one given
    candidates : (n_candidates,) int64 row numbers; for the first centre that one itself
    points : (n_features * n_columns,) flat of X's type, n_columns as
        ``padded_points`` says: the centre chosen last, then the candidates
    closest : (n_samples,) of X's type, squared distance to the closest centre; infinite at first
    potentials : (tree_size, 1 + n_candidates) float64: of each block, then of the nodes of
        their tree, the weighted sum of the closest distances, and what it would be with each
        candidate
    """

    chosen: np.ndarray
    candidates: np.ndarray
    points: np.ndarray
    closest: np.ndarray
    potentials: np.ndarray


class DrawWork(NamedTuple):
    """Working memory of one member: flat arrays of X's type, and row numbers.

    apart : (n_columns, block_rows + height) distances of the rows of a block that are looked at
    near, bits : (block_rows + height,) int64 and (panels of bytes,) int64: these rows, and a bit
        for each among the rows of a panel
    """

    panel: np.ndarray
    rows: np.ndarray
    distances: np.ndarray
    totals: np.ndarray
    weights: np.ndarray
    closest: np.ndarray
    apart: np.ndarray
    near: np.ndarray
    bits: np.ndarray


@allocating_inner_kernel
def draw_work(X, draw, block_rows):
    """Return working memory for blocks of rows of X."""
    height = rows_per_block(X)
    n_columns = draw.points.size // X.shape[1]
    return DrawWork(
        aligned_zeros(X, panel_size(X)),
        np.empty(height, np.int64),
        aligned_zeros(X, n_columns * height),
        aligned_zeros(X, draw.potentials.shape[1] * height),
        aligned_zeros(X, height),
        aligned_zeros(X, height),
        aligned_zeros(X, n_columns * (block_rows + height)),
        np.empty(block_rows + height, np.int64),
        np.empty(block_rows // height + 1, np.int64),
    )


@inner_kernel
def distances_to_points(panel, panel_at, n_features, points, n_columns, distances, at, pitch):
    """Write the squared distances of a panel's samples to some points.

    Parameters
    ----------
    panel : IN flat array, (n_features, rows) from element ``panel_at``
    points : IN (n_features * n_columns,) flat, point j at [p * n_columns + j]
    n_columns : int, as ``padded_points`` says
    distances : OUT flat, to point j from element ``at + j * pitch``
    """
    height = rows_per_block(panel)
    j = 0
    while j < n_columns:
        if (n_columns - j) % COLUMNS == 0:
            tile = fill(panel, 0.0, VECTORS, COLUMNS)
            for p in range(n_features):
                column = load(panel, panel_at + p * height, 0, VECTORS, 1)
                tile = squared_differences(tile, column, points, p * n_columns + j, 1)
            store(distances, at + j * pitch, pitch, tile)
            j += COLUMNS
        else:
            few = fill(panel, 0.0, VECTORS, FEW)
            for p in range(n_features):
                column = load(panel, panel_at + p * height, 0, VECTORS, 1)
                few = squared_differences(few, column, points, p * n_columns + j, 1)
            store(distances, at + j * pitch, pitch, few)
            j += FEW


@inner_kernel
def packed_panel(X, first, last, work, kept, again):
    """Pack the panel of rows first, first + 1, ..., unless it was kept; return where it is.

    Parameters
    ----------
    first, last : int, see ``pack_panel``
    work : OUT DrawWork
    kept : IN/OUT flat array, with room for the panels of the first rows
    again : bool, whether those that have room there are there

    Returns
    -------
    panel, panel_at : array and int
    """
    size = panel_size(X)
    at = first // rows_per_block(X) * size
    if at + size > kept.size:
        pack_panel(X, first, last, work.rows, work.panel, 0)
        return work.panel, 0
    if not again:
        pack_panel(X, first, last, work.rows, kept, at)
    return kept, at


@inner_kernel
def begin_sums(work):
    """Set the sums of a block to zero."""
    for i in range(work.totals.size):
        work.totals[i] = 0
    for i in range(work.weights.size):
        work.weights[i] = 1


@inlined_kernel
def count_panel(samples, first, count, nearest, closest, work):
    """Bring the closest distances of a panel's rows up to date.

    Parameters
    ----------
    samples : IN Samples
    first, count : int, the panel's first row and how many there are
    nearest : tile, distances to the centre chosen last; infinite where it is no closer
    closest : IN/OUT (n_samples,)
    work : OUT DrawWork

    Returns
    -------
    best, weight : tiles, the closest distances and the weights of the panel's rows
    """
    sample_weight, weights = samples.sample_weight, work.weights
    height = weights.size
    if count == height:
        best = minimum(load(closest, first, 0, VECTORS, 1), nearest)
        store(closest, first, 0, best)
    else:
        copy_elements(closest, first, count, work.closest, 0)
        best = minimum(load(work.closest, 0, 0, VECTORS, 1), nearest)
        store(work.closest, 0, 0, best)
        copy_elements(work.closest, 0, count, closest, first)
        for i in range(count, height):  # the rows that pad the last panel
            weights[i] = 0
    if sample_weight.size > 0:
        copy_elements(sample_weight, first, count, weights, 0)
    return best, load(weights, 0, 0, VECTORS, 1)


@inner_kernel
def finish_sums(work, potentials):
    """Add up the lanes of a block's sums."""
    totals, height, last = work.totals, work.weights.size, potentials.size - 1
    for j in range(0, potentials.size, 4):
        # Four sums at once hide the latency of an addition.  Past the end the last one repeats.
        b, c, d = min(j + 1, last), min(j + 2, last), min(j + 3, last)
        of_j, of_b, of_c, of_d = 0.0, 0.0, 0.0, 0.0
        for i in range(height):
            of_j += np.float64(totals[j * height + i])
            of_b += np.float64(totals[b * height + i])
            of_c += np.float64(totals[c * height + i])
            of_d += np.float64(totals[d * height + i])
        potentials[j], potentials[b], potentials[c], potentials[d] = of_j, of_b, of_c, of_d


@inner_kernel
def weigh_block(samples, start, stop, draw, potentials, work, kept, again):
    """Bring the closest distances of rows [start, stop) up to date and weigh candidates.

    Parameters
    ----------
    samples : IN Samples
    draw : Draw; ``closest`` is IN/OUT, ``points`` IN
    potentials : OUT (1 + n_candidates,) float64, the block's
    work : OUT DrawWork
    kept, again : see :func:`packed_panel`; ``start`` is a whole number of panels
    """
    X, distances = samples.X, work.distances
    n_features = X.shape[1]
    n_columns = draw.points.size // n_features
    height = rows_per_block(X)
    begin_sums(work)
    for first in range(start, stop, height):
        panel, panel_at = packed_panel(X, first, stop - 1, work, kept, again)
        distances_to_points(
            panel, panel_at, n_features, draw.points, n_columns, distances, 0, height
        )
        count = min(height, stop - first)
        nearest = load(distances, 0, 0, VECTORS, 1)
        best, weight = count_panel(samples, first, count, nearest, draw.closest, work)
        for j in range(0, work.totals.size, height):
            candidate = minimum(best, load(distances, j, 0, VECTORS, 1))
            total = load(work.totals, j, 0, VECTORS, 1)
            store(work.totals, j, 0, multiply_add(candidate, weight, total))
    finish_sums(work, potentials)


@inner_kernel
def measure_near(X, count, points, work):
    """Measure the distances of the rows that are looked at, side by side in order.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    count : int, how many there are
    points : IN, of a Draw
    work : DrawWork; ``near`` is IN, ``apart`` OUT
    """
    near = work.near
    n_features = X.shape[1]
    n_columns = points.size // n_features
    height = rows_per_block(X)
    for first in range(0, count, height):
        for i in range(count - first, height):
            near[first + i] = near[first]
        pack_rows(X, near, first, 0, work.panel, 0)
        distances_to_points(
            work.panel, 0, n_features, points, n_columns, work.apart, first, near.size
        )


@inner_kernel
def sum_screened(samples, start, stop, closest, tall, work):
    """Count in the distances that were measured of a block's rows; those of others change nothing.

    Parameters
    ----------
    samples : IN Samples
    closest : IN/OUT (n_samples,)
    tall : int, rows of a panel of bytes
    work : DrawWork; its sums are IN/OUT
    """
    apart, pitch = work.apart, work.near.size
    height = rows_per_block(samples.X)
    at = 0
    for first in range(start, stop, height):
        bits = work.bits[(first - start) // tall] >> (first % tall)
        mask = mask_of_bits(apart, bits, VECTORS)
        none = fill(apart, np.inf, VECTORS, 1)
        nearest = load_expanded(apart, at, mask, none)
        count = min(height, stop - first)
        best, weight = count_panel(samples, first, count, nearest, closest, work)
        place = at
        for j in range(0, work.totals.size, height):
            candidate = minimum(best, load_expanded(apart, place, mask, best))
            total = load(work.totals, j, 0, VECTORS, 1)
            store(work.totals, j, 0, multiply_add(candidate, weight, total))
            place += pitch
        at += count_lanes(mask)


@inner_kernel
def weigh_screened(samples, start, stop, draw, potentials, work, screen):
    """Do what :func:`weigh_block` does, looking at those rows only whose bytes do not rule it out.

    Parameters
    ----------
    samples, start, stop, draw, potentials, work : see :func:`weigh_block`
    screen : Screen; ``limits`` are IN/OUT
    """
    X, closest, near = samples.X, draw.closest, work.near
    count = find_near(X, start, stop, screen, near, work.bits)
    if _FEW * count > stop - start:
        weigh_block(samples, start, stop, draw, potentials, work, work.apart[:0], False)
        for row in range(start, stop):
            screen.limits[row] = limit_of(screen, row, closest[row])
        return
    measure_near(X, count, draw.points, work)
    begin_sums(work)
    sum_screened(samples, start, stop, closest, rows_per_block(screen.words), work)
    finish_sums(work, potentials)
    for i in range(count):
        if work.apart[i] <= closest[near[i]]:
            screen.limits[near[i]] = limit_of(screen, near[i], closest[near[i]])
