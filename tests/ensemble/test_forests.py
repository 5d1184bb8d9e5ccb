"""Forests: the same bits for any number of threads and jobs, and worth scikit-learn's."""

from __future__ import annotations

import threading
import warnings

import joblib
import numpy as np
import pytest
import sklearn.base
import sklearn.ensemble

import fastml
from fastml import RandomForestClassifier, RandomForestRegressor
from fastml.ensemble import _side_by_side
from fastml.kernels.tree.drawn import MOST_DRAWN
from fastml.kernels.tree.order import NO_RANK
from fastml.tree._codes import make_table
from fastml.tree._estimator import ExactTree
from fastml.tree._shared import Shared


def samples(n=3000, d=6):
    random = np.random.default_rng(0)
    X = random.normal(size=(n, d)).astype(np.float32)
    return X, X[:, 0] + X[:, 1] * X[:, 2] + random.normal(size=n)


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_same_bits_for_any_threads_and_jobs(kind):
    X, signal = samples()
    forest = RandomForestRegressor if kind == "values" else RandomForestClassifier
    y = signal if kind == "values" else signal > 0

    def predicted(threads, **options):
        with fastml.num_threads(threads):
            model = forest(12, random_state=3, max_features=2, **options).fit(X, y)
            assert model.computed_by_ == "fastml"
            found = model.predict(X) if kind == "values" else model.predict_proba(X)
        return found.tobytes()

    first = predicted(1)
    assert first == predicted(3) == predicted(2, n_jobs=1) == predicted(2, n_jobs=4)
    with joblib.parallel_config("threading", n_jobs=3):  # however little there is to do
        assert first == predicted(1) == predicted(2) == predicted(2, n_jobs=4)


@pytest.mark.parametrize("class_weight", [None, "balanced", "balanced_subsample"])
def test_score_is_worth_that_of_scikit_learn(class_weight):
    X, signal = samples(6000)
    y = signal > 0.5
    scores = []
    for kind in (RandomForestClassifier, sklearn.ensemble.RandomForestClassifier):
        model = kind(40, random_state=0, class_weight=class_weight, min_samples_leaf=3)
        scores.append(model.fit(X[:4000], y[:4000]).score(X[4000:], y[4000:]))
    assert scores[0] > scores[1] - 0.02  # four standard errors of a difference of two shares


def test_trees_grow_side_by_side_where_that_is_worth_it(monkeypatch):
    """Those that are grown one by one, as with weights of the rows drawn."""
    X, signal = samples(200)
    ours = threading.current_thread()
    grow, growing = ExactTree._grown, set()

    def grow_and_tell(self, *given):
        growing.add(threading.current_thread())
        return grow(self, *given)

    monkeypatch.setattr(ExactTree, "_grown", grow_and_tell)
    weighted = {"class_weight": "balanced_subsample"}
    with fastml.num_threads(2):
        for jobs in (None, 1, 2):
            RandomForestClassifier(4, n_jobs=jobs, **weighted).fit(X, signal > 0)
            RandomForestClassifier(4, n_jobs=jobs, **weighted).fit(X.tolist(), signal > 0)
    assert growing == {ours}
    monkeypatch.setattr(_side_by_side, "_JOBS", -1e9)
    both_are_there = threading.Barrier(2, timeout=60)

    def grow_in_company(self, *given):
        both_are_there.wait()
        return grow(self, *given)

    monkeypatch.setattr(ExactTree, "_grown", grow_in_company)
    with fastml.num_threads(2):
        model = RandomForestClassifier(4, **weighted).fit(X, signal > 0)
    assert not both_are_there.broken  # a tree alone would have waited in vain
    assert len(model.estimators_) == 4


@pytest.mark.parametrize(("n", "lacking"), [(9000, True), (9000, False), (70_000, False)])
def test_ranks_of_the_whole_table_give_the_same_trees(n, lacking):
    """A forest ranks its table once where rows are not too many; a tree on its own does not.

    In 16 bits, or in 32 where values are missing or rows are many, of which each tree has fewer.
    """
    X, signal = samples(n, 5)
    X[:, 0] = np.round(X[:, 0])  # ties, and zeros of both signs
    if lacking:
        X[::7, 1] = np.nan
    for kind, y in (
        (RandomForestClassifier, signal > 0),
        (RandomForestClassifier, np.digitize(signal, [-1, 0, 1])),
        (RandomForestRegressor, signal),
    ):
        forest = kind(3, max_features=2, random_state=1, min_samples_leaf=2).fit(X, y)
        for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
            counts = np.bincount(drawn, minlength=len(X)).astype(float)
            alone = sklearn.base.clone(tree).fit(X, y, counts)
            found, expected = (one.tree_.__getstate__() for one in (tree, alone))
            assert alone.computed_by_ == tree.computed_by_ == "fastml"
            assert found["nodes"].tobytes() == expected["nodes"].tobytes()
            assert found["values"].tobytes() == expected["values"].tobytes()


def test_codes_are_made_when_a_tree_first_asks_for_them():
    """Trees of few rows go by ranks alone; one of more rows is given a table with codes."""
    X = samples(MOST_DRAWN + 10, 3)[0]
    shared = Shared()
    short = shared.table(X, None, True, 1000)
    assert len(short.ranks) == len(X)
    assert (short.n_codes == 1).all()
    assert shared.table(X, None, True, MOST_DRAWN) is short
    long = shared.table(X, None, True, MOST_DRAWN + 1)
    assert (long.n_codes > 1000).all()
    np.testing.assert_array_equal(long.ranks[:, :3], short.ranks[:, :3])
    assert shared.table(X, None, True, 1000) is long


def test_ranks_are_those_of_a_stable_sort():
    """Groups of columns, whole and in part; ties, zeros of both signs, missing values."""
    for n, d in ((1, 1), (700, 3), (700, 4), (700, 5), (300, 33)):
        X = np.round(np.random.default_rng(n + d).normal(size=(n, d)), 1).astype(np.float32)
        X[::3] *= -1.0
        narrow = make_table(X, None, ranked=True, coded=False).narrow_ranks
        expected = np.column_stack([np.unique(x + 0.0, return_inverse=True)[1] for x in X.T])
        np.testing.assert_array_equal(narrow[:, :d], expected)
        assert narrow.ctypes.data % 64 == 0
        X[1::2] = np.nan
        wide = make_table(X, np.ones(d, bool), ranked=True, coded=False).ranks[:, :d]
        known = ~np.isnan(X)
        assert (wide[~known] == NO_RANK).all()
        for ranks, x, there in zip(wide.T, X.T, known.T, strict=True):
            np.testing.assert_array_equal(
                ranks[there], np.unique(x[there] + 0.0, return_inverse=True)[1]
            )


@pytest.mark.parametrize("weight", [1, 200, 1 << 20, 1 << 34])
@pytest.mark.parametrize("least", [1, 40])
def test_classes_are_counted_in_bins_as_they_are_in_order(weight, least):
    """Roots above 2**15 rows; few and many values; sums that fit in a part and that do not."""
    X, signal = samples(70_000 if weight == 1 else 3000, 4)
    X[:, 0] = np.round(4 * X[:, 0])
    X[:, 1] = np.where(X[:, 1] < 1, 0, X[:, 1])  # one value of most rows
    X[: len(X) // 2, 2] *= np.float32(1e-6)  # half of the rows in few bins
    y = signal > 0
    weights = np.random.default_rng(1).integers(1, weight, len(X), endpoint=True).astype(float)
    forest = RandomForestClassifier(
        2, max_features=2, random_state=1, min_samples_leaf=least, bootstrap=False
    ).fit(X, y, weights)
    for tree in forest.estimators_:
        alone = sklearn.base.clone(tree).fit(X, y, weights)
        found, expected = (one.tree_.__getstate__() for one in (tree, alone))
        assert alone.computed_by_ == tree.computed_by_ == "fastml"
        assert found["nodes"].tobytes() == expected["nodes"].tobytes()
        assert found["values"].tobytes() == expected["values"].tobytes()


def test_a_root_of_nearly_all_rows_whose_places_fit_into_16_bits():
    """Such a tree was wrong once: its rows did not go where its thresholds say."""
    random = np.random.default_rng(7)
    X = random.normal(size=(120_000, 6)).astype(np.float32)
    y = X[:, 0] + X[:, 1] * X[:, 2] + random.normal(size=len(X)) > 0
    forest = RandomForestClassifier(2, max_features=2, random_state=1).fit(X, y)
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        counts = np.bincount(drawn, minlength=len(X)).astype(float)
        leaves = np.bincount(tree.apply(X), counts, tree.tree_.node_count)
        last = tree.tree_.children_left < 0
        np.testing.assert_array_equal(leaves[last], tree.tree_.weighted_n_node_samples[last])


@pytest.mark.parametrize("there_are", [0, 1, 2, 4])
def test_where_threads_cannot_be_started_the_forest_is_the_same(monkeypatch, there_are):
    X, y = np.random.default_rng(0).normal(size=(200, 4)), np.arange(200) % 3

    def grown():
        generator = np.random.RandomState(7)
        model = fastml.RandomForestClassifier(5, random_state=generator).fit(X, y)
        return [tree.random_state for tree in model.estimators_], model.predict_proba(X)

    expected, start, left = grown(), threading.Thread.start, [there_are]

    def start_some(self):
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    monkeypatch.setattr(_side_by_side, "_JOBS", -1e9)
    with fastml.num_threads(3):
        found = grown()
    assert found[0] == expected[0]
    assert (found[1] == expected[1]).all()


def test_a_fit_leaves_what_is_done_with_warnings_as_it_was(monkeypatch):
    X = np.random.default_rng(0).normal(size=(100, 3))
    filters, before = warnings.filters, list(warnings.filters)
    model = fastml.RandomForestRegressor(30, random_state=0)
    monkeypatch.setattr(_side_by_side, "_JOBS", -1e9)  # trees side by side
    fits = [threading.Thread(target=model.fit, args=(X, X[:, 0])) for _ in range(3)]
    with fastml.num_threads(4):
        for _ in range(20):
            model.fit(X, X[:, 0])
            assert warnings.filters is filters
            assert filters == before
        for fit in fits:
            fit.start()
        for fit in fits:
            fit.join()
    assert warnings.filters is filters
    assert filters == before
