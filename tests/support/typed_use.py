"""What a type checker must know of a user's code; looked at by mypy, never run."""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import fastml

Array = NDArray[Any]


def fits_return_their_own_type(X: Array, y: Array) -> None:
    """A fit is no ``Any``, and neither is what is asked of it."""
    assert_type(fastml.KMeans(3, algorithm="lloyd").fit(X), fastml.KMeans)
    assert_type(fastml.KMeans(3).fit(X).labels_, Array)
    assert_type(fastml.MiniBatchKMeans(3).fit(X).partial_fit(X), fastml.MiniBatchKMeans)
    assert_type(fastml.MLPClassifier(activation=["relu", "tanh"]).fit(X, y), fastml.MLPClassifier)
    assert_type(fastml.MLPClassifier().partial_fit(X, y).predict_proba(X), Array)
    assert_type(fastml.MLPRegressor(solver="lbfgs").fit(X, y).predict(X), Array)
    assert_type(fastml.LinearRegression().fit(X, y), fastml.LinearRegression)
    assert_type(fastml.Ridge().fit(X, y), fastml.Ridge)
    assert_type(fastml.LogisticRegression().fit(X, y), fastml.LogisticRegression)
    assert_type(fastml.GaussianNB().fit(X, y), fastml.GaussianNB)
    assert_type(fastml.DecisionTreeClassifier().fit(X, y).predict(X), Array)
    assert_type(fastml.RandomForestRegressor().fit(X, y), fastml.RandomForestRegressor)
    assert_type(fastml.KNeighborsClassifier().fit(X, y).predict(X), Array)
    assert_type(fastml.KNeighborsRegressor().fit(X, y).predict(X), Array)
    assert_type(fastml.RadiusNeighborsClassifier().fit(X, y), fastml.RadiusNeighborsClassifier)
    assert_type(fastml.RadiusNeighborsRegressor().fit(X, y), fastml.RadiusNeighborsRegressor)
    assert_type(fastml.NearestNeighbors().fit(X), fastml.NearestNeighbors)
    assert_type(fastml.nearest_centroid(X, np.asarray(X[:3])), Array)
