"""Labels in the rows' own type: the margin covers what rounding does, and decides little again."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from element_types import DTYPES

from fastml.kernels.naive_bayes import gaussian
from fastml.naive_bayes import GaussianNB, _likelihood
from fastml.reference import naive_bayes as reference


def gaussians(theta, variance, prior=None):
    theta, variance = np.asarray(theta, float), np.asarray(variance, float)
    prior = np.full(len(theta), 1 / len(theta)) if prior is None else np.asarray(prior, float)
    constants = reference.gaussian_constants(variance, prior)
    return gaussian.Gaussians(theta, variance, 1 / np.sqrt(2 * variance), constants), prior


def check(X, theta, variance, prior=None):
    """Compare the labels with the definition's."""
    model, prior = gaussians(theta, variance, prior)
    expected = reference.gaussian_joint_log_likelihood(X, theta, variance, prior).argmax(axis=1)
    labels = _likelihood.likeliest_class(X, _likelihood.prepare(model, X.dtype))
    assert (labels == expected).all()


@pytest.fixture
def decided(monkeypatch):
    """Count the rows the definition decides."""
    counts = []
    inner = _likelihood.likeliest.likeliest_class

    @functools.wraps(inner.py_func)
    def counting(*arguments):
        inner(*arguments)
        counts.append(int(arguments[-1].sum()))

    monkeypatch.setattr(_likelihood.likeliest, "likeliest_class", counting)
    return counts


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 7, 8, 11])
@pytest.mark.parametrize("d", [1, 5, 33, 300])
def test_numbers_of_classes_and_features(k, d, dtype, decided):
    rng = np.random.default_rng(k * d)
    theta, variance = rng.normal(size=(k, d)), rng.uniform(0.2, 3.0, (k, d))
    X = (theta[rng.integers(0, k, 700)] + rng.normal(size=(700, d))).astype(dtype)
    check(X, theta, variance)
    assert decided[0] < 20


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [8, 9, 15, 16, 17, 28, 31, 32, 47, 64])
@pytest.mark.parametrize("order", ["C", "F", "apart"])
def test_two_classes_with_features_along_the_lanes(order, d, dtype, decided):
    rng = np.random.default_rng(d)
    theta, variance = rng.normal(size=(2, d)) + 100, rng.uniform(0.2, 3.0, (2, d))
    for n in (1, 31, 32, 33, 64, 65, 700):
        X = (theta[rng.integers(0, 2, n)] + rng.normal(size=(n, d))).astype(dtype)
        X[n // 2] *= 1e9  # far from both, beside rows that are near
        if order == "F":
            X = np.asfortranarray(X)
        if order == "apart":
            X = np.repeat(X, 2, axis=1)[:, ::2]
        check(X, theta, variance)
        check(X, theta, variance, [0.0, 1.0])
    assert max(decided) < 20


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [1e4, 1e6, 1e8])
def test_offsets(offset, dtype, decided):
    rng = np.random.default_rng(0)
    theta, variance = rng.normal(size=(3, 6)) * 3 + offset, rng.uniform(0.5, 2.0, (3, 6))
    check((rng.normal(size=(900, 6)) * 3 + offset).astype(dtype), theta, variance)
    assert decided[0] < (900 if dtype == "float32" and offset == 1e8 else 30)


@pytest.mark.parametrize(
    ("dtype", "power"),
    [(dtype, power) for dtype in DTYPES for power in (-300, -100, -38, -20, 20, 38)]
    + [("float32", 75), ("float64", 100), ("float64", 300)],
)
def test_scales_beyond_the_type_are_left_to_the_definition(power, dtype):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 4))
    theta, variance = rng.normal(size=(3, 4)), rng.uniform(0.5, 2.0, (3, 4))
    factor = 10.0 ** min(max(power / 2, -150), 150)
    with np.errstate(all="ignore"):
        rows = (X * factor).astype(dtype)
    assert np.isfinite(rows).all()
    check(rows, theta * factor, np.maximum(variance * factor**2, 1e-300))


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_far_from_every_class(dtype):
    rng = np.random.default_rng(2)
    X = (rng.normal(size=(400, 3)) * 10.0 ** rng.integers(0, 18, (400, 1))).astype(dtype)
    check(X, [[0.0, 0, 0], [1, 1, 1], [3, 2, 1]], rng.uniform(0.5, 2.0, (3, 3)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_ties_and_near_ties(dtype, decided):
    rng = np.random.default_rng(3)
    theta = np.repeat(rng.normal(size=(1, 5)), 4, axis=0)
    theta[1, 2] += 1e-15
    check(rng.normal(size=(200, 5)).astype(dtype), theta, np.ones((4, 5)))
    assert decided == [200]
    check(np.linspace(-1, 1, 2001)[:, None].astype(dtype), [[-1.0], [1.0]], [[1.0], [1.0]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_classes_of_probability_zero(dtype):
    rng = np.random.default_rng(4)
    theta = rng.normal(size=(3, 4))
    check(rng.normal(size=(90, 4)).astype(dtype), theta, np.ones((3, 4)), [0.0, 1.0, 0.0])
    check(rng.normal(size=(90, 4)).astype(dtype), theta, np.ones((3, 4)), [0.5, 0.0, 0.5])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 33, 499])
def test_what_is_not_finite_is_seen(row, value, dtype):
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(500, 3)).astype(dtype), np.arange(500) % 3
    model = GaussianNB().fit(X, y)
    before = model.theta_.copy()
    X[row, 1] = value
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        model.predict(X)
    for fit in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
            fit(X, y)
        with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
            fit(X, y, sample_weight=np.zeros(500))
    assert (model.theta_ == before).all()


def test_the_margin_covers_the_error_and_is_not_idle():
    """Float32 arithmetic as the kernel does it, against float64: below the bound, not far below."""
    rng = np.random.default_rng(6)
    worst = 0.0
    for d in (1, 10, 200):
        theta, variance = rng.normal(size=(2, d)) * 5, rng.uniform(0.1, 3.0, (2, d))
        model, prior = gaussians(theta, variance)
        _, parameters, (a, b, c, most) = _likelihood.prepare(model, np.dtype(np.float32))
        X = (rng.normal(size=(4000, d)) * 5).astype(np.float32)
        table = parameters[d + 2 :].reshape(d, 2, 2)
        sums = np.zeros((4000, 2), np.float32)
        for p in range(d):
            x = X[:, p] - parameters[p]
            z = x[:, None] * table[p, 0] + table[p, 1]
            sums += z * z
        scores = parameters[d : d + 2] - sums
        true = reference.gaussian_joint_log_likelihood(X, theta, variance, prior)
        away = most - scores
        ratio = np.abs(scores - true) / (a * away + b * np.sqrt(away) + c)
        assert ratio.max() < 1.0
        worst = max(worst, ratio.max())
    assert worst > 0.005
