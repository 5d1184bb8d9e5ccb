"""Nearest centroid and k-means, in float64 and in the order of the features.

Cited throughout: Bishop, *Pattern Recognition and Machine Learning* (Springer, 2006).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

# Entries of the distance matrix held at once: 512 KiB of float64, so it stays in cache.
_ENTRIES_AT_ONCE = 65536


def _squared_distances(X: NDArray[np.float64], centers: NDArray[np.float64]) -> Array:
    """Return the squared distances summed feature by feature, in order.

    That order is the definition: rounded so, two distances compare as they do here.
    """
    D = np.zeros((len(X), len(centers)))
    for p in range(X.shape[1]):
        D += (X[:, p, None] - centers[None, :, p]) ** 2
    return D


def euclidean_distances(X: ArrayLike, centers: ArrayLike) -> NDArray[np.float64]:
    """Return the Euclidean distances d(x, c) = sqrt(Σ (x_p - c_p)²) in float64.

    Parameters
    ----------
    X : (n_samples, n_features)
    centers : (n_clusters, n_features)

    Returns
    -------
    (n_samples, n_clusters)

    Source: *Pattern Recognition and Machine Learning*, section 9.1.

    >>> euclidean_distances([[0, 0], [3, 0]], [[3, 4]])
    array([[5.],
           [4.]])
    """
    X = np.asarray(X, dtype=np.float64)
    centers = np.asarray(centers, dtype=np.float64)
    distances: NDArray[np.float64] = np.sqrt(_squared_distances(X, centers))
    return distances


def nearest_centroid(X: ArrayLike, centers: ArrayLike, *, return_distance: bool = False) -> Any:
    """Return the number of the nearest centre of each sample, argmin_j d(x, c_j).

    In float64 whatever the element type; of equally near centres the lowest number.

    Parameters
    ----------
    X : (n_samples, n_features)
    centers : (n_clusters, n_features)
    return_distance : also return d(x, c) of that centre

    Returns
    -------
    labels : (n_samples,) int32
    distances : (n_samples,) float64, only if ``return_distance``

    Source: *Pattern Recognition and Machine Learning*, equation 9.2.

    >>> nearest_centroid([[0.0], [1.0], [5.0]], [[2.0], [0.0]], return_distance=True)
    (array([1, 0, 0], dtype=int32), array([0., 1., 3.]))
    """
    X = np.asarray(X)
    centers = np.asarray(centers, dtype=np.float64)
    labels = np.empty(len(X), dtype=np.int32)
    distances = np.empty(len(X))
    step = max(1, _ENTRIES_AT_ONCE // len(centers))
    for start in range(0, len(X), step):
        block = slice(start, start + step)
        D = _squared_distances(X[block].astype(np.float64), centers)
        labels[block] = D.argmin(axis=1)
        distances[block] = np.sqrt(D.min(axis=1))
    return (labels, distances) if return_distance else labels


def update_centers(X: Array, labels: NDArray[np.integer[Any]], centers: Array) -> Array:
    """Return for each cluster the mean of its samples; an empty one keeps its centre.

    Sums are float64 and run in the order of the samples; the means are rounded to the
    element type of ``centers``.

    Parameters
    ----------
    X : (n_samples, n_features)
    labels : (n_samples,)
    centers : (n_clusters, n_features)

    Returns
    -------
    (n_clusters, n_features)

    Source: *Pattern Recognition and Machine Learning*, equation 9.4.

    >>> update_centers(np.array([[1.0], [2.0]]), np.array([1, 1]), np.array([[9.0], [0.0]]))
    array([[9. ],
           [1.5]])
    """
    n_clusters, n_features = centers.shape
    counts = np.bincount(labels, minlength=n_clusters)
    means = centers.copy()
    occupied = counts > 0
    for p in range(n_features):
        sums = np.bincount(labels, weights=X[:, p], minlength=n_clusters)
        means[occupied, p] = sums[occupied] / counts[occupied]
    return means


def kmeans(
    X: Array,
    n_clusters: int,
    *,
    init: Array | None = None,
    max_iter: int = 300,
    random_state: int | None = None,
) -> tuple[Array, NDArray[np.int32], float, int]:
    """Cluster by assigning samples to the nearest centre and moving centres to the mean, in turn.

    Stops when no centre moves, or after ``max_iter`` turns.

    Parameters
    ----------
    X : (n_samples, n_features), floating point
    n_clusters : number of centres
    init : (n_clusters, n_features), the first centres; None for random samples
    max_iter : most turns
    random_state : seed of the choice of the first centres

    Returns
    -------
    centers : (n_clusters, n_features)
    labels : (n_samples,) int32, the nearest of ``centers``
    inertia : float, Σ d(x, its centre)²
    n_iter : int, turns done

    Source: Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information
    Theory 28(2), 1982; *Pattern Recognition and Machine Learning*, section 9.1.

    >>> X = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> centers, labels, inertia, n_iter = kmeans(X, 2, init=X[:2])
    >>> centers.ravel(), labels, inertia, n_iter
    (array([ 0.5, 10.5]), array([0, 0, 1, 1], dtype=int32), 1.0, 3)
    """
    if init is None:
        rows = np.random.default_rng(random_state).choice(len(X), n_clusters, replace=False)
        init = X[rows]
    centers = np.array(init, dtype=X.dtype)
    n_iter = 0
    moved = True
    while moved and n_iter < max_iter:
        means = update_centers(X, nearest_centroid(X, centers), centers)
        moved = not np.array_equal(means, centers)
        centers = means
        n_iter += 1
    labels, distances = nearest_centroid(X, centers, return_distance=True)
    return centers, labels, float((distances**2).sum()), n_iter
