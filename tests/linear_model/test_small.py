"""Least squares of few plain rows: the same bits as of any number of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastml
from fastml.linear_model import _linear_regression, _ridge
from fastml.linear_model._small import solved_at_once


def _drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and targets of a shape, types and hardness drawn by lot."""
    random = np.random.default_rng(seed)
    n = int(np.exp(random.uniform(np.log(3), np.log(4096))))
    d = int(np.exp(random.uniform(0, np.log(min(n - 1, 128)))))
    X = random.standard_normal((n, d)) * 10.0 ** random.uniform(-6, 6, d)
    X += random.choice([0.0, 1e3, 1e6, 1e8])
    if random.random() < 0.2:
        X[:300] += 1e4  # the first rows lie apart: products are taken twice
    if random.random() < 0.1:
        X[:, 0] = 5.0
    n_targets = random.choice([0, 1, 3])
    y = X[:, :1] + random.standard_normal((n, max(n_targets, 1)))
    kind = random.choice([np.float32, np.float64, np.int64])
    y = y if n_targets else np.clip(y[:, 0], -1e9, 1e9).astype(kind)
    return X.astype(random.choice([np.float32, np.float64])), y


def _left_to_others(*_: Any) -> None:
    return None


@pytest.mark.checked
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("alpha", [None, 0.0, 1e-3, 10.0])
def test_every_bit_is_that_of_the_longer_way(monkeypatch, alpha, center):
    kinds: dict[str, Any] = {"fit_intercept": center}
    model = fastml.LinearRegression if alpha is None else fastml.Ridge
    if alpha is not None:
        kinds["alpha"] = alpha
    at_once = 0
    for seed in range(40):
        X, y = _drawn(seed)
        at_once += solved_at_once(model(), X, y, alpha or 0.0, center) is not None
        quick = model(**kinds).fit(X, y)
        with monkeypatch.context() as patch:
            patch.setattr(_linear_regression, "solved_at_once", _left_to_others)
            patch.setattr(_ridge, "solved_at_once", _left_to_others)
            long = model(**kinds).fit(X, y)
        assert vars(quick).keys() == vars(long).keys()
        for name in ("coef_", "intercept_"):
            found, wanted = np.asarray(getattr(quick, name)), np.asarray(getattr(long, name))
            assert found.dtype == wanted.dtype
            assert found.shape == wanted.shape
            assert found.tobytes() == wanted.tobytes(), (seed, name)
        if alpha is None:
            np.testing.assert_array_equal(quick.singular_, long.singular_)
            assert quick.rank_ == long.rank_
    assert at_once > 9  # and so the comparisons were of two ways


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["X", "y"])
def test_what_is_not_finite_is_refused_and_the_last_fit_stays(bad, where):
    random = np.random.default_rng(0)
    X, y = random.standard_normal((50, 3)), random.standard_normal(50)
    model = fastml.LinearRegression().fit(X, y)
    before = model.coef_.copy()
    (X if where == "X" else y).flat[7] = bad
    with pytest.raises(ValueError, match=f"Input {where} contains"):
        model.fit(X, y)
    np.testing.assert_array_equal(model.coef_, before)


def test_lengths_that_differ_never_reach_a_kernel():
    X = np.ones((50, 2))
    for y in (np.ones(49), np.ones(51), np.ones((49, 2))):
        assert solved_at_once(fastml.Ridge(), X, y, 1.0, True) is None
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            fastml.Ridge().fit(X, y)


@pytest.mark.parametrize("y", [np.array(1.0), np.array(3)])
def test_a_number_is_no_target(y):
    with pytest.raises(TypeError, match="Input should have at least 1 dimension"):
        fastml.LinearRegression().fit(np.ones((1, 2)), y)


def test_a_frame_s_names_are_forgotten_by_a_fit_of_an_array():
    model = fastml.LinearRegression()
    model.feature_names_in_ = np.array(["a", "b"], object)
    X = np.random.default_rng(0).standard_normal((20, 2))
    model.fit(X, X[:, 0])
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 2
