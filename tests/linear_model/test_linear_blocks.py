"""Least squares of rows that are not all in memory, where it is not easy."""

from __future__ import annotations

import numpy as np
import pytest
from block_fits import same

import fastml


def problem(n=9001, d=6, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) + 1e6
    Y = X @ random.normal(size=(d, 2)) + random.normal(size=(n, 2))
    return X, Y, random.uniform(0, 2, n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("trouble", ["none", "dependent", "far", "light", "few"])
def test_hard_columns(weighted, trouble):
    X, Y, w = problem()
    if trouble == "dependent":
        X[:, 3] = X[:, 1] + X[:, 2]
    elif trouble == "far":  # the first rows say nothing of the mean
        X[:300] -= 1e6
    elif trouble == "light":
        w[:8000] = 0
    elif trouble == "few":
        X, Y, w = X[:5], Y[:5], w[:5]
    w = w if weighted else None
    for model in (
        fastml.LinearRegression(),
        fastml.LinearRegression(fit_intercept=False),
        fastml.Ridge(alpha=np.array([0.1, 10.0])),
        fastml.Ridge(alpha=0.0),
    ):
        for y in (Y, Y[:, 0]):
            if np.ndim(getattr(model, "alpha", 0)) and y.ndim == 1:
                continue
            expected = type(model)(**model.get_params()).fit(X, y, w)
            with fastml.engine(memory_limit="1 MiB"):
                same(model.fit(fastml.blocks(X), fastml.blocks(y), w), expected)
                assert model.computed_by_ == "fastml"


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("trouble", ["none", "dependent", "far", "light", "tiny"])
def test_many_columns_of_float32(weighted, trouble):
    """Products are float32 and residuals float64, or all float64 where that does not do."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(9001, 70)).astype(np.float32) + np.float32(10.0)
    Y = X @ rng.normal(size=(70, 2)) + rng.normal(size=(9001, 2))
    w = rng.uniform(0, 2, 9001)
    if trouble == "dependent":
        X[:, 3] = X[:, 1] + X[:, 2]
    elif trouble == "far":
        X[:300] -= np.float32(1e4)
    elif trouble == "light":
        w[:8000] = 0
    elif trouble == "tiny":
        X *= np.float32(1e-22)
    w = w if weighted else None
    for model in (fastml.LinearRegression(), fastml.Ridge(alpha=np.array([0.1, 10.0]))):
        expected = type(model)(**model.get_params()).fit(X, Y, w)
        with fastml.engine(memory_limit="2 MiB"):
            same(model.fit(fastml.blocks(X), fastml.blocks(Y), w), expected)
            assert model.computed_by_ == "fastml"
        if trouble == "none":
            alpha = np.broadcast_to(getattr(model, "alpha", 0.0), 2)
            centre = np.average(X, axis=0, weights=w)
            wide = (X - centre) * np.sqrt(1.0 if w is None else w)[..., None]
            right = wide.T @ (
                (Y - np.average(Y, axis=0, weights=w))
                * (np.sqrt(1.0 if w is None else w)[..., None])
            )
            for k in range(2):
                truth = np.linalg.solve(wide.T @ wide + alpha[k] * np.eye(70), right[:, k])
                error = np.abs(expected.coef_[k] - truth).max()
                assert error <= 2e-7 * np.abs(truth).max()


def test_what_is_scikit_learns_needs_the_rows_in_memory():
    X, Y, _ = problem(40_000)
    for model in (fastml.LinearRegression(positive=True), fastml.Ridge(solver="lsqr")):
        expected = type(model)(**model.get_params()).fit(X, Y[:, 0])
        same(model.fit(fastml.blocks(X), Y[:, 0]), expected)
        with (
            fastml.engine(memory_limit="1 MiB"),
            pytest.raises(ValueError, match="above the limit"),
        ):
            model.fit(fastml.blocks(X), Y[:, 0])


def test_what_is_wrong_is_named():
    X, Y, _ = problem(900)
    Y[700, 1] = np.nan
    with pytest.raises(ValueError, match="Input y contains NaN"):
        fastml.LinearRegression().fit(fastml.blocks(X), Y)
    with pytest.raises(ValueError, match="requires y to be passed"):
        fastml.Ridge().fit(fastml.blocks(X), None)
    with pytest.raises(ValueError, match="number of penalties do not correspond"):
        fastml.Ridge(alpha=np.array([1.0, 2.0, 3.0])).fit(fastml.blocks(X), Y)


@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("cv", [2, 5, 9])
def test_folds_of_a_file(cv, intercept, scoring, tmp_path):
    X, Y, _ = problem()
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "all.npy", np.hstack([X, Y]))
    model = fastml.RidgeCV([1e-3, 1.0, 1e3], cv=cv, fit_intercept=intercept, scoring=scoring)
    for y in (Y, Y[:, 0]):
        expected = fastml.RidgeCV(**model.get_params()).fit(X, y)
        assert expected.computed_by_ == "fastml"
        for threads in (1, 3):
            with fastml.num_threads(threads), fastml.engine(memory_limit="1 MiB"):
                same(model.fit(fastml.blocks(tmp_path / "X.npy"), y), expected)
                assert model.best_score_ == expected.best_score_
                assert model.computed_by_ == "fastml"
    table, target = fastml.blocks(tmp_path / "all.npy", columns=[*range(6)], target=7)
    same(model.fit(table, target), fastml.RidgeCV(**model.get_params()).fit(X, Y[:, 1]))


def test_many_penalties_of_few_features(tmp_path):
    """Blocks of errors are as wide as their outputs: of each kind there are several here."""
    X, Y, _ = problem(d=1)
    np.save(tmp_path / "X.npy", X)
    for cv in (None, 3):
        model = fastml.RidgeCV(np.geomspace(1e-3, 1e3, 99), cv=cv)
        expected = fastml.RidgeCV(**model.get_params()).fit(X, Y)
        with fastml.engine(memory_limit="1 MiB"):
            same(model.fit(fastml.blocks(tmp_path / "X.npy"), Y), expected)
        assert model.computed_by_ == "fastml"
