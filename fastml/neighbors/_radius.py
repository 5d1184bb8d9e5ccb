"""Votes and means of all rows within a radius."""

from __future__ import annotations

import sklearn.neighbors

from ._base import FastRadius
from ._documentation import documented


@documented
class RadiusNeighborsClassifier(FastRadius, sklearn.neighbors.RadiusNeighborsClassifier):  # type: ignore[misc]
    """Classify by the vote of all rows within a radius.

    A row is a neighbour if its distance, in float64, is at most the radius; what follows from the
    neighbours is scikit-learn's.

    Examples
    --------
    >>> import fastml
    >>> model = fastml.neighbors.RadiusNeighborsClassifier(radius=1.0)
    >>> model.fit([[0.0], [1.0], [2.0], [9.0]], ["a", "a", "b", "b"]).predict([[0.9]])
    array(['a'], dtype='<U1')
    """


@documented
class RadiusNeighborsRegressor(FastRadius, sklearn.neighbors.RadiusNeighborsRegressor):  # type: ignore[misc]
    """Predict the mean of the targets of all rows within a radius.

    A row is a neighbour if its distance, in float64, is at most the radius; what follows from the
    neighbours is scikit-learn's.

    Examples
    --------
    >>> import fastml
    >>> model = fastml.neighbors.RadiusNeighborsRegressor(radius=1.0)
    >>> model.fit([[0.0], [1.0], [5.0]], [1.0, 2.0, 9.0]).predict([[0.4]])
    array([1.5])
    """
