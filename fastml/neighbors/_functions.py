"""Nearest neighbours of arrays, and their graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix
from sklearn.neighbors import _graph as theirs
from sklearn.neighbors._base import KNeighborsMixin, RadiusNeighborsMixin

from ..core.validation import Array, common_dtype, matrix
from . import _reading as reading
from ._metrics import Metric, Minkowski, prepare, tree_pays
from ._search import Base
from ._unsupervised import NearestNeighbors


def kneighbors(X: ArrayLike, queries: ArrayLike, n_neighbors: int) -> tuple[Array, Array]:
    """Find the nearest rows of every query by Euclidean distance, the nearest first.

    Neighbours, their order and their distances are those of float64 differences, for float32 too
    and at any offset; of two rows equally far the lower one comes first.

    Parameters
    ----------
    X : array-like (n_samples, n_features)
        The rows to search.
    queries : array-like (n_queries, n_features)
        The rows whose neighbours are wanted.
    n_neighbors : int
        How many, from 1 to n_samples.

    Returns
    -------
    distances : ndarray (n_queries, n_neighbors) of float64
    indices : ndarray (n_queries, n_neighbors) of int64

    Raises
    ------
    TypeError, ValueError
        On inputs that are not finite real numbers, on numbers of features that differ, on a number
        of neighbours that is not there.

    Examples
    --------
    >>> import fastml
    >>> fastml.kneighbors([[0.0], [1.0], [5.0]], [[0.9]], 2)
    (array([[0.1, 0.9]]), array([[1, 0]]))
    """
    dtype = common_dtype(X, queries)
    rows, wanted = matrix(X, "X", dtype), matrix(queries, "queries", dtype)
    if rows.shape[1] != wanted.shape[1]:
        raise ValueError(
            f"Incompatible dimension for X and queries matrices: X.shape[1] == {rows.shape[1]} "
            f"while queries.shape[1] == {wanted.shape[1]}"
        )
    if isinstance(n_neighbors, bool) or not isinstance(n_neighbors, int | np.integer):
        raise TypeError(f"n_neighbors must be an instance of int, got {n_neighbors!r} instead.")
    if not 1 <= n_neighbors <= len(rows):
        raise ValueError(
            f"Expected 1 <= n_neighbors <= n_samples, but n_neighbors = {n_neighbors}, "
            f"n_samples = {len(rows)}"
        )
    n_queries = len(wanted)
    if reading.is_sooner(rows, n_queries, packed=False):
        search: Metric = Minkowski(Base.unpacked(rows), False)
        return search.nearest(np.ascontiguousarray(wanted), int(n_neighbors))
    algorithm = "kd_tree" if tree_pays(len(rows), rows.shape[1], n_queries) else "brute"
    search = prepare(rows, "euclidean", algorithm, n_queries)
    return search.nearest(np.ascontiguousarray(wanted), int(n_neighbors))


def kneighbors_graph(X: Any, n_neighbors: int, **parameters: Any) -> csr_matrix:
    """Return the graph of the nearest neighbours of rows, as scikit-learn's function does.

    Parameters
    ----------
    X : array-like (n_samples, n_features) or fitted estimator of this module
        The rows.
    n_neighbors : int
        Neighbours of each row.
    **parameters : any
        ``mode``, ``metric``, ``p``, ``metric_params``, ``include_self`` and ``n_jobs`` of
        :func:`sklearn.neighbors.kneighbors_graph`.

    Returns
    -------
    graph : sparse matrix (n_samples, n_samples)
        Row i holds ones, or with ``mode='distance'`` distances, at the neighbours of row i.

    Raises
    ------
    TypeError, ValueError
        On bad input, in scikit-learn's words.

    Examples
    --------
    >>> kneighbors_graph([[0.0], [1.0], [5.0]], 1).toarray()
    array([[0., 1., 0.],
           [1., 0., 0.],
           [0., 1., 0.]])
    """
    return theirs.kneighbors_graph(
        _fitted(X, {"n_neighbors": n_neighbors}, parameters), n_neighbors, **parameters
    )


def radius_neighbors_graph(X: Any, radius: float, **parameters: Any) -> csr_matrix:
    """Return the graph of the neighbours within a radius, as scikit-learn's function does.

    Parameters
    ----------
    X : array-like (n_samples, n_features) or fitted estimator of this module
        The rows.
    radius : float
        How far a neighbour may be.
    **parameters : any
        ``mode``, ``metric``, ``p``, ``metric_params``, ``include_self`` and ``n_jobs`` of
        :func:`sklearn.neighbors.radius_neighbors_graph`.

    Returns
    -------
    graph : sparse matrix (n_samples, n_samples)
        Row i holds ones, or with ``mode='distance'`` distances, at the neighbours of row i.

    Raises
    ------
    TypeError, ValueError
        On bad input, in scikit-learn's words.

    Examples
    --------
    >>> radius_neighbors_graph([[0.0], [1.0], [5.0]], 2.0).toarray()
    array([[0., 1., 0.],
           [1., 0., 0.],
           [0., 0., 0.]])
    """
    return theirs.radius_neighbors_graph(
        _fitted(X, {"radius": radius}, parameters), radius, **parameters
    )


def _fitted(X: Any, size: dict[str, Any], parameters: dict[str, Any]) -> Any:
    """Return X if it is an estimator, or one of ours fitted to it."""
    if isinstance(X, KNeighborsMixin | RadiusNeighborsMixin):
        return X
    names = ("metric", "p", "metric_params", "n_jobs")
    given = {name: parameters[name] for name in names if name in parameters}
    return NearestNeighbors(**size, **given).fit(X)
