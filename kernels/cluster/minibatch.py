"""Mini-batch k-means: gather a batch, and move each centre to the mean of all rows it was given.

A centre that has been given rows of total weight w is their mean; a batch gives it more.  This
is gradient descent with the learning rate 1 / w of each centre's own (Sculley, "Web-scale
k-means clustering", WWW 2010).  Everything adds up in float64, over the
tree of ``ops.sums``.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, kernel
from ..ops.moments import add_row, touch
from ..ops.sums import add_block, take_total


@kernel
def gather_rows(X, rows, batch):
    """Copy some rows.

    Parameters
    ----------
    X : IN (n_samples, n_features), any strides
    rows : IN (batch_size,) int64
    batch : OUT (batch_size, n_features)
    """
    for i in range(rows.size):
        row = np.uint64(rows[i])
        for p in range(X.shape[1]):
            batch[i, p] = X[row, p]


@allocating_kernel
def sum_batch(batch, sample_weight, labels, points, block_rows, sums, totals, inertia):
    """Add up the rows of every cluster, and their weighted squared distances.

    Parameters
    ----------
    batch : IN (batch_size, n_features)
    sample_weight : IN (batch_size,) float64, or (0,) for weights of one
    labels : IN (batch_size,) int32
    points : IN (n_clusters, n_features) the centres
    block_rows : int, rows of a reduction block
    sums : OUT (n_levels + 1, n_clusters, n_features + 2) float64, working memory: the tree of
        ``ops.sums.add_block``, and the block at work
    totals : OUT (n_clusters, n_features + 2) float64, see ``ops.moments.add_row``
    inertia : OUT (n_features,) float64, of each feature: weighted squared gaps to the centres

    Returns
    -------
    bool : False as soon as a label is none; sums are then unspecified
    """
    n_samples = labels.size
    n_clusters, n_features = points.shape
    n_blocks = (n_samples + block_rows - 1) // block_rows
    n_levels = sums.shape[0] - 1
    block, met = sums[n_levels], np.zeros(n_clusters, np.bool_)
    levels, held = sums[:n_levels], np.zeros((n_clusters, n_levels), np.bool_)
    block_inertia, inertia_levels = np.empty(n_features), np.empty((n_levels, n_features))
    inertia_held = np.zeros(n_levels, np.bool_)
    for number in range(n_blocks):
        start = number * block_rows
        for p in range(n_features):
            block_inertia[p] = 0.0
        for i in range(start, min(start + block_rows, n_samples)):
            label = np.uint32(labels[i])
            if label >= np.uint32(n_clusters):
                return False
            weight = sample_weight[i] if sample_weight.size > 0 else 1.0
            for p in range(n_features):  # a sum a feature: one sum would wait for itself
                gap = np.float64(batch[i, p]) - np.float64(points[label, p])
                block_inertia[p] += weight * gap * gap
            touch(block, met, label)
            add_row(batch, i, weight, block[label])
        for j in range(n_clusters):
            add_block(number, met[j], block[j], levels[:, j], held[j])
            met[j] = False
        add_block(number, True, block_inertia, inertia_levels, inertia_held)
    take_total(inertia_levels, inertia_held, inertia)
    for j in range(n_clusters):
        if not take_total(levels[:, j], held[j], totals[j]):
            for p in range(totals.shape[1]):
                totals[j, p] = 0.0
    return True


@kernel
def move_centers(totals, counts, means, points):
    """Move every centre to the mean of all rows it has been given.

    Parameters
    ----------
    totals : IN (n_clusters, n_features + 2) float64, see :func:`sum_batch`
    counts : IN/OUT (n_clusters,) float64, the weight each centre has been given
    means : IN/OUT (n_clusters, n_features) float64
    points : OUT (n_clusters, n_features) the means in the type of the data; those of clusters
        that gained nothing are left alone

    Returns
    -------
    bool : whether all that was written is finite
    """
    finite = True
    n_features = means.shape[1]
    for j in range(counts.size):
        if totals[j, n_features] > 0.0:
            before = counts[j]
            counts[j] += totals[j, n_features]
            finite = finite and counts[j] < np.inf
            for p in range(n_features):
                means[j, p] = (means[j, p] * before + totals[j, p]) / counts[j]
                points[j, p] = means[j, p]
                finite = finite and np.isfinite(points[j, p])
    return finite
