"""Greedy k-means++: one pass over the data for every centre chosen.

The pass for one centre takes the centre chosen before it and the trial candidates for the
next as the columns of one tile: the distance to the first brings every row's closest
distance up to date, the others give each candidate's potential, block by block.  Distances are
direct differences, so nothing cancels where clusters are tight and far apart.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket, wait_for
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros, copy_elements
from ..tile import M, N, fill, load, minimum, multiply_add, squared_differences, store


@inner_kernel
def distances_to_points(panel, n_features, points, n_columns, distances):
    """Write the squared distances of a panel's samples to some points.

    Parameters
    ----------
    panel : IN (n_features, rows) flat
    points : IN (n_features * n_columns,) flat, point j at [p * n_columns + j]
    n_columns : int, a multiple of N
    distances : OUT (n_columns, rows) flat
    """
    height = rows_per_block(panel)
    for j in range(0, n_columns, N):
        tile = fill(panel, 0.0, M, N)
        for p in range(n_features):
            column = load(panel, p * height, 0, M, 1)
            tile = squared_differences(tile, column, points, p * n_columns + j, 1)
        store(distances, j * height, height, tile)


@inner_kernel
def weigh_block(
    X, sample_weight, start, stop, n_columns, points, panel, rows, distances, totals, weights, near,
    closest, potentials,
):  # fmt: skip
    """Bring the closest distances of rows [start, stop) up to date and weigh candidates.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    sample_weight : IN (n_samples,) of X's type, or (0,) for weights of one
    points : IN (n_features * n_columns,) flat, n_columns a multiple of N: the centre chosen
        last, then the candidates
    panel, rows, distances, totals, weights, near : OUT working memory
    closest : IN/OUT (n_samples,) of X's type, squared distance to the closest centre
    potentials : OUT (1 + n_candidates,) float64; the weighted sum of the closest distances,
        and what it would be with each candidate
    """
    n_features = X.shape[1]
    height = rows_per_block(X)
    for i in range(totals.size):
        totals[i] = 0
    for i in range(height):
        weights[i] = 1
    for first in range(start, stop, height):
        count = min(height, stop - first)
        pack_panel(X, first, stop - 1, rows, panel, 0)
        distances_to_points(panel, n_features, points, n_columns, distances)
        if count == height:
            best = minimum(load(closest, first, 0, M, 1), load(distances, 0, 0, M, 1))
            store(closest, first, 0, best)
        else:
            copy_elements(closest, first, count, near, 0)
            best = minimum(load(near, 0, 0, M, 1), load(distances, 0, 0, M, 1))
            store(near, 0, 0, best)
            copy_elements(near, 0, count, closest, first)
            for i in range(count, height):  # the rows that pad the last panel
                weights[i] = 0
        if sample_weight.size > 0:
            copy_elements(sample_weight, first, count, weights, 0)
        weight = load(weights, 0, 0, M, 1)
        for j in range(potentials.size):
            candidate = minimum(best, load(distances, j * height, 0, M, 1))
            total = load(totals, j * height, 0, M, 1)
            store(totals, j * height, 0, multiply_add(candidate, weight, total))
    for j in range(potentials.size):
        total = 0.0
        for i in range(height):
            total += np.float64(totals[j * height + i])
        potentials[j] = total


@inner_kernel
def draw_row(X, sample_weight, closest, center, start, stop, remainder):
    """Return the row of [start, stop) at which the running potential reaches ``remainder``.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    sample_weight : IN (n_samples,) or (0,) for weights of one
    closest : IN (n_samples,) squared distance to the closest centre, ``center`` not counted
    center : int, the row that is the centre chosen last
    """
    total = 0.0
    last = start
    for i in range(start, stop):
        distance = 0.0
        for p in range(X.shape[1]):
            difference = np.float64(X[i, p]) - np.float64(X[center, p])
            distance += difference * difference
        weight = np.float64(sample_weight[i]) if sample_weight.size > 0 else 1.0
        share = weight * min(distance, np.float64(closest[i]))
        total += share
        if share > 0.0:
            last = i
        if total >= remainder and share > 0.0:
            return i
    return last


@inner_kernel
def draw_candidates(
    X, sample_weight, closest, center, block_rows, potentials, column, uniforms, candidates, points
):
    """Draw rows with chances proportional to their weighted closest distances.

    Parameters
    ----------
    X, sample_weight, closest, center : IN, see ``draw_row``
    block_rows : int, rows of a block
    potentials : IN (n_blocks, 1 + n_candidates); those with ``center`` counted in stand in
        ``column``
    uniforms : IN (n_candidates,) from [0, 1)
    candidates : OUT (n_candidates,) int64 row numbers
    points : OUT, see ``weigh_block``
    """
    n_blocks = potentials.shape[0]
    n_features = X.shape[1]
    n_columns = points.size // n_features
    whole = 0.0
    for block in range(n_blocks):
        whole += potentials[block, column]
    for p in range(n_features):
        points[p * n_columns] = X[center, p]
    for j in range(candidates.size):
        value = uniforms[j] * whole
        block = 0
        before = 0.0
        while block + 1 < n_blocks and before + potentials[block, column] < value:
            before += potentials[block, column]
            block += 1
        start = block * block_rows
        stop = min(start + block_rows, X.shape[0])
        row = draw_row(X, sample_weight, closest, center, start, stop, value - before)
        candidates[j] = row
        for p in range(n_features):
            points[p * n_columns + 1 + j] = X[row, p]


@allocating_kernel
def choose_rows(
    X, sample_weight, uniforms, block_rows, first, last, state, chosen, candidates, points, closest,
    potentials,
):  # fmt: skip
    """Choose the centres [first, last) and the candidates for the next, as a member of a team.

    Choosing one takes a ticket for every block of rows, and one that looks at all of them.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    sample_weight : IN (n_samples,) of X's type, or (0,) for weights of one
    uniforms : IN (n_clusters, n_candidates) from [0, 1)
    block_rows : int, rows of a block
    state : IN/OUT the team's state, zero at the start
    chosen : IN/OUT (n_clusters,) int64 row numbers, the first one given
    candidates, points : IN/OUT, see ``draw_candidates``; for the first centre that one itself
    closest : IN/OUT (n_samples,) of X's type, infinite at the start
    potentials : OUT (n_blocks, 1 + n_candidates) float64
    """
    n_samples, n_features = X.shape
    height = rows_per_block(X)
    n_columns = points.size // n_features
    n_blocks, n_potentials = potentials.shape
    per_step = n_blocks + 1
    rows = np.empty(height, np.int64)
    panel = aligned_zeros(X, panel_size(X))
    distances = aligned_zeros(X, n_columns * height)
    totals = aligned_zeros(X, n_potentials * height)
    weights = aligned_zeros(X, height)
    near = aligned_zeros(X, height)
    while True:
        number = take_ticket(state)
        step = number // per_step
        cluster = first + step
        if cluster >= last:
            return
        block = number % per_step
        if block < n_blocks:
            wait_for(state, step * per_step)
            start = block * block_rows
            weigh_block(
                X, sample_weight, start, min(start + block_rows, n_samples), n_columns, points,
                panel, rows, distances, totals, weights, near, closest, potentials[block],
            )  # fmt: skip
        else:
            wait_for(state, step * per_step + n_blocks)
            column = 0
            if cluster > 0:
                least = np.inf
                for j in range(1, n_potentials):
                    total = 0.0
                    for i in range(n_blocks):
                        total += potentials[i, j]
                    if total < least:
                        least = total
                        column = j
                chosen[cluster] = candidates[column - 1]
            draw_candidates(
                X, sample_weight, closest, chosen[cluster], block_rows, potentials, column,
                uniforms[cluster], candidates, points,
            )  # fmt: skip
        finish_ticket(state)
