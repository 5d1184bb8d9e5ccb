"""Nearest neighbours: indices, order and distances equal the definition's, whatever the data."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import sklearn
from element_types import DTYPES
from hypothesis import given
from hypothesis import strategies as st

import fastml
from fastml.core import threads
from fastml.kernels.neighbors import exact, few
from fastml.kernels.tile import COLUMNS, VECTORS, lanes_of
from fastml.neighbors import _search
from fastml.reference import neighbors as reference


@pytest.fixture(params=["scores", "bytes", "reading"], autouse=True)
def way(request, monkeypatch):
    """Have every search take one way or the other, whatever pays here."""

    def is_sooner(X, n_queries, packed):
        return request.param == "reading" or n_queries <= 2

    monkeypatch.setattr(_search.reading, "is_sooner", is_sooner)
    monkeypatch.setattr(_search, "codes_pay", lambda *shape: request.param == "bytes")
    monkeypatch.setattr(_search, "most_looks", lambda n_features: 1.0)


def check(X, queries, k):
    """Compare with the definition; return for how many queries the candidates did not settle it."""
    distances, indices = fastml.kneighbors(X, queries, k)
    expected, rows = reference.kneighbors(X, queries, k)
    assert (indices == rows).all()
    assert (distances == expected).all()


@pytest.fixture
def doubtful(monkeypatch):
    """Count the queries that only the definition settles."""
    counts = []
    settle, answer = exact.settle_candidates, few.nearest_alone

    @functools.wraps(settle.py_func)
    def counting(*arguments):
        settle(*arguments)
        counts.append(int((~arguments[-1]).sum()))

    @functools.wraps(answer.py_func)
    def counting_all(*arguments):
        settled = answer(*arguments)
        counts.append(0 if settled else len(arguments[0]))
        return settled

    monkeypatch.setattr(exact, "settle_candidates", counting)
    monkeypatch.setattr(few, "nearest_alone", counting_all)
    return counts


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0.0, 1e2, 1e4, 1e6, 1e8])
def test_no_offset_makes_a_difference(offset, dtype, doubtful):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(1500, 20)) + offset).astype(dtype)
    queries = (rng.normal(size=(70, 20)) + offset).astype(dtype)
    check(X, queries, 7)
    assert len(doubtful) == 1
    if dtype == "float64" or offset <= 1e4:  # float32 leaves whole numbers, with ties, at 1e8
        assert doubtful == [0]


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "d", "n_queries", "k"),
    [
        (1, 1, 1, 1), (2, 1, 9, 2), (9, 3, 40, 9), (200, 1, 33, 1), (129, 7, 31, 126),
        (1000, 2, 65, 20), (513, 130, 40, 3), (2000, 300, 33, 5), (70_000, 3, 9, 4),
        (30_000, 2, 1, 3), (40_000, 5, 6, 1), (700, 90, 7, 5),
    ],
)  # fmt: skip
def test_shapes_and_remainders(n, d, n_queries, k, dtype):
    rng = np.random.default_rng(n)
    check(rng.normal(size=(n, d)).astype(dtype), rng.normal(size=(n_queries, d)).astype(dtype), k)


@pytest.mark.checked
@pytest.mark.parametrize("way", ["reading"], indirect=True)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_queries", [1, 2, 5])
@pytest.mark.parametrize("d", [1, 7, 8, 16, 17, 40, 64, 131])
@pytest.mark.parametrize("offset", [0.0, 1e2, 1e6])
@pytest.mark.parametrize("alone", [True, False])
def test_few_queries_read_the_rows_as_they_are(
    n_queries, d, offset, alone, dtype, doubtful, monkeypatch
):
    monkeypatch.setattr(_search.reading, "_PART_BYTES", 20_000)
    monkeypatch.setattr(_search.reading, "ALONE", np.inf if alone else 0)
    rng = np.random.default_rng(d)
    for n in (100, 1003):
        X, queries = ((rng.normal(size=(m, d)) + offset).astype(dtype) for m in (n, n_queries))
        check(X, queries, 4)
        if dtype == "float64" or (d > 1 and offset < 1e6):  # an error relative to the distance
            assert doubtful[-1] == 0
    X = rng.integers(0, 3, (500, d)).astype(dtype)
    check(X, X[:n_queries] + 1, 9)
    check(np.repeat(X[:20], 25, axis=0), X[:n_queries], 9)
    assert doubtful[-1] == n_queries


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 5])
def test_ties_go_to_the_lowest_row(d, dtype, doubtful):
    rng = np.random.default_rng(d)
    X = rng.integers(0, 4, (3000, d)).astype(dtype)
    check(X, rng.integers(0, 4, (50, d)).astype(dtype), 12)
    assert sum(doubtful) > 0  # so many ties that no candidates settle them


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_rows_alike(dtype):
    check(np.ones((500, 3), dtype), np.ones((40, 3), dtype), 10)
    check(np.zeros((500, 3), dtype), np.ones((3, 3), dtype), 10)


@pytest.mark.parametrize("dtype", DTYPES)
def test_zero_columns_change_nothing(dtype):
    rng = np.random.default_rng(2)
    X, queries = rng.normal(size=(900, 6)).astype(dtype), rng.normal(size=(40, 6)).astype(dtype)
    wide = [np.hstack([A, np.zeros((len(A), 11), dtype)]) for A in (X, queries)]
    for a, b in zip(fastml.kneighbors(X, queries, 5), fastml.kneighbors(*wide, 5), strict=True):
        assert (a == b).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [0, -1])
def test_subnormal_and_huge_numbers(scale, dtype):
    """Squares that vanish or overflow leave every comparison to the definition."""
    rng = np.random.default_rng(3)
    info = np.finfo(dtype)
    factor = float(info.max) / 16 if scale else float(info.smallest_subnormal) * 8
    X = (rng.normal(size=(300, 3)).clip(-4, 4) * factor).astype(dtype)
    with np.errstate(over="ignore"):
        check(X, X[:40], 5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_far_row_costs_time_only(dtype):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(1000, 4)).astype(dtype)
    X[17] = 1e12
    check(X, rng.normal(size=(50, 4)).astype(dtype), 5)


@given(
    n=st.integers(1, 300), d=st.integers(1, 40), n_queries=st.integers(1, 80),
    levels=st.integers(1, 6), exponent=st.integers(-20, 20), offset=st.sampled_from([0, 3, 10**6]),
    dtype=st.sampled_from(DTYPES), seed=st.integers(0, 99), share=st.floats(0, 1),
)  # fmt: skip
def test_anything_equals_the_definition(
    n, d, n_queries, levels, exponent, offset, dtype, seed, share
):
    rng = np.random.default_rng(seed)
    X, queries = (
        ((rng.integers(0, levels, (rows, d)) + offset) * 2.0**exponent).astype(dtype)
        for rows in (n, n_queries)
    )
    check(X, queries, max(1, round(share * n)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_queries", [1, 40, 3000])
def test_same_bits_for_any_number_of_threads(n_queries, dtype, shared_work, monkeypatch):
    rng = np.random.default_rng(5)
    X = rng.integers(0, 9, (4000, 5)).astype(dtype)
    queries = rng.normal(size=(n_queries, 5)).astype(dtype)
    monkeypatch.setattr(_search, "_LEAST_WORK", 1)
    results = []
    for n in (1, 2, 7, 64):
        with threads.num_threads(n):
            results.append(fastml.kneighbors(X, queries, 6))
    for distances, indices in results[1:]:
        assert distances.tobytes() == results[0][0].tobytes()
        assert indices.tobytes() == results[0][1].tobytes()


def test_a_query_does_not_depend_on_its_companions():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(5000, 8)).astype(np.float32)
    queries = rng.normal(size=(100, 8)).astype(np.float32)
    together = fastml.kneighbors(X, queries, 4)
    for start, stop in ((0, 1), (1, 8), (8, 50), (50, 100)):
        alone = fastml.kneighbors(X, queries[start:stop], 4)
        for a, b in zip(alone, together, strict=True):
            assert (a == b[start:stop]).all()


def test_rounds_and_parts_meet(monkeypatch):
    monkeypatch.setattr(_search, "_KEPT", 64)
    monkeypatch.setattr(_search, "_LEAST_WORK", 1)
    monkeypatch.setattr(_search, "_BLOCK_BYTES", 1)
    rng = np.random.default_rng(7)
    X, queries = rng.integers(0, 5, (2001, 3)) * 1.0, rng.normal(size=(150, 3))
    check(X, queries, 9)


def test_strides_and_orders():
    rng = np.random.default_rng(8)
    X, queries = rng.normal(size=(400, 12)), rng.normal(size=(60, 12))
    check(np.asfortranarray(X)[::2, ::3], queries[::-1, ::3], 3)


def test_a_base_wants_what_kernels_take():
    with pytest.raises(ValueError, match="Expected a matrix of float32 or float64"):
        _search.Base.of(np.zeros((3, 0)))
    with pytest.raises(ValueError, match="Expected a matrix of float32 or float64"):
        _search.Base.of(np.zeros((3, 1), int))
    base = _search.Base.of(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="Expected 2 features of float64"):
        _search.nearest(base, np.zeros((1, 3)), 1)
    with pytest.raises(ValueError, match="Expected 2 features of float64"):
        _search.nearest(base, np.zeros((1, 2), np.float32), 1)
    with pytest.raises(ValueError, match="1 <= n_neighbors <= 3"):
        _search.nearest(base, np.zeros((1, 2)), 4)
    with pytest.raises(ValueError, match="Expected 2 features"):
        _search.within(base, np.zeros((1, 3)), np.ones(1), False)


@pytest.mark.parametrize(
    ("k", "error", "match"),
    [
        (0, ValueError, "1 <= n_neighbors <= n_samples"),
        (4, ValueError, "n_neighbors = 4, n_samples = 3"),
        (1.0, TypeError, "must be an instance of int"),
        (True, TypeError, "must be an instance of int"),
    ],
)
def test_bad_numbers_of_neighbours(k, error, match):
    with pytest.raises(error, match=match):
        fastml.kneighbors(np.zeros((3, 2)), np.zeros((1, 2)), k)


def test_bad_rows():
    with pytest.raises(ValueError, match="Incompatible dimension"):
        fastml.kneighbors(np.zeros((3, 2)), np.zeros((1, 3)), 1)
    with pytest.raises(ValueError, match="queries contains NaN"):
        fastml.kneighbors(np.zeros((3, 2)), np.full((1, 2), np.nan), 1)


def test_the_error_of_a_score_is_bounded():
    """The bound holds where it is nearly reached, and is not idle: within a factor of 1000."""
    rng = np.random.default_rng(9)
    n_features = 200
    X = rng.uniform(0.5, 1.0, (500, n_features)).astype(np.float32)
    q = rng.uniform(0.5, 1.0, n_features).astype(np.float32)
    half = (-0.5 * (X.astype(np.float64) ** 2).sum(axis=1)).astype(np.float32)
    score = half.copy()
    for p in range(n_features):  # as the tile adds, though a product is rounded here
        score += q[p] * X[:, p]
    true = (X.astype(np.float64) @ q.astype(np.float64)) - 0.5 * (X.astype(float) ** 2).sum(axis=1)
    norm, largest = float((q.astype(float) ** 2).sum()), float((X.astype(float) ** 2).sum(1).max())
    bound = exact.score_error(n_features, True, norm, largest)
    worst = 2.0 * np.abs(score - true).max()
    assert worst < bound < 1000 * worst
    assert exact.score_error(n_features, True, 2.0**123, 1.0) == np.inf
    assert exact.score_error(n_features, False, 2.0**123, 1.0) < np.inf


def test_tiles_are_what_the_tests_think():
    assert VECTORS * lanes_of(np.float32) <= 63  # the bits of a mask
    assert COLUMNS in (6, 8)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_queries", [1, 3, 80])
@pytest.mark.parametrize("where", ["rows", "queries"])
def test_nobody_is_no_neighbour(where, n_queries, dtype, monkeypatch):
    """Where finite numbers are assumed and are not there: an error, never the number of nobody."""
    monkeypatch.setattr(_search, "_LEAST_WORK", 1)  # several parts
    rng = np.random.default_rng(10)
    X, queries = rng.normal(size=(400, 3)).astype(dtype), rng.normal(size=(n_queries, 3))
    queries = queries.astype(dtype)
    if where == "rows":
        X[:396, 1] = np.nan
    else:
        queries[-1, 1] = np.nan
    model = fastml.NearestNeighbors(n_neighbors=5)
    with (
        sklearn.config_context(assume_finite=True),
        pytest.raises(ValueError, match="too few neighbors: X or the queries contain NaN"),
    ):
        model.fit(X).kneighbors(queries)
