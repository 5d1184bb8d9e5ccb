"""RidgeCV: the penalty scikit-learn chooses, from statistics summed once."""

import warnings

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.model_selection import GridSearchCV, KFold

import fastml

ALPHAS = np.geomspace(1e-2, 1e4, 13)


def problem(n=240, d=12, n_targets=1, dtype="float64"):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + 3
    Y = X @ rng.standard_normal((d, n_targets)) + 30 * rng.standard_normal((n, n_targets))
    return X.astype(dtype), Y[:, 0] if n_targets == 1 else Y, rng.integers(0, 3, n) * 1.0


def both(X, y, weights=None, **options):
    ours = fastml.RidgeCV(ALPHAS, **options).fit(X, y, weights)
    theirs = linear_model.RidgeCV(ALPHAS, **options).fit(np.asarray(X, np.float64), y, weights)
    assert ours.computed_by_ == "fastml"
    return ours, theirs


def assert_same(ours, theirs, rtol=1e-8):
    np.testing.assert_array_equal(ours.alpha_, theirs.alpha_)
    for name in ("best_score_", "coef_", "intercept_"):
        expected = getattr(theirs, name)
        np.testing.assert_allclose(getattr(ours, name), expected, rtol=rtol, atol=rtol)
        assert np.shape(getattr(ours, name)) == np.shape(expected)


@pytest.mark.checked
@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("per_target", [True, False])
def test_rows_left_out(n_targets, weighted, intercept, per_target):
    X, y, weights = problem(n_targets=n_targets)
    options = {"fit_intercept": intercept, "alpha_per_target": per_target}
    assert_same(*both(X, y, weights if weighted else None, **options))


def test_rows_left_out_are_left_out():
    """By the definition: as many fits as rows."""
    X, y, _ = problem(n=40, d=5)
    errors = []
    for alpha in ALPHAS:
        kept = [np.delete(np.arange(40), i) for i in range(40)]
        fits = [linear_model.Ridge(alpha).fit(X[k], y[k]) for k in kept]
        wrong = [y[i] - fit.predict(X[i : i + 1])[0] for i, fit in enumerate(fits)]
        errors.append(np.mean(np.square(wrong)))
    model = fastml.RidgeCV(ALPHAS).fit(X, y)
    assert model.alpha_ == ALPHAS[np.argmin(errors)]
    np.testing.assert_allclose(model.best_score_, -min(errors), rtol=1e-8)


@pytest.mark.parametrize("cv", [2, 5, 7])
@pytest.mark.parametrize("scoring", [None, "r2", "neg_mean_squared_error"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("n_targets", [1, 3])
def test_folds(cv, scoring, intercept, n_targets):
    X, y, weights = problem(n_targets=n_targets)
    assert_same(*both(X, y, cv=cv, scoring=scoring, fit_intercept=intercept))
    if hasattr(GridSearchCV, "_check_scorers_accept_sample_weight"):  # scores have weights
        assert_same(*both(X, y, weights, cv=cv, scoring=scoring, fit_intercept=intercept))


def test_folds_without_weight_are_scikit_learns():
    X, y, _ = problem()
    weights = np.r_[np.zeros(80), np.ones(160)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a score that is not defined
        model = fastml.RidgeCV(ALPHAS, cv=3).fit(X, y, weights)
    assert model.computed_by_ == "scikit-learn: folds of one row or no weight"


@pytest.mark.parametrize("cv", [None, 5])
def test_float32_far_from_zero(cv):
    X, y, _ = problem(n=20000, dtype="float32")
    X = X + np.float32(1000)
    ours, theirs = both(X, y, cv=cv)
    assert ours.alpha_ == theirs.alpha_
    assert ours.coef_.dtype == np.float32
    np.testing.assert_allclose(ours.best_score_, theirs.best_score_, rtol=1e-7)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cv", [None, 5])
def test_same_bits_for_any_number_of_threads(cv, shared_work):
    X, y, _ = problem(n=30000)
    found = []
    for threads in (1, 2, 3, 7, 64):
        with fastml.num_threads(threads):
            found.append(fastml.RidgeCV(ALPHAS, cv=cv).fit(X, y))
    for model in found[1:]:
        np.testing.assert_array_equal(model.coef_, found[0].coef_)
        assert model.best_score_ == found[0].best_score_


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"store_cv_results": True}, "store_cv_results=True"),
        ({"scoring": "r2"}, "scoring of rows left out"),
        ({"cv": KFold(3, shuffle=True, random_state=0)}, "folds that are not a number"),
        ({"cv": 3, "scoring": "neg_max_error"}, "scoring of another kind"),
    ],
)
def test_delegated_fits_say_why(options, reason):
    X, y, _ = problem()
    ours = fastml.RidgeCV(ALPHAS, **options).fit(X, y)
    assert ours.computed_by_ == f"scikit-learn: {reason}"
    theirs = linear_model.RidgeCV(ALPHAS, **options).fit(X, y)
    assert ours.alpha_ == theirs.alpha_
    np.testing.assert_array_equal(ours.coef_, theirs.coef_)


def test_few_rows_and_hopeless_penalties():
    X, y, _ = problem(n=10, d=12)
    assert fastml.RidgeCV(ALPHAS).fit(X, y).computed_by_ == "scikit-learn: few rows"
    X, y, _ = problem()
    model = fastml.RidgeCV([1e-9, 1.0]).fit(X * 1e6, y)
    assert model.computed_by_ == "scikit-learn: penalties lost in rounding"


def test_errors_leave_the_model_as_it_was():
    X, y, _ = problem()
    model = fastml.RidgeCV(ALPHAS).fit(X, y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(np.full((30, 2), np.nan), np.arange(30.0))
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit(X, y[:-1])
    assert vars(model) == before


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_squared_error"])
def test_folds_of_equal_targets(scoring):
    """A fold whose targets are all alike is met or missed, as in scikit-learn."""
    X, y, _ = problem(n_targets=2)
    y[:80, 0], y[:, 1] = 0.5, 0.75
    for n_targets in (1, 2):
        ours, theirs = both(X, y[:, :n_targets], cv=3, scoring=scoring)
        assert ours.alpha_ == theirs.alpha_
        np.testing.assert_allclose(ours.best_score_, theirs.best_score_, rtol=1e-7)
    y[:80, 0] = 0.1  # whose mean NumPy rounds: scikit-learn's score is -1e36
    assert -10 < fastml.RidgeCV(ALPHAS, cv=3).fit(X, y[:, 0]).best_score_ < 1


@pytest.mark.filterwarnings("ignore::UserWarning")  # of scores that are not defined
def test_folds_of_a_single_row_are_scikit_learns():
    X, y, _ = problem(n=20, d=3)
    model = fastml.RidgeCV(ALPHAS, cv=15).fit(X, y)
    assert model.computed_by_ == "scikit-learn: folds of one row or no weight"
