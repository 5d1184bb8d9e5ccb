"""Perceptrons of rows that are not all in memory."""

from __future__ import annotations

import numpy as np
import pytest
from block_fits import quietly, same
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml.neural_network._blockwise import buffers, epoch_order, rows_shuffled


def problem(n=5000, d=9, dtype="float32", seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)).astype(dtype)
    y = (X @ random.normal(size=(d, 3)) + random.gumbel(size=(n, 3))).argmax(axis=1)
    w = random.uniform(0, 2, n)
    w[random.random(n) < 0.2] = 0
    return X, y, w


def both(model, X, y, w, limit="1 MiB"):
    """Fit an array and blocks of it, and compare every bit."""
    expected = quietly(type(model)(**model.get_params()), X, y, w)
    with fastml.engine(memory_limit=limit):
        same(quietly(model, fastml.blocks(X), fastml.blocks(y), w), expected)
        np.testing.assert_array_equal(model.predict(fastml.blocks(X)), expected.predict(X))
    return model


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [3, 700, 16_385, 40_001])
def test_the_same_bits_of_any_number_of_rows(solver, weighted, n):
    X, y, w = problem(n)
    y[:3], w[:3] = [0, 1, 2], 1
    w = w if weighted else None
    settings = {"solver": solver, "max_iter": 3, "max_fun": 5, "random_state": 0, "tol": 0.0}
    for shuffle in ("blocks", False):
        settings |= {"shuffle": shuffle, "batch_size": min(n, 257)}
        both(fastml.MLPClassifier((6,), class_weight="balanced", **settings), X, y, w)
        both(fastml.MLPClassifier((6,), **settings), X, y > 1, w)
        both(fastml.MLPRegressor("squared_error", (6,), **settings), X, X[:, :2] * y[:, None], w)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_any_number_of_threads(solver, shared_work):
    X, y, w = problem(20_000)
    models = []
    for n in (1, 2, 3, 7, 64):
        model = fastml.MLPClassifier(
            (20,), solver=solver, max_iter=3, shuffle="blocks", random_state=0
        )
        with fastml.num_threads(n):
            models.append(quietly(model, fastml.blocks(X), y, w))
    for model in models[1:]:
        same(model, models[0])


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_going_on(solver):
    X, y, _ = problem()
    settings = {"max_iter": 3, "shuffle": "blocks", "random_state": 0, "warm_start": True}
    models = [fastml.MLPClassifier((5,), solver=solver, **settings) for _ in range(2)]
    for start, stop in ((0, 2000), (2000, 5000)):
        quietly(models[0], X[start:stop], y[start:stop], None)
        quietly(models[1], fastml.blocks(X[start:stop]), y[start:stop], None)
    same(models[1], models[0])


def test_what_is_scored_after_each_epoch_is_in_memory():
    X, y, _ = problem()
    settings = {"max_iter": 4, "shuffle": "blocks", "random_state": 0, "early_stopping": False}
    models = []
    for rows in (X[:4000], fastml.blocks(X[:4000])):
        model = fastml.MLPClassifier((5,), **settings)
        with pytest.warns(ConvergenceWarning):
            models.append(model.fit(rows, y[:4000], validation_data=(X[4000:], y[4000:])))
    same(models[1], models[0])
    assert len(models[0].validation_scores_) == 4


@pytest.mark.parametrize("n", [1, 9, 4096, 100_003])
@pytest.mark.parametrize("d", [1, 7, 5000])
def test_an_epoch_has_every_row_once_a_tenth_at_a_time(n, d):
    order = epoch_order(n, d, np.random.RandomState(0))
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    found = list(buffers(n, d, np.random.RandomState(0)))
    np.testing.assert_array_equal(np.concatenate([b.rows() for b in found]), order)
    block = rows_shuffled(n, d)
    n_blocks = -(-n // block)
    assert all(len(b.starts) <= -(-n_blocks // 10) for b in found)
    in_order = [b.rows() for b in buffers(n, d, None)]
    np.testing.assert_array_equal(np.concatenate(in_order), np.arange(n))


def test_rows_that_stood_together_are_trained_on_far_apart():
    n = 100_000
    order = epoch_order(n, 10, np.random.RandomState(0))
    again = epoch_order(n, 10, np.random.RandomState(1))
    assert (order != again).mean() > 0.99
    assert np.median(np.abs(np.diff(order))) > n / 10


@pytest.mark.parametrize("n", [20_000, 100_000, 1_000_003])
def test_a_buffer_has_rows_of_everywhere(n):
    """One block of every ten: of rows that are sorted, as many of each kind as all have."""
    block, found = rows_shuffled(n, 10), list(buffers(n, 10, np.random.RandomState(0)))
    assert len(found) == 10
    for buffer in found:
        tenths = buffer.starts // block // 10
        np.testing.assert_array_equal(tenths, np.arange(len(tenths)))
    whole = np.array([buffer.starts[: n // block // 10] // block % 10 for buffer in found])
    np.testing.assert_array_equal(np.sort(whole, axis=0), np.arange(10)[:, None] + 0 * whole)
    assert len({tuple(column) for column in whole.T}) > 1


@pytest.mark.long
def test_sorted_labels_cost_no_accuracy():
    """In the mean of ten seeds within 0.2 points of shuffling all rows."""
    X, y, _ = problem(40_000)
    test, train = slice(30_000, None), np.argsort(y[:30_000], kind="stable")
    scores = {}
    for shuffle in (True, "blocks"):
        scores[shuffle] = []
        for seed in range(10):
            model = fastml.MLPClassifier((20,), shuffle=shuffle, max_iter=15, random_state=seed)
            quietly(model, X[train], y[train], None)
            scores[shuffle].append(model.score(X[test], y[test]))
    assert abs(np.mean(scores["blocks"]) - np.mean(scores[True])) < 0.002


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"early_stopping": True},
        {"record_gradients": True},
        {"shuffle": False, "loss": "poisson"},
    ],
)
def test_what_needs_all_rows_reads_them_if_the_limit_allows(settings):
    X, y, _ = problem(40_000)
    both(fastml.MLPRegressor(max_iter=1, random_state=0, **settings), X, y, None, None)
    model = fastml.MLPRegressor(max_iter=1, **settings)
    with fastml.engine(memory_limit="1 MiB"), pytest.raises(ValueError, match="above the limit"):
        model.fit(fastml.blocks(X), y)


def test_what_is_wrong_leaves_the_estimator_as_it_was():
    X, y, _ = problem()
    for solver in ("lbfgs", "adam"):
        settings = {"solver": solver, "shuffle": "blocks", "max_iter": 2, "random_state": 0}
        model = quietly(fastml.MLPClassifier((3,), **settings), fastml.blocks(X), y, None)
        before = dict(vars(model))
        bad = X.copy()
        bad[4000, 1] = np.nan
        with pytest.raises(ValueError, match=r"(?s)contains NaN.*row 4000, column 1"):
            model.fit(fastml.blocks(bad), y)
        with pytest.raises(ValueError, match="requires y to be passed"):
            model.fit(fastml.blocks(X), None)
        assert vars(model) == before
        numbers = fastml.MLPRegressor(**settings)
        with pytest.raises(ValueError, match="Input y contains NaN"):
            numbers.fit(fastml.blocks(X), np.where(y == 1, np.nan, y))
