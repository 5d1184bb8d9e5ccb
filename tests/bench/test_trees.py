"""The cases of trees and forests notice what is wrong, and their targets name cases."""

from __future__ import annotations

import time

import numpy as np
import pytest

from bench import cases, report
from bench.cases.ensemble import forests
from bench.cases.tree import fitting, predicting
from bench.harness import results, sizes, stage
from bench.harness.case import FASTML, Case, Row
from bench.harness.workloads import Labelled
from bench.peers import trees


def test_scores_that_are_off_are_refused():
    work = Labelled(np.zeros((6000, 2)), np.zeros(6000, int))
    fitting.check(FASTML, 0.9, 0.9015, work)
    with pytest.raises(AssertionError, match=r"instead of 0\.91"):
        fitting.check(FASTML, 0.91, 0.9, work)
    fitting.check("LightGBM, one round", 0.91, 0.8, work)
    with pytest.raises(AssertionError, match="LightGBM"):
        fitting.check("LightGBM, one round", 0.91, 0.6, work)
    with pytest.raises(AssertionError, match="instead of 1"):
        forests.check_fit(FASTML, 1.0, 0.8, work)


def test_answers_that_differ_are_refused():
    labels = np.array([0, 1, 1])
    predicting.labels(FASTML, labels, labels.copy(), None)
    with pytest.raises(AssertionError):
        predicting.labels(FASTML, labels, 1 - labels, None)
    votes = np.tile([0.9, 0.1], (50, 1))
    forests.check_votes(FASTML, votes, votes, None)
    with pytest.raises(AssertionError, match="apart"):
        forests.check_votes(FASTML, votes, votes[:, ::-1], None)


def test_score_of_classes_and_of_numbers():
    assert trees.score(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])) == 0.75
    y = np.array([1.0, 2.0, 3.0])
    assert trees.score(y, y) == 1.0
    assert trees.score(y, np.full(3, 2.0)) == 0.0


@pytest.mark.parametrize("module", [fitting, predicting, forests])
def test_targets_name_cases_of_full_size(module):
    names = [(case.group, case.name) for case in module.cases(sizes.SIZES["full"])]
    for target in module.TARGETS:
        assert any(
            group == target.group and name.startswith(target.case) for group, name in names
        ), target


def test_targets_of_the_large_size_name_its_cases():
    large = sizes.SIZES[sizes.LARGE]
    names = [(case.group, case.name) for case in cases.all_cases(large)]
    targets = cases.collected("LARGE_TARGETS")
    assert len(targets) >= len(names)
    for target in targets:
        found = [name for name in names if name[0] == target.group]
        assert any(name.startswith(target.case) for _, name in found), target
    assert large.pick(full=1, quick=2, tiny=3) == 1


def test_the_page_shows_the_newest_large_result(monkeypatch, tmp_path):
    rows = {
        "fastml": {"min": 0.5, "median": 0.5, "rounds": 2, "threads": None},
        "scikit-learn": {"min": 30.0, "median": 30.0, "rounds": 1, "threads": None},
    }
    case = {
        "group": "decision tree, fit", "name": "1,000,000 × 28 normal, 2 classes, depth 8",
        "rows": rows, "missing": {}, "wrong": {}, "remarks": {}, "headline": True,
        "over_best_peer": 60.0, "best_peer": "scikit-learn",
    }  # fmt: skip
    full = results.newest()
    monkeypatch.setattr(results, "HISTORY", tmp_path)
    assert results.newest_large(full) is None
    assert "Large tables" not in report.results_markdown(full)
    for day, seconds in ((1, 0.9), (2, 0.5)):
        rows["fastml"]["min"] = seconds
        stored = {
            **full, "size": "large", "cases": [case], "commit": f"commit{day}",
            "time": f"2026-01-0{day}T00:00:00+00:00",
        }  # fmt: skip
        path = results.path_of(stored)
        results.save(stored, path)
    assert path.parent.name == "large"
    assert results.history() == []
    page = report.results_markdown(full)
    assert "commit2" in page
    assert "1 of 1 are kept" in page.partition("Large tables")[2]
    assert "60.0×" in page


def test_long_calls_of_peers_are_made_once_at_the_large_size(monkeypatch):
    monkeypatch.setattr(stage, "_LONG", 0.02)
    monkeypatch.setattr(stage, "_TOO_LONG", 0.02)
    calls = []

    def row(name, seconds, compiles=False):
        def call():
            calls.append(name)
            time.sleep(seconds)

        return lambda inputs: Row(call, compiles=compiles, one_way=True)

    case = Case(
        "g", "n", {"long": row("long", 0.03), FASTML: row("ours", 0.03, compiles=True)},
        inputs=lambda: None, check=lambda *_: None,
    )  # fmt: skip
    found = stage.measure(case, sizes.SIZES[sizes.LARGE])
    assert len(found.seconds["long"]) == calls.count("long") == 1
    assert len(found.seconds[FASTML]) == 2


@pytest.mark.parametrize("kind", [kind for kind, *_ in fitting.SHAPES])
def test_tables_are_the_kind_they_say(kind):
    work = fitting.table(kind, 400)
    assert work.X.dtype == np.float32
    assert work.X.shape == (400, int(kind.split()[0].rstrip(",")))
    if kind.endswith(("regression", "error")):
        assert work.y.dtype == np.float64
    else:
        n_classes = int(kind.split(", ")[-1].split()[0])
        assert sorted(np.unique(work.y)) == list(range(n_classes))
    if kind.startswith("54"):
        assert set(np.unique(work.X[:, 10:])) == {0.0, 1.0}
    if kind.startswith("784"):
        np.testing.assert_array_equal(work.X, np.clip(np.rint(work.X), 0, 255))
