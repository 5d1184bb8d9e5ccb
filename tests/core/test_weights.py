"""Weights of any kind end in an error that says so, or in a fit of finite numbers."""

from __future__ import annotations

import numpy as np
import pytest
from versions import BEFORE_1_8

import fastml
from fastml.core.validation import check_weight_sum

N = 40
MODELS = {
    "LinearRegression": fastml.LinearRegression,
    "Ridge": fastml.Ridge,
    "RidgeCV": fastml.RidgeCV,
    "LogisticRegression": fastml.LogisticRegression,
    "GaussianNB": fastml.GaussianNB,
    "MultinomialNB": fastml.MultinomialNB,
    "ComplementNB": fastml.ComplementNB,
    "BernoulliNB": fastml.BernoulliNB,
    "CategoricalNB": fastml.CategoricalNB,
    "DecisionTreeClassifier": fastml.DecisionTreeClassifier,
    "DecisionTreeRegressor": fastml.DecisionTreeRegressor,
    "RandomForestClassifier": lambda: fastml.RandomForestClassifier(3, random_state=0),
    "RandomForestRegressor": lambda: fastml.RandomForestRegressor(3, random_state=0),
    "KMeans": lambda: fastml.KMeans(3, n_init=1, random_state=0),
    "MiniBatchKMeans": lambda: fastml.MiniBatchKMeans(3, n_init=1, random_state=0),
    "MLPClassifier": lambda: fastml.MLPClassifier((3,), max_iter=2, random_state=0),
}
WEIGHTS = {
    "huge": np.full(N, 1e308),
    "one huge": np.where(np.arange(N) == 3, 1e308, 1.0),
    "large": np.full(N, 1e200),
    "small": np.full(N, 1e-200),
    "subnormal": np.full(N, 1e-310),
    "smallest": np.full(N, 5e-324),
    "one left": np.where(np.arange(N) == 3, 1.0, 0.0),
    "none left": np.zeros(N),
    "not a number": np.where(np.arange(N) == 3, np.nan, 1.0),
    "infinite": np.where(np.arange(N) == 3, np.inf, 1.0),
}


def data(name, dtype):
    X = np.random.default_rng(0).normal(size=(N, 3)).astype(dtype)
    if "Multinomial" in name or "Complement" in name:
        X = abs(X)
    if "Categorical" in name:
        X = np.rint(abs(X)).astype(int)
    y = X @ [1.0, 2.0, 3.0] if "Regress" in name and "Logistic" not in name else np.arange(N) % 3
    return X, y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", MODELS)
def test_an_error_or_finite_numbers(name, weights, dtype):
    X, y = data(name, dtype)
    model = MODELS[name]()
    try:
        model.fit(X, y, sample_weight=WEIGHTS[weights])
    except ValueError as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert weights != "one left"
        assert weights not in ("large", "small") or "float32" in said or "MLP" in name
        unclear = ("infs or NaNs", "converge", "sum to 1", "learning_rate")
        assert not any(word in said for word in unclear)
        assert not [key for key in vars(model) if key.endswith("_")]
        return
    assert weights not in ("not a number", "infinite")
    if weights == "one left" and "Forest" in name and BEFORE_1_8:
        return  # the rows of its trees are not drawn by their weights, and may have none
    assert np.isfinite(model.predict(X)).all()
    for key, value in vars(model).items():
        if key.endswith("_") and isinstance(value, np.ndarray) and value.dtype.kind == "f":
            assert not np.isnan(value).any(), key
            assert key == "class_log_prior_" or np.isfinite(value).all(), key


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["LinearRegression", "Ridge", "GaussianNB", "RidgeCV"])
@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_the_scale_of_weights_is_of_no_account(name, scale):
    X, y = data(name, "float64")
    weights = np.random.default_rng(1).uniform(0.5, 2.0, N)
    plain = MODELS[name]().fit(X, y, sample_weight=weights)
    settings = {"alpha": scale} if name == "Ridge" else {}
    settings |= {"alphas": scale * np.array([0.1, 1.0, 10.0])} if name == "RidgeCV" else {}
    scaled = MODELS[name]().set_params(**settings).fit(X, y, sample_weight=scale * weights)
    for key in ("coef_", "theta_", "var_"):
        if hasattr(plain, key):
            np.testing.assert_allclose(getattr(scaled, key), getattr(plain, key), rtol=1e-11)


@pytest.mark.parametrize("n", [0, 1])
def test_squares_that_overflow_are_an_error(n):
    X, y = data("GaussianNB", "float64")
    model = fastml.GaussianNB()
    if n:
        model.fit(X, y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="var_ of GaussianNB is no finite number"):
        model.fit(1e200 * X, y)
    assert vars(model) == before


@pytest.mark.parametrize("name", ["MultinomialNB", "BernoulliNB", "CategoricalNB"])
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
def test_negative_weights_that_leave_no_probability_are_an_error(name):
    X, y = data(name, "float64")
    weights = np.where(np.arange(N) < 20, -1.0, 1.0)
    weights[y == 2] = -1.0
    with pytest.raises(ValueError, match="no finite number"):
        MODELS[name]().fit(X, y, sample_weight=weights)


def test_what_is_no_weight_is_left_to_others():
    for weights in (None, ["a"], np.array([None]), [np.nan, 1.0], [-1.0, 1e-320], [0.0]):
        check_weight_sum(weights)
    for weights in ([2.0**999, 2.0**999.9], np.full(9, np.float32(3e38))):
        check_weight_sum(np.asarray(weights) / 2)
    with pytest.raises(ValueError, match="smaller numbers"):
        check_weight_sum([2.0**1001])
    with pytest.raises(ValueError, match="larger numbers"):
        check_weight_sum([0.0, 2.0**-901])


@pytest.mark.parametrize("make", [fastml.Ridge, fastml.LinearRegression])
def test_a_fit_by_scikit_learn_forgets_what_was_seen_before(make):
    X, y = data("Ridge", "float64")
    model = make().partial_fit(X, 5 * y)
    model.set_params(positive=True).fit(X, y)
    model.set_params(positive=False).partial_fit(X, y)
    expected = make().partial_fit(X, y)
    assert model.coef_.tobytes() == expected.coef_.tobytes()


@pytest.mark.parametrize("weight", [np.nan, np.inf])
@pytest.mark.parametrize("name", MODELS)
def test_one_number_for_all_rows_is_looked_at_too(name, weight):
    X, y = data(name, "float64")
    model = MODELS[name]()
    with pytest.raises(ValueError, match="Input sample_weight contains"):
        model.fit(X, y, sample_weight=weight)
    assert not [key for key in vars(model) if key.endswith("_")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("scale", [1e-16, 1e-30, 1e-200])
def test_logistic_regression_of_light_rows_is_that_of_heavy_ones(scale, C, n_classes, dtype):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(200, 4)).astype(dtype), rng.integers(0, n_classes, 200)
    weights = rng.uniform(0.5, 2.0, 200)
    expected = fastml.LogisticRegression(C=C).fit(X, y, weights)
    found = fastml.LogisticRegression(C=C / scale).fit(X, y, weights * scale)
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-6)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, atol=1e-6)
