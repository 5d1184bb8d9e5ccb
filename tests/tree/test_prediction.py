"""Prediction: each row ends where the tree says, whatever the layout and whoever is beside it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn.tree

import fastml
from fastml import DecisionTreeClassifier, DecisionTreeRegressor, RandomForestClassifier
from fastml.tree._predictor import _MANY_FEATURES, Predictor


def samples(n=4000, d=5, dtype=np.float32):
    random = np.random.default_rng(0)
    X = random.normal(size=(n, d)).astype(dtype)
    return X, X[:, 0] + X[:, 1] * X[:, 2] + random.normal(size=n)


def test_wide_and_narrow_nodes_find_the_same_leaves():
    X, signal = samples(40000)
    model = DecisionTreeRegressor().fit(X, signal)
    leaves = model.tree_.apply(X)
    np.testing.assert_array_equal(model.apply(X), leaves)
    arrays = model._fitted.arrays
    assert model._fitted.predictor(np.float32)._trees.features.dtype == np.uint8
    apart = 1 << 16  # 19 bits of features and 16 of nodes do not fit into 32
    assert len(arrays.features) > 1 << 15
    wide = np.zeros((50, 5 * apart), np.float32)
    wide[:, ::apart] = X[:50]
    far = arrays._replace(
        features=np.where(arrays.features >= 0, arrays.features * apart, -1).astype(np.int32)
    )
    predictor = Predictor([far], 5 * apart, np.float32)
    assert predictor._trees.features.dtype == np.uint32
    found, finite = predictor.add(wide, predictor.names, False)
    np.testing.assert_array_equal(found, leaves[:50])
    assert finite


@pytest.mark.checked
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_value_is_compared_as_a_number(dtype):
    random, limits = np.random.default_rng(3), np.finfo(dtype)
    values = [0.0, limits.smallest_subnormal, limits.tiny, 1.0, np.nextafter(dtype(1), 2), 1e8]
    values = np.array([*values, limits.max], dtype)
    values = np.concatenate((values, -values))
    X = random.choice(values, (300, 3))
    model = DecisionTreeRegressor().fit(random.normal(size=(300, 3)), random.normal(size=300))
    arrays = model._fitted.arrays
    for odd in ([], [0.5, np.nan, np.inf, -np.inf]):
        thresholds = random.choice([*values, *odd], len(arrays.features))
        thresholds[0] = 0.0
        arrays = arrays._replace(thresholds=thresholds)
        found = []
        for row in X:
            node = 0
            while arrays.lefts[node] >= 0:
                left = row[arrays.features[node]] <= arrays.thresholds[node]
                node = arrays.lefts[node] if left else arrays.rights[node]
            found.append(node)
        assert len(set(found)) > 5
        predictor = Predictor([arrays], 3, dtype)
        for n in (1, 3, 8, 300):
            leaves, finite = predictor.add(X[:n], predictor.names, False)
            assert leaves.tolist() == found[:n]
            assert finite
        for apart in (80, 150):  # keys are made of the few features that are asked for
            wide = np.zeros((300, 3 * apart), dtype)
            wide[:, ::apart] = X
            far = arrays.features * apart
            far = arrays._replace(features=np.where(far >= 0, far, -1).astype(np.int32))
            predictor = Predictor([far], 3 * apart, dtype)
            assert 3 * apart > _MANY_FEATURES * (far.depth + 1)
            for n in (9, 300):
                leaves, finite = predictor.add(wide[:n], predictor.names, False)
                assert leaves.tolist() == found[:n]
                assert finite
            for bad in (np.nan, -np.inf):
                wide[n - 1, 1] = bad
                assert not predictor.add(wide, predictor.names, False)[1]


@pytest.mark.checked
@pytest.mark.parametrize("kind", [DecisionTreeClassifier, DecisionTreeRegressor])
def test_a_row_does_not_see_its_companions(kind, shared_work):
    X, signal = samples()
    X[::9, 1] = np.nan
    model = kind(max_features=3, random_state=0).fit(X, np.round(signal))
    whole = model.predict(X)
    for start, n in ((0, 1), (5, 3), (9, 4), (90, 15), (0, 17), (1, 300)):
        rows = X[start : start + n]
        np.testing.assert_array_equal(model.predict(rows), whole[start : start + n])
    for n_threads in (1, 2, 3, 7, 64):
        with fastml.num_threads(n_threads):
            assert model.predict(np.asfortranarray(X)).tobytes() == whole.tobytes()


def test_float64_rows_of_a_float32_tree_are_decided_as_given():
    X = np.array([[1.0], [2.0]], np.float32)
    model = DecisionTreeClassifier().fit(X, [0, 1])
    assert model.tree_.threshold[0] == 1.5
    beside = np.array([[1.5], [np.nextafter(1.5, 2)]])
    np.testing.assert_array_equal(model.predict(beside), [0, 1])
    np.testing.assert_array_equal(model.predict(beside.astype(np.float32)), [0, 0])


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite(layout, bad):
    X, signal = samples(700)
    model = DecisionTreeClassifier(max_depth=6).fit(X, signal > 0)
    theirs = sklearn.tree.DecisionTreeClassifier(max_depth=6, random_state=0).fit(X, signal > 0)
    rows = layout(X[:300])
    rows[299, 4] = bad
    for each in (model, theirs):
        if np.isnan(bad):
            assert len(each.predict(rows)) == 300
        else:
            with pytest.raises(ValueError, match="Input X contains infinity"):
                each.predict(rows)
    np.testing.assert_array_equal(
        model.apply(rows, check_input=False), model.tree_.apply(np.ascontiguousarray(rows))
    )
    with pytest.raises(ValueError, match="0 sample"):
        model.predict(X[:0])


@pytest.mark.parametrize(
    "names",
    [np.array(["a", "b"]), np.array([False, True]), np.array([7, -3]), np.array([2, 9], np.int8)],
)
def test_classes_keep_their_type(names):
    X, signal = samples(300)
    y = names[(signal > 0).astype(int)]
    model = DecisionTreeClassifier().fit(X, y)
    found = model.predict(X)
    assert found.dtype == y.dtype
    np.testing.assert_array_equal(found, y)


def test_pickles_hold_the_tree_once():
    X, signal = samples()
    ours = DecisionTreeClassifier().fit(X, signal > 0)
    before = len(pickle.dumps(ours))
    assert ours.tree_.node_count > 500
    ours.predict(X)
    assert len(pickle.dumps(ours)) == before
    theirs = sklearn.tree.DecisionTreeClassifier().fit(X, signal > 0)
    assert before < 0.7 * len(pickle.dumps(theirs))
    for model in (
        ours,
        DecisionTreeClassifier(max_leaf_nodes=9).fit(X, signal > 0, 1 + (X[:, 0] > 0)),
    ):
        copy = pickle.loads(pickle.dumps(model))
        for mine, other in zip(model._fitted.arrays, copy._fitted.arrays, strict=True):
            np.testing.assert_array_equal(mine, other)
            assert np.asarray(mine).dtype == np.asarray(other).dtype


@pytest.mark.checked
def test_a_forest_adds_its_trees_in_their_order():
    X, signal = samples(1500)
    X[::11, 0] = np.nan
    forest = RandomForestClassifier(9, random_state=0).fit(X, np.digitize(signal, [-1, 1]))
    for rows in (X, np.asfortranarray(X), X[3:4], X[:18]):
        total = np.zeros((len(rows), 3))
        for tree in forest.estimators_:
            total += tree.predict_proba(rows)
        np.testing.assert_array_equal(forest.predict_proba(rows), total / 9)
    with pytest.raises(ValueError, match="infinity"):
        forest.predict(np.full((2, 5), np.inf, np.float32))
    with pytest.raises(ValueError, match="features"):
        forest.predict(X[:, :4])
    assert (forest.predict(X) == forest.classes_[forest.predict_proba(X).argmax(axis=1)]).all()
    before = forest.predict_proba(X)
    forest.estimators_ = forest.estimators_[:4]
    after = forest.predict_proba(X)
    assert (before != after).any()
    np.testing.assert_array_equal(after, sum(t.predict_proba(X) for t in forest.estimators_) / 4)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(forest)).predict_proba(X), after)
