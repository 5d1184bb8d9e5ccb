"""Rows as bytes: what they leave open is known, and where they are no help others are."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from element_types import DTYPES

import fastml
from fastml.core import threads
from fastml.kernels.machine.host import host
from fastml.kernels.neighbors import sieve as kernels
from fastml.kernels.neighbors.base import GROUP
from fastml.kernels.tile import VECTORS, lanes_of
from fastml.neighbors import _codes, _search
from fastml.reference import neighbors as reference


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(_search, "codes_pay", lambda *shape: True)
    monkeypatch.setattr(_search.reading, "is_sooner", lambda X, n_queries, packed: False)


@pytest.fixture
def kept(monkeypatch):
    """Collect which tickets kept their candidates."""
    answers = []
    find = kernels.find_by_codes

    @functools.wraps(find.py_func)
    def collecting(*arguments):
        find(*arguments)  # each thread does
        if not any(answer is arguments[-1] for answer in answers):
            answers.append(arguments[-1])

    monkeypatch.setattr(kernels, "find_by_codes", collecting)
    return answers


def check(X, queries, k):
    distances, indices = fastml.kneighbors(X, queries, k)
    expected, rows = reference.kneighbors(X, queries, k)
    assert (indices == rows).all()
    assert (distances == expected).all()


def unpacked(codes, n_samples, n_features):
    """Return the rows that bytes stand for, and what is known of each."""
    quads = -(-n_features // 4)
    fours = codes.words.view(np.int8).reshape(-1, quads, GROUP, 4)
    whole = fours.transpose(0, 2, 1, 3).reshape(-1, 4 * quads).astype(np.float64)
    scale, rest, length = np.repeat(codes.groups.reshape(-1, 3), GROUP, axis=0).T.astype(float)
    assert (codes.offsets == -128 * whole.sum(axis=1)).all()
    assert (whole[n_samples:] == 0).all()
    assert (codes.halves[n_samples:] == -np.inf).all()
    assert (whole[:, n_features:] == 0).all()
    rows = (whole * scale[:, None])[:n_samples, :n_features]
    return rows, rest[:n_samples], length[:n_samples], codes.halves[:n_samples]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (30, 3), (133, 17), (64, 200)])
def test_what_bytes_leave_is_bounded(n, d, scale, dtype):
    rng = np.random.default_rng(d)
    X = (rng.standard_t(3, (n, d)) * scale).astype(dtype)
    X[n // 2] *= n == 1
    shift = (0.75 * X.mean(axis=0)).astype(dtype)
    codes = _codes.encoded(X, shift)
    rows, rest, length, halves = unpacked(codes, n, d)
    moved = (X.astype(np.float64) - shift) * codes.unit
    assert 2.0**-6 < np.abs(moved).max() * np.sqrt(d) <= 2.0
    gaps = np.linalg.norm(moved - rows, axis=1)
    norms = np.linalg.norm(moved, axis=1)
    assert (gaps <= rest).all()
    assert (norms + gaps <= length).all()
    assert (-0.5 * norms**2 <= halves).all()
    assert (halves <= -0.4999 * norms**2).all()
    group = np.arange(n) // GROUP
    largest = [np.abs(moved[group == g]).max() for g in range(group[-1] + 1)]
    assert (gaps <= 0.51 * np.sqrt(d) * np.array(largest)[group] / 127).all()
    assert (rest <= 1.01 * np.array([gaps[group == g].max() for g in group]) + 2e-5 * length).all()


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "d", "n_queries", "k"),
    [(3000, 12, 70, 5), (2000, 16, 33, 5), (2001, 29, 40, 9), (4000, 130, 32, 3), (800, 784, 3, 1)],
)
def test_normal_rows_need_few_looks(n, d, n_queries, k, dtype, kept, monkeypatch):
    def fail(*arguments):
        raise AssertionError("bytes did not suffice")

    rng = np.random.default_rng(d)
    X, queries = (rng.normal(size=(m, d)).astype(dtype) for m in (n, n_queries))
    monkeypatch.setattr(_search, "_by_candidates", fail)
    monkeypatch.setattr(_search, "by_definition", fail)
    monkeypatch.setattr(_search, "most_looks", lambda d: 0.25)
    check(X, queries, k)
    assert all(answer.all() for answer in kept)
    assert len(kept) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_bytes_do_not_show_decides(dtype):
    """One feature takes all bytes there are; which rows are near stands in the others."""
    rng = np.random.default_rng(1)
    X, queries = (rng.normal(size=(m, 16)).astype(dtype) for m in (2500, 50))
    for rows in (X, queries):
        rows[:, 3] = rng.choice([-300, 300], len(rows))
    check(X, queries, 4)
    X[:, 3] = rng.choice([-1e6, 1e6], len(X))
    check(X, queries, 4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rests_of_queries_decide_where_rows_have_none(dtype):
    rng = np.random.default_rng(7)
    X = rng.integers(-30, 31, (1200, 16)).astype(dtype)
    X[:, 0] = 127
    X = rng.permutation(np.vstack([X, -X]))
    codes = _search.Base.of(X).codes
    assert (unpacked(codes, *X.shape)[0] == X * codes.unit).all()
    queries = np.full((40, 16), 38, dtype)  # of 10,000 / 127 all would be zeros
    queries[:, 0] = rng.choice([-10_000, 10_000], 40)
    queries[:, 1:] += rng.uniform(-1, 1, (40, 15))
    check(X, queries, 3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_where_too_much_is_left_scores_take_over(dtype, kept):
    rng = np.random.default_rng(2)
    X, queries = (rng.normal(size=(m, 16)).astype(dtype) for m in (6000, 100))
    X[:, 0] += rng.choice([-1e4, 1e4], len(X))
    queries[:40, 0] += 1e4
    check(X, queries, 3)
    assert not any(answer.all() for answer in kept)


def test_some_queries_give_up_and_others_do_not(kept, monkeypatch):
    monkeypatch.setattr(_search, "_PANEL_BYTES", 1)
    rng = np.random.default_rng(3)
    height = VECTORS * lanes_of(np.int32)
    X, queries = (rng.normal(size=(m, 16)) for m in (9000, 4 * height + 2))
    queries[height : 2 * height] *= 1e15
    check(X, queries, 3)
    assert [answer.all(axis=0).tolist() for answer in kept] == [[True, False, True, True, True]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [1e30, 1e37])
def test_far_rows_and_far_queries(value, dtype, kept):
    rng = np.random.default_rng(4)
    X, queries = (rng.normal(size=(m, 14)).astype(dtype) for m in (3000, 40))
    queries[5] = value
    check(X, queries, 3)
    assert len(kept) == 1
    X[17, 3] = value
    assert _codes.encoded(X, np.zeros(14, dtype)) is None
    check(X, queries, 3)


def test_rows_that_are_no_numbers_are_not_written():
    X = np.random.default_rng(5).normal(size=(100, 12))
    for value in (np.nan, np.inf):
        X[70, 5] = value
        assert _codes.encoded(X, np.zeros(12)) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_queries", [3, 40])
def test_parts_tell_one_another_what_they_know(n_queries, dtype, shared_work, monkeypatch):
    monkeypatch.setattr(_search, "_LEAST_WORK", 1)
    rng = np.random.default_rng(6)
    for X in (rng.normal(size=(9000, 16)), rng.integers(0, 3, (3000, 16)), np.ones((500, 12))):
        rows = X.astype(dtype)
        queries = rng.normal(size=(n_queries, rows.shape[1])).astype(dtype)
        expected, indices = reference.kneighbors(rows, queries, 6)
        for n in (1, 2, 3, 7, 64):
            with threads.num_threads(n):
                found = fastml.kneighbors(rows, queries, 6)
            assert (found[0] == expected).all()
            assert (found[1] == indices).all()


def test_where_bytes_are_written(monkeypatch):
    monkeypatch.undo()
    here = host().byte_products
    assert _codes.codes_pay(100_000, 16) == here
    assert _codes.codes_pay(60_000, 784) == here
    assert _codes.codes_pay(60_000, 784, 10_000) == here
    assert not _codes.codes_pay(60_000, 784, 20)
    assert not _codes.codes_pay(1_000_000, 8)
    assert not _codes.codes_pay(1000, 16)
    assert _codes.codes_pay(1000, 1 << 17) == here
    assert not _codes.codes_pay(1000, (1 << 17) + 1)  # sums of 32 bits would overflow
    assert 127**2 * (1 << 17) < 2**31 <= 127**2 * ((1 << 17) + 3000)
    assert VECTORS * lanes_of(np.int32) == VECTORS * lanes_of(np.float32)
    shares = [_codes.most_looks(d) for d in (1, 8, 16, 64, 784, 10**6)]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] < 0.26
