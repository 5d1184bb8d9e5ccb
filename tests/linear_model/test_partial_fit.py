"""partial_fit: any cutting of the rows is one fit of all of them."""

import pickle

import numpy as np
import pytest

import fastml


def problem(dtype="float64", n=20000, d=7):
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((n, d)) * 10.0 ** np.arange(-3, d - 3) + 5).astype(dtype)
    Y = X[:, :2] @ rng.standard_normal((2, 2)) + rng.standard_normal((n, 2))
    weights = rng.integers(0, 4, n) * 1.0
    weights[:5] = 1  # some weight there must be
    return X, Y, weights


def in_pieces(model, X, y, weights, cuts):
    for start, stop in zip([0, *cuts], [*cuts, len(X)], strict=True):
        w = None if weights is None else weights[start:stop]
        model.partial_fit(X[start:stop], y[start:stop], w)
    return model


@pytest.mark.parametrize("kind", [fastml.LinearRegression, fastml.Ridge])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(
    "cuts", [[], [4096], [8192, 12288], [1, 3, 4095, 4096, 4097, 9000], [300, 19999], [16384]]
)
def test_any_cutting_is_one_fit(kind, dtype, intercept, weighted, cuts):
    X, Y, weights = problem(dtype)
    weights = weights if weighted else None
    whole = kind(fit_intercept=intercept).fit(X, Y, weights)
    pieces = in_pieces(kind(fit_intercept=intercept), X, Y, weights, cuts)
    np.testing.assert_array_equal(pieces.coef_, whole.coef_)
    np.testing.assert_array_equal(pieces.intercept_, whole.intercept_)
    assert pieces.computed_by_ == "fastml"


def test_singular_values_and_rank_of_pieces():
    X, Y, _ = problem()
    whole = fastml.LinearRegression().fit(X, Y)
    pieces = in_pieces(fastml.LinearRegression(), X, Y, None, [5000])
    assert pieces.rank_ == whole.rank_ == 7
    np.testing.assert_allclose(pieces.singular_, whole.singular_, rtol=1e-12)


def test_dependent_columns():
    X, Y, _ = problem()
    X[:, 3] = X[:, 1]
    X[:, 4] = 2.0
    pieces = in_pieces(fastml.LinearRegression(), X, Y[:, 0], None, [100])
    whole = fastml.LinearRegression().fit(X, Y[:, 0])
    assert pieces.rank_ == whole.rank_ == 5
    np.testing.assert_allclose(pieces.predict(X), whole.predict(X), rtol=1e-7)


def test_errors_leave_the_sums_as_they_were():
    X, Y, _ = problem(n=100)
    model = fastml.Ridge().partial_fit(X[:50], Y[:50])
    before = dict(vars(model))
    for X_, y_, message in (
        (np.full((3, 7), np.nan), Y[:3], "contains NaN"),
        (X[:3, :2], Y[:3], "2 features"),
        (X[:3], Y[:3, 0], "targets"),
        (X[:3], Y[:2], "inconsistent"),
    ):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(X_, y_)
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is before[name] for name in before)
    model = pickle.loads(pickle.dumps(model)).partial_fit(X[50:], Y[50:])
    whole = fastml.Ridge().partial_fit(X, Y)
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-12)


def test_fit_forgets():
    X, Y, _ = problem(n=100)
    model = fastml.LinearRegression().partial_fit(X[:60] * 3, Y[:60]).fit(X, Y)
    model.partial_fit(X, Y)
    np.testing.assert_array_equal(model.coef_, fastml.LinearRegression().fit(X, Y).coef_)


def test_what_partial_fit_does_not_take():
    X, Y, _ = problem(n=50)
    with pytest.raises(ValueError, match="positive"):
        fastml.Ridge(positive=True).partial_fit(X, Y)
    model = fastml.LinearRegression().partial_fit(X, Y).set_params(fit_intercept=False)
    with pytest.raises(ValueError, match="fit_intercept"):
        model.partial_fit(X, Y)
