"""Trees grown together are those that grow one by one."""

from __future__ import annotations

import warnings

import joblib
import numpy as np
import pytest
import sklearn
import sklearn.ensemble

import fastml
from fastml import RandomForestClassifier, RandomForestRegressor
from fastml.ensemble import _draws, _forests, _side_by_side, _together
from fastml.tree import _grow

CLASSIFIERS = [{}, {"criterion": "entropy", "max_features": None}, {"min_samples_leaf": 3}]
REGRESSORS = [{}, {"criterion": "poisson"}, {"max_features": 2, "max_depth": 3}]


def table(n, d, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d))
    X[:, -1] = np.round(X[:, -1])
    return X, random.integers(0, 3, n), np.abs(random.normal(size=n)) * 1e6


def one_by_one(model, X, y, monkeypatch, *weights):
    with monkeypatch.context() as patch:
        patch.setattr(_forests, "grow_together", lambda *_: False)
        return model.fit(X, y, *weights)


def together(model, X, y, monkeypatch, *weights):
    """Return the model fitted, having seen that its trees were grown together."""
    grew = []
    with monkeypatch.context() as patch:
        grow = _together.grow_together
        patch.setattr(
            _forests, "grow_together", lambda *given: grew.append(grow(*given)) or grew[0]
        )
        model.fit(X, y, *weights)
    assert grew == [True]
    return model


def same_value(one, two):
    one, two = np.asarray(one), np.asarray(two)
    return one.dtype == two.dtype and one.tobytes() == two.tobytes()


def assert_same(one, two):
    """All that is fitted, bit by bit."""
    ours, theirs = vars(one), vars(two)
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - {"estimator", "estimators_", "estimator_", "random_state"}:
        assert same_value(ours[name], theirs[name]), name
    assert type(ours["estimator_"]) is type(theirs["estimator_"])
    for tree, other in zip(one.estimators_, two.estimators_, strict=True):
        assert vars(tree).keys() == vars(other).keys()
        for name in vars(tree).keys() - {"_fitted"}:
            assert same_value(getattr(tree, name), getattr(other, name)), name
        found, expected = tree._fitted.arrays, other._fitted.arrays
        for name in found._fields:
            assert same_value(getattr(found, name), getattr(expected, name)), name


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 2), (5, 1), (100, 4), (700, 9)])
@pytest.mark.parametrize("bootstrap", [True, False])
def test_the_same_forest_as_one_by_one(shape, bootstrap, monkeypatch):
    X, labels, values = table(*shape)
    for kind, y, cases in (
        (RandomForestClassifier, labels, CLASSIFIERS),
        (RandomForestRegressor, values, REGRESSORS),
    ):
        for case in cases:
            how = {"random_state": 3, "bootstrap": bootstrap, **case}
            if bootstrap and shape[0] < 3:  # no draw of so few rows is like most
                found = kind(9, **how).fit(X, y)
            else:
                found = together(kind(9, **how), X, y, monkeypatch)
            assert_same(found, one_by_one(kind(9, **how), X, y, monkeypatch))
            assert found.computed_by_ == "fastml"


@pytest.mark.parametrize(
    "case",
    [
        {"max_samples": 0.3}, {"max_samples": 17}, {"max_leaf_nodes": 6}, {"ccp_alpha": 0.01},
        {"min_weight_fraction_leaf": 0.1}, {"min_impurity_decrease": 0.01}, {"n_jobs": 2},
        {"min_samples_split": 0.2, "min_samples_leaf": 0.02},
    ],
)  # fmt: skip
def test_parameters(case, monkeypatch):
    X, labels, values = table(240, 5)
    for kind, y in ((RandomForestClassifier, labels), (RandomForestRegressor, values)):
        found = together(kind(6, random_state=1, **case), X, y, monkeypatch)
        assert_same(found, one_by_one(kind(6, random_state=1, **case), X, y, monkeypatch))


def test_missing_values_lists_and_names(monkeypatch):
    X, labels, _ = table(240, 5)
    X[::7, 2] = np.nan
    words = np.array(["a", "b", "c"])[labels]
    for rows, y in ((X, words), (X.astype(np.float32), labels > 1), (X.tolist(), labels.tolist())):
        found = together(RandomForestClassifier(6, random_state=1), rows, y, monkeypatch)
        expected = one_by_one(RandomForestClassifier(6, random_state=1), rows, y, monkeypatch)
        assert_same(found, expected)


def test_frames_keep_their_names(monkeypatch):
    frames = pytest.importorskip("pandas")
    X, labels, _ = table(60, 3)
    frame = frames.DataFrame(X, columns=list("abc"))
    found = together(RandomForestClassifier(6, random_state=1), frame, labels, monkeypatch)
    assert found.feature_names_in_.tolist() == list("abc")
    assert_same(
        found, one_by_one(RandomForestClassifier(6, random_state=1), frame, labels, monkeypatch)
    )


def test_rows_are_those_scikit_learn_draws():
    X, labels, _ = table(50, 3)
    model = RandomForestClassifier(4, random_state=5).fit(X, labels)
    theirs = sklearn.ensemble.RandomForestClassifier(4, random_state=5).fit(X, labels)
    for drawn, expected, tree in zip(
        model.estimators_samples_, theirs.estimators_samples_, model.estimators_, strict=True
    ):
        np.testing.assert_array_equal(drawn, expected)
        assert tree._fitted.arrays.rows[0] == len(np.unique(drawn))


@pytest.mark.parametrize("n", [60, 6000])
def test_a_generator_is_left_where_scikit_learn_leaves_it(n, monkeypatch):
    """Whether trees were grown together or turned out to be too large for that."""
    X, _, values = table(n, 3)
    states = []
    for grow in (one_by_one, lambda model, X, y, _: model.fit(X, y)):
        generator = np.random.RandomState(7)
        model = RandomForestRegressor(3, random_state=generator, max_depth=4)
        states.append((generator.rand(), grow(model, X, values, monkeypatch).predict(X[:9])))
    assert states[0][0] == states[1][0]
    np.testing.assert_array_equal(states[0][1], states[1][1])


def test_nothing_is_drawn_from_a_generator_in_vain(monkeypatch):
    """Others may draw from it meanwhile: what they had must not come again."""
    X, labels, values = table(100, 3)
    wide = np.where(labels > 0, values * 1e200, values * 1e-200)  # sums are not exact
    monkeypatch.setattr(_together, "seeds_of", None)  # to call it raises
    model = RandomForestRegressor(3, random_state=np.random.RandomState(7)).fit(X, wide)
    assert model.computed_by_ != "fastml"
    with pytest.raises(TypeError):
        RandomForestRegressor(3).fit(X, values)


def test_trees_of_more_rows_than_the_one_looked_at(monkeypatch):
    """Which trees are too large to be grown whole is seen tree by tree."""
    X, _, values = table(400, 3)
    example = RandomForestRegressor(12, random_state=0).fit(X, values)
    sizes = [tree._fitted.arrays.rows[0] for tree in example.estimators_]
    monkeypatch.setattr(_grow, "SMALL_ROWS", 2 * (int(np.median(sizes)),))
    monkeypatch.setattr(_draws.Draws, "example", lambda draws: draws.counts([smallest])[0])
    seeds = range(100)
    draws = _draws.Draws({"bootstrap": True, "max_samples": None}, 400, None)
    smallest = min(seeds, key=lambda seed: np.count_nonzero(draws.counts([seed])))
    found = together(RandomForestRegressor(12, random_state=0), X, values, monkeypatch)
    np.testing.assert_array_equal(found.predict(X), example.predict(X))


def test_no_tree_keeps_the_others_alive():
    X, labels, _ = table(100, 3)
    model = RandomForestClassifier(5, random_state=0).fit(X, labels)
    assert all(part.base is None for part in model.estimators_[2]._fitted.arrays[:-1])


@pytest.mark.parametrize("name", ["_make_estimator", "_validate_estimator"])
def test_hooks_of_a_subclass_are_called(name):
    called = []

    def hook(self, *given, **named):
        called.append(name)
        return getattr(RandomForestClassifier, name)(self, *given, **named)

    kind = type("Mine", (RandomForestClassifier,), {name: hook})
    X, labels, _ = table(60, 3)
    assert kind(3, random_state=0).fit(X, labels).score(X, labels) > 0.8
    assert called


def test_warnings_are_those_of_scikit_learn():
    X, _, values = table(60, 3)
    many = np.arange(60)
    for model, y in (
        (RandomForestClassifier(3), many),
        (RandomForestRegressor(3, max_samples=0.05), values),
    ):
        theirs = getattr(sklearn.ensemble, type(model).__name__)(**model.get_params())
        found = []
        for one in (model, theirs):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                one.fit(X, y)
            found.append({(w.category, str(w.message)) for w in caught})
        assert found[0] == found[1]


def test_infinity_is_seen_whatever_is_assumed():
    X, labels, _ = table(60, 3)
    X[3, 1] = np.inf
    with (
        sklearn.config_context(assume_finite=True),
        pytest.raises(ValueError, match="Input X contains infinity"),
    ):
        RandomForestClassifier(3).fit(X, labels)


def test_no_jobs_at_all():
    X, labels, _ = table(60, 3)
    with pytest.raises(ValueError, match="n_jobs == 0"):
        RandomForestClassifier(3, n_jobs=0).fit(X, labels)


def test_several_times_as_many_as_fit(monkeypatch):
    X, labels, _ = table(300, 4)
    whole = RandomForestClassifier(40, random_state=1).fit(X, labels)
    monkeypatch.setattr(_together, "bytes_of", lambda n, problem: 1)
    monkeypatch.setattr(_together, "_MOST_BYTES", 17)
    monkeypatch.setattr(_together, "_TREES_A_THREAD", 1)
    assert_same(whole, together(RandomForestClassifier(40, random_state=1), X, labels, monkeypatch))


def test_what_is_left_to_scikit_learn(monkeypatch):
    """Asked for seldom: not grown together, and right."""
    X, labels, values = table(200, 4)
    two = np.column_stack((labels, labels))
    for kind, y, how in (
        (RandomForestClassifier, labels, {"oob_score": True}),
        (RandomForestClassifier, labels, {"class_weight": "balanced_subsample"}),
        (RandomForestClassifier, labels, {"class_weight": "balanced", "bootstrap": False}),
        (RandomForestClassifier, two, {}),
        (RandomForestRegressor, values, {"criterion": "absolute_error"}),
        (RandomForestRegressor, values, {"warm_start": True}),
        (RandomForestRegressor, values * np.logspace(-200, 200, 200), {}),  # sums are not exact
    ):
        model = kind(30, random_state=0, **how)
        forest = model.fit(X, y)
        expected = one_by_one(kind(30, random_state=0, **how), X, y, monkeypatch)
        np.testing.assert_array_equal(forest.predict(X), expected.predict(X))
        assert len(forest.estimators_) == 30


WEIGHTS = {
    "none": None,
    "whole": np.arange(240.0) % 3,
    "few": (np.arange(240) % 7 == 0) * 3.0,
    "wide": np.logspace(-12, 12, 240),
    "list": [1] * 239 + [2],
}


@pytest.mark.skipif(not _draws.BY_WEIGHT, reason="trees are given weights before 1.9")
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 5.0, 2: 0.5}])
def test_rows_are_drawn_by_weight(weights, class_weight, monkeypatch):
    X, labels, values = table(240, 5)
    given = WEIGHTS[weights]
    for kind, y, how in (
        (RandomForestClassifier, labels, {"class_weight": class_weight}),
        (RandomForestRegressor, values, {"max_samples": 100}),
    ):
        found = together(kind(5, random_state=2, **how), X, y, monkeypatch, given)
        expected = one_by_one(kind(5, random_state=2, **how), X, y, monkeypatch, given)
        assert_same(found, expected)


@pytest.mark.parametrize("backend", ["loky", "threading", "sequential"])
def test_in_a_job_of_joblib_trees_are_grown_together(backend):
    """As a grid search runs them; but not where somebody has asked for jobs of the trees."""
    with joblib.parallel_config(backend):
        (inside,) = joblib.Parallel(1)([joblib.delayed(_side_by_side.named_by_nobody)()])
        some = joblib.Parallel(2)([joblib.delayed(_side_by_side.named_by_nobody)()] * 2)
    assert [inside, *some] == [True] * 3
    with joblib.parallel_config(backend, n_jobs=2):
        assert not _side_by_side.named_by_nobody()


def test_the_same_bits_for_any_number_of_threads():
    X, _, values = table(900, 5)
    forests = []
    for threads in (1, 2, 3):
        with fastml.num_threads(threads):
            forests.append(RandomForestRegressor(11, random_state=0).fit(X, values))
    assert_same(forests[0], forests[1])
    assert_same(forests[0], forests[2])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"X": "infinite"}, "Input X contains infinity"),
        ({"y": "short"}, "inconsistent numbers of samples"),
        ({"y": "missing"}, "Input y contains NaN"),
        ({"y": "negative"}, "Some value"),
        ({"max_samples": 1000}, "max_samples"),
    ],
)
def test_what_is_wrong_is_said_as_scikit_learn_says_it(wrong, message):
    X, _, values = table(40, 3)
    if wrong.get("X") == "infinite":
        X[3, 1] = np.inf
    if wrong.get("y") == "missing":
        values[2] = np.nan
    if wrong.get("y") == "negative":
        values[2] = -1.0
    y = values[:-1] if wrong.get("y") == "short" else values
    how = {"criterion": "poisson"} if wrong.get("y") == "negative" else {}
    if "max_samples" in wrong:
        how["max_samples"] = wrong["max_samples"]
    model, theirs = (
        family.RandomForestRegressor(3, random_state=0, **how)
        for family in (fastml, sklearn.ensemble)
    )
    before = dict(vars(model))
    try:
        theirs.fit(X, y)
    except ValueError:
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)
        assert vars(model) == before
    else:  # more rows than there are may be drawn from scikit-learn 1.9 on
        assert "max_samples" in wrong
        assert len(model.fit(X, y).estimators_) == 3
