"""The k-d tree: neighbours equal the definition's, whatever the data and however it is cut."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from element_types import DTYPES
from hypothesis import given
from hypothesis import strategies as st

import fastml
from fastml.core import threads
from fastml.kernels.neighbors import kdtree
from fastml.kernels.ops.top import NOBODY
from fastml.neighbors import _metrics, _search, _tree
from fastml.reference import neighbors as reference


def check(X, queries, k):
    squares, indices = _tree.Tree.of(X).nearest(queries, k)
    expected, rows = reference.kneighbors(X, queries, k)
    assert (indices == rows).all()
    assert (np.sqrt(squares) == expected).all()


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "d", "n_queries", "k"),
    [
        (1, 1, 3, 1), (2, 3, 70, 2), (32, 2, 9, 32), (33, 2, 65, 5), (64, 1, 9, 3),
        (65, 4, 9, 64), (300, 3, 40, 7), (513, 9, 40, 3), (5000, 2, 200, 4), (40_000, 3, 20, 5),
    ],
)  # fmt: skip
def test_shapes_and_remainders(n, d, n_queries, k, dtype):
    rng = np.random.default_rng(n)
    check(rng.normal(size=(n, d)).astype(dtype), rng.normal(size=(n_queries, d)).astype(dtype), k)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [1e2, 1e6, 1e8])
def test_no_offset_makes_a_difference(offset, dtype):
    rng = np.random.default_rng(0)
    check(*((rng.normal(size=(n, 3)) + offset).astype(dtype) for n in (2000, 70)), 7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 4])
def test_ties_go_to_the_lowest_row(d, dtype):
    rng = np.random.default_rng(d)
    check(rng.integers(0, 4, (3000, d)).astype(dtype), rng.integers(0, 4, (50, d)).astype(dtype), 9)


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_rows_alike(dtype):
    check(np.ones((500, 3), dtype), np.ones((40, 3), dtype), 10)
    check(np.zeros((500, 3), dtype), np.ones((3, 3), dtype), 500)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [0, -1])
def test_subnormal_and_huge_numbers(scale, dtype):
    rng = np.random.default_rng(3)
    info = np.finfo(dtype)
    factor = float(info.max) / 16 if scale else float(info.smallest_subnormal) * 8
    X = (rng.normal(size=(300, 3)).clip(-4, 4) * factor).astype(dtype)
    with np.errstate(over="ignore"):
        check(X, X[:40], 5)
        check(X, X[:3], 300)


@pytest.mark.parametrize("far", [1e6, 1e30])
def test_outliers_lines_and_sorted_rows(far):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(1000, 3))
    X[17] = far
    check(X, X[:50], 5)
    line = np.sort(rng.normal(size=(3000, 1)), axis=0) * [1.0, -2.0, 0.0]
    check(line, line[::100], 6)
    check(line[::-1].copy(), line[::100], 6)


@given(
    n=st.integers(1, 400), d=st.integers(1, 9), n_queries=st.integers(1, 90),
    levels=st.integers(1, 9), exponent=st.integers(-20, 20), offset=st.sampled_from([0, 3, 10**6]),
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


@given(n=st.integers(1, 500), levels=st.integers(1, 9), seed=st.integers(0, 99))
def test_every_row_is_in_one_leaf_and_in_every_box_above(n, levels, seed):
    X = np.random.default_rng(seed).integers(0, levels, (n, 2)).astype(float)
    tree = _tree.Tree.of(X)
    numbers = tree.numbers.reshape(-1, kdtree.LEAF_ROWS)
    there = numbers != NOBODY
    assert sorted(numbers[there]) == list(range(n))
    assert there.sum(axis=1).min() >= 1
    boxes = tree.boxes.reshape(-1, 2, 2, kdtree.CHILDREN)  # node, feature, end, child
    for leaf in range(len(numbers)):
        rows = X[numbers[leaf][there[leaf]]]
        child = leaf
        for start in tree.starts[::-1]:
            node, place = start + child // kdtree.CHILDREN, child % kdtree.CHILDREN
            low, high = boxes[node, :, :, place].T
            assert (low <= rows).all()
            assert (rows <= high).all()
            least = tree.least[node * kdtree.CHILDREN + place]
            assert least <= numbers[leaf][there[leaf]].min()
            child //= kdtree.CHILDREN


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_for_any_number_of_threads(dtype, shared_work):
    rng = np.random.default_rng(5)
    X = rng.integers(0, 30, (9000, 3)).astype(dtype)
    queries = rng.normal(size=(700, 3)).astype(dtype)
    results = []
    for n in (1, 2, 7, 64):
        with threads.num_threads(n):
            tree = _tree.Tree.of(X)
            results.append(
                [*tree, *tree.nearest(queries, 6), *tree.within(queries, np.ones(700), True)]
            )
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert a.tobytes() == b.tobytes()


def test_queries_in_pieces(monkeypatch):
    rng = np.random.default_rng(6)
    X, queries = rng.normal(size=(500, 3)), rng.normal(size=(100, 3)).astype(np.float32)
    monkeypatch.setattr(_tree, "_NUMBERS_AT_ONCE", 51)
    check(X, queries, 4)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("squared", [False, True])
def test_rows_within_radii(squared, dtype):
    rng = np.random.default_rng(7)
    X, queries = (rng.integers(0, 6, (n, 3)).astype(dtype) for n in (900, 80))
    radii = rng.choice([0.0, 1.0, 2.0, np.sqrt(2), np.inf, -1.0], 80)
    found = _tree.Tree.of(X).within(queries, radii, squared)
    expected = _search.within(_search.Base.of(X), queries, radii, squared)
    for a, b in zip(found, expected, strict=True):
        assert (a == b).all()
    assert len(found[0]) > 900


@pytest.mark.checked
def test_numbers_that_become_none_under_way_touch_nothing(monkeypatch):
    """Numbers are checked before; the kernels stay within their arrays whatever they hold then."""
    monkeypatch.setattr(_tree, "all_finite", lambda x: True)
    monkeypatch.setattr(_tree, "require_found", lambda indices: None)
    X = np.random.default_rng(9).normal(size=(700, 3))
    queries = np.full((70, 3), np.nan)
    queries[::3, 0] = np.inf
    with np.errstate(invalid="ignore"):
        squares, indices = _tree.Tree.of(X).nearest(queries, 3)
        found = _tree.Tree.of(X).within(queries, np.ones(70), False)
    assert (squares[1] == np.inf).all()
    assert (indices[1] == NOBODY).all()
    assert len(found[0]) == 0
    X[::2] = np.nan
    np.random.default_rng(0).shuffle(X)
    _tree.Tree.of(X).nearest(X, 3)


def test_what_does_not_fit_is_refused():
    tree = _tree.Tree.of(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="X contains NaN or infinity"):
        _tree.Tree.of(np.full((3, 2), np.inf))
    with pytest.raises(ValueError, match="too few neighbors"):
        tree.nearest(np.full((1, 2), np.nan), 1)
    with pytest.raises(ValueError, match="Expected a matrix of float32 or float64"):
        _tree.Tree.of(np.zeros((3, 1), int))
    with pytest.raises(ValueError, match="Expected 2 features"):
        tree.nearest(np.zeros((1, 3)), 1)
    with pytest.raises(ValueError, match="n_neighbors <= 3"):
        tree.nearest(np.zeros((1, 2)), 4)
    with pytest.raises(ValueError, match="Expected 2 features"):
        tree.within(np.zeros((1, 3)), np.ones(1), False)


@pytest.mark.parametrize("algorithm", ["auto", "brute", "kd_tree"])
def test_every_algorithm_gives_the_same(algorithm):
    rng = np.random.default_rng(8)
    X, queries = rng.integers(0, 9, (3000, 3)).astype(np.float32), rng.normal(size=(70, 3))
    model = fastml.NearestNeighbors(n_neighbors=4, algorithm=algorithm, radius=2.0).fit(X)
    assert model.computed_by_ == "fastml"
    assert isinstance(model._search.rows, _search.Base if algorithm == "brute" else _tree.Tree)
    expected, rows = reference.kneighbors(X, queries, 4)
    assert (model.kneighbors(queries)[0] == expected).all()
    assert (model.kneighbors(queries)[1] == rows).all()
    distances = np.sqrt(reference.squared_distances(X, queries))
    for found, row in zip(model.radius_neighbors(queries)[1], distances, strict=True):
        assert found.tolist() == np.flatnonzero(row <= 2.0).tolist()


def test_sparse_queries_of_a_tree_are_refused_as_by_scikit_learn():
    model = fastml.NearestNeighbors(algorithm="kd_tree").fit(np.eye(9))
    for search in (model.kneighbors, model.radius_neighbors):
        with pytest.raises(ValueError, match="kd_tree does not support sparse matrices"):
            search(scipy.sparse.csr_array(np.eye(9)))


def test_where_a_tree_pays():
    assert _metrics.tree_pays(100_000, 3)
    assert not _metrics.tree_pays(100, 3)
    assert not _metrics.tree_pays(10_000_000, 9)
    assert not _metrics.tree_pays(100_000, 3, n_queries=10)


@pytest.mark.checked
@pytest.mark.parametrize("n_features", [1, 2, 6])
@pytest.mark.parametrize("n_neighbors", [16, 17, 33, 64, 65, 700, 999, 1000])
def test_more_neighbors_than_a_leaf_has_rows(n_neighbors, n_features):
    """The leaves around the home leaf are looked into first, and not again."""
    random = np.random.default_rng(n_neighbors)
    for X in (random.normal(size=(1000, n_features)), random.integers(0, 4, (1000, n_features))):
        X = X.astype(np.float32)
        queries = np.vstack([X[:40], X[:40] + np.float32(0.5), X[:1] + np.float32(1e6)])
        found, expected = (
            fastml.NearestNeighbors(n_neighbors=n_neighbors, algorithm=algorithm)
            .fit(X)
            .kneighbors(queries)
            for algorithm in ("kd_tree", "brute")
        )
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])
