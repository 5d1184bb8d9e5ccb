"""Logistic regression of rows that are not all in memory, where it is not easy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from block_fits import same
from sklearn.exceptions import ConvergenceWarning

import fastml


def problem(n=9001, d=6, n_classes=2, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) * 10.0 ** random.integers(-2, 3, d) + 1e4
    Z = (X - 1e4) / X.std(axis=0) @ random.normal(size=(d, n_classes))
    y = (Z + random.gumbel(size=Z.shape)).argmax(axis=1)
    w = random.uniform(0, 2, n)
    w[random.random(n) < 0.2] = 0
    return X, y, w


def both(model, X, y, w):
    """Fit an array and blocks of it, and compare every bit."""
    expected = type(model)(**model.get_params()).fit(X, y, w)
    with fastml.engine(memory_limit="1 MiB"):
        found = model.fit(fastml.blocks(X), fastml.blocks(y), w)
    same(found, expected)
    assert found.computed_by_ == "fastml"
    return found


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("n", [3, 4096, 4097, 9001, 30_011])
def test_any_number_of_rows(n, n_classes, weighted):
    """From a sample, where there are rows in plenty, from X'X, or by Newton's method alone."""
    X, y, w = problem(n, n_classes=n_classes)
    y[:n_classes], w[:n_classes] = np.arange(min(n, n_classes)), 1
    for settings in ({}, {"C": 1e-6, "fit_intercept": False}):
        both(fastml.LogisticRegression(**settings), X, y, w if weighted else None)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1500, 20_001])
def test_many_coefficients(n, dtype):
    """The curvature is renewed at the coefficients in hand, of all rows or of a sample."""
    X, y, w = problem(n, d=90, n_classes=12)
    both(fastml.LogisticRegression(C=0.1), X.astype(dtype), y, w)


def test_the_first_rows_lie_elsewhere_and_weigh_nothing():
    X, y, w = problem()
    X[:5000] += 1e7
    w[:4500] = 0
    for weights in (None, w):
        both(fastml.LogisticRegression(class_weight={0: 0.5, 1: 2.0}), X, y, weights)


def test_classes_that_weigh_nothing():
    X, y, _ = problem(n_classes=3)
    both(fastml.LogisticRegression(class_weight={0: 0.0, 1: 1.0, 2: 1.0}), X, y, None)


def test_going_on_from_the_last_fit():
    X, y, w = problem(n_classes=3)
    model = fastml.LogisticRegression(warm_start=True).fit(X[:4000], y[:4000])
    again = fastml.LogisticRegression(warm_start=True).fit(X[:4000], y[:4000])
    with fastml.engine(memory_limit="1 MiB"):
        same(again.fit(fastml.blocks(X), y, w), model.fit(X, y, w))


def test_what_does_not_end_is_told_of_both():
    X, y, _ = problem()
    for model, target in (
        (fastml.LogisticRegression(max_iter=1), y),
        (fastml.LogisticRegression(C=np.inf), X[:, 0] > 1e4),
    ):
        with warnings.catch_warnings(record=True) as of_array:
            warnings.simplefilter("always")
            expected = type(model)(**model.get_params()).fit(X, target)
        with pytest.warns(ConvergenceWarning) as of_blocks:
            same(model.fit(fastml.blocks(X), target), expected)
        assert [str(w.message) for w in of_blocks] == [str(w.message) for w in of_array]


def test_what_is_wrong_is_named():
    X, _, _ = problem(900)
    with pytest.raises(ValueError, match="contains only one class"):
        fastml.LogisticRegression().fit(fastml.blocks(X), np.ones(900))
    with pytest.raises(ValueError, match="requires y to be passed"):
        fastml.LogisticRegression().fit(fastml.blocks(X), None)
    with pytest.raises(ValueError, match="Unknown label type"):
        fastml.LogisticRegression().fit(fastml.blocks(X), X[:, 0])


def test_what_is_scikit_learns_needs_the_rows_in_memory():
    X, y, _ = problem(30_000)
    X = (X - 1e4) / X.std(axis=0)
    model = fastml.LogisticRegression(solver="liblinear", random_state=0)
    expected = fastml.LogisticRegression(solver="liblinear", random_state=0).fit(X, y)
    same(model.fit(fastml.blocks(X), y), expected)
    with fastml.engine(memory_limit="1 MiB"), pytest.raises(ValueError, match="above the limit"):
        model.fit(fastml.blocks(X), y)


def test_samples_have_a_largest_size(monkeypatch):
    from fastml.linear_model import _logistic_fit

    X, y, w = problem(40_000)
    before = fastml.LogisticRegression().fit(X, y, w)
    monkeypatch.setattr(_logistic_fit, "_MOST_SAMPLED", 1000)
    found = both(fastml.LogisticRegression(), X, y, w)
    assert not np.array_equal(found.coef_, before.coef_)
