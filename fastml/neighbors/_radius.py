"""Votes and means of all rows within a radius."""

from __future__ import annotations

import sklearn.neighbors

from ._base import FastRadius


class RadiusNeighborsClassifier(FastRadius, sklearn.neighbors.RadiusNeighborsClassifier):  # type: ignore[misc]
    """Classify by the vote of all rows within a radius.

    A row is a neighbour if its distance, in float64, is at most the radius; what follows from the
    neighbours is scikit-learn's.

    Parameters
    ----------
    radius : float, default=1.0
        How far a neighbour may be, that far included.
    weights : {'uniform', 'distance'}, callable or None, default='uniform'
        A neighbour's weight: one, the inverse of the distance, or what the function returns for an
        array of distances.
    algorithm : {'auto', 'brute', 'kd_tree', 'ball_tree'}, default='auto'
        The trees are scikit-learn's.
    leaf_size : int, default=30
        Rows of a leaf of those trees.
    p : float, default=2
        Power of the Minkowski metric.
    metric : str or callable, default='minkowski'
        Computed here: 'euclidean', 'l2', 'sqeuclidean' and 'minkowski' with ``p=2``; others by
        scikit-learn.
    outlier_label : label, 'most_frequent', list of them or None, default=None
        The class of rows without neighbours; None raises an error there.
    metric_params : dict, default=None
        More arguments of the metric.
    n_jobs : int, default=None
        Threads of scikit-learn's code; here :func:`fastml.set_num_threads` says how many.

    Attributes
    ----------
    classes_ : ndarray (n_classes,), or a list of them
    outlier_label_ : label or list
        The class of rows without neighbours.
    outputs_2d_ : bool
        Whether the targets were a matrix of more than one column.
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

    Examples
    --------
    >>> import fastml
    >>> model = fastml.neighbors.RadiusNeighborsClassifier(radius=1.0)
    >>> model.fit([[0.0], [1.0], [2.0], [9.0]], ["a", "a", "b", "b"]).predict([[0.9]])
    array(['a'], dtype='<U1')
    """


class RadiusNeighborsRegressor(FastRadius, sklearn.neighbors.RadiusNeighborsRegressor):  # type: ignore[misc]
    """Predict the mean of the targets of all rows within a radius.

    A row is a neighbour if its distance, in float64, is at most the radius; what follows from the
    neighbours is scikit-learn's.

    Parameters
    ----------
    radius : float, default=1.0
        How far a neighbour may be, that far included.
    weights : {'uniform', 'distance'}, callable or None, default='uniform'
        A neighbour's weight: one, the inverse of the distance, or what the function returns for an
        array of distances.
    algorithm : {'auto', 'brute', 'kd_tree', 'ball_tree'}, default='auto'
        The trees are scikit-learn's.
    leaf_size : int, default=30
        Rows of a leaf of those trees.
    p : float, default=2
        Power of the Minkowski metric.
    metric : str or callable, default='minkowski'
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

    Examples
    --------
    >>> import fastml
    >>> model = fastml.neighbors.RadiusNeighborsRegressor(radius=1.0)
    >>> model.fit([[0.0], [1.0], [5.0]], [1.0, 2.0, 9.0]).predict([[0.4]])
    array([1.5])
    """
