"""What only knows how to become an array is taken wherever arrays are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import fastml


class ArrayLike:
    """Becomes an array, and refuses whatever else NumPy asks of it."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)

    def __array_function__(self, function, types, args, keywords):
        raise TypeError(f"{function.__name__} is not for arrays like this")


ESTIMATORS = [
    fastml.KMeans(3, n_init=1, random_state=0),
    fastml.MiniBatchKMeans(3, n_init=1, random_state=0),
    fastml.LinearRegression(),
    fastml.Ridge(),
    fastml.RidgeCV(),
    fastml.LogisticRegression(),
    fastml.GaussianNB(),
    fastml.MultinomialNB(),
    fastml.CategoricalNB(),
    fastml.KNeighborsClassifier(),
    fastml.KNeighborsClassifier(metric="manhattan", algorithm="brute"),
    fastml.KNeighborsRegressor(metric="manhattan"),
    fastml.RadiusNeighborsRegressor(50.0, metric="cosine"),
    fastml.MLPClassifier((3,), max_iter=3, random_state=0),
    fastml.MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0),
    fastml.DecisionTreeClassifier(random_state=0),
    fastml.DecisionTreeRegressor(random_state=0),
    fastml.RandomForestRegressor(3, random_state=0),
]


@pytest.mark.parametrize("model", ESTIMATORS, ids=str)
def test_an_array_like_is_what_its_array_is(model):
    rng = np.random.default_rng(0)
    X, y = rng.poisson(2.0, (60, 4)).astype(np.float64), np.arange(60) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three epochs do not converge
        expected = model.fit(X, y).predict(X)
        model.fit(ArrayLike(X), ArrayLike(y))
    if hasattr(model, "tree_"):  # handed out, it is looked at before each prediction
        assert model.tree_.node_count > 1
    np.testing.assert_array_equal(model.predict(ArrayLike(X)), expected)
    np.testing.assert_array_equal(model.predict(ArrayLike(X[:2])), expected[:2])
