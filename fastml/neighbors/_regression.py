"""Means of neighbours."""

from __future__ import annotations

import sklearn.neighbors

from ._base import FastNeighbors


class KNeighborsRegressor(FastNeighbors, sklearn.neighbors.KNeighborsRegressor):  # type: ignore[misc]
    """Predict the mean of the targets of the nearest rows.

    The neighbours are those of :class:`NearestNeighbors`: what float64 gives, the lower row first
    where two are equally far.

    Parameters
    ----------
    n_neighbors : int, default=5
        Neighbours whose targets are averaged.
    weights : {'uniform', 'distance'}, callable or None, default='uniform'
        A target's weight: one, the inverse of the distance, or what the function returns for an
        array of distances.
    algorithm : {'auto', 'brute', 'kd_tree', 'ball_tree'}, default='auto'
        The trees are scikit-learn's.
    leaf_size : int, default=30
        Rows of a leaf of those trees.
    p : float, default=2
        Power of the Minkowski metric.
    metric : str, callable or DistanceMetric, default='minkowski'
        Computed here: 'euclidean', 'l2', 'sqeuclidean' and 'minkowski' with ``p=2``; others by
        scikit-learn.
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

    References
    ----------
    Stone, "Consistent nonparametric regression", The Annals of Statistics 5(4), 1977.

    Examples
    --------
    >>> import fastml
    >>> model = fastml.KNeighborsRegressor(n_neighbors=2)
    >>> model.fit([[0.0], [1.0], [5.0]], [1.0, 2.0, 9.0]).predict([[0.4]])
    array([1.5])
    """
