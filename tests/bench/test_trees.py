"""The cases of trees and forests notice what is wrong, and their targets name cases."""

from __future__ import annotations

import numpy as np
import pytest

from bench.cases.ensemble import forests
from bench.cases.tree import fitting, predicting
from bench.harness import sizes
from bench.harness.case import FASTML
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


@pytest.mark.parametrize("kind", [kind for kind, *_ in fitting.SHAPES])
def test_tables_are_the_kind_they_say(kind):
    work = fitting.table(kind, 400)
    assert work.X.dtype == np.float32
    assert work.X.shape == (400, int(kind.split()[0].rstrip(",")))
    if kind.endswith("regression"):
        assert work.y.dtype == np.float64
    else:
        n_classes = int(kind.split(", ")[-1].split()[0])
        assert sorted(np.unique(work.y)) == list(range(n_classes))
    if kind.startswith("54"):
        assert set(np.unique(work.X[:, 10:])) == {0.0, 1.0}
    if kind.startswith("784"):
        np.testing.assert_array_equal(work.X, np.clip(np.rint(work.X), 0, 255))
