"""K-means of sparse rows: the same bits as of the rows with their zeros."""

from __future__ import annotations

import numpy as np
import pytest
from block_fits import same
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import fastml
from fastml.data import SparseRows, _sparse

FORMATS = [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix]


@pytest.fixture(params=[False, True], ids=["small", "large"])
def large(request, monkeypatch):
    """Whether rows are written out some at a time, as where all of them take too much memory."""
    if request.param:
        monkeypatch.setattr(_sparse, "FEW_BYTES", 0)
    return request.param


def sparse_rows(n, d, dtype=np.float64, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) + 3 * random.integers(0, 4, (n, 1))
    X[random.random((n, d)) < 0.8] = 0
    return X.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", FORMATS)
def test_k_means_of_sparse_rows_is_that_of_their_array(make, dtype, large):
    X = sparse_rows(5003, 19, dtype)
    weights = np.random.default_rng(1).uniform(0, 2, len(X))
    for options in (
        {},
        {"init": "random", "n_init": 2},
        {"init": X[:7], "algorithm": "lloyd"},
        {"metric": "cosine"},
    ):
        expected = fastml.KMeans(7, random_state=0, max_iter=20, **options)
        found = fastml.KMeans(7, random_state=0, max_iter=20, **options)
        expected.fit(X, sample_weight=weights)
        found.fit(make(X), sample_weight=weights)
        same(found, expected)
        assert found.cluster_centers_.dtype == dtype
        assert found.n_features_in_ == 19
        np.testing.assert_array_equal(found.predict(make(X)), expected.predict(X))
        np.testing.assert_array_equal(found.transform(make(X)), expected.transform(X))
        assert found.score(make(X), sample_weight=weights) == expected.score(
            X, sample_weight=weights
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mini_batches_of_sparse_rows_are_those_of_their_array(dtype, large):
    X = sparse_rows(5003, 19, dtype)
    weights = np.random.default_rng(1).uniform(0, 2, len(X))
    for options in ({}, {"init": X[:7]}, {"init_size": 6000, "tol": 1e-3}, {"init": "random"}):
        expected = fastml.MiniBatchKMeans(7, random_state=0, batch_size=300, **options)
        found = fastml.MiniBatchKMeans(7, random_state=0, batch_size=300, **options)
        expected.fit(X, sample_weight=weights)
        found.fit(sparse.csr_array(X), sample_weight=weights)
        same(found, expected)
        for rows in (X[:500], X[500:900]):
            expected.partial_fit(rows)
            found.partial_fit(sparse.csr_array(rows))
        same(found, expected)


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(_sparse, "FEW_BYTES", 0)
    X = sparse.csr_array(sparse_rows(30_011, 33))
    models = []
    for threads in (1, 2, 3, 7, 64):
        with fastml.num_threads(threads):
            models.append(fastml.KMeans(9, random_state=0, max_iter=10).fit(X))
    for model in models[1:]:
        same(model, models[0])


def test_no_array_of_all_rows_is_made():
    n, d = 60_000, 400
    X = sparse.random(n, d, 0.01, "csr", np.float32, random_state=0)
    rows = SparseRows(X)
    assert rows.nbytes > _sparse.FEW_BYTES
    seen = []
    read = SparseRows._read

    def counted(self, start, stop, out):
        seen.append(out.nbytes)
        read(self, start, stop, out)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SparseRows, "_read", counted)
        model = fastml.KMeans(5, random_state=0, max_iter=3).fit(X)
    assert 0 < max(seen) <= 13 << 20
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_entries_of_one_place_are_added_and_zeros_may_be_stored(large):
    data = np.array([1.0, 2.0, 0.0, 5.0, -5.0])
    indices, indptr = np.array([1, 1, 0, 2, 2]), np.array([0, 2, 3, 5, 5])
    X = sparse.csr_array((data, indices, indptr), shape=(4, 3))
    rows = fastml.blocks(X)
    assert rows.shape == (4, 3)
    np.testing.assert_array_equal(rows[:], [[0, 3, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(rows[np.array([3, 0])], [[0, 0, 0], [0, 3, 0]])
    model = fastml.KMeans(2, random_state=0).fit(X)
    assert sorted(model.cluster_centers_.tolist()) == [[0, 0, 0], [0, 3, 0]]


def test_what_is_refused(large):
    X = sparse.csr_array(sparse_rows(50, 4))
    with pytest.raises(ValueError, match="n_samples=50 should be >= n_clusters=51"):
        fastml.KMeans(51).fit(X)
    with pytest.raises(NotFittedError):
        fastml.KMeans(3).predict(X)
    model = fastml.KMeans(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="X has 3 features, but KMeans is expecting 4"):
        model.predict(X[:, :3])
    bad = X.copy()
    bad.data[5] = np.nan
    for estimator in (fastml.KMeans(3), fastml.MiniBatchKMeans(3)):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            estimator.fit(bad)
        assert not hasattr(estimator, "n_features_in_")
    with pytest.raises(ValueError, match="sample_weight"):
        fastml.KMeans(3).fit(X, sample_weight=np.ones(49))
    damaged = X.copy()
    damaged.indices[0] = 1000
    with pytest.raises(ValueError, match="damaged sparse matrix"):
        fastml.KMeans(3).fit(damaged)
    with pytest.raises(IndexError):
        SparseRows(X)[np.array([50])]


def test_starts_from_sparse_rows(large):
    X = sparse_rows(900, 6)
    found = fastml.kmeans_plusplus(sparse.csr_array(X), 5, random_state=0)
    expected = fastml.kmeans_plusplus(X, 5, random_state=0)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_default_encoder_before_it():
    random = np.random.default_rng(0)
    table = np.array(list("abcde"), object)[random.integers(0, 5, (200, 2))]
    encode = make_column_transformer((OneHotEncoder(), [0, 1]))
    assert sparse.issparse(encode.fit_transform(table))
    pipeline = make_pipeline(encode, fastml.KMeans(25, random_state=0)).fit(table)
    assert pipeline[-1].inertia_ == pytest.approx(0, abs=1e-20)
