"""Seeds and stops where float32 does not hold what is added up."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import fastml
from fastml import MiniBatchKMeans, kmeans_plusplus

FILL = np.float32(9.969209968386869e36)


@pytest.mark.parametrize("size", [1.0, 1e-25])
@pytest.mark.parametrize("far", [1.0, 1e19, 1e25, FILL])
@pytest.mark.parametrize("weight", [1.0, 0.0])
def test_one_row_far_away_leaves_the_others_their_distances(far, weight, size):
    random = np.random.default_rng(0)
    X = (random.normal(size=(3000, 3)) * size).astype(np.float32)
    X[1500] = far
    weights = np.ones(len(X))
    weights[1500] = weight
    _, rows = kmeans_plusplus(X, 12, random_state=0, sample_weight=weights)
    _, expected = kmeans_plusplus(X.astype(np.float64), 12, random_state=0, sample_weight=weights)
    np.testing.assert_array_equal(rows, expected)
    assert len(set(rows.tolist())) == 12
    sparse = scipy.sparse.csr_array(X)
    _, of_sparse = kmeans_plusplus(sparse, 12, random_state=0, sample_weight=weights)
    np.testing.assert_array_equal(of_sparse, rows)
    models = [
        fastml.KMeans(5, n_init=1, max_iter=1, random_state=0).fit(given, sample_weight=weights)
        for given in (X, fastml.blocks(X))
    ]
    assert models[0].labels_.tobytes() == np.asarray(models[1].labels_).tobytes()


@pytest.mark.parametrize("exponent", [-61, -60, -40, -21, 20, 21, 40, 60, 61])
@pytest.mark.parametrize("size", [2.0**-30, 2.0**-20, 1.0, 2.0**30])
def test_weights_times_squares_neither_vanish_nor_overflow(size, exponent):
    random = np.random.default_rng(0)
    X = random.normal(size=(10, 4))[np.arange(2048) % 10]
    X += 1e-4 * random.normal(size=X.shape)
    X = (X / np.abs(X).max() * size).astype(np.float32)
    found = [
        kmeans_plusplus(X, 30, random_state=0, sample_weight=np.full(len(X), weight))[1]
        for weight in (1.0, 2.0**exponent)
    ]
    np.testing.assert_array_equal(*found)
    assert len(set(found[0].tolist())) == 30


@pytest.mark.parametrize("exponent", [-76, -60, 60])
def test_small_moves_of_small_centers(exponent):
    X = np.random.default_rng(0).normal(size=(2000, 8)).astype(np.float32)
    how = {"n_clusters": 5, "tol": 1e-3, "random_state": 0, "n_init": 1, "max_no_improvement": None}
    steps = [MiniBatchKMeans(**how).fit(np.ldexp(X, by)).n_steps_ for by in (0, exponent)]
    assert steps[0] == steps[1] > 2


@pytest.mark.parametrize("far", [1.0, 2.0**20, 2.0**40])
def test_the_same_rows_at_every_power_of_two(far):
    random = np.random.default_rng(0)
    X = random.normal(size=(3000, 3)).astype(np.float32)
    X[7] *= far
    rows = kmeans_plusplus(X, 12, random_state=0)[1]
    for exponent in (-120, -100, -31, -21, -20, -1, 1, 20, 31, 60, 85):
        scaled = np.ldexp(X, exponent if far == 1 or exponent <= 60 else 60)
        np.testing.assert_array_equal(kmeans_plusplus(scaled, 12, random_state=0)[1], rows)
