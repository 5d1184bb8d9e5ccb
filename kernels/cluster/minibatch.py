"""Mini-batch k-means: gather a batch, and move each centre to the mean of all rows it was given.

A centre that has been given rows of total weight w is their mean; a batch gives it more.  This
is gradient descent with the learning rate 1 / w of each centre's own (Sculley, "Web-scale
k-means clustering", WWW 2010).  Everything adds up in float64, in the order of the rows.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import kernel


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


@kernel
def add_rows(batch, sample_weight, labels, centers, sums, weights, gaps):
    """Add up the rows of every cluster; return their weighted squared distances in all.

    Parameters
    ----------
    batch : IN (batch_size, n_features)
    sample_weight : IN (batch_size,) float64, or (0,) for weights of one
    labels : IN (batch_size,) int32
    centers : IN (n_clusters, n_features)
    sums, weights : OUT (n_clusters, n_features), (n_clusters,) float64
    gaps : OUT (n_features,) float64, working memory: the distances of each feature
    """
    n_features = batch.shape[1]
    weights[:] = 0.0
    gaps[:] = 0.0
    for j in range(weights.size):
        for p in range(n_features):
            sums[j, p] = 0.0
    for i in range(labels.size):
        label = np.uint32(labels[i])
        weight = sample_weight[i] if sample_weight.size > 0 else 1.0
        weights[label] += weight
        for p in range(n_features):
            value = np.float64(batch[i, p])
            gap = value - np.float64(centers[label, p])
            gaps[p] += weight * gap * gap
            sums[label, p] += weight * value
    inertia = 0.0
    for p in range(n_features):
        inertia += gaps[p]
    return inertia


@kernel
def move_centers(sums, weights, counts, means, centers):
    """Move every centre to the mean of all rows it has been given.

    Parameters
    ----------
    sums, weights : IN (n_clusters, n_features), (n_clusters,) float64, see ``add_rows``
    counts : IN/OUT (n_clusters,) float64, the weight each centre has been given
    means : IN/OUT (n_clusters, n_features) float64
    centers : OUT (n_clusters, n_features) the means in the type of the data; those of clusters
        that gained nothing are left alone
    """
    for j in range(weights.size):
        if weights[j] > 0.0:
            before = counts[j]
            counts[j] += weights[j]
            for p in range(means.shape[1]):
                means[j, p] = (means[j, p] * before + sums[j, p]) / counts[j]
                centers[j, p] = means[j, p]
