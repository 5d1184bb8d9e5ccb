"""Pruning finds scikit-learn's steps, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.tree
from sklearn.tree._tree import ccp_pruning_path

from fastml import DecisionTreeClassifier, DecisionTreeRegressor
from fastml.tree import _pruning


def samples(n, kind):
    random = np.random.default_rng(0)
    X = random.normal(size=(n, 3)).astype(np.float32)
    signal = X[:, 0] + X[:, 1] * X[:, 2] + random.normal(size=n)
    if kind == "noise":  # many steps equally good
        return X, random.integers(0, 2, n)
    return X, signal if kind == "values" else np.digitize(signal, [-1.0, 0.5])


def nodes(tree):
    state = tree.__getstate__()
    found = {name: state["nodes"][name].copy() for name in state["nodes"].dtype.names}
    leaf = found["left_child"] < 0
    found["missing_go_to_left"][leaf] = 0  # of a leaf that means nothing
    return {**found, "values": state["values"], "depth": state["max_depth"]}


@pytest.mark.parametrize("at_once", [3, 10_000])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["classes", "noise", "values"])
def test_steps_are_those_of_scikit_learn(kind, weighted, at_once, monkeypatch):
    monkeypatch.setattr(_pruning, "_AT_ONCE", at_once)
    X, y = samples(1200, kind)
    weights = np.random.default_rng(1).integers(0, 4, len(y)) if weighted else None
    estimator = DecisionTreeRegressor if kind == "values" else DecisionTreeClassifier
    whole = estimator().fit(X, y, weights)
    path = estimator().cost_complexity_pruning_path(X, y, weights)
    theirs = ccp_pruning_path(whole.tree_)
    np.testing.assert_array_equal(path.ccp_alphas, theirs["ccp_alphas"])
    np.testing.assert_array_equal(path.impurities, theirs["impurities"])
    assert len(path.ccp_alphas) > 20
    for alpha in (path.ccp_alphas[1], path.ccp_alphas[len(path.ccp_alphas) // 2], 1e9):
        ours = estimator(ccp_alpha=alpha).fit(X, y, weights)
        assert ours.computed_by_ == "fastml"
        # Their builder of what is left, on our whole tree.
        pruned = type(whole.tree_)(3, np.array([len(getattr(whole, "classes_", [0]))]), 1)
        sklearn.tree._tree._build_pruned_tree_ccp(pruned, whole.tree_, alpha)
        expected = nodes(pruned)
        for name, found in nodes(ours.tree_).items():
            np.testing.assert_array_equal(found, expected[name], err_msg=name)
    assert ours.tree_.node_count == 1


@pytest.mark.checked
def test_a_tree_that_is_one_leaf_and_one_grown_best_first():
    X, y = samples(600, "classes")
    path = DecisionTreeClassifier().cost_complexity_pruning_path(X, np.zeros(len(X)))
    assert path.ccp_alphas.tolist() == [0.0]
    assert path.impurities.tolist() == [0.0]
    whole = DecisionTreeClassifier(max_leaf_nodes=40).fit(X, y)
    theirs = ccp_pruning_path(whole.tree_)
    found = whole.cost_complexity_pruning_path(X, y)
    np.testing.assert_array_equal(found.ccp_alphas, theirs["ccp_alphas"])
    pruned = DecisionTreeClassifier(max_leaf_nodes=40, ccp_alpha=found.ccp_alphas[20]).fit(X, y)
    kept = (found.ccp_alphas <= found.ccp_alphas[20]).sum()
    assert pruned.tree_.n_leaves < 40 - kept + 2
    np.testing.assert_array_equal(pruned.apply(X), pruned.tree_.apply(X))


def test_path_of_a_tree_scikit_learn_grew():
    X, y = samples(200, "values")
    ours = DecisionTreeRegressor(splitter="random", random_state=0)
    theirs = sklearn.tree.DecisionTreeRegressor(splitter="random", random_state=0)
    found, expected = (each.cost_complexity_pruning_path(X, y) for each in (ours, theirs))
    np.testing.assert_array_equal(found.ccp_alphas, expected.ccp_alphas)


@pytest.mark.long
def test_a_hundred_thousand_nodes():
    X, y = samples(180_000, "noise")
    whole = DecisionTreeClassifier().fit(X, y)
    assert whole.tree_.node_count > 100_000
    theirs = ccp_pruning_path(whole.tree_)
    path = whole.cost_complexity_pruning_path(X, y)
    np.testing.assert_array_equal(path.ccp_alphas, theirs["ccp_alphas"])
    np.testing.assert_array_equal(path.impurities, theirs["impurities"])
