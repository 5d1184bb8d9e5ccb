"""k-means||: few passes, the draws keyed by seed, round and block."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml.cluster._nearest import nearest_labels, weighted_inertia
from fastml.cluster._parallel import (
    FACTOR,
    ROUNDS,
    Candidates,
    DrawPass,
    WeightsPass,
    parallel_rows_of,
    rows_drawn,
)
from fastml.cluster._plusplus import choose_rows
from fastml.core.passes import Grid, TreeSum
from fastml.data import Part
from fastml.execution import FileRoom


def problem(n=5000, d=40, seed=0, dtype="float64"):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) + 5 * random.integers(0, 3, (n, 1))
    X[n // 2 :: 7] = X[0]
    w = random.uniform(0, 2, n)
    w[random.random(n) < 0.3] = 0
    return X.astype(dtype), w


def plainly(X, w, n_clusters, random_state):
    """Return the rows as the definition has them, all distances computed anew each round."""
    w = np.ones(len(X)) if w is None else w
    rows = [int(random_state.choice(len(X), p=w / w.sum()))]
    seed = int(random_state.randint(0, 1 << 63, dtype=np.uint64))
    block = rows_drawn(X.shape[1])

    def distances():
        found = np.empty((len(X), len(rows)))
        for j, row in enumerate(rows):
            total = np.zeros(len(X))
            for p in range(X.shape[1]):  # in the order of the features, in float64
                total += (X[:, p].astype(float) - float(X[row, p])) ** 2
            found[:, j] = total
        return found

    for number in range(ROUNDS):
        variates = np.concatenate(
            [
                np.random.Generator(
                    np.random.Philox(
                        key=np.array([seed, number], np.uint64),
                        counter=np.array([0, at // block, 0, 0], np.uint64),
                    )
                ).standard_exponential(min(block, len(X) - at))
                for at in range(0, len(X), block)
            ]
        )
        chances = w * distances().min(axis=1)
        with np.errstate(divide="ignore"):
            keys = np.where(chances > 0, variates / chances, np.inf)
        order = np.argsort(keys, kind="stable")[: FACTOR * n_clusters]
        rows += sorted(order[keys[order] < np.inf])
    weights = np.bincount(distances().argmin(axis=1), w, len(rows))
    return np.array(rows)[choose_rows(X[rows], n_clusters, weights, random_state)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_clusters", [1, 2, 17])
def test_the_rows_are_those_of_the_definition(n_clusters, weighted, dtype):
    X, w = problem(dtype=dtype)
    w = w if weighted else None
    for seed in range(3):
        found = parallel_rows_of(
            X, np.empty(0) if w is None else w, n_clusters, np.random.RandomState(seed)
        )
        expected = plainly(X, w, n_clusters, np.random.RandomState(seed))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("fit", [DrawPass(7, 31), WeightsPass()], ids=["draw", "weights"])
def test_the_cutting_does_not_matter_nor_what_is_forgotten(fit):
    X, w = problem()
    rows = rows_drawn(X.shape[1])
    models = [
        Candidates(X[[3]], 0, 0),
        Candidates(X[[3, 9, 11, 8]], 1, 1),
        Candidates(X[[3, 9, 11, 8, 2, 50]], 4, 2),
    ]
    whole = Part(0, 3, 0, len(X), X, None, w, {})
    expected = [fit.finish(fit.statistics(whole, m), m) for m in models]
    expected = [found if isinstance(found, tuple) else (found,) for found in expected]
    for most in (1, 2):
        states: dict[int, dict] = {}
        for number, model in enumerate(models):
            tree = TreeSum(fit.merge)
            for piece in Grid(rows).pieces(len(X), most):
                state = states.setdefault(piece.first, {"spill": FileRoom() if most == 2 else None})
                if number == 2 and piece.first == 0:  # a worker that was killed
                    state.clear()
                some = slice(piece.start, piece.stop)
                found = fit.statistics(Part(*piece, X[some], None, w[some], state), model)
                tree.add(piece.first, piece.n_blocks, found)
            found = fit.finish(tree.total(), model)
            for a, b in zip(
                found if isinstance(found, tuple) else (found,), expected[number], strict=True
            ):
                np.testing.assert_array_equal(a, b)


def test_fewer_different_rows_than_clusters():
    X = np.repeat([[0.0], [1.0], [9.0]], [5, 1, 3], axis=0)
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        model = fastml.KMeans(5, init="k-means||", random_state=0).fit(X)
    assert set(model.cluster_centers_[:, 0]) == {0.0, 1.0, 9.0}
    assert model.inertia_ == 0


@pytest.mark.parametrize("scale", [1e-130, 1e150])
def test_extreme_numbers_and_weights(scale):
    X, w = problem(400, 3)
    expected = fastml.KMeans(4, init="k-means||", random_state=1, max_iter=1).fit(X, None, w)
    model = fastml.KMeans(4, init="k-means||", random_state=1, max_iter=1)
    model.fit(np.ldexp(X, int(np.log2(scale))), None, np.ldexp(w, 300))
    np.testing.assert_array_equal(model.labels_, expected.labels_)


def test_the_same_bits_for_any_number_of_threads(shared_work):
    X, w = problem(9000, 12, dtype="float32")
    found = []
    for n in (1, 2, 3, 7, 64):
        with fastml.num_threads(n):
            found.append(parallel_rows_of(X, w, 20, np.random.RandomState(0)))
    for rows in found[1:]:
        np.testing.assert_array_equal(rows, found[0])


def test_the_start_is_about_as_good():
    """In the mean of ten starts, no worse than k-means++ by a tenth."""
    random = np.random.default_rng(0)
    centers = random.normal(size=(30, 5)) * 10
    X = centers[random.integers(0, 30, 20_000)] + random.normal(size=(20_000, 5))
    means = []
    for choose in (
        lambda seed: choose_rows(X, 30, np.empty(0), np.random.RandomState(seed)),
        lambda seed: parallel_rows_of(X, np.empty(0), 30, np.random.RandomState(seed)),
    ):
        inertias = []
        for seed in range(10):
            points = X[choose(seed)]
            labels = nearest_labels(X, points)
            inertias.append(weighted_inertia(X, points, labels, np.empty(0)))
        means.append(np.mean(inertias))
    assert means[1] <= 1.1 * means[0]


def test_spherical():
    X, _ = problem(2000, 6)
    model = fastml.KMeans(5, init="k-means||", metric="cosine", random_state=0).fit(X)
    np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1)
