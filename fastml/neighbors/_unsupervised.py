"""Nearest neighbours without targets."""

from __future__ import annotations

import sklearn.neighbors

from ._base import FastNeighbors, FastRadius


class NearestNeighbors(FastNeighbors, FastRadius, sklearn.neighbors.NearestNeighbors):  # type: ignore[misc]
    """Find the nearest of many rows, or all within a radius.

    Neighbours, their order and their distances are those float64 gives, for float32 and float64
    and at any offset, the lower row first where two are equally far; results are the same bits for
    any number of threads.

    Parameters
    ----------
    n_neighbors : int, default=5
        Neighbours that are found by default.
    radius : float, default=1.0
        Radius of the queries of :meth:`radius_neighbors`.
    algorithm : {'auto', 'brute', 'kd_tree', 'ball_tree'}, default='auto'
        The trees are scikit-learn's.
    leaf_size : int, default=30
        Rows of a leaf of those trees.
    metric : str or callable, default='minkowski'
        Computed here: 'euclidean', 'l2', 'sqeuclidean' and 'minkowski' with ``p=2``; others by
        scikit-learn.
    p : float, default=2
        Power of the Minkowski metric.
    metric_params : dict, default=None
        More arguments of the metric.
    n_jobs : int, default=None
        Threads of scikit-learn's code; here :func:`fastml.set_num_threads` says how many.

    Attributes
    ----------
    effective_metric_ : str
        The metric used.
    effective_metric_params_ : dict
        Its arguments.
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Only when X has feature names that are all strings.
    n_samples_fit_ : int
        The number of fitted rows.
    computed_by_ : str
        'fastml', or 'scikit-learn' and why.

    Notes
    -----
    Rows are copied: arrays that change after the fit change nothing here.

    References
    ----------
    Fix and Hodges, "Discriminatory analysis: nonparametric discrimination, consistency properties",
    USAF School of Aviation Medicine, report 4, 1951.

    Examples
    --------
    >>> import fastml
    >>> model = fastml.NearestNeighbors(n_neighbors=2).fit([[0.0], [1.0], [5.0]])
    >>> model.kneighbors([[0.9]])
    (array([[0.1, 0.9]]), array([[1, 0]]))
    """
