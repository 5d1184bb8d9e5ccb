"""Nearest neighbours, as they are defined."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def squared_distances(X: Array, queries: Array) -> Array:
    """Return the squared Euclidean distance of every query to every row.

    ||q - x||^2 = sum over p of (q_p - x_p)^2, in float64, the features in their order.

    Parameters
    ----------
    X : ndarray (n_samples, n_features)
    queries : ndarray (n_queries, n_features)

    Returns
    -------
    squares : ndarray (n_queries, n_samples) of float64

    Source: the definition.

    Examples
    --------
    >>> squared_distances(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0]]))
    array([[ 0., 25.]])
    """
    squares = np.zeros((len(queries), len(X)))
    for x, q in zip(X.T.astype(np.float64), queries.T.astype(np.float64), strict=True):
        squares += (q[:, None] - x[None, :]) ** 2
    return squares


def kneighbors(X: Array, queries: Array, n_neighbors: int) -> tuple[Array, Array]:
    """Return the distances and numbers of the nearest rows of every query, the nearest first.

    Of two rows equally far the one of the lower number comes first.

    Parameters
    ----------
    X : ndarray (n_samples, n_features)
    queries : ndarray (n_queries, n_features)
    n_neighbors : int
        At most n_samples.

    Returns
    -------
    distances : ndarray (n_queries, n_neighbors) of float64
    indices : ndarray (n_queries, n_neighbors) of int64

    Source: Fix and Hodges, "Discriminatory analysis: nonparametric discrimination, consistency
    properties", USAF School of Aviation Medicine, report 4, 1951.

    Examples
    --------
    >>> kneighbors(np.array([[0.0], [1.0], [-1.0]]), np.array([[0.0]]), 2)
    (array([[0., 1.]]), array([[0, 1]]))
    """
    squares = squared_distances(X, queries)
    indices = np.argsort(squares, axis=1, kind="stable")[:, :n_neighbors]
    return np.sqrt(np.take_along_axis(squares, indices, axis=1)), indices


def manhattan_distances(X: Array, queries: Array) -> Array:
    """Return the Manhattan distance of every query to every row.

    The sum over p of ``|q_p - x_p|``, in float64, the features in their order.

    Parameters
    ----------
    X : ndarray (n_samples, n_features)
    queries : ndarray (n_queries, n_features)

    Returns
    -------
    distances : ndarray (n_queries, n_samples) of float64

    Source: the definition.

    Examples
    --------
    >>> manhattan_distances(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0]]))
    array([[0., 7.]])
    """
    distances = np.zeros((len(queries), len(X)))
    for x, q in zip(X.T.astype(np.float64), queries.T.astype(np.float64), strict=True):
        distances += np.abs(q[:, None] - x[None, :])
    return distances


def unit_rows(X: Array) -> Array:
    """Return every row divided by its length, in float64; rows of zeros stay as they are.

    Rows are first scaled by a power of two, so that no square overflows or vanishes; squares are
    added in the order of the features.

    Parameters
    ----------
    X : ndarray (n_samples, n_features)

    Returns
    -------
    units : ndarray (n_samples, n_features) of float64

    Source: the definition.

    Examples
    --------
    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    wide = X.astype(np.float64)
    _, exponents = np.frexp(np.abs(wide).max(axis=1, initial=0.0))
    scaled = np.ldexp(wide, -exponents[:, None])
    squares = np.zeros(len(wide))
    for column in scaled.T:
        squares += column * column
    lengths = np.sqrt(squares)
    return np.asarray(scaled / np.where(lengths > 0.0, lengths, 1.0)[:, None])


def cosine_distances(X: Array, queries: Array) -> Array:
    """Return one less the cosine of the angle of every query and every row.

    1 - cos(q, x) = ||u - v||^2 / 2 with the unit vectors u and v of :func:`unit_rows`: the
    difference from 1 would cancel.  A vector of zeros has no direction; its distance is 1.

    Parameters
    ----------
    X : ndarray (n_samples, n_features)
    queries : ndarray (n_queries, n_features)

    Returns
    -------
    distances : ndarray (n_queries, n_samples) of float64

    Source: the definition.

    Examples
    --------
    >>> cosine_distances(np.array([[0.0, 2.0], [0.0, 0.0], [-3.0, 0.0]]), np.array([[5.0, 0.0]]))
    array([[1., 1., 2.]])
    """
    rows, wanted = unit_rows(X), unit_rows(queries)
    distances = np.minimum(0.5 * squared_distances(rows, wanted), 2.0)
    somewhere = np.outer(wanted.any(axis=1), rows.any(axis=1))
    return np.where(somewhere, distances, 1.0)


def inverse_distances(distances: Array) -> Array:
    """Return the weights of one query's neighbours, 1 / d.

    Where that is infinite, such neighbours weigh one and the others nothing.

    Parameters
    ----------
    distances : ndarray (n_neighbors,) of float64

    Returns
    -------
    weights : ndarray (n_neighbors,) of float64

    Source: Dudani, "The distance-weighted k-nearest-neighbor rule", IEEE Transactions on Systems,
    Man, and Cybernetics 6(4), 1976.

    Examples
    --------
    >>> inverse_distances(np.array([0.5, 2.0])).tolist()
    [2.0, 0.5]
    >>> inverse_distances(np.array([0.0, 2.0])).tolist()
    [1.0, 0.0]
    """
    with np.errstate(divide="ignore", over="ignore"):
        weights = 1.0 / distances
    infinite = np.isinf(weights)
    return infinite.astype(np.float64) if infinite.any() else weights


def votes(weights: Array, classes: Array, n_classes: int) -> Array:
    """Return the sum of the weights of one query's neighbours of each class, in their order.

    The class with the most votes wins, the first one among equals.

    Parameters
    ----------
    weights : ndarray (n_neighbors,) of float64
    classes : ndarray (n_neighbors,) of int
        Numbers of the neighbours' classes.
    n_classes : int

    Returns
    -------
    votes : ndarray (n_classes,) of float64

    Source: Cover and Hart, "Nearest neighbor pattern classification", IEEE Transactions on
    Information Theory 13(1), 1967.

    Examples
    --------
    >>> votes(np.array([1.0, 0.5, 0.25]), np.array([2, 0, 2]), 3).tolist()
    [0.5, 0.0, 1.25]
    """
    sums = np.zeros(n_classes)
    for weight, c in zip(weights, classes, strict=True):
        sums[c] += weight
    return sums


def weighted_mean(weights: Array, targets: Array) -> Array:
    """Return the mean of the targets of one query's neighbours, added in their order.

    Parameters
    ----------
    weights : ndarray (n_neighbors,) of float64
    targets : ndarray (n_neighbors, n_outputs)

    Returns
    -------
    means : ndarray (n_outputs,) of float64

    Source: Stone, "Consistent nonparametric regression", The Annals of Statistics 5(4), 1977.

    Examples
    --------
    >>> weighted_mean(np.array([1.0, 3.0]), np.array([[2.0], [4.0]])).tolist()
    [3.5]
    """
    total, sums = 0.0, np.zeros(targets.shape[1])
    for weight, target in zip(weights, targets, strict=True):
        total += weight
        sums += weight * target
    return sums / total
