"""Trees by absolute error: the reference's, and scikit-learn's where no errors are equal."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.tree
from sklearn.base import clone
from versions import BEFORE_1_8

import fastml
from fastml import DecisionTreeRegressor, RandomForestRegressor
from fastml.reference import tree as reference
from fastml.tree import _absolute
from fastml.tree._absolute import in_order

CRITERION = "absolute_error"
SINCE_1_8 = pytest.mark.skipif(BEFORE_1_8, reason="scikit-learn 1.8 mended this criterion")


def rows(random, n, d, kind):
    X = random.normal(size=(n, d))
    if kind == "ties":
        X = np.round(2 * X)
    elif kind == "far":
        X = X.astype(np.float32) + np.float32(1e6)
    elif kind == "powers of two":
        X = np.exp2(np.round(8 * X))
    elif kind == "one float apart":
        X = 1.0 + random.integers(0, 40, X.shape) * np.finfo(float).eps
    elif kind == "missing":
        X[random.random(X.shape) < 0.3] = np.nan
    elif kind == "zeros":
        X = np.where(random.random(X.shape) < 0.6, random.choice([0.0, -0.0], X.shape), X)
    return X if random.random() < 0.5 else X.astype(np.float32)


def targets(random, n, kind):
    return {
        "normal": lambda: random.normal(size=n),
        "whole": lambda: random.integers(0, 4, n).astype(float),
        "far away": lambda: random.normal(size=n) + 1e8,
        "two limbs": lambda: random.normal(size=n) * np.exp2(random.integers(-20, 20, n)),
        "small": lambda: random.normal(size=n) * 1e-9,
    }[kind]()


def fitted(model, X, y, w=None):
    model.fit(X, y, w)
    assert model.computed_by_ == "fastml"
    tree = model.tree_
    feature = np.where(tree.children_left < 0, -1, tree.feature)
    return list(zip(feature, tree.threshold, tree.n_node_samples, strict=True))


def samples(n=3000, d=4, seed=0, dtype=np.float32):
    random = np.random.default_rng(seed)
    X = np.stack([random.permutation(n) for _ in range(d)], axis=1).astype(dtype)
    return X, X[:, 0] + X[:, 1] * (X[:, 2] > n / 2) + random.normal(size=n) * n / 3


def same(a, b):
    states = [model.tree_.__getstate__() for model in (a, b)]
    return all(
        states[0][name].tobytes() == states[1][name].tobytes() for name in ("nodes", "values")
    )


@pytest.fixture(params=[4096, 4], ids=["a ticket a level", "many tickets"])
def tickets(request, monkeypatch):
    monkeypatch.setattr(_absolute, "_ROWS_A_TICKET", request.param)


@pytest.mark.parametrize("spread", ["normal", "whole", "far away", "two limbs", "small"])
@pytest.mark.parametrize(
    "kind",
    [pytest.param("plain", marks=pytest.mark.checked), "ties", "far", "powers of two",
     "one float apart", "zeros",
     pytest.param("missing", marks=[SINCE_1_8, pytest.mark.checked])],
)  # fmt: skip
def test_tree_is_the_one_of_the_reference(kind, spread, tickets):
    random = np.random.default_rng(len(kind) + 100 * len(spread))
    for weighted in (0, 1, 2, 3):
        n, d, leaf = random.integers(1, 50), random.integers(1, 4), int(random.integers(1, 4))
        X, y = rows(random, n, d, kind), targets(random, n, spread)
        w = np.ones(n)
        if weighted:
            w = random.integers(0, 6, n) * (1.0, 1.0, 1e12, 2.0**-40)[weighted]
            w[0] = w.max() if w.any() else 1.0
        model = DecisionTreeRegressor(criterion=CRITERION, min_samples_leaf=leaf)
        found = fitted(model, X, y, w if weighted else None)
        used = w > 0
        assert found == reference.grow(X[used], y[used], w[used], CRITERION, min_samples_leaf=leaf)
        reached = model.decision_path(X).toarray().astype(bool) & used[:, None]
        tree = model.tree_
        for node in range(tree.node_count):
            inside = reached[:, node]
            assert tree.value[node, 0, 0] == reference.median(y[inside], w[inside])
            loss = -reference.child_score(y[inside], w[inside], CRITERION)
            expected = float(loss) / w[inside].sum()
            assert tree.impurity[node] == pytest.approx(expected, rel=1e-14, abs=0)


def test_the_median_of_the_reference():
    assert reference.median(np.array([3.0, 1.0, 2.0]), np.ones(3)) == 2.0
    assert reference.median(np.array([4.0, 1.0, 2.0, 9.0]), np.ones(4)) == 3.0
    assert reference.median(np.array([1.0, 2.0]), np.array([1.0, 3.0])) == 2.0
    assert reference.median(np.array([1.0, 2.0, 5.0]), np.array([1.0, 1.0, 2.0])) == 3.5


def _apart_only_at_ties(ours, theirs, X, y, w):
    """Assert that trees are the same down to nodes where two splits leave exactly the same error.

    Returns
    -------
    n_equal : int, splits of both trees
    """
    a, b, n_equal = ours.tree_, theirs.tree_, 0
    nodes = [(0, 0, np.ones(len(y), bool))]
    while nodes:
        i, j, inside = nodes.pop()
        assert a.n_node_samples[i] == b.n_node_samples[j]
        np.testing.assert_allclose(a.impurity[i], b.impurity[j], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(a.value[i], b.value[j], rtol=1e-12)
        if a.children_left[i] < 0 or b.children_left[j] < 0:
            assert a.children_left[i] == b.children_left[j] == -1
            continue
        left, other = (
            inside & (X[:, tree.feature[node]] <= tree.threshold[node])
            for tree, node in ((a, i), (b, j))
        )
        if not np.array_equal(left, other):
            errors = [
                reference.child_score(y[side], w[side], CRITERION)
                + reference.child_score(y[inside & ~side], w[inside & ~side], CRITERION)
                for side in (left, other)
            ]
            assert errors[0] == errors[1]
            continue
        n_equal += 1
        nodes.append((a.children_left[i], b.children_left[j], left))
        nodes.append((a.children_right[i], b.children_right[j], inside & ~left))
    return n_equal


@pytest.mark.parametrize("weighted", [False, pytest.param(True, marks=SINCE_1_8)])
@pytest.mark.parametrize(
    ("n", "limits"),
    [
        (3000, {"max_depth": 6}),
        (3000, {"min_samples_leaf": 20}),
        (5000, {"min_weight_fraction_leaf": 0.02}),
        (5000, {"min_samples_split": 150}),
        (40_000, {"max_depth": 5}),  # so many that rows are asked for ahead
    ],
)
def test_tree_of_scikit_learn_but_for_equal_errors(n, limits, weighted):
    X, y = samples(n)
    w = np.random.default_rng(1).integers(1, 5, len(y)).astype(float) if weighted else None
    kinds = (DecisionTreeRegressor, sklearn.tree.DecisionTreeRegressor)
    ours, theirs = (
        kind(criterion=CRITERION, random_state=0, **limits).fit(X, y, w) for kind in kinds
    )
    assert ours.computed_by_ == "fastml"
    n_equal = _apart_only_at_ties(ours, theirs, X, y, np.ones(len(y)) if w is None else w)
    assert n_equal > 10


@SINCE_1_8
@pytest.mark.parametrize(
    "limits",
    [
        {"max_leaf_nodes": 9},
        {"min_impurity_decrease": 30.0},
        {"ccp_alpha": 15.0, "min_samples_leaf": 3},
    ],
)
def test_limits_are_those_of_scikit_learn(limits):
    X, y = samples()
    w = np.random.default_rng(0).integers(1, 4, len(y))
    ours = DecisionTreeRegressor(criterion=CRITERION, **limits).fit(X, y, w)
    theirs = sklearn.tree.DecisionTreeRegressor(criterion=CRITERION, random_state=0, **limits)
    theirs.fit(X, y, w)
    assert ours.computed_by_ == "fastml"
    np.testing.assert_array_equal(ours.tree_.feature, theirs.tree_.feature)
    np.testing.assert_array_equal(ours.tree_.threshold, theirs.tree_.threshold)
    np.testing.assert_array_equal(ours.tree_.value, theirs.tree_.value)
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, rtol=1e-9)


@pytest.mark.parametrize("max_features", [None, 2])
def test_same_bits_for_any_threads_and_memory(max_features, shared_work):
    X, y = samples(9000)
    w = np.random.default_rng(0).integers(0, 4, len(y))
    model = DecisionTreeRegressor(criterion=CRITERION, random_state=1, max_features=max_features)
    for weights in (None, w):
        with fastml.num_threads(1):
            first = clone(model).fit(X, y, weights)
        assert first.computed_by_ == "fastml"
        for threads in (2, 3, 7, 64):
            with fastml.num_threads(threads):
                assert same(first, clone(model).fit(X, y, weights))
        wide = np.zeros((len(X), 8), np.float32)
        wide[:, ::2] = X
        for other in (np.asfortranarray(X), wide[:, ::2], X.astype(np.float64)):
            assert same(first, clone(model).fit(other, y, weights))


def test_a_feature_more_is_drawn_where_those_drawn_are_constant():
    X, y = samples(500, 6)
    X[:, 1:] = 3.0
    model = DecisionTreeRegressor(criterion=CRITERION, max_features=1, random_state=0)
    found = fitted(model, X, y)
    assert found == fitted(DecisionTreeRegressor(criterion=CRITERION), X[:, :1], y)


def test_drawn_features_are_those_of_other_criteria():
    """One feature a node: which one follows from the seed and the node's path alone."""
    X, y = samples(400, 5)
    roots = [
        [
            DecisionTreeRegressor(
                criterion=criterion, max_features=1, random_state=seed, max_depth=1
            ).fit(X, y).tree_.feature[0]
            for seed in range(12)
        ]
        for criterion in (CRITERION, "squared_error")
    ]  # fmt: skip
    assert roots[0] == roots[1]
    assert len(set(roots[0])) > 2


def test_a_forest_is_the_mean_of_trees_of_drawn_rows():
    X, y = samples(600, 5)
    forest = RandomForestRegressor(
        5, criterion=CRITERION, random_state=0, max_features=0.6, min_samples_leaf=2
    )
    assert forest.fit(X, y).computed_by_ == "fastml"
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        alone = clone(tree).fit(X, y, np.bincount(drawn, minlength=len(X)))
        assert same(tree, alone)
    each = np.mean([tree.predict(X) for tree in forest.estimators_], axis=0)
    np.testing.assert_allclose(forest.predict(X), each, rtol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 5000])
def test_constant_targets_and_features(n):
    X = np.full((n, 3), 7.0)
    for rows, y, leaves in (
        (X, np.arange(n) / 8.0, 1),
        (np.arange(3.0 * n).reshape(n, 3), np.full(n, 2.5), 1),
        (np.arange(3.0 * n).reshape(n, 3), np.arange(n) / 8.0, n),
    ):
        tree = DecisionTreeRegressor(criterion=CRITERION).fit(rows, y)
        assert tree.computed_by_ == "fastml"
        assert tree.get_n_leaves() == leaves
        np.testing.assert_array_equal(tree.predict(rows[:1]), np.median(y) if leaves == 1 else y[0])


@SINCE_1_8
@pytest.mark.parametrize("check_input", [True, False])
def test_missing_values_go_where_they_belong(check_input):
    X = np.array([[1.0], [2.0], [np.nan], [3.0], [np.nan]])
    for y, missing_left, threshold in (
        ([0.0, 0, 9, 9, 9], 0, 2.5),
        ([9.0, 9, 9, 0, 9], 1, 2.5),
        ([0.0, 0, 9, 0, 9], 0, np.inf),
    ):
        model = DecisionTreeRegressor(criterion=CRITERION)
        tree = model.fit(X, np.array(y), check_input=check_input).tree_
        assert (tree.missing_go_to_left[0], tree.threshold[0]) == (missing_left, threshold)
        np.testing.assert_array_equal(model.predict(X), y)
    mostly = np.full((6, 2), np.nan)
    assert DecisionTreeRegressor(criterion=CRITERION).fit(mostly, np.arange(6.0)).get_depth() == 0


def test_heavy_rows_on_both_sides_of_many_light_ones():
    """The median crosses all light rows again and again."""
    n = 400
    y = np.concatenate((-1.0 - np.arange(100), np.linspace(0, 1, n - 200), 2.0 + np.arange(100)))
    w = np.where((y < 0) | (y > 1), 1000.0, 1.0)
    order = np.argsort(np.where(w > 1, np.arange(n) % 100, 200), kind="stable")
    X = np.empty((n, 1))
    X[order, 0] = np.arange(n)
    found = fitted(DecisionTreeRegressor(criterion=CRITERION, max_depth=2), X, y, w)
    assert found == reference.grow(X, y, w, CRITERION, max_depth=2)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_in_order(dtype):
    random = np.random.default_rng(0)
    for n in (1, 2, 1000):
        for X in (
            random.normal(size=(n, 3)),
            np.round(random.normal(size=(n, 3))) * random.choice([-1, 1], (n, 3)),
            random.choice([0.0, -0.0, np.finfo(dtype).max, -np.finfo(dtype).tiny / 8], (n, 3)),
        ):
            X = X.astype(dtype)
            items = in_order(X)
            order = (items & 0x7FFFFFFF).astype(int)
            for f in range(3):
                np.testing.assert_array_equal(order[f], np.argsort(X[:, f], kind="stable"))
                values = X[order[f], f]
                np.testing.assert_array_equal(items[f][1:] >> 31, values[1:] > values[:-1])
                assert items[f][0] >> 31 == 0
