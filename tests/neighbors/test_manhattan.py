"""Manhattan distances: the definition's neighbours, in its order, and those within a radius."""

from __future__ import annotations

import functools
import pickle

import numpy as np
import pytest
import sklearn
import sklearn.neighbors
from element_types import DTYPES

import fastml
from fastml.core import threads
from fastml.kernels.neighbors import exact
from fastml.neighbors import _search
from fastml.reference import neighbors as reference


@pytest.fixture
def doubtful(monkeypatch):
    """Count the queries that only the definition settles."""
    counts = []
    settle = exact.settle_candidates

    @functools.wraps(settle.py_func)
    def counting(*arguments):
        settle(*arguments)
        counts.append(int((~arguments[-1]).sum()))

    monkeypatch.setattr(exact, "settle_candidates", counting)
    return counts


def fitted(X, k=5, algorithm="brute", **parameters):
    parameters = {"metric": "manhattan", **parameters}
    model = fastml.NearestNeighbors(n_neighbors=k, algorithm=algorithm, **parameters).fit(X)
    assert model.computed_by_ == "fastml"
    return model


def check(X, queries, k):
    distances, indices = fitted(X, k).kneighbors(queries)
    expected = reference.manhattan_distances(X, queries)
    rows = np.argsort(expected, axis=1, kind="stable")[:, :k]
    assert (indices == rows).all()
    assert (distances == np.take_along_axis(expected, rows, axis=1)).all()


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "d", "n_queries", "k"),
    [
        (1, 1, 1, 1), (2, 1, 9, 2), (9, 3, 40, 9), (200, 1, 33, 1), (129, 7, 31, 126),
        (1000, 2, 65, 20), (1501, 17, 70, 5), (513, 130, 40, 3), (2000, 300, 1, 5),
    ],
)  # fmt: skip
def test_shapes_and_remainders(n, d, n_queries, k, dtype):
    rng = np.random.default_rng(n)
    check(rng.normal(size=(n, d)).astype(dtype), rng.normal(size=(n_queries, d)).astype(dtype), k)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0.0, 1e2, 1e4, 1e6, 1e8])
def test_no_offset_makes_a_difference(offset, dtype, doubtful):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(1500, 20)) + offset).astype(dtype)
    queries = (rng.normal(size=(70, 20)) + offset).astype(dtype)
    check(X, queries, 7)
    if dtype == "float64" or offset <= 1e4:  # float32 leaves whole numbers, with ties, at 1e8
        assert sum(doubtful) == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 5, 16])
def test_ties_and_duplicates_go_to_the_lowest_row(d, dtype, doubtful):
    rng = np.random.default_rng(d)
    X = rng.integers(0, 3, (3000, d)).astype(dtype)
    check(X, rng.integers(0, 3, (50, d)).astype(dtype), 12)
    assert sum(doubtful) > 0
    check(np.repeat(X[:40], 20, axis=0), X[:33], 9)
    check(np.ones((500, d), dtype), np.zeros((3, d), dtype), 10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("large", [False, True])
def test_subnormal_and_huge_numbers(large, dtype):
    rng = np.random.default_rng(3)
    info = np.finfo(dtype)
    factor = float(info.max) / 64 if large else float(info.smallest_subnormal) * 8
    X = (rng.normal(size=(300, 3)).clip(-4, 4) * factor).astype(dtype)
    check(X, X[:40], 5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_queries", [1, 40, 500])
def test_same_bits_for_any_number_of_threads(n_queries, dtype, shared_work, monkeypatch):
    monkeypatch.setattr(_search, "_LEAST_WORK", 1)
    monkeypatch.setattr(_search, "_KEPT", 640)
    rng = np.random.default_rng(5)
    X = rng.integers(0, 9, (3000, 9)).astype(dtype)
    queries = rng.normal(size=(n_queries, 9)).astype(dtype)
    for n in (1, 2, 3, 7, 64):
        with threads.num_threads(n):
            check(X, queries, 6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_other_types_of_queries(dtype):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(900, 9)).astype(dtype)
    for n in (3, 90):
        check(X, rng.normal(size=(n, 9)), 4)
        check(X, rng.normal(size=(n, 9)).astype("float32"), 4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_within_a_radius(dtype):
    rng = np.random.default_rng(7)
    X = rng.integers(-4, 5, (700, 10)).astype(dtype)
    queries = rng.integers(-4, 5, (33, 10)).astype(dtype)
    distances = reference.manhattan_distances(X, queries)
    found, rows = fitted(X).radius_neighbors(queries, 25.0, sort_results=True)
    for i in range(len(queries)):
        expected = np.flatnonzero(distances[i] <= 25.0)
        expected = expected[np.argsort(distances[i, expected], kind="stable")]
        assert (rows[i] == expected).all()
        assert (found[i] == distances[i, expected]).all()
    assert sum(map(len, rows)) > 50


@pytest.mark.filterwarnings("ignore:Parameter p is found in metric_params")
@pytest.mark.parametrize(
    "parameters",
    [
        {"metric": "manhattan"}, {"metric": "l1"}, {"metric": "cityblock"},
        {"metric": "minkowski", "p": 1}, {"metric": "minkowski", "metric_params": {"p": 1}},
    ],
)  # fmt: skip
def test_every_name_of_it(parameters):
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(400, 12)), rng.integers(0, 3, 400)
    model = fitted(X, algorithm="auto", **parameters)
    theirs = sklearn.neighbors.NearestNeighbors(algorithm="brute", **parameters).fit(X)
    distances, indices = model.kneighbors()
    expected, rows = theirs.kneighbors()
    assert (indices == rows).all()
    np.testing.assert_allclose(distances, expected, rtol=1e-13)
    for name in ("KNeighborsClassifier", "KNeighborsRegressor"):
        ours, other = (
            getattr(module, name)(algorithm="brute", weights="distance", **parameters).fit(X, y)
            for module in (fastml, sklearn.neighbors)
        )
        np.testing.assert_allclose(ours.predict(X + 0.1), other.predict(X + 0.1), rtol=1e-12)


def test_where_trees_are_wanted_they_are_scikit_learns():
    X = np.random.default_rng(9).normal(size=(3000, 3))
    for algorithm, reason in (("auto", "takes a tree"), ("kd_tree", "Manhattan distances")):
        model = fastml.NearestNeighbors(metric="manhattan", algorithm=algorithm).fit(X)
        assert model.computed_by_.startswith("scikit-learn: ")
        assert reason in model.computed_by_
        assert model.kneighbors(X[:3])[1][:, 0].tolist() == [0, 1, 2]
    assert fitted(X[:200], algorithm="auto")


def test_pickles_hold_the_rows():
    X = np.random.default_rng(10).normal(size=(500, 12)) + 1e6
    model = fitted(X)
    kept = pickle.dumps(model)
    assert len(kept) < 2.2 * X.nbytes
    again = pickle.loads(kept)
    for a, b in zip(again.kneighbors(X[:50]), model.kneighbors(X[:50]), strict=True):
        assert (a == b).all()


@pytest.mark.parametrize("where", ["rows", "queries"])
@pytest.mark.parametrize("n_queries", [1, 40])
def test_nobody_is_no_neighbour(where, n_queries):
    rng = np.random.default_rng(11)
    X, queries = rng.normal(size=(400, 3)), rng.normal(size=(n_queries, 3))
    if where == "rows":
        X[:396, 1] = np.nan
    else:
        queries[-1, 1] = np.nan
    with (
        sklearn.config_context(assume_finite=True),
        pytest.raises(ValueError, match="too few neighbors: X or the queries contain NaN"),
    ):
        fitted(X).kneighbors(queries)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_power_of_two(dtype):
    """Also where the squares of rows overflow, which sizes of differences do not."""
    random = np.random.default_rng(5)
    X, queries = (random.normal(size=(n, 2)).astype(dtype) for n in (67, 9))
    info = np.finfo(dtype)
    for exponent in range(info.minexp - info.nmant, info.maxexp - 4):
        check(np.ldexp(X, exponent), np.ldexp(queries, exponent), 7)
