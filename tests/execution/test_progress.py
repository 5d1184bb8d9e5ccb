"""What is told of every pass of a fit: rows, bytes, workers, time."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fastml


def rows_in_order(n=6000, d=4, k=5):
    """Return rows sorted by cluster, which bounds can leave out once the centres stand."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(k, d)) * 20
    labels = np.arange(n) * k // n
    X = (centers[labels] + rng.normal(size=(n, d))).astype(np.float32)
    return X, labels, centers.astype(np.float32) + 0.5


def watched(model, *data):
    """Return what was told during a fit."""
    reports = []
    with fastml.engine(memory_limit="1 MiB", progress=reports.append):
        model.fit(*data)
    return reports


def test_each_pass_of_k_means_is_told():
    X, _, start = rows_in_order(n=60_000)
    start = start + np.random.default_rng(1).normal(size=start.shape).astype(np.float32) * 8
    model = fastml.KMeans(5, init=start, n_init=1, tol=0)
    reports = watched(model, fastml.blocks(X))
    assert [report.number for report in reports] == list(range(1, len(reports) + 1))
    assert len(reports) >= model.n_iter_ + 1
    for report in reports:
        assert report.rows == len(X)
        assert report.bytes_read + report.bytes_skipped == X.nbytes
        assert (report.workers, report.restarts) == (1, 0)
        assert report.seconds > 0
        assert report.seconds_left >= 0
    assert any(report.bytes_skipped > 0 for report in reports)
    assert all(r.seconds_left <= 310 * sum(q.seconds for q in reports) for r in reports)


@pytest.mark.parametrize(
    ("model", "passes"),
    [(fastml.GaussianNB(), 1), (fastml.LinearRegression(), 1), (fastml.LogisticRegression(), 2)],
)
def test_other_families_are_told_as_well(model, passes):
    X, y, _ = rows_in_order()
    reports = watched(model, fastml.blocks(X), y % 2)
    assert len(reports) >= passes
    assert {report.rows for report in reports} == {len(X)}


def test_a_second_fit_counts_anew():
    X, y, _ = rows_in_order()
    first, second = (watched(fastml.GaussianNB(), fastml.blocks(X), y) for _ in range(2))
    assert [r.number for r in first] == [r.number for r in second]


def test_a_score_counts_its_own_passes():
    X, _, start = rows_in_order()
    model = fastml.KMeans(5, init=start, n_init=1).fit(fastml.blocks(X))
    reports = []
    with fastml.engine(progress=reports.append):
        model.score(fastml.blocks(X))
    assert [report.number for report in reports] == list(range(1, len(reports) + 1))
    assert reports
    assert all(math.isnan(report.seconds_left) for report in reports)


def test_what_the_listener_raises_ends_the_fit_and_changes_nothing():
    X, _, start = rows_in_order()
    model = fastml.KMeans(5, init=start, n_init=1).fit(X)
    before = model.cluster_centers_.copy()

    def stop(report):
        raise RuntimeError(f"enough after pass {report.number}")

    with fastml.engine(progress=stop), pytest.raises(RuntimeError, match="enough after pass 1"):
        model.fit(fastml.blocks(X[::-1] * 2))
    np.testing.assert_array_equal(model.cluster_centers_, before)


def test_a_listener_must_be_callable():
    with pytest.raises(TypeError, match="progress must be callable"), fastml.engine(progress=3):
        pass


def test_an_inner_engine_keeps_the_listener():
    X, y, _ = rows_in_order()
    reports = []
    with fastml.engine(progress=reports.append), fastml.engine(memory_limit="2 MiB"):
        fastml.GaussianNB().fit(fastml.blocks(X), y)
    assert reports
    reports.clear()
    fastml.GaussianNB().fit(fastml.blocks(X), y)
    assert not reports


def test_a_report_reads_as_a_sentence():
    report = fastml.PassReport(3, 2_000_000, 96_000_000, 32_000_000, 0.1, 2, 1, 12.4)
    assert str(report) == (
        "pass 3: 2,000,000 rows in 0.10 s, 1.28 GB/s, 32 MB (25%) skipped, 2 workers, "
        "1 restarted, at most 12 s left"
    )
    assert "left" not in str(report._replace(seconds_left=math.nan))


def test_callbacks_are_told_of_the_last_pass():
    X, _, start = rows_in_order()
    told = []

    class Listening:
        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, metadata):
            told.append(metadata["pass"])

        def teardown(self, estimator, context):
            pass

    model = fastml.KMeans(5, init=start + 9, n_init=1).set_callbacks(Listening())
    model.fit(fastml.blocks(X))
    assert len(told) >= 2
    assert {report.rows for report in told} == {len(X)}
    numbers = [report.number for report in told]
    assert numbers == sorted(numbers)
