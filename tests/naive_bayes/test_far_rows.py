"""Rows that hardly count, or not at all, take no digits from others; numbers beyond int64."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import sklearn.naive_bayes

import fastml
from fastml import BernoulliNB, GaussianNB
from fastml.naive_bayes._moments import block_rows

FILL = 9.969209968386869e36  # what stands for a missing number in NetCDF


def rows(n, dtype, n_features=3):
    random = np.random.default_rng(n)
    y = np.arange(n) % 2
    return (random.normal(size=(n, n_features)) + y[:, None]).astype(dtype), y


@pytest.mark.checked
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [0.0, 1e-60])
@pytest.mark.parametrize("far", [1e12, 1e20, FILL])
def test_light_rows_far_away(far, weight, dtype):
    height = block_rows(3, 2)
    for places in ([0], [height, height + 1], *([[*range(height)]] if weight == 0 else [])):
        n = 2 * height + 100
        X, y = rows(n, dtype)
        weights = np.random.default_rng(1).uniform(0.5, 2, n)
        # So light together that means without them are right to rounding.
        X[places], weights[places] = far, weight * (1e-60 if far == FILL else 1.0)
        left = np.delete(np.arange(n), places)
        found = GaussianNB(var_smoothing=0).fit(X, y, weights)
        for c in (0, 1):
            own = left[y[left] == c]
            exact = X[own].astype(np.float64)
            mean = np.average(exact, axis=0, weights=weights[own])
            variance = np.average((exact - mean) ** 2, axis=0, weights=weights[own])
            np.testing.assert_allclose(found.theta_[c], mean, rtol=1e-11, atol=1e-12)
            np.testing.assert_allclose(found.var_[c], variance, rtol=1e-11)


def test_light_rows_in_blocks_and_batches():
    X, y = rows(50_000, np.float64)
    weights = np.random.default_rng(0).integers(0, 3, len(X)).astype(np.float64)
    weights[0] = 0
    X[weights == 0] = FILL
    expected = GaussianNB().fit(X, y, weights)
    for threads in (1, 3):
        with fastml.num_threads(threads):
            found = GaussianNB().fit(fastml.blocks(X), y, weights)
        for name in ("theta_", "var_", "class_count_"):
            assert getattr(found, name).tobytes() == getattr(expected, name).tobytes()
    height = block_rows(3, 2)
    by_batches = GaussianNB()
    for part in (slice(height), slice(height, 2 * height), slice(2 * height, None)):
        by_batches.partial_fit(X[part], y[part], [0, 1], weights[part])
    assert by_batches.theta_.tobytes() == expected.theta_.tobytes()
    assert by_batches.var_.tobytes() == expected.var_.tobytes()


@pytest.mark.parametrize("kind", ["MultinomialNB", "BernoulliNB"])
def test_unsigned_numbers_beyond_int64(kind):
    X = np.array([[2**63 + 5, 1], [1, 2], [2**64 - 1, 0], [0, 3]], np.uint64)
    y = [0, 1, 0, 1]
    ours, theirs = getattr(fastml, kind)().fit(X, y), getattr(sklearn.naive_bayes, kind)().fit(X, y)
    np.testing.assert_array_equal(ours.feature_count_, theirs.feature_count_)
    np.testing.assert_array_equal(ours.predict(X), ours.predict(X.astype(np.float64)))


@pytest.mark.checked
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("alpha", [1.0, 0.0])
def test_thresholds_are_of_the_rows_type(dtype, alpha):
    X, y = np.array([[0.1, 0.3], [0.3, 0.1], [0.1, 0.1], [0.3, 0.3]], dtype), [0, 1, 0, 1]
    for binarize in (0.1, 0.3):
        how = {"binarize": binarize, "alpha": alpha, "force_alpha": True}
        with np.errstate(divide="ignore", invalid="ignore"):
            theirs = sklearn.naive_bayes.BernoulliNB(**how).fit(X, y)
            given = [X]
            if dtype != np.float16:
                given += [scipy.sparse.csr_array(X), fastml.blocks(X)]
            for one in given:
                ours = BernoulliNB(**how).fit(one, y)
                np.testing.assert_array_equal(ours.feature_count_, theirs.feature_count_)
                np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
