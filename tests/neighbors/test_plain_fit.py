"""Fits of plain arrays leave what scikit-learn's own checks would."""

from __future__ import annotations

import numpy as np
import pytest

import fastml
from fastml.neighbors._base import FastSearch

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((40, 3))
TARGETS = {
    "whole numbers": RANDOM.integers(-3, 3, 40),
    "bytes": RANDOM.integers(0, 3, 40).astype(np.uint8),
    "bool": RANDOM.random(40) > 0.5,
    "floats": RANDOM.integers(0, 3, 40).astype(np.float64),
}


def _left_to_scikit_learn(self, X, y):
    return False


def _fitted(model, *given):
    return {name: value for name, value in vars(model.fit(*given)).items() if name != "_search"}


def _same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        if isinstance(value, np.ndarray):
            assert ours[name].dtype == value.dtype, name
            np.testing.assert_array_equal(ours[name], value)
        else:
            assert type(ours[name]) is type(value), name
            assert ours[name] == value, name


@pytest.mark.parametrize("metric", ["minkowski", "euclidean", "manhattan", "cosine"])
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize(
    "kind",
    [
        fastml.KNeighborsClassifier,
        fastml.KNeighborsRegressor,
        fastml.RadiusNeighborsClassifier,
        fastml.RadiusNeighborsRegressor,
        fastml.NearestNeighbors,
    ],
)
def test_the_same_attributes(kind, targets, p, metric, monkeypatch):
    given = (X,) if kind is fastml.NearestNeighbors else (X, TARGETS[targets])
    model = kind(metric=metric, p=p, algorithm="brute")
    assert model._fit_plain(*given, *[None][: 2 - len(given)])
    ours = _fitted(kind(metric=metric, p=p, algorithm="brute"), *given)
    monkeypatch.setattr(FastSearch, "_fit_plain", _left_to_scikit_learn)
    _same(ours, _fitted(kind(metric=metric, p=p, algorithm="brute"), *given))


@pytest.mark.parametrize("where", ["X", "y"])
def test_what_is_not_finite_is_refused(where):
    rows, y = X.copy(), RANDOM.standard_normal(40)
    (rows if where == "X" else y).flat[5] = np.nan
    with pytest.raises(ValueError, match=f"Input {where} contains NaN"):
        fastml.KNeighborsRegressor().fit(rows, y)


def test_targets_that_are_no_classes_and_lengths_that_differ_are_refused():
    model = fastml.KNeighborsClassifier()
    with pytest.raises(ValueError, match="Unknown label type"):
        model.fit(X, X[:, 0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, TARGETS["bool"][:39])
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("estimator", [fastml.KNeighborsClassifier, fastml.KNeighborsRegressor])
def test_of_two_faults_the_one_in_the_rows_is_named(estimator):
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10.0) % 2
    X[3, 1] = np.nan
    for bad in (y[:-1], np.where(y > 0, np.nan, y)):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            estimator().fit(X, bad)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        estimator().fit(np.nan_to_num(X), np.where(y > 0, np.nan, y))


def test_rows_that_only_a_long_double_holds_are_an_error():
    X = np.arange(12, dtype=np.longdouble).reshape(6, 2) * np.longdouble("1e4000")
    if not np.isfinite(X).all():
        pytest.skip("long double is double here")
    with pytest.raises(ValueError, match="Input X contains infinity"):
        fastml.NearestNeighbors().fit(X)
