"""Greedy k-means++: one pass over the data for every centre chosen.

The pass for one centre takes the centre chosen before it and the trial candidates for the
next as the columns of one tile: the distance to the first brings every row's closest
distance up to date, the others give each candidate's potential, block by block.  Distances are
direct differences, so nothing cancels where clusters are tight and far apart.
"""

from __future__ import annotations

import numpy as np

from ._jit import allocating_kernel, inner_kernel, kernel
from .pack import consecutive_rows, pack_rows, panel_size, rows_per_block
from .scratch import aligned_zeros, copy_elements
from .team import finish_ticket, take_ticket
from .tile import M, N, fill, load, minimum, multiply_add, squared_differences, store


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


@allocating_kernel
def candidate_potentials(
    X, sample_weight, points, n_candidates, block_rows, state, closest, potentials
):
    """Bring closest distances up to date and weigh candidates, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    sample_weight : IN (n_samples,) of X's type, or (0,) for weights of one
    points : IN (n_features * n_columns,) flat, n_columns a multiple of N: the centre chosen
        last, then the candidates
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    closest : IN/OUT (n_samples,) of X's type, squared distance to the closest centre
    potentials : OUT (n_blocks, 1 + n_candidates) float64; the weighted sum of the closest
        distances, and what it would be with each candidate
    """
    n_samples, n_features = X.shape
    height = rows_per_block(X)
    n_columns = points.size // n_features
    rows = np.empty(height, np.int64)
    panel = aligned_zeros(X, panel_size(X))
    distances = aligned_zeros(X, n_columns * height)
    totals = aligned_zeros(X, (1 + n_candidates) * height)
    weights = aligned_zeros(X, height)
    near = aligned_zeros(X, height)
    for i in range(height):
        weights[i] = 1
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        totals[:] = 0
        for first in range(start, stop, height):
            count = min(height, stop - first)
            consecutive_rows(first, stop - 1, rows)
            pack_rows(X, rows, 0, panel, 0)
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
            for j in range(1 + n_candidates):
                candidate = minimum(best, load(distances, j * height, 0, M, 1))
                total = load(totals, j * height, 0, M, 1)
                store(totals, j * height, 0, multiply_add(candidate, weight, total))
        for j in range(1 + n_candidates):
            total = 0.0
            for i in range(height):
                total += np.float64(totals[j * height + i])
            potentials[block, j] = total
        finish_ticket(state)


@kernel
def draw_row(X, sample_weight, closest, center, start, stop, remainder):
    """Return the row of [start, stop) at which the running potential reaches ``remainder``.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    sample_weight : IN (n_samples,) or (0,) for weights of one
    closest : IN (n_samples,) squared distance to the closest centre, ``center`` not counted
    center : IN (n_features,) the centre chosen last
    """
    total = 0.0
    last = start
    for i in range(start, stop):
        distance = 0.0
        for p in range(X.shape[1]):
            difference = np.float64(X[i, p]) - np.float64(center[p])
            distance += difference * difference
        weight = np.float64(sample_weight[i]) if sample_weight.size > 0 else 1.0
        share = weight * min(distance, np.float64(closest[i]))
        total += share
        if share > 0.0:
            last = i
        if total >= remainder and share > 0.0:
            return i
    return last
