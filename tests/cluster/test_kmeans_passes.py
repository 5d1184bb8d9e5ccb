"""K-means over pieces of rows: the same bits as in memory, wherever the rows are cut."""

from __future__ import annotations

import numpy as np
import pytest
from element_types import DTYPES

import fastml
from fastml.cluster._bundles import block_rows
from fastml.cluster._lloyd import LloydRun, advance_until
from fastml.cluster._passes import FarthestPass, LloydPass, lloyd_models
from fastml.core.passes import Grid, run_pass

NO_WEIGHTS = np.empty(0)


def data(dtype, n_samples, n_features=3, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_samples, n_features)) + random.integers(0, 4, (n_samples, 1))
    return (X + 1e3).astype(dtype)


def in_memory(X, weights, start, max_iter, tol=0.0):
    run = LloydRun(X, start.copy(), sample_weight=weights, max_iter=max_iter, tol=tol)
    advance_until(run)
    return run


def by_pieces(X, weights, start, max_iter, most_blocks, tol=0.0):
    def read(piece):
        part = slice(piece.start, piece.stop)
        return X[part].copy(), weights[part].copy()

    grid = Grid(block_rows(X.shape[1], len(start)))
    fits = LloydPass(read, max_iter, tol), FarthestPass(read)
    *_, model = lloyd_models(
        start, fits, lambda fit, model: run_pass(fit, grid.pieces(len(X), most_blocks), model)
    )
    return model


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_pieces_give_the_bits_of_the_whole(dtype, weighted, shared_work):
    X = data(dtype, 13 * block_rows(3, 200) + 17)
    random = np.random.default_rng(1)
    weights = random.uniform(0, 2, len(X)) * 10.0 ** random.integers(-6, 7, len(X))
    weights = weights if weighted else NO_WEIGHTS
    start = X[:200].copy()
    for max_iter in (1, 2, 5, 9):
        for n in (1, 2, 3, 7):
            with fastml.num_threads(n):
                run = in_memory(X, weights, start, max_iter)
                for most in (1, 4, 64)[: 3 if n == 2 else 1]:
                    model = by_pieces(X, weights, start, max_iter, most)
                    assert model.points.tobytes() == run._centers.points.tobytes()
                    assert model.totals.tobytes() == run._sums.totals.tobytes()
                    assert model.n_iter == run.n_iter == max_iter
                    assert model.reason is run.reason


def test_to_convergence_and_through_empty_clusters():
    X = np.round(data("float64", 5000, seed=2), 1)
    start = X[:30].copy()
    start[20:] = 1e6  # that get nothing
    run = in_memory(X, NO_WEIGHTS, start, 300)
    model = by_pieces(X, NO_WEIGHTS, start, 300, 1)
    assert run.n_iter < 300
    assert model.n_iter == run.n_iter
    assert model.reason is run.reason
    assert model.points.tobytes() == run._centers.points.tobytes()
    assert np.abs(model.points).max() < 2000


def test_ticket_size_changes_no_bit(monkeypatch):
    from fastml.cluster import _bundles

    X = data("float32", 60_000, seed=3)
    found = []
    for most_tickets in (256, 7, 1):
        monkeypatch.setattr(_bundles, "_MOST_TICKETS", most_tickets)
        found.append(in_memory(X, NO_WEIGHTS, X[:50].copy(), 12)._centers.points.tobytes())
    assert found[0] == found[1] == found[2]
