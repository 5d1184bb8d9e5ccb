"""Cosine distances: the definition's, in its order, with vectors of zeros at distance one."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
import sklearn.neighbors
from element_types import DTYPES

import fastml
from fastml.neighbors import _metrics, _search, _tree
from fastml.reference import neighbors as reference


@pytest.fixture(params=["scores", "bytes"], autouse=True)
def way(request, monkeypatch):
    """Have every search take one way or the other, whatever pays here."""
    monkeypatch.setattr(_search, "codes_pay", lambda *shape: request.param == "bytes")
    monkeypatch.setattr(_search, "most_looks", lambda n_features: 1.0)


def expected_neighbours(X, queries, k):
    """Return the reference's distances and rows, in the order of the squares before any cut."""
    rows, wanted = reference.unit_rows(X), reference.unit_rows(queries)
    squares = reference.squared_distances(rows, wanted)
    squares[~wanted.any(axis=1)[:, None] | ~rows.any(axis=1)] = 2.0
    indices = np.argsort(squares, axis=1, kind="stable")[:, :k]
    distances = reference.cosine_distances(X, queries)
    return np.take_along_axis(distances, indices, axis=1), indices


def check(X, queries, k, algorithm="auto"):
    model = fastml.NearestNeighbors(n_neighbors=k, metric="cosine", algorithm=algorithm).fit(X)
    assert model.computed_by_ == "fastml"
    distances, indices = model.kneighbors(queries)
    expected, rows = expected_neighbours(X, queries, k)
    assert (indices == rows).all()
    assert (distances == expected).all()
    return model


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "d", "n_queries", "k"),
    [(1, 1, 1, 1), (200, 3, 1, 5), (700, 3, 90, 5), (700, 30, 90, 12), (129, 20, 40, 129)],
)
def test_neighbours_are_the_definitions(n, d, n_queries, k, dtype):
    rng = np.random.default_rng(n)
    X, queries = (rng.normal(size=(m, d)).astype(dtype) for m in (n, n_queries))
    model = check(X, queries, k)
    assert isinstance(model._search.rows, _tree.Tree if (n, d) == (700, 3) else _search.Base)
    check(X, queries, k, "brute")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [2, 12])
def test_vectors_of_zeros_and_ties(d, dtype):
    rng = np.random.default_rng(d)
    X, queries = (rng.integers(-1, 2, (n, d)).astype(dtype) for n in (900, 60))
    X[::7], queries[::5] = 0, 0
    for k in (1, 9, 900):
        check(X, queries, k)
    check(np.zeros((40, d), dtype), queries, 7)
    check(X, np.zeros((3, d), dtype), 7)


@pytest.mark.parametrize("dtype", DTYPES)
def test_offsets_and_scales(dtype):
    """Rows that point nearly the same way, and numbers whose squares vanish or overflow."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    for offset, scale in ((1e6, 1.0), (0.0, float(info.max) / 16), (0.0, float(info.tiny) / 4)):
        X, queries = (
            ((rng.normal(size=(m, 16)).clip(-4, 4) + offset) * scale).astype(dtype)
            for m in (500, 50)
        )
        with np.errstate(over="ignore", invalid="ignore"):  # scikit-learn's look for NaN
            check(X, queries, 5)


def test_float32_candidates_settle_nearly_all(monkeypatch):
    rng = np.random.default_rng(1)
    X, queries = (rng.normal(size=(n, 40)).astype(np.float32) for n in (4000, 300))
    search = _metrics.prepare(X, "cosine", "brute")
    assert search.rows.packed.dtype == np.float32

    def fail(*arguments):
        pytest.fail(f"{len(arguments[1])} queries are not settled")

    monkeypatch.setattr(_search, "by_definition", fail)
    search.nearest(queries, 5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_agrees_with_scikit_learn(dtype):
    rng = np.random.default_rng(2)
    X, queries = rng.normal(size=(300, 9)).astype(dtype), rng.normal(size=(40, 9)).astype(dtype)
    X[3] = queries[4] = 0
    ours = fastml.KNeighborsClassifier(metric="cosine").fit(X, np.arange(300) % 3)
    theirs = sklearn.neighbors.KNeighborsClassifier(metric="cosine").fit(X, np.arange(300) % 3)
    others = np.arange(40) != 4  # of rows equally far theirs are any
    (a, i), (b, j) = ours.kneighbors(queries), theirs.kneighbors(queries)
    assert (i == j)[others].all()
    np.testing.assert_allclose(a, b, atol=1e-6 if dtype == "float32" else 1e-14)
    assert (ours.predict(queries) == theirs.predict(queries))[others].all()
    np.testing.assert_allclose(
        reference.cosine_distances(X, queries),
        sklearn.metrics.pairwise.cosine_distances(queries, X),
        atol=1e-6 if dtype == "float32" else 1e-14,
    )


@pytest.mark.parametrize("d", [2, 12])
@pytest.mark.parametrize("radius", [0.0, 0.3, 1.0, 1.7, 2.0])
def test_rows_within_a_radius(radius, d):
    rng = np.random.default_rng(3)
    X, queries = (rng.integers(-1, 2, (n, d)).astype(float) for n in (300, 40))
    X[::7], queries[::5] = 0, 0
    model = fastml.NearestNeighbors(radius=radius, metric="cosine").fit(X)
    expected = reference.cosine_distances(X, queries)
    distances, indices = model.radius_neighbors(queries)
    for i, row in enumerate(expected):
        assert indices[i].tolist() == np.flatnonzero(row <= radius).tolist()
        assert (distances[i] == row[indices[i]]).all()
    empty = fastml.NearestNeighbors(radius=radius, metric="cosine").fit(np.zeros((3, d)))
    assert [len(rows) for rows in empty.radius_neighbors(queries)[1]] == [3 * (radius >= 1)] * 40


def test_queries_in_pieces(monkeypatch):
    rng = np.random.default_rng(4)
    X, queries = rng.normal(size=(100, 12)), rng.normal(size=(50, 12))
    queries[7] = 0
    monkeypatch.setattr(_metrics, "_NUMBERS_AT_ONCE", 40)
    model = check(X, queries, 4)
    assert len(model.radius_neighbors(queries, 0.5)[0]) == 50
    assert (model.kneighbors(return_distance=False) != np.arange(100)[:, None]).all()
