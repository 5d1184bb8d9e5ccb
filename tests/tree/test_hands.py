"""What a user does to a fitted tree is seen."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn.tree

from fastml import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)


@pytest.mark.parametrize("part", ["value", "threshold", "feature"])
@pytest.mark.parametrize("kind", [DecisionTreeClassifier, DecisionTreeRegressor])
def test_a_tree_that_is_edited_in_place_predicts_as_edited(kind, part):
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 3)).astype(np.float32)
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    model = kind(random_state=0).fit(X, y)
    before = model.predict(X)
    model.tree_.max_depth  # noqa: B018 - handed out, not edited
    assert np.array_equal(model.predict(X), before)
    if part == "value":
        model.tree_.value[...] = np.roll(
            model.tree_.value, 1, axis=2 if kind is DecisionTreeClassifier else 0
        )
    elif part == "threshold":
        model.tree_.threshold[...] += 0.5
    else:
        inner = model.tree_.feature >= 0
        model.tree_.feature[inner] = 2
    theirs = getattr(sklearn.tree, kind.__name__)(random_state=0).fit(X, y)
    theirs.tree_ = model.tree_
    copied = pickle.loads(pickle.dumps(model))
    assert not np.array_equal(model.predict(X), before)
    assert np.array_equal(model.predict(X), theirs.predict(X))
    assert np.array_equal(model.apply(X), theirs.apply(X))
    assert np.array_equal(copied.predict(X), theirs.predict(X))


def test_classes_that_are_renamed_are_seen():
    X, y = np.arange(6.0)[:, None], [0, 0, 1, 1, 2, 2]
    model = DecisionTreeClassifier().fit(X, y)
    assert model.predict([[5.0]]) == [2]
    model.classes_[2] = 9
    assert model.predict([[5.0]]) == [9]
    model.classes_ = np.array(["a", "b", "c"])
    assert model.predict([[5.0]]) == ["c"]


@pytest.mark.parametrize("part", ["value", "threshold", "feature", "children_left"])
def test_a_few_rows_see_what_was_written_on_their_way(part):
    random = np.random.default_rng(1)
    X = random.normal(size=(400, 3))
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
    model = DecisionTreeClassifier(random_state=0).fit(X, y)
    tree = model.tree_
    leaf = int(model.apply(X[:1])[0])
    way = model.decision_path(X[:1]).indices
    assert model.predict_proba(X[:1])[0, y[0]] == 1
    other = int(np.setdiff1d(np.flatnonzero(tree.children_left < 0), way)[0])
    before = tree.value[other].copy()
    tree.value[other] = before[:, ::-1]  # beside the way
    assert model.predict_proba(X[:1])[0, y[0]] == 1
    tree.value[other] = before
    if part == "value":
        tree.value[leaf] = tree.value[leaf][:, ::-1]
        assert model.predict_proba(X[:1])[0, y[0]] == 0
    elif part == "threshold":
        tree.threshold[0] = np.inf if X[0, tree.feature[0]] > tree.threshold[0] else -np.inf
        assert model.apply(X[:1])[0] != leaf
    elif part == "feature":
        tree.feature[0] = (tree.feature[0] + 1) % 3
        right = X[:, tree.feature[0]] > tree.threshold[0]
        passed = model.decision_path(X[:8]).toarray()[:, tree.children_right[0]]
        assert np.array_equal(passed, right[:8])
    else:
        left, right = tree.children_left[0], tree.children_right[0]
        tree.children_left[0], tree.children_right[0] = right, left
        assert model.apply(X[:1])[0] != leaf


@pytest.mark.parametrize("kind", [DecisionTreeClassifier, DecisionTreeRegressor])
def test_depth_leaves_and_importances_do_not_make_the_tree(kind):
    random = np.random.default_rng(2)
    X = random.normal(size=(500, 4))
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
    model = kind(max_depth=6).fit(X, y, random.integers(1, 4, 500))
    found = model.get_depth(), model.get_n_leaves(), model.feature_importances_.tobytes()
    assert not model._fitted.handed_out
    tree = model.tree_
    again = model.get_depth(), model.get_n_leaves(), model.feature_importances_.tobytes()
    assert found == again == (
        tree.max_depth, tree.n_leaves, tree.compute_feature_importances().tobytes()
    )  # fmt: skip


@pytest.mark.parametrize("number", [-5, 10**6, np.iinfo(np.int32).max, np.iinfo(np.int32).min])
@pytest.mark.parametrize("part", ["children_left", "children_right", "feature"])
@pytest.mark.parametrize("kind", [DecisionTreeClassifier, DecisionTreeRegressor])
def test_a_tree_that_is_none_any_more_is_refused(kind, part, number):
    """Also before scikit-learn's code adds up importances at places outside of its array."""
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 3))
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    tree = kind(random_state=0).fit(X, y)
    kinds = {DecisionTreeClassifier: RandomForestClassifier}
    forest = kinds.get(kind, RandomForestRegressor)(2, random_state=0).fit(X, y)
    for damaged in (tree.tree_, forest.estimators_[1].tree_):
        getattr(damaged, part)[...] = number
    for call in (
        tree.predict, tree.apply, tree.decision_path, lambda X: tree.feature_importances_,
        forest.predict, forest.apply, lambda X: forest.feature_importances_,
    ):  # fmt: skip
        with pytest.raises(ValueError, match="tree_ is no tree"):
            call(X)


@pytest.mark.parametrize("others", [[], [sklearn.tree.DecisionTreeClassifier()], [None]])
def test_a_forest_of_other_trees_is_refused(others):
    X, y = np.arange(6.0)[:, None], [0, 0, 1, 1, 2, 2]
    forest = RandomForestClassifier(2, random_state=0).fit(X, y)
    forest.estimators_ = [*others, DecisionTreeClassifier()] if others else []
    with pytest.raises(ValueError, match="estimators_ must be fitted trees of fastml"):
        forest.predict_proba(X)
