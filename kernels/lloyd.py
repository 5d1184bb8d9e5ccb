"""Lloyd's algorithm: assign every row to its nearest centre, move the centres to the mean."""

from __future__ import annotations

import numpy as np

from ._jit import kernel
from .centroid import NOT_FINITE, assign_rows
from .pack import panel_size, rows_per_block
from .scratch import aligned_zeros
from .team import finish_ticket, take_ticket


@kernel
def sum_rows(X, sample_weight, start, stop, labels, sums, weights):
    """Add rows [start, stop), weighted, to the sums of their clusters, in float64.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    sample_weight : IN (n_samples,) or (0,) for weights of one
    labels : IN (n_samples,) int32
    sums : IN/OUT (n_clusters, n_features) float64
    weights : IN/OUT (n_clusters,) float64
    """
    n_features = X.shape[1]
    weighted = sample_weight.size > 0
    for i in range(start, stop):
        label = labels[i]
        if weighted:
            weight = np.float64(sample_weight[i])
            weights[label] += weight
            for p in range(n_features):
                sums[label, p] += weight * np.float64(X[i, p])
        else:
            weights[label] += 1.0
            for p in range(n_features):
                sums[label, p] += np.float64(X[i, p])


@kernel
def assign_and_sum(
    X, sample_weight, centers, shift, moved, columns, half_norms, margin, block_rows, state,
    labels, changed, decisions, sums, weights,
):  # fmt: skip
    """Label every row and sum the rows of each cluster block by block, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    sample_weight : IN (n_samples,) or (0,) for weights of one
    centers, shift, moved, columns, half_norms, margin : IN, see ``center_norms``
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    labels : IN/OUT (n_samples,) int32, the labels before and after
    changed : OUT (n_blocks,) int64, rows whose label is another than before
    decisions : OUT (n_blocks,) int64, rows decided in float64, or NOT_FINITE
    sums : OUT (n_blocks, n_clusters, n_features) float64
    weights : OUT (n_blocks, n_clusters) float64
    """
    n_samples = X.shape[0]
    rows = np.empty(rows_per_block(X), np.int64)
    panel = aligned_zeros(X, panel_size(X) + 2 * rows_per_block(X))
    exact = np.empty(columns.shape[1])
    before = np.empty(block_rows, np.int32)
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        for i in range(start, stop):
            before[i - start] = labels[i]
        decisions[block] = assign_rows(
            X, start, stop, shift, moved, columns, half_norms, margin, panel, rows, exact, labels
        )
        different = 0
        if decisions[block] != NOT_FINITE:
            for i in range(start, stop):
                different += labels[i] != before[i - start]
            sums[block] = 0
            weights[block] = 0
            sum_rows(X, sample_weight, start, stop, labels, sums[block], weights[block])
        changed[block] = different
        finish_ticket(state)


@kernel
def total_sums(block_sums, block_weights, sums, weights):
    """Add the blocks' sums in the order of the blocks.

    Parameters
    ----------
    block_sums, block_weights : IN (n_blocks, n_clusters, n_features), (n_blocks, n_clusters)
    sums, weights : OUT (n_clusters, n_features), (n_clusters,)
    """
    n_blocks, n_clusters, n_features = block_sums.shape
    for j in range(n_clusters):
        weights[j] = 0.0
        for p in range(n_features):
            sums[j, p] = 0.0
    for block in range(n_blocks):
        for j in range(n_clusters):
            weights[j] += block_weights[block, j]
            for p in range(n_features):
                sums[j, p] += block_sums[block, j, p]


@kernel
def squared_distances(X, centers, labels, block_rows, state, distances):
    """Write every row's squared distance to its centre, as a member of a team.

    Direct differences, summed in float64 in feature order.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    centers : IN (n_clusters, n_features)
    labels : IN (n_samples,) int32
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    distances : OUT (n_samples,) float64
    """
    n_samples = X.shape[0]
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        for i in range(start, min(start + block_rows, n_samples)):
            distance = 0.0
            for p in range(X.shape[1]):
                difference = np.float64(X[i, p]) - np.float64(centers[labels[i], p])
                distance += difference * difference
            distances[i] = distance
