"""Rows far away and columns whose squares float32 does not hold."""

from __future__ import annotations

import numpy as np
import pytest

import fastml
from fastml import LogisticRegression, Ridge
from fastml.linear_model import _dense


@pytest.mark.parametrize("few_products", [0, 1 << 40])
@pytest.mark.parametrize(
    ("size", "weight", "alpha"),
    [(1e-24, 1.0, 1e-46), (1e-24, 1.0, 1e-45), (1e-23, 1.0, 1e-44), (1e-5, 1e-36, 1e-45),
     (1e-5, 1e-36, 1e-43), (1e-5, 1e-36, 1e-42), (3e-6, 1e-36, 1e-45)],
)  # fmt: skip
def test_ridge_of_a_column_whose_squares_vanish(size, weight, alpha, few_products, monkeypatch):
    monkeypatch.setattr(_dense, "_FEW_PRODUCTS", few_products)  # in float32 first, or in float64
    random = np.random.default_rng(1)
    n, m, d = 900, 200, 70
    X = np.zeros((n + m, d), np.float32)
    X[:n, :-1] = random.normal(size=(n, d - 1))
    X[n:, -1] = size * random.choice([-1, 1], m) * random.uniform(1, 2, m)
    y = random.normal(size=n + m) + X.sum(axis=1)
    y[n:] += X[n:, -1] / size
    column = X[n:, -1].astype(np.float64)
    exact = (weight * column @ y[n:]) / (weight * column @ column + alpha)
    weights = np.full(n + m, weight)
    for given in (X, fastml.blocks(X)):
        model = Ridge(alpha, fit_intercept=False).fit(given, y, weights)
        assert model.coef_[-1] == pytest.approx(exact, rel=1e-5)


def logits(n, d, dtype):
    random = np.random.default_rng(d)
    X = random.normal(size=(n, d)).astype(dtype)
    return X, (X[:, :4] @ [1.0, -1, 0.5, 2] + random.logistic(size=n) > 0).astype(int)


@pytest.mark.parametrize(("dtype", "d"), [(np.float32, 80), (np.float32, 4), (np.float64, 4)])
@pytest.mark.parametrize(
    ("far", "weight"), [(1e6, 1.0), (1e9, 1.0), (1e20, 1e-60), (1e20, 0.0), (1e30, 0.0)]
)
def test_where_a_row_far_away_stands_does_not_matter(far, weight, dtype, d):
    X, y = logits(3000, d, dtype)
    weights = np.ones(len(X))
    X[0], weights[0] = 0, weight
    X[0, 0], y[0] = far, 1
    last = np.roll(np.arange(len(X)), -1)
    how = {"max_iter": 1000}
    first = LogisticRegression(**how).fit(X, y, weights)
    other = LogisticRegression(**how).fit(X[last], y[last], weights[last])
    tolerance = 1e-4 if dtype == np.float32 else 1e-6
    np.testing.assert_allclose(first.coef_, other.coef_, rtol=tolerance, atol=tolerance)
    blocks = LogisticRegression(**how).fit(fastml.blocks(X), y, weights)
    assert blocks.coef_.tobytes() == first.coef_.tobytes()


@pytest.mark.parametrize("size", [1e-18, 1e-23, 1e-30])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_of_a_column_whose_squares_vanish(size, n_classes):
    random = np.random.default_rng(0)
    X = random.normal(size=(3000, 80)).astype(np.float32)
    X[:, 3] *= np.float32(size)
    units = np.where(np.arange(80) == 3, size, 1.0)
    z = X[:, 0] + X[:, 3] / size + random.logistic(size=len(X))
    y = (z > 0).astype(int) + (n_classes > 2) * (z > 1)
    how = {"C": np.inf, "max_iter": 1000}
    found = LogisticRegression(**how).fit(X, y)
    expected = LogisticRegression(**how).fit(X / units, y)
    np.testing.assert_allclose(found.coef_ * units, expected.coef_, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("weight", [1e-60, 1e-43, 1e-38, 1e-30, 1e30])
def test_logistic_of_light_and_heavy_rows(weight):
    X, y = logits(3000, 80, np.float32)
    X[:, :2] *= np.float32(1e-4)
    how = {"C": np.inf, "max_iter": 1000}
    found = LogisticRegression(**how).fit(X, y, np.full(len(X), weight))
    expected = LogisticRegression(**how).fit(X.astype(np.float64), y)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-4, atol=1e-5)


def test_constant_columns_stay_in_float32():
    """As edges of pictures are: nothing has vanished there."""
    X, y = logits(3000, 90, np.float32)
    X[:, 70:] = 0
    X[:, 75] = 3
    found = LogisticRegression().fit(X, y)
    expected = LogisticRegression().fit(X.astype(np.float64), y)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-4, atol=1e-6)
    assert not found.coef_[0, 70:].any()
