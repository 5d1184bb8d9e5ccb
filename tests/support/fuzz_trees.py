"""Trees and forests of the fuzzer, against the definition in exact arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
from fuzz_data import Array, Generator, laid_out, size
from versions import BEFORE_1_8

import fastml
from fastml.reference import tree as reference
from fastml.tree import _codes, _grow

_CRITERIA = ("gini", "entropy", "squared_error", "poisson", "absolute_error")


def _tree(random: Generator, n: int, d: int) -> tuple[Any, Array, Array, Array | None, str]:
    """Draw samples for a tree, and the tree."""
    criterion = str(random.choice(_CRITERIA))
    kind = str(random.choice(
        ["plain", "ties", "far", "powers of two", "missing", "one float apart", "duplicates"]
    ))  # fmt: skip
    if kind == "missing" and criterion == "absolute_error" and BEFORE_1_8:
        kind = "plain"
    X = random.normal(size=(n, d))
    if kind == "ties":
        X = np.round(2 * X)
    elif kind == "far":
        X = X.astype(np.float32) + random.choice([1e6, 1e8])
    elif kind == "powers of two":
        X = np.exp2(np.round(8 * X))
    elif kind == "missing":
        X[random.random(X.shape) < 0.2] = np.nan
    elif kind == "one float apart":
        X = 1.0 + random.integers(0, 40, X.shape) * np.finfo(np.float64).eps
    elif kind == "duplicates":
        X = X[random.integers(max(1, n // 3), size=n)]
    X = X if random.integers(2) else X.astype(np.float32)
    if criterion in ("gini", "entropy"):
        y = random.integers(0, random.integers(1, 5), n)
    elif criterion == "poisson":
        y = np.abs(np.round(random.normal(size=n), random.integers(0, 5)))
        y[0] += 1
    else:
        y = [
            random.normal(size=n), random.integers(0, 4, n) * 1.0, random.normal(size=n) + 1e8,
            random.normal(size=n) * 1e-9, np.exp2(random.integers(-9, 9, n)),
        ][random.integers(5)]  # fmt: skip
    weights = None
    if random.integers(2):
        weights = random.integers(0, 6, n) * float(random.choice([1.0, 1e12, 2.0**-40]))
        weights[0] = weights.max() if weights.any() else 1.0
    leaf = int(random.integers(1, 4))
    kind_of: Any = (
        fastml.DecisionTreeClassifier
        if criterion in ("gini", "entropy")
        else fastml.DecisionTreeRegressor
    )
    model = kind_of(criterion=criterion, min_samples_leaf=leaf)
    case = f"{n} x {d}, {X.dtype}, {criterion}, {kind}, leaves of {leaf}"
    return model, X, y, weights, case + ("" if weights is None else ", weights")


def trees(random: Generator) -> str:
    """Every node is the reference's, for small nodes and those of many rows and few codes."""
    model, X, y, weights, case = _tree(random, size(random, 40) + 1, int(random.integers(1, 4)))
    before = _codes._LEAST_CODES, _codes._MOST_CODES, _grow.SMALL_ROWS
    if random.integers(2):
        _codes._LEAST_CODES = _codes._MOST_CODES = 8
        _grow.SMALL_ROWS = (8, 8) if random.integers(2) else before[2]
        case += f", few codes, {_grow.SMALL_ROWS} rows are small"
    try:
        with fastml.num_threads(int(random.integers(1, 5))):
            model.fit(laid_out(random, X), y, weights)
    finally:
        _codes._LEAST_CODES, _codes._MOST_CODES, _grow.SMALL_ROWS = before
    used = np.ones(len(y), bool) if weights is None else weights > 0
    if model.criterion == "poisson" and not (y[used] > 0).any():
        return case
    assert model.computed_by_ == "fastml", case
    tree = model.tree_
    feature = np.where(tree.children_left < 0, -1, tree.feature)
    found = list(zip(feature, tree.threshold, tree.n_node_samples, strict=True))
    expected = reference.grow(
        X[used], y[used], (np.ones(len(y)) if weights is None else weights)[used], model.criterion,
        min_samples_leaf=model.min_samples_leaf,
    )  # fmt: skip
    assert found == expected, f"{case}: {found} is not {expected}"
    return case


def large_trees(random: Generator) -> str:
    """The same bits on any threads; rows end in the leaf the tree's nodes say."""
    model, X, y, weights, case = _tree(random, 3 + size(random, 6000), size(random, 12))
    max_depth = None if random.integers(2) else int(random.integers(1, 12))
    model.set_params(max_depth=max_depth, random_state=0)
    if random.integers(2):
        model.set_params(max_features=int(random.integers(1, X.shape[1] + 1)))
    fitted = []
    for n_threads in (1, int(random.integers(2, 5))):
        with fastml.num_threads(n_threads):
            model.fit(laid_out(random, X), y, weights)
            state = model.tree_.__getstate__()
            fitted.append(state["nodes"].tobytes() + state["values"].tobytes())
    assert fitted[0] == fitted[1], case
    assert model.computed_by_ == "fastml", case
    tree, node = model.tree_, np.zeros(len(X), int)
    for _ in range(tree.max_depth):
        x = X[np.arange(len(X)), np.maximum(tree.feature[node], 0)]
        left = np.where(np.isnan(x), tree.missing_go_to_left[node] == 1, x <= tree.threshold[node])
        child = np.where(left, tree.children_left[node], tree.children_right[node])
        node = np.where(tree.children_left[node] < 0, node, child)
    np.testing.assert_array_equal(model.apply(laid_out(random, X)), node, err_msg=case)
    return case


def forests(random: Generator) -> str:
    """A forest predicts the mean of its trees, with the same bits on any threads."""
    model, X, y, weights, case = _tree(random, 10 + size(random, 800), size(random, 8))
    classes = hasattr(model, "predict_proba")
    kind: Any = fastml.RandomForestClassifier if classes else fastml.RandomForestRegressor
    settings: dict[str, Any] = {
        "n_estimators": int(random.integers(1, 6)), "criterion": model.criterion,
        "min_samples_leaf": model.min_samples_leaf, "random_state": int(random.integers(1 << 30)),
        "bootstrap": bool(random.integers(2)), "max_features": "sqrt",
    }  # fmt: skip
    if model.criterion == "poisson":
        y, weights, settings["bootstrap"] = y + 1, None, False
    case += f", {settings}"
    found = []
    for n_threads in (1, int(random.integers(2, 5))):
        with fastml.num_threads(n_threads):
            forest = kind(**settings).fit(laid_out(random, X), y, weights)
            found.append(forest.predict_proba(X) if classes else forest.predict(X))
    assert found[0].tobytes() == found[1].tobytes(), case
    single = X.astype(np.float32)
    each = [
        tree.predict_proba(single) if classes else tree.predict(single)
        for tree in forest.estimators_
    ]
    np.testing.assert_allclose(found[0], np.mean(each, axis=0), rtol=1e-13, err_msg=case)
    return case
