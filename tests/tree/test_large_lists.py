"""Nodes of thousands of rows whose rows are listed: the exact best split, whatever adds up."""

from __future__ import annotations

import numpy as np
import pytest

import fastml
from fastml import DecisionTreeRegressor, RandomForestRegressor
from fastml.tree import _grow


def far_apart(n, kind, order):
    """Return targets whose sums up to a row, in the order of a feature, grow as far as they can."""
    upper = order >= n // 2
    random = np.random.default_rng(n)
    if kind == "two values":
        return upper * 2.0 - 1.0
    if kind == "offset":
        return 1e8 + upper * 1.0
    return upper + random.integers(0, 2, n) * 2.0**-10


def cut(values, y):
    """Return the threshold of the split in two that lowers the sum of squares most."""
    order = np.argsort(values)
    ahead = np.cumsum(y[order] - y.mean())[:-1]
    n_left = np.arange(1, len(y))
    last = np.argmax(ahead**2 / (n_left * (len(y) - n_left)))
    return values[order][last] / 2 + values[order][last + 1] / 2


@pytest.mark.parametrize("kind", ["two values", "offset", "noise"])
@pytest.mark.parametrize("n", [4096, 4097, 16384, 16385, 40_000, 65_534])
def test_sums_of_many_rows_do_not_overflow(n, kind):
    random = np.random.default_rng(0)
    order = random.permutation(n)
    X = np.column_stack([order, random.permutation(n)]).astype(np.float32)
    y = far_apart(n, kind, order)
    expected = cut(X[:, 0], y)
    single = DecisionTreeRegressor(max_depth=3).fit(X, y)
    assert (single.tree_.feature[0], single.tree_.threshold[0]) == (0, expected)
    how = {"max_features": 1, "max_depth": 1, "bootstrap": False, "random_state": 0}
    forest = RandomForestRegressor(6, **how).fit(X, y)
    roots = [(one.tree_.feature[0], one.tree_.threshold[0]) for one in forest.estimators_]
    assert {feature for feature, _ in roots} == {0, 1}
    assert {threshold for feature, threshold in roots if feature == 0} == {expected}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", [{}, {"max_depth": 5}, {"min_samples_leaf": 7}])
def test_the_same_tree_with_nodes_listed_or_counted(case, dtype, monkeypatch):
    random = np.random.default_rng(1)
    n = 20_000
    X = random.normal(size=(n, 4)).astype(dtype)
    X[:, 1] = np.round(X[:, 1] * 4)
    X[random.random(n) < 0.1, 2] = np.nan
    y = np.round(X[:, 0] * 8) + (X[:, 1] > 0) * 1e6 + random.normal(size=n)
    weights = random.integers(0, 4, n)
    for given in (None, weights):
        trees = []
        for rows in (_grow.SMALL_ROWS, (4096, 4096), (100, 100)):
            monkeypatch.setattr(_grow, "SMALL_ROWS", rows)
            for threads in (1, 3):
                with fastml.num_threads(threads):
                    model = DecisionTreeRegressor(**case).fit(X, y, given)
                trees.append([column.tobytes() for column in model._fitted.arrays[:-1]])
        assert all(tree == trees[0] for tree in trees)
        monkeypatch.undo()


def test_wide_tables_list_fewer_rows():
    """Lists of 16,384 rows and 1,000 features would take 64 MB a thread."""
    limits = DecisionTreeRegressor().fit(np.eye(3), np.arange(3.0))  # a tree, to have its limits
    problem = limits._problem_of(np.zeros((9, 1000)), np.arange(9.0), None, True, None)
    assert _grow.small_rows(1000, False, problem.targets, problem.limits) == 4194
    assert _grow.small_rows(100, False, problem.targets, problem.limits) == 16384
    assert _grow.small_rows(5000, False, problem.targets, problem.limits) == 4096
