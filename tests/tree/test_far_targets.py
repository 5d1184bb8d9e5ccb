"""Targets and weights far apart: best splits and means by whole numbers, whatever cancels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from fastml import DecisionTreeClassifier, DecisionTreeRegressor, RandomForestRegressor
from fastml.tree import _grow


def gain(y, left):
    """Return by how much a split lowers the sum of squares of whole numbers, exactly."""
    n, n_left, total, of_left = len(y), int(left.sum()), sum(y), sum(y[left])
    return Fraction((of_left * n - total * n_left) ** 2, n_left * (n - n_left) * n)


def best_gain(X, y):
    """Return the largest gain of any split, 0 if there is none."""
    cuts = ((X[:, f], value) for f in range(X.shape[1]) for value in np.unique(X[:, f])[:-1])
    return max((gain(y, column <= value) for column, value in cuts), default=Fraction(0))


def splits(tree, X, depth):
    """Yield the rows of the nodes of so many levels, and which of them go left."""
    stack = [(0, np.arange(len(X)), 0)]
    while stack:
        node, rows, level = stack.pop()
        if tree.children_left[node] < 0 or level == depth:
            continue
        left = X[rows, tree.feature[node]] <= tree.threshold[node]
        yield rows, left
        for child, part in ((tree.children_left, left), (tree.children_right, ~left)):
            stack.append((child[node], rows[part], level + 1))


@pytest.fixture(params=["listed", "counted"])
def nodes(request, monkeypatch):
    if request.param == "counted":
        monkeypatch.setattr(_grow, "SMALL_ROWS", (8, 8))


@pytest.mark.parametrize(("small", "far"), [(5, 2.0**60), (5, 2.0**54), (1000, 2.0**70)])
def test_small_targets_beside_far_ones(small, far, nodes):
    random = np.random.default_rng(int(small))
    n = 300
    X = np.round(random.random((n, 2)), 2).astype(np.float32)
    y = -random.integers(0, small, n) - (X[:, 1] > 0.5)
    y = np.where(X[:, 0] > 0.45, -y, y).astype(np.float64)
    X[0], X[1], y[0], y[1] = 2, -2, far, -far
    model = DecisionTreeRegressor(max_depth=5).fit(X, y)
    assert model.computed_by_ == "fastml"
    whole = np.array([int(value) for value in y], object)
    for rows, left in splits(model.tree_, X, 5):
        assert gain(whole[rows], left) == best_gain(X[rows], whole[rows])
    forest = RandomForestRegressor(2, bootstrap=False, max_features=1, random_state=0).fit(X, y)
    for one in (model, *forest.estimators_):
        leaves = one.apply(X)
        for leaf in set(leaves):
            own = whole[leaves == leaf]
            assert one.tree_.value[leaf, 0, 0] == pytest.approx(sum(own) / len(own), rel=1e-14)


@pytest.mark.parametrize(
    "y", [[0.1, 1e6], [0.1, 1e9], [3.0, 1e17], [1.0, 2.0**60], [-1.0, -1.0, 2.0**60, -(2.0**60)]]
)
def test_leaves_of_one_value_have_it(y):
    X = np.arange(float(len(y)))[:, None]
    model = DecisionTreeRegressor().fit(X, y)
    np.testing.assert_array_equal(model.predict(X), y)
    assert not model.tree_.impurity[model.tree_.children_left < 0].any()
    weights = np.ones(len(y))
    weights[-1] = 0  # an outlier that does not count
    model = DecisionTreeRegressor().fit(X, y, weights)
    np.testing.assert_array_equal(model.predict(X[:-1]), y[:-1])


@pytest.mark.parametrize("factor", [1e-200, 1e-170, 1e-155, 1e150, 1e160, 1e200, 1e250])
@pytest.mark.parametrize("criterion", ["squared_error", "poisson"])
def test_targets_of_any_size(factor, criterion):
    X, y = np.arange(4.0)[:, None], np.array([1.1, 2.2, 3.3, 9.7]) * factor
    with np.errstate(over="ignore", invalid="ignore"):
        model = DecisionTreeRegressor(criterion=criterion).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), y)


@pytest.mark.parametrize("gap", [0, 10**6, 10**7, 10**9])
def test_least_gains_beside_far_groups(gap, nodes):
    random = np.random.default_rng(1)
    n = 100
    X = random.random((n, 2)).astype(np.float32)
    y = (X[:, 1] > 0.3) * 4 + random.integers(0, 3, n) + (X[:, 0] > 0.5) * gap * 4

    def leaves(rows, least):
        found = max(
            ((gain(y[rows].astype(object), X[rows, f] <= v), -f, -v)
             for f in (0, 1) for v in np.unique(X[rows, f])[:-1]),
            default=(Fraction(0),),
        )  # fmt: skip
        if len(set(y[rows])) == 1 or found[0] < Fraction(least) * n * 16:  # y / 4 is fitted
            return 1
        left = X[rows, -found[1]] <= -found[2]
        return leaves(rows[left], least) + leaves(rows[~left], least)

    for least in (1.3e-3, 1.1e-2):
        model = DecisionTreeRegressor(min_impurity_decrease=least).fit(X, y / 4)
        assert model.get_n_leaves() == leaves(np.arange(n), least)


def test_weights_of_classes_beyond_int64():
    """A balance of classes makes factors of some 53 bits: totals times them are no int64."""
    random = np.random.default_rng(0)
    X = random.random((6000, 3))
    y = X[:, 0] + 0.3 * X[:, 1] + 0.2 * random.random(6000) > 0.9
    how = {"class_weight": "balanced", "min_weight_fraction_leaf": 0.01}
    large = DecisionTreeClassifier(**how).fit(X, y)
    assert large.get_n_leaves() > 20
    assert large.score(X, y) > 0.9
