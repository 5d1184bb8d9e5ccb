"""Greedy k-means++: one pass over the data for every centre chosen.

The pass for one centre takes the centre chosen before it and the trial candidates for the
next as the columns of one tile: the distance to the first brings every row's closest
distance up to date, the others give each candidate's potential, block by block.  Distances are
direct differences, so nothing cancels where clusters are tight and far apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_phased_ticket, take_ticket, wait_for
from ..ops.exact import squared_distance
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros, copy_elements
from ..ops.sums import descend, grow_tree
from ..tile import COLUMNS, VECTORS, fill, load, minimum, multiply_add, squared_differences, store


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
    points : (n_features * n_columns,) flat of X's type, n_columns a multiple of COLUMNS: the
        centre chosen last, then the candidates
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
    """Working memory of one member: flat arrays of X's type, and row numbers."""

    panel: np.ndarray
    rows: np.ndarray
    distances: np.ndarray
    totals: np.ndarray
    weights: np.ndarray
    closest: np.ndarray


@allocating_kernel
def draw_work(X, draw):
    """Return working memory for blocks of rows of X."""
    height = rows_per_block(X)
    return DrawWork(
        aligned_zeros(X, panel_size(X)),
        np.empty(height, np.int64),
        aligned_zeros(X, draw.points.size // X.shape[1] * height),
        aligned_zeros(X, draw.potentials.shape[1] * height),
        aligned_zeros(X, height),
        aligned_zeros(X, height),
    )


@inner_kernel
def distances_to_points(panel, panel_at, n_features, points, n_columns, distances):
    """Write the squared distances of a panel's samples to some points.

    Parameters
    ----------
    panel : IN flat array, (n_features, rows) from element ``panel_at``
    points : IN (n_features * n_columns,) flat, point j at [p * n_columns + j]
    n_columns : int, a multiple of COLUMNS
    distances : OUT (n_columns, rows) flat
    """
    height = rows_per_block(panel)
    for j in range(0, n_columns, COLUMNS):
        tile = fill(panel, 0.0, VECTORS, COLUMNS)
        for p in range(n_features):
            column = load(panel, panel_at + p * height, 0, VECTORS, 1)
            tile = squared_differences(tile, column, points, p * n_columns + j, 1)
        store(distances, j * height, height, tile)


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
    X, sample_weight, closest = samples.X, samples.sample_weight, draw.closest
    distances, totals, weights = work.distances, work.totals, work.weights
    n_features = X.shape[1]
    n_columns = draw.points.size // n_features
    height = rows_per_block(X)
    for i in range(totals.size):
        totals[i] = 0
    for i in range(height):
        weights[i] = 1
    for first in range(start, stop, height):
        count = min(height, stop - first)
        panel, panel_at = packed_panel(X, first, stop - 1, work, kept, again)
        distances_to_points(panel, panel_at, n_features, draw.points, n_columns, distances)
        if count == height:
            best = minimum(load(closest, first, 0, VECTORS, 1), load(distances, 0, 0, VECTORS, 1))
            store(closest, first, 0, best)
        else:
            copy_elements(closest, first, count, work.closest, 0)
            best = minimum(load(work.closest, 0, 0, VECTORS, 1), load(distances, 0, 0, VECTORS, 1))
            store(work.closest, 0, 0, best)
            copy_elements(work.closest, 0, count, closest, first)
            for i in range(count, height):  # the rows that pad the last panel
                weights[i] = 0
        if sample_weight.size > 0:
            copy_elements(sample_weight, first, count, weights, 0)
        weight = load(weights, 0, 0, VECTORS, 1)
        for j in range(potentials.size):
            candidate = minimum(best, load(distances, j * height, 0, VECTORS, 1))
            total = load(totals, j * height, 0, VECTORS, 1)
            store(totals, j * height, 0, multiply_add(candidate, weight, total))
    for j in range(potentials.size):
        potentials[j] = 0.0
    for i in range(height):  # all sums in turn: one alone would wait for itself
        for j in range(potentials.size):
            potentials[j] += np.float64(totals[j * height + i])


@inner_kernel
def draw_row(samples, closest, center, start, stop, remainder):
    """Return the row of [start, stop) at which the running potential reaches ``remainder``.

    Parameters
    ----------
    samples : IN Samples
    closest : IN (n_samples,) squared distance to the closest centre, ``center`` not counted
    center : int, the row that is the centre chosen last
    """
    X, sample_weight = samples.X, samples.sample_weight
    total = 0.0
    last = start
    for i in range(start, stop):
        distance = squared_distance(X, i, X, center)
        weight = np.float64(sample_weight[i]) if sample_weight.size > 0 else 1.0
        share = weight * min(distance, np.float64(closest[i]))
        total += share
        if share > 0.0:
            last = i
        if total >= remainder and share > 0.0:
            return i
    return last


@inner_kernel
def draw_candidates(samples, center, block_rows, column, uniforms, draw):
    """Draw rows with chances proportional to their weighted closest distances.

    Parameters
    ----------
    samples : IN Samples
    center : int, the row that is the centre chosen last
    block_rows : int, rows of a block
    column : int, which column of the potentials has ``center`` counted in
    uniforms : IN (n_candidates,) from [0, 1)
    draw : Draw; ``candidates`` and ``points`` are OUT, the potentials a whole tree
    """
    X, points, nodes = samples.X, draw.points, draw.potentials
    n_samples, n_features = X.shape
    n_columns = points.size // n_features
    n_blocks = (n_samples + block_rows - 1) // block_rows
    whole = nodes[nodes.shape[0] - 1, column]
    for p in range(n_features):
        points[p * n_columns] = X[center, p]
    for j in range(draw.candidates.size):
        block, remainder = descend(nodes, n_blocks, column, uniforms[j] * whole)
        start = block * block_rows
        stop = min(start + block_rows, n_samples)
        row = draw_row(samples, draw.closest, center, start, stop, remainder)
        draw.candidates[j] = row
        for p in range(n_features):
            points[p * n_columns + 1 + j] = X[row, p]


@inner_kernel
def choose_candidate(cluster, draw, n_blocks):
    """Add up the potentials; choose the best candidate, unless it is the first centre's turn.

    Returns
    -------
    int : the column of the potentials that has the centre chosen last counted in
    """
    root = grow_tree(draw.potentials, n_blocks)
    if cluster == 0:
        return 0
    column = 1  # what is not a number is never better
    for j in range(2, draw.potentials.shape[1]):
        if draw.potentials[root, j] < draw.potentials[root, column]:
            column = j
    draw.chosen[cluster] = draw.candidates[column - 1]
    return column


@allocating_kernel
def choose_rows(samples, uniforms, block_rows, first, last, draw, kept, state):
    """Choose the centres [first, last) and the candidates for the next, as a member of a team.

    Choosing one takes a ticket for every block of rows, and one that looks at all of them.

    Parameters
    ----------
    samples : IN Samples
    uniforms : IN (n_clusters, n_candidates) from [0, 1)
    block_rows : int, rows of a block
    draw : IN/OUT Draw
    kept : IN/OUT flat array of X's type: panels of the first rows, packed with the first centre.
        To pack them anew for every centre takes as long as to measure distances
    state : IN/OUT the team's state, zero at the start
    """
    n_samples = samples.X.shape[0]
    n_blocks = (n_samples + block_rows - 1) // block_rows
    work = draw_work(samples.X, draw)
    while True:
        ticket = take_phased_ticket(state, (n_blocks, 1))
        cluster = first + ticket.step
        if cluster >= last:
            return
        wait_for(state, ticket.before)
        if ticket.phase == 0:
            start = ticket.number * block_rows
            stop = min(start + block_rows, n_samples)
            potentials = draw.potentials[ticket.number]
            weigh_block(samples, start, stop, draw, potentials, work, kept, cluster > 0)
        else:
            column = choose_candidate(cluster, draw, n_blocks)
            center = draw.chosen[cluster]
            draw_candidates(samples, center, block_rows, column, uniforms[cluster], draw)
        finish_ticket(state)


@allocating_kernel
def weigh_blocks(samples, centers, block_rows, draw, state):
    """Count centres into the closest distances and weigh candidates, as a member of a team.

    What :func:`choose_rows` does of blocks, for rows that are not all there: one ticket a block.

    Parameters
    ----------
    samples : IN Samples
    centers : IN (n_centers, n_features) of X's type, those to count in, at least one
    block_rows : int, rows of a block
    draw : Draw; ``closest`` is IN/OUT; of ``points`` the candidates are IN; ``potentials``
        (n_blocks, 1 + n_candidates) are OUT
    state : IN/OUT the team's state, zero at the start
    """
    X = samples.X
    n_samples, n_features = X.shape
    n_columns = draw.points.size // n_features
    work = draw_work(X, draw)
    points, nothing = aligned_zeros(X, draw.points.size), aligned_zeros(X, 0)
    for i in range(points.size):
        points[i] = draw.points[i]
    own = Draw(draw.chosen, draw.candidates, points, draw.closest, draw.potentials)
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        for j in range(centers.shape[0]):
            for p in range(n_features):
                points[p * n_columns] = centers[j, p]
            weigh_block(samples, start, stop, own, own.potentials[block], work, nothing, False)
        finish_ticket(state)


@kernel
def choose_and_descend(cluster, n_blocks, uniforms, draw, blocks, remainders):
    """Choose the best candidate, and find the blocks the candidates for the next one are in.

    Parameters
    ----------
    cluster, n_blocks : int
    uniforms : IN (n_candidates,) from [0, 1)
    draw : Draw; ``potentials`` are IN/OUT, of ``chosen`` the cluster's is OUT
    blocks, remainders : OUT (n_candidates,) int64 and float64
    """
    column = choose_candidate(cluster, draw, n_blocks)
    nodes = draw.potentials
    whole = nodes[nodes.shape[0] - 1, column]
    for j in range(uniforms.size):
        blocks[j], remainders[j] = descend(nodes, n_blocks, column, uniforms[j] * whole)


@kernel
def draw_in_block(samples, closest, remainder):
    """Return the row of a block at which the running potential reaches ``remainder``.

    Parameters
    ----------
    samples : IN Samples, of which the last row is the centre chosen last, and no row of the block
    closest : IN (n_samples,), see ``draw_row``
    """
    last = samples.X.shape[0] - 1
    return draw_row(samples, closest, last, 0, last, remainder)
