"""Samples of runs of rows: which rows they are, and that nothing else is read."""

from __future__ import annotations

import numpy as np
import pytest
from block_fits import problem, same
from row_sources import KINDS, open_as

import fastml
from fastml import num_threads
from fastml.core.passes import Grid
from fastml.data import Table
from fastml.linear_model import _sampling
from fastml.linear_model._sampling import Runs, SamplePass


def chosen(runs, n):
    return np.flatnonzero(np.arange(n) % runs.stride < runs.length)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 4097, 20_011])
@pytest.mark.parametrize(("length", "step"), [(1, 4), (4, 2), (8, 5), (64, 3), (256, 16), (3, 1)])
def test_the_rows_of_a_sample(n, length, step):
    runs = Runs(length, length * step)
    rows = chosen(runs, n)
    assert runs.place(n) == len(rows)
    ranges = list(runs.within(0, n))
    np.testing.assert_array_equal(np.concatenate([np.arange(a, b) for a, b in ranges]), rows)
    for cut in (n // 3, n // 2):  # pieces may end within a run
        parts = [*runs.within(0, cut), *runs.within(cut, n)]
        np.testing.assert_array_equal(np.concatenate([np.arange(a, b) for a, b in parts]), rows)
        assert runs.place(cut) == int((rows < cut).sum())
    X = np.random.default_rng(0).normal(size=(n, 5))
    for array in (X, X.astype(np.float32), np.asfortranarray(X), X[:, 2], np.arange(n)):
        for threads in (1, 3):
            with num_threads(threads):
                found = runs.of_array(array)
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found, array[rows])


def test_runs_follow_the_shape():
    assert Runs.of(100_000, 16, 16) == (1, 16)  # rows that are soon read: as many groups as can be
    assert Runs.of(2_000_000, 16, 16) == (64, 1024)
    assert Runs.of(800_000_000, 16, 762) == (1024, 1024 * 762)
    assert Runs.of(1 << 20, 4000, 16) == (1, 16)
    runs = Runs.of(1 << 22, 3, 16)
    assert runs.length == 1024
    assert (1 << 22) / runs.stride >= 60 * 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [2, 5])
def test_a_fit_has_the_bits_of_the_array(kind, classes, tmp_path, monkeypatch, shared_work):
    monkeypatch.setattr(_sampling, "_LEAST_NUMBERS", 0)
    monkeypatch.setattr(_sampling, "_RUNS_A_COLUMN", 2)
    X, y, w = problem()
    X, y, w = X[:20_011], y[:20_011] % classes, w[:20_011]
    assert Runs.of(*X.shape, 4).length == 256
    settings = {"class_weight": "balanced", "max_iter": 300}
    expected = fastml.LogisticRegression(**settings).fit(X, y, w)
    for chunk, limit in ((211, None), (4099, "1 MiB")):
        (tmp_path / str(chunk)).mkdir()
        rows = open_as(kind, X, chunk, tmp_path / str(chunk))
        with fastml.engine(memory_limit=limit):
            same(fastml.LogisticRegression(**settings).fit(rows, y, w), expected)


def test_only_the_sample_is_read(tmp_path):
    n = 1_100_000
    X = np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    reports = []
    with fastml.engine(progress=reports.append):
        model = fastml.LogisticRegression().fit(
            fastml.blocks(tmp_path / "X.npy"), X[:, 0] + X[:, 1] > np.sin(np.arange(n))
        )
    _, sample, *steps = reports
    assert sample.bytes_read == pytest.approx((32 + 1) * n / 16, rel=0.01)
    assert sample.bytes_read + sample.bytes_skipped == (32 + 1) * n
    assert not any(report.bytes_skipped for report in steps)
    same(model, fastml.LogisticRegression().fit(X, X[:, 0] + X[:, 1] > np.sin(np.arange(n))))


@pytest.mark.parametrize("row", [0, 3, 5000, 15_999])
def test_what_is_not_finite_is_found_wherever_it_is(row, tmp_path, monkeypatch):
    monkeypatch.setattr(_sampling, "_LEAST_NUMBERS", 0)
    monkeypatch.setattr(_sampling, "_RUNS_A_COLUMN", 8)
    random = np.random.default_rng(0)
    X, y = random.normal(size=(16_000, 5)), random.integers(0, 2, 16_000)
    X[row, 2] = np.inf
    np.save(tmp_path / "X.npy", X)
    rows = fastml.blocks(tmp_path / "X.npy")
    with pytest.raises(ValueError, match=rf"infinity.*row {row}, column 2 of .*X\.npy"):
        fastml.LogisticRegression().fit(rows, y)


def test_a_range_names_the_row_of_a_bad_weight_or_number():
    X, weights = np.ones((1000, 2)), np.ones(1000)
    runs = Runs(4, 40)
    (piece,) = Grid(1000).pieces(1000)
    table = Table(fastml.blocks(X))
    X[402, 1] = np.nan
    with pytest.raises(ValueError, match="row 402, column 1"):
        table.read_ranges(piece, SamplePass(runs, None).ranges(piece), "it")
    X[402, 1], weights[81] = 1, -1
    table = Table(fastml.blocks(X), None, fastml.blocks(weights))
    with pytest.raises(ValueError, match="row 81 of"):
        table.read_ranges(piece, SamplePass(runs, None).ranges(piece), None)
