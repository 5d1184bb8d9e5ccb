"""The estimators: the same bits everywhere, scikit-learn's trees where they are defined."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse
import sklearn.tree
from scipy.sparse import csc_array, csr_array
from sklearn.base import clone

import fastml
from fastml import DecisionTreeClassifier, DecisionTreeRegressor
from fastml.tree import _estimator


def samples(n, d, seed=0, dtype=np.float32):
    random = np.random.default_rng(seed)
    # Values a thousandth apart at least: scikit-learn takes nearer ones for equal.
    X = np.stack([random.permutation(n) for _ in range(d)], axis=1) * 0.01 - 5
    signal = X[:, 0] + X[:, 1] * X[:, 2] + 5 * random.normal(size=n)
    return X.astype(dtype), signal


def fields(model):
    tree = model.tree_
    state = tree.__getstate__()
    return [state["nodes"][name].copy() for name in state["nodes"].dtype.names] + [state["values"]]


def same(a, b):
    return all(x.tobytes() == y.tobytes() for x, y in zip(fields(a), fields(b), strict=True))


@pytest.mark.parametrize("max_features", [None, 2])
@pytest.mark.parametrize("kind", ["classes", "values"])
def test_same_bits_for_any_threads_and_memory(kind, max_features, shared_work):
    X, signal = samples(9000, 4)
    if kind == "classes":
        y, model = (signal > 0).astype(int), DecisionTreeClassifier(random_state=1)
    else:
        y, model = signal, DecisionTreeRegressor(random_state=1)
    model.set_params(max_features=max_features)
    with fastml.num_threads(1):
        first = clone(model).fit(X, y)
    assert first.computed_by_ == "fastml"
    for threads in (2, 3, 7, 64):
        with fastml.num_threads(threads):
            assert same(first, clone(model).fit(X, y))
    wide = np.zeros((len(X), 8), np.float32)
    wide[:, ::2] = X
    for other in (np.asfortranarray(X), wide[:, ::2], X.astype(np.float64)):
        assert same(first, clone(model).fit(other, y))


@pytest.mark.parametrize("n", [300, 5000])
@pytest.mark.parametrize("criterion", ["gini", "entropy", "squared_error"])
def test_tree_of_scikit_learn_where_no_gains_are_equal(criterion, n):
    X, signal = samples(n, 5)
    if criterion == "squared_error":
        ours, theirs = DecisionTreeRegressor(), sklearn.tree.DecisionTreeRegressor()
        y = signal
    else:
        ours, theirs = DecisionTreeClassifier(), sklearn.tree.DecisionTreeClassifier()
        y = np.digitize(signal, [0.0, 4.0])
    for model in (ours, theirs):
        # So large leaves that chance gives no equal gains.
        model.set_params(criterion=criterion, min_samples_leaf=40, random_state=0).fit(X, y)
    a, b = ours.tree_, theirs.tree_
    np.testing.assert_array_equal(a.feature, b.feature)
    np.testing.assert_array_equal(a.threshold, b.threshold)
    np.testing.assert_array_equal(a.n_node_samples, b.n_node_samples)
    np.testing.assert_allclose(a.impurity, b.impurity, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(a.value, b.value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "limits",
    [
        {"max_leaf_nodes": 12},
        {"min_impurity_decrease": 0.004},
        {"ccp_alpha": 0.003, "min_samples_leaf": 25},
        {"max_depth": 4},
        {"min_samples_split": 200, "min_samples_leaf": 30},
        {"min_weight_fraction_leaf": 0.04},
        {"class_weight": "balanced", "max_leaf_nodes": 12},
        {"class_weight": {0: 1.0, 1: 7.5}, "max_leaf_nodes": 12},
    ],
)
def test_limits_are_those_of_scikit_learn(limits):
    X, signal = samples(4000, 4, seed=5)
    y = (signal > 3).astype(int)
    w = np.random.default_rng(0).integers(1, 4, len(y))
    ours = DecisionTreeClassifier(**limits).fit(X, y, w)
    theirs = sklearn.tree.DecisionTreeClassifier(random_state=0, **limits).fit(X, y, w)
    assert ours.computed_by_ == "fastml"
    np.testing.assert_array_equal(ours.tree_.feature, theirs.tree_.feature)
    np.testing.assert_array_equal(ours.tree_.threshold, theirs.tree_.threshold)
    np.testing.assert_allclose(
        ours.tree_.weighted_n_node_samples, theirs.tree_.weighted_n_node_samples, rtol=1e-12
    )
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, rtol=1e-9)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 15, 16, 17, 5000])
def test_prediction_takes_the_path_of_the_tree(n, dtype):
    X, signal = samples(5000, 4, dtype=dtype)
    X[np.random.default_rng(0).random(X.shape) < 0.05] = np.nan
    model = DecisionTreeRegressor(max_depth=9).fit(X, signal)
    tree = model.tree_
    node = np.zeros(n, int)
    for _ in range(tree.max_depth):
        x = X[np.arange(n), np.maximum(tree.feature[node], 0)]
        left = np.where(np.isnan(x), tree.missing_go_to_left[node] == 1, x <= tree.threshold[node])
        child = np.where(left, tree.children_left[node], tree.children_right[node])
        node = np.where(tree.children_left[node] < 0, node, child)
    for rows in (X[:n], np.asfortranarray(X[:n]), np.repeat(X[:n], 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(model.apply(rows), node)
        np.testing.assert_array_equal(model.predict(rows), tree.value[node, 0, 0])


def test_float64_is_decided_as_given():
    X = 1.0 + np.arange(8)[:, None] * 1e-14
    y = np.arange(8) % 2
    model = DecisionTreeClassifier().fit(X, y)
    assert model.score(X, y) == 1.0
    assert model.tree_.node_count == 15
    for sparse in (csr_array(X), csc_array(X)):
        again = DecisionTreeClassifier().fit(sparse, y)
        assert same(model, again)
        assert again.score(sparse, y) == model.score(csr_array(sparse), y) == 1.0
        np.testing.assert_array_equal(again.apply(sparse), model.apply(X))
    # scikit-learn's own decision_path would make X float32, all one value.
    path = model.decision_path(X)
    assert path.shape == (8, 15)
    for i, leaf in enumerate(model.apply(X)):
        assert path[i, leaf] == path[i, 0] == 1


def test_decision_path_is_that_of_scikit_learn():
    X, signal = samples(2000, 4)
    model = DecisionTreeRegressor(min_samples_leaf=30).fit(X, signal)
    path = model.decision_path(X)
    theirs = model.tree_.decision_path(X)
    assert path.dtype == theirs.dtype
    assert path.has_sorted_indices
    assert (path != theirs).nnz == 0
    with pytest.raises(ValueError, match="features"):
        model.decision_path(X[:, :2])


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((1, 1)),
        np.zeros((5000, 3)),
        np.arange(66000.0)[:, None],
        np.full((10, 2), np.nan),
    ],
    ids=["one row", "constant", "more values than 16 bits", "all missing"],
)
def test_extremes(X):
    y = np.arange(len(X)) / 8.0
    constant = len(np.unique(X[:, 0])) == 1
    model = DecisionTreeRegressor().fit(X, y)
    assert model.computed_by_ == "fastml"
    assert model.tree_.n_leaves == (1 if constant else len(X))
    labels = np.random.default_rng(0).integers(0, 3, len(X))
    classes = DecisionTreeClassifier().fit(X, labels)
    assert classes.computed_by_ == "fastml"
    assert (classes.tree_.n_leaves == 1) if constant else (classes.score(X, labels) == 1.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"splitter": "random"}, "splitter='random'"),
        ({"monotonic_cst": [1, 0]}, "monotonic_cst is set"),
    ],
)
def test_what_scikit_learn_computes_says_why(change, reason):
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 3
    model = DecisionTreeRegressor(random_state=0, **change).fit(X, y)
    assert model.computed_by_ == f"scikit-learn: {reason}"
    assert model.predict(X).shape == (10,)
    weights = DecisionTreeRegressor().fit(X, y, np.random.default_rng(0).random(10))
    assert weights.computed_by_.startswith("scikit-learn: weights are no multiples")
    assert DecisionTreeRegressor().fit(X, np.column_stack((y, y))).predict(X).shape == (10, 2)


def test_classes_may_be_bytes():
    X = np.arange(8.0)[:, None]
    y = np.array([b"no", b"yes"])[[0, 0, 1, 1, 0, 0, 1, 1]]
    for kind in (fastml.DecisionTreeClassifier, fastml.RandomForestClassifier):
        model = kind().fit(X, y)
        assert model.computed_by_ == "fastml"
        assert model.classes_.tolist() == [b"no", b"yes"]
    assert fastml.DecisionTreeClassifier().fit(X, y).predict(X).tolist() == y.tolist()


def test_an_error_leaves_the_estimator_as_it_was():
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 3
    model = DecisionTreeClassifier().fit(X, y)
    before = dict(vars(model))
    for bad in (np.full((10, 2), np.inf), np.zeros((9, 2)), "text"):
        with pytest.raises(ValueError):
            model.fit(bad, y)
        assert vars(model) == before
    with pytest.raises(ValueError, match="features"):
        model.predict(np.zeros((3, 5)))


def test_pickles_and_shows():
    X, signal = samples(500, 3)
    model = DecisionTreeClassifier(max_depth=3).fit(X, signal > 0)
    copy = pickle.loads(pickle.dumps(model))
    assert same(model, copy)
    np.testing.assert_array_equal(model.predict(X), copy.predict(X))
    assert sklearn.tree.export_text(copy).count("class") == model.get_n_leaves()


@pytest.mark.parametrize("kind", [DecisionTreeClassifier, DecisionTreeRegressor])
def test_a_tree_put_in_place_of_another_never_reads_outside_of_rows(kind):
    random = np.random.default_rng(0)
    X, y = random.normal(size=(200, 3)), random.integers(0, 3, 200)
    model, wide = kind().fit(X, y), kind().fit(np.repeat(X, 50, axis=1)[:, ::-1], y)
    assert (wide.tree_.feature > 5).any()
    model.tree_ = wide.tree_
    with pytest.raises(ValueError, match=r"X has 3 features of float\d\d, but the tree needs 1"):
        model.predict(X)
    model = kind().fit(X, y)
    model.n_features_in_ = 1
    for check_input in (True, False):
        with pytest.raises(ValueError, match="but the tree needs 3 of float64"):
            model.predict(X[:, :1], check_input=check_input)
    for node, change in ((0, 0), (0, 10**6), (0, -5), (2, 1)):
        model = kind(max_depth=3).fit(X, y)
        tree = model.tree_
        state = tree.__getstate__()
        state["nodes"]["left_child"][node] = change
        tree.__setstate__(state)
        model.tree_ = tree
        with pytest.raises(ValueError, match="tree_ is no tree"):
            model.predict(X)


@pytest.mark.parametrize("kind", [DecisionTreeClassifier, DecisionTreeRegressor])
def test_unchecked_rows_of_another_byte_order(kind):
    X, signal = samples(300, 3, dtype=np.float64)
    model = kind(max_depth=4).fit(X, signal > 0)
    swapped = X.astype(">f8")
    np.testing.assert_array_equal(model.predict(swapped, check_input=False), model.predict(X))


def test_a_damaged_sparse_matrix_is_refused():
    X, signal = samples(60, 3)
    sparse = scipy.sparse.csc_array(X)
    sparse.indices = sparse.indices.copy()
    sparse.indices[5] = 1 << 30
    with pytest.raises(ValueError, match="damaged sparse matrix"):
        DecisionTreeRegressor().fit(sparse, signal)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("missing", [False, True])
def test_rows_exactly_on_a_threshold_go_left(missing, dtype):
    X, signal = samples(2000, 3, dtype=dtype)
    if missing:
        X[::7, 1] = np.nan
    tree = DecisionTreeRegressor(max_depth=7).fit(X, signal)
    nodes = tree.tree_
    inner = np.flatnonzero((nodes.children_left >= 0) & np.isfinite(nodes.threshold))
    rows = np.repeat(X[:40], len(inner), axis=0)
    split = np.tile(inner, 40)
    on = nodes.threshold[split].astype(dtype)  # or beside it, where it is rounded
    beside = np.random.default_rng(0).choice(np.array([-1, 0, 1]), len(on))
    on = np.where(beside == 0, on, np.nextafter(on, on + beside.astype(dtype)))
    rows[np.arange(len(rows)), nodes.feature[split]] = on
    node = np.zeros(len(rows), int)
    n_equal = 0
    for _ in range(nodes.max_depth):
        x = rows[np.arange(len(rows)), np.maximum(nodes.feature[node], 0)].astype(np.float64)
        inside = nodes.children_left[node] >= 0
        n_equal += np.count_nonzero(inside & (x == nodes.threshold[node]))
        left = np.where(
            np.isnan(x), nodes.missing_go_to_left[node] == 1, x <= nodes.threshold[node]
        )
        child = np.where(left, nodes.children_left[node], nodes.children_right[node])
        node = np.where(inside, child, node)
    assert n_equal > 20
    np.testing.assert_array_equal(tree.apply(rows), node)


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_weights_may_be_written_to_while_a_tree_grows(dtype, monkeypatch):
    X, signal = samples(300, 3)
    weights = np.random.default_rng(0).integers(0, 3, 300).astype(dtype)
    expected = DecisionTreeClassifier(random_state=0).fit(X, signal > 0, weights.copy())
    grow = _estimator.ExactTree._grown

    def poisoned(self, *given):
        weights[:] = 7
        return grow(self, *given)

    monkeypatch.setattr(_estimator.ExactTree, "_grown", poisoned)
    model = DecisionTreeClassifier(random_state=0)
    y = (signal > 0).astype(float)
    found = model.fit(X, y, weights, check_input=False)
    assert (weights == 7).all()
    assert found.computed_by_ == "fastml"
    assert same(found, expected)


@pytest.mark.parametrize("wide", ["indices", "indptr", "both"])
def test_sparse_rows_that_count_in_64_bits(wide):
    X, signal = samples(200, 3)
    rows = csr_array(np.maximum(X + 4, 0))
    model = DecisionTreeRegressor(random_state=0).fit(rows, signal)
    expected = model.predict(rows)
    for name in ("indices", "indptr"):
        if wide in (name, "both"):
            setattr(rows, name, getattr(rows, name).astype(np.int64))
    np.testing.assert_array_equal(model.predict(rows), expected)
    np.testing.assert_array_equal(model.fit(rows, signal).predict(rows), expected)
    rows.indices[0] = 2**31 - 1
    with pytest.raises(ValueError, match="damaged sparse matrix"):
        model.predict(rows)
