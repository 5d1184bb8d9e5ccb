"""Every node of a tree has the best split there is: equal to the reference in exact arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from fastml.reference import tree as reference
from fastml.tree import DecisionTreeClassifier, DecisionTreeRegressor, _codes, _grow

CLASSES, VALUES = ("gini", "entropy"), ("squared_error", "poisson")


def samples(random, n, d, kind):
    X = random.normal(size=(n, d))
    if kind == "ties":
        X = np.round(2 * X)
    elif kind == "far":
        X = X.astype(np.float32) + np.float32(1e6)
    elif kind == "powers of two":
        X = np.exp2(np.round(8 * X))
    elif kind == "missing":
        X[random.random(X.shape) < 0.2] = np.nan
    elif kind == "one float apart":
        X = 1.0 + random.integers(0, 40, X.shape) * np.finfo(float).eps
    return X if random.random() < 0.5 else X.astype(np.float32)


def targets(random, n, criterion):
    if criterion in CLASSES:
        return random.integers(0, random.integers(2, 5), n)
    if criterion == "poisson":
        y = np.abs(np.round(random.normal(size=n), random.integers(0, 5)))
        y[0] += 1
        return y
    kinds = [
        random.normal(size=n),
        random.integers(0, 4, n).astype(float),
        random.normal(size=n) + 1e8,
        random.normal(size=n) * 1e-9,
        random.standard_t(1.2, size=n),
    ]
    return kinds[random.integers(len(kinds))]


def weights(random, n):
    kind = random.integers(4)
    if kind == 0:
        return None
    whole = random.integers(1 if kind < 3 else 0, 6, n).astype(float)
    whole[0] = 1.0
    return whole * (1.0, 1.0, 1e12, 2.0**-40)[kind]


def grown(model, X, y, w):
    model.fit(X, y, w)
    assert model.computed_by_ == "fastml"
    tree = model.tree_
    feature = np.where(tree.children_left < 0, -1, tree.feature)
    return list(zip(feature, tree.threshold, tree.n_node_samples, strict=True))


@pytest.fixture(params=["small nodes", "large nodes", "more codes"])
def builder(request, monkeypatch):
    """Few codes, so that bins hold many values; and nodes of nine rows count as large.

    With more codes than four a row, lists are sorted by value only where codes are equal.
    """
    n_codes = 32 if request.param == "more codes" else 8
    monkeypatch.setattr(_codes, "_LEAST_CODES", n_codes)
    monkeypatch.setattr(_codes, "_MOST_CODES", n_codes)
    if request.param == "large nodes":
        monkeypatch.setattr(_grow, "SMALL_ROWS", (8, 8))


@pytest.mark.parametrize("criterion", CLASSES + VALUES)
@pytest.mark.parametrize(
    "kind",
    [pytest.param("plain", marks=pytest.mark.checked),
     pytest.param("missing", marks=pytest.mark.checked),
     "ties", "far", "powers of two", "one float apart"],
)  # fmt: skip
def test_tree_is_the_one_of_the_reference(criterion, kind, builder):
    random = np.random.default_rng(len(kind))
    kinds = {"gini": DecisionTreeClassifier, "entropy": DecisionTreeClassifier}
    for _ in range(4):
        n, d, leaf = random.integers(2, 70), random.integers(1, 4), int(random.integers(1, 4))
        X, y, w = samples(random, n, d, kind), targets(random, n, criterion), weights(random, n)
        model = kinds.get(criterion, DecisionTreeRegressor)(
            criterion=criterion, min_samples_leaf=leaf
        )
        used = np.ones(n, bool) if w is None else w > 0
        exact = np.ones(n) if w is None else w
        found = grown(model, X, y, w)
        expected = reference.grow(X[used], y[used], exact[used], criterion, min_samples_leaf=leaf)
        assert found == expected


def test_bounds_matter(builder, monkeypatch):
    """The test above sees it if bins are not looked into."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(100, 2)), random.integers(0, 2, 100)
    expected = reference.grow(X, y, np.ones(100), "gini")
    assert grown(DecisionTreeClassifier(), X, y, None) == expected
    best = _grow.Grower._best_splits
    if _grow.SMALL_ROWS == (8, 8):

        def edges_only(self, nodes, rows):
            table = self.table
            self.table = table._replace(mixed=np.zeros_like(table.mixed))
            self.shifts = np.zeros_like(self.shifts)
            self.widths = np.repeat(table.n_codes[None].astype(np.int64), len(self.shifts), axis=0)
            try:
                return best(self, nodes, rows)
            finally:
                self.table = table

        monkeypatch.setattr(_grow.Grower, "_best_splits", edges_only)
        assert grown(DecisionTreeClassifier(), X, y, None) != expected


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("criterion", CLASSES + VALUES)
def test_every_split_of_many_rows_is_the_best(criterion, weighted):
    """Node by node, in float64: no split tried by brute force is better than the one chosen."""
    random = np.random.default_rng(3)
    X = random.normal(size=(6000, 3)).astype(np.float32)
    signal = X[:, 0] + np.abs(X[:, 1]) + random.normal(size=6000)
    if criterion in CLASSES:
        y = np.digitize(signal, [0.0, 1.0, 2.0])
        model = DecisionTreeClassifier(criterion=criterion, max_depth=4)
    else:
        y = np.exp(signal)
        model = DecisionTreeRegressor(criterion=criterion, max_depth=4)
    w = random.integers(1, 6, 6000).astype(float) if weighted else np.ones(6000)
    tree = model.fit(X, y, w).tree_
    reached = model.decision_path(X).toarray().astype(bool)

    def losses(side, w):
        """Return weight times impurity, without constants, of every prefix of targets."""
        if criterion in CLASSES:
            counts = np.cumsum((side[:, None] == np.arange(4)) * w[:, None], axis=0)
            total = counts.sum(axis=1)
            if criterion == "gini":
                return -(counts**2).sum(axis=1) / total
            return -(counts * np.log(np.where(counts > 0, counts / total[:, None], 1))).sum(axis=1)
        sums, total = np.cumsum(side * w), np.cumsum(w)
        return -(sums**2) / total if criterion == "squared_error" else -sums * np.log(sums / total)

    for node in np.flatnonzero(tree.children_left >= 0):
        rows = reached[:, node]
        best = np.inf
        for f in range(3):
            order = np.argsort(X[rows, f], kind="stable")
            x, side, weight = X[rows, f][order], y[rows][order], w[rows][order]
            loss = losses(side, weight)[:-1] + losses(side[::-1], weight[::-1])[::-1][1:]
            best = min(best, loss[x[1:] > x[:-1]].min())
            if f == tree.feature[node]:
                i = np.searchsorted(x, tree.threshold[node], side="right") - 1
                chosen = loss[i]
        assert chosen <= best + 1e-9 * abs(best)
