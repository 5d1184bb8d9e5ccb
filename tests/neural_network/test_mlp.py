"""The perceptron estimator: scikit-learn's results and manners."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import sklearn.neural_network
from element_types import DTYPES
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from tolerances import assert_close

import fastml

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning"
)


def two_classes(n_samples=150, n_features=5, dtype="float64", seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_samples, n_features))
    y = (X[:, 0] * X[:, 1] + 0.3 * random.normal(size=n_samples) > 0).astype(int)
    return X.astype(dtype), y


def parameters(**changed):
    return {
        "hidden_layer_sizes": (7, 4),
        "activation": "logistic",
        "batch_size": 32,
        "max_iter": 6,
        "random_state": 3,
        **changed,
    }


# --- the same training as scikit-learn's -----------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.5},
        {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
        {"solver": "sgd", "momentum": 0.7, "learning_rate_init": 0.1, "alpha": 0.5},
        {"solver": "adam", "learning_rate_init": 0.01},
        {"solver": "adam", "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "alpha": 0.0},
        {"shuffle": False},
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": 9, "batch_size": 150},
        {"hidden_layer_sizes": (3, 3, 3, 3, 3), "batch_size": 1},
        {"activation": "relu", "learning_rate_init": 0.01},
        {"activation": "tanh", "learning_rate_init": 0.01},
        {"activation": "identity", "learning_rate_init": 0.01},
        {"batch_size": "auto"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_same_training_as_scikit_learn(changed, dtype):
    """From one random_state: the same first weights, the same order of samples, the same steps."""
    X, y = two_classes(dtype=dtype)
    ours = fastml.MLPClassifier(**parameters(**changed)).fit(X, y)
    theirs = sklearn.neural_network.MLPClassifier(**parameters(**changed)).fit(X, y)
    assert_close("training", ours.loss_curve_, theirs.loss_curve_, dtype)
    for name in ("coefs_", "intercepts_"):
        for array, expected in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            assert array.shape == expected.shape
            assert array.dtype == dtype
            assert_close("training", array, expected, dtype)
    for name in ("n_iter_", "n_layers_", "n_outputs_", "out_activation_", "t_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert_close("training", ours.loss_, theirs.loss_, dtype)
    assert_close("training", ours.best_loss_, theirs.best_loss_, dtype)
    assert_close("training", ours.predict_proba(X), theirs.predict_proba(X), dtype)


def test_ends_where_scikit_learn_ends():
    X, y = two_classes()
    changed = {"max_iter": 500, "tol": 1e-3, "n_iter_no_change": 3, "learning_rate_init": 0.02}
    ours = fastml.MLPClassifier(**parameters(**changed)).fit(X, y)
    theirs = sklearn.neural_network.MLPClassifier(**parameters(**changed)).fit(X, y)
    assert 3 < ours.n_iter_ < 500
    assert ours.n_iter_ == theirs.n_iter_
    assert len(ours.loss_curve_) == ours.n_iter_


def test_constructor_matches_scikit_learn():
    theirs = sklearn.neural_network.MLPClassifier().get_params()
    shared = {name: v for name, v in fastml.MLPClassifier().get_params().items() if name in theirs}
    assert shared == {name: theirs[name] for name in shared}
    assert {"hidden_layer_sizes", "activation", "solver", "alpha", "batch_size"} <= shared.keys()


# --- what it learns ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_learns_exclusive_or(dtype):
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype)
    y = np.array([0, 1, 1, 0])
    model = fastml.MLPClassifier(
        (8,), activation="logistic", learning_rate_init=0.1, max_iter=1000, random_state=0
    ).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), y)
    assert model.loss_curve_[-1] < 0.1 * model.loss_curve_[0]


def test_breast_cancer():
    X, y = load_breast_cancer(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    model = make_pipeline(
        StandardScaler(),
        fastml.MLPClassifier(
            (16,), activation="logistic", learning_rate_init=0.01, max_iter=60, random_state=0
        ),
    ).fit(X, y)
    assert model.score(X_test, y_test) > 0.95


# --- the estimator's manners --------------------------------------------------------------------


@parametrize_with_checks([fastml.MLPClassifier(max_iter=100), fastml.MLPRegressor(max_iter=100)])
def test_conventions(estimator, check):
    check(estimator)


def test_labels_of_any_kind():
    X, y = two_classes()
    expected = fastml.MLPClassifier(**parameters()).fit(X, y)
    for classes in (["no", "yes"], [-3, 7], [False, True], [0.0, 1.0]):
        labels = np.array(classes)[y]
        model = fastml.MLPClassifier(**parameters()).fit(X, labels)
        np.testing.assert_array_equal(model.classes_, classes)
        assert model.loss_curve_ == expected.loss_curve_
        predicted = model.predict(X)
        assert predicted.dtype == labels.dtype
        np.testing.assert_array_equal(predicted, np.array(classes)[expected.predict(X)])
        probability = model.predict_proba(X)
        np.testing.assert_array_equal(predicted == classes[1], probability[:, 1] > 0.5)
        np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-14)
    column = fastml.MLPClassifier(**parameters())
    with pytest.warns(Warning, match="A column-vector y was passed when a 1d array was expected"):
        column.fit(X, y[:, None])
    assert column.loss_curve_ == expected.loss_curve_


def test_logarithms_of_probabilities_do_not_saturate():
    X, y = two_classes()
    model = fastml.MLPClassifier((), random_state=0, max_iter=20).fit(X, y)
    far = 1e6 * X[:20]
    logarithms = model.predict_log_proba(far)
    assert np.isfinite(logarithms).all()
    assert (logarithms <= 0).all()
    assert logarithms.min() < -1000
    np.testing.assert_allclose(
        np.exp(model.predict_log_proba(X)), model.predict_proba(X), rtol=1e-13
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_same_bits_for_any_number_of_threads(dtype, solver, shared_work):
    X, y = two_classes(603, 30, dtype)
    models = []
    for n in (1, 2, 3, 7, 64):
        with fastml.num_threads(n):
            model = fastml.MLPClassifier(
                (40, 30), activation="logistic", solver=solver, max_iter=3, random_state=0
            ).fit(X, y)
            models.append((model.loss_curve_, model.coefs_, model.predict_proba(X)))
    for curve, coefs, probability in models[1:]:
        assert curve == models[0][0]
        np.testing.assert_array_equal(probability, models[0][2])
        for W, expected in zip(coefs, models[0][1], strict=True):
            np.testing.assert_array_equal(W, expected)


def test_random_state_alone_decides():
    X, y = two_classes()
    first, second = (fastml.MLPClassifier(**parameters()).fit(X, y) for _ in range(2))
    assert first.loss_curve_ == second.loss_curve_
    assert first.fit(X, y).loss_curve_ == second.loss_curve_
    other = fastml.MLPClassifier(**parameters(random_state=4)).fit(X, y)
    assert other.loss_curve_ != first.loss_curve_


def test_layouts_and_types_of_the_data():
    X, y = two_classes()
    expected = fastml.MLPClassifier(**parameters()).fit(X, y)
    apart = np.zeros((300, 10))
    apart[::2, ::2] = X
    for other in (apart[::2, ::2], X.astype(">f8"), X.tolist()):
        model = fastml.MLPClassifier(**parameters()).fit(other, y.tolist())
        assert model.loss_curve_ == expected.loss_curve_
        np.testing.assert_array_equal(model.predict_proba(other), expected.predict_proba(X))
    assert fastml.MLPClassifier(**parameters()).fit(X.round().astype("int32"), y)


def test_data_are_not_changed():
    X, y = two_classes()
    before = X.copy(), y.copy()
    model = fastml.MLPClassifier(**parameters()).fit(X, y)
    model.predict_proba(X)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_clone_and_pickle():
    X, y = two_classes()
    model = fastml.MLPClassifier(**parameters()).fit(X, y)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))
    assert copied.loss_curve_ == model.loss_curve_
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(X)


def test_weights_the_user_sets_are_used():
    X, y = two_classes()
    model = fastml.MLPClassifier(**parameters()).fit(X, y)
    model.predict_proba(X)
    model.coefs_ = [W * 0 for W in model.coefs_]
    model.intercepts_ = [b * 0 for b in model.intercepts_]
    np.testing.assert_array_equal(model.predict_proba(X), 0.5)


@pytest.mark.parametrize("whose", ["fitted", "assigned", "unpickled"])
def test_weights_changed_in_place_are_used(whose):
    X, y = two_classes()
    model = fastml.MLPClassifier(**parameters()).fit(X, y)
    if whose == "assigned":
        model.coefs_ = [W.copy() for W in model.coefs_]
        model.intercepts_ = [b.copy() for b in model.intercepts_]
    elif whose == "unpickled":
        model = pickle.loads(pickle.dumps(model))
    model.predict_proba(X)
    for array in (*model.coefs_, *model.intercepts_):
        array[...] = 0
    np.testing.assert_array_equal(model.predict_proba(X), 0.5)


def test_warm_start_goes_on():
    X, y = two_classes()
    whole = {"shuffle": False, "solver": "sgd", "momentum": 0.0}
    twice = fastml.MLPClassifier(**parameters(warm_start=True, max_iter=3, **whole)).fit(X, y)
    first = [W.copy() for W in twice.coefs_]
    twice.fit(X, y)
    once = fastml.MLPClassifier(**parameters(max_iter=6, **whole)).fit(X, y)
    for W, expected, before in zip(twice.coefs_, once.coefs_, first, strict=True):
        np.testing.assert_array_equal(W, expected)
        assert (before != W).any()
    with pytest.raises(ValueError, match="same classes"):
        twice.fit(X, y + 1)


@pytest.mark.parametrize("change", ["more features", "fewer features"])
def test_warm_start_on_other_features_is_refused(change):
    X, y = two_classes()
    model = fastml.MLPClassifier(**parameters(warm_start=True)).fit(X, y)
    before = [W.copy() for W in model.coefs_]
    other = np.hstack([X] * 20) if change == "more features" else X[:, :2]
    with pytest.raises(ValueError, match="features"):
        model.fit(other, y)
    for W, expected in zip(model.coefs_, before, strict=True):
        np.testing.assert_array_equal(W, expected)
    assert model.n_features_in_ == 5
    model.predict(X)


@pytest.mark.parametrize(("first", "then"), [("float32", "float64"), ("float64", "float32")])
def test_warm_start_on_another_type(first, then):
    """The numbers are the same in both types: only the rounding may differ."""
    X, y = two_classes(dtype="float32")
    changed = {"warm_start": True, "shuffle": False}
    model = fastml.MLPClassifier(**parameters(**changed)).fit(X.astype(first), y)
    straight = fastml.MLPClassifier(**parameters(**changed)).fit(X, y)
    model.fit(X.astype(then), y)
    straight.fit(X, y)
    assert_close("training", model.loss_curve_, straight.loss_curve_, "float32")
    for W, expected in zip(model.coefs_, straight.coefs_, strict=True):
        assert_close("training", W, expected, "float32")


def test_no_convergence_is_warned_of():
    X, y = two_classes()
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(6\) reached"):
        fastml.MLPClassifier(**parameters()).fit(X, y)


def test_batches_larger_than_the_data_are_warned_of():
    X, y = two_classes()
    with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than"):
        clipped = fastml.MLPClassifier(**parameters(batch_size=1000)).fit(X, y)
    whole = fastml.MLPClassifier(**parameters(batch_size=len(X))).fit(X, y)
    assert clipped.loss_curve_ == whole.loss_curve_


def test_divergence_in_the_first_epoch_does_not_speak_of_a_finite_one():
    X, y = two_classes()
    model = fastml.MLPClassifier(
        (4,), activation="identity", solver="sgd", learning_rate_init=1e30, batch_size=4,
        random_state=0,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"diverged in epoch 1: [^.]*too large\.$"):
        model.fit(X.astype(np.float32), y)


def test_divergence_is_an_error_not_a_model_of_nan():
    X, y = two_classes()
    model = fastml.MLPClassifier(
        (4,), activation="identity", solver="sgd", learning_rate_init=1e200, random_state=0
    )
    with pytest.raises(Exception, match=r"(?i)not finite|non-finite|diverged"):
        model.fit(X, y)
    for array in getattr(model, "coefs_", []):
        assert np.isfinite(array).all()


# --- what is refused ------------------------------------------------------------------------------

X_GOOD, Y_GOOD = two_classes(40, 3)


def with_value(value):
    X = X_GOOD.copy()
    X[17, 1] = value
    return X


BAD_FITS = {
    "NaN": ({}, with_value(np.nan), Y_GOOD, ValueError, "Input X contains NaN"),
    "infinity": ({}, with_value(np.inf), Y_GOOD, ValueError, "Input X contains infinity"),
    "no samples": ({}, X_GOOD[:0], Y_GOOD[:0], ValueError, r"Found array with 0 sample\(s\)"),
    "no features": ({}, X_GOOD[:, :0], Y_GOOD, ValueError, r"Found array with 0 feature\(s\)"),
    "one dimension": ({}, X_GOOD[0], Y_GOOD, ValueError, "Expected 2D array, got 1D array"),
    "complex": ({}, X_GOOD.astype(complex), Y_GOOD, ValueError, "Complex data not supported"),
    "text": ({}, [["a"]] * 40, Y_GOOD, ValueError, "could not convert string to float"),
    "sparse NaN": ({}, sparse.csr_matrix(with_value(np.nan)), Y_GOOD, ValueError, "contains NaN"),
    "lengths": (
        {},
        X_GOOD,
        Y_GOOD[:-1],
        ValueError,
        r"inconsistent numbers of samples: \[40, 39\]",
    ),
    "no y": ({}, X_GOOD, None, ValueError, "requires y to be passed"),
    "continuous y": ({}, X_GOOD, X_GOOD[:, 0], ValueError, "Unknown label type: continuous"),
    "NaN in y": ({}, X_GOOD, np.where(Y_GOOD, np.nan, 0.0), ValueError, "Input y contains NaN"),
    "widths": ({"hidden_layer_sizes": (3, 0)}, X_GOOD, Y_GOOD, ValueError, "must be > 0"),
    "negative width": ({"hidden_layer_sizes": -1}, X_GOOD, Y_GOOD, ValueError, "hidden_layer_size"),
    "half a width": ({"hidden_layer_sizes": (3, 2.5)}, X_GOOD, Y_GOOD, ValueError, "hidden_layer"),
    "activation": ({"activation": "sin"}, X_GOOD, Y_GOOD, ValueError, "'activation' parameter of"),
    "solver": ({"solver": "newton"}, X_GOOD, Y_GOOD, ValueError, "'solver' parameter of"),
    "alpha": ({"alpha": -1.0}, X_GOOD, Y_GOOD, ValueError, "'alpha' parameter of"),
    "batch_size": ({"batch_size": 0}, X_GOOD, Y_GOOD, ValueError, "'batch_size' parameter of"),
    "rate": ({"learning_rate_init": 0.0}, X_GOOD, Y_GOOD, ValueError, "'learning_rate_init' par"),
    "max_iter": ({"max_iter": 0}, X_GOOD, Y_GOOD, ValueError, "'max_iter' parameter of"),
    "momentum": ({"momentum": 1.5}, X_GOOD, Y_GOOD, ValueError, "'momentum' parameter of"),
    "beta_2": ({"beta_2": 1.0}, X_GOOD, Y_GOOD, ValueError, "'beta_2' parameter of"),
    "tol": ({"tol": -1e-9}, X_GOOD, Y_GOOD, ValueError, "'tol' parameter of"),
    "shuffle": ({"shuffle": "yes"}, X_GOOD, Y_GOOD, ValueError, "'shuffle' parameter of"),
    "seed": ({"random_state": "x"}, X_GOOD, Y_GOOD, ValueError, "'random_state' parameter of"),
}


@pytest.mark.parametrize("name", BAD_FITS)
@pytest.mark.parametrize("fitted", [False, True])
def test_bad_input_is_refused_and_changes_nothing(name, fitted):
    changed, X, y, error, message = BAD_FITS[name]
    model = fastml.MLPClassifier((4,), max_iter=2, random_state=0)
    if fitted:
        model.fit(np.hstack([X_GOOD, X_GOOD]), Y_GOOD + 5)
    model.set_params(**changed)
    before = copy.deepcopy(vars(model))
    with pytest.raises(error, match=message):
        model.fit(X, y)
    assert vars(model).keys() == before.keys()
    for key, value in before.items():
        if key in ("coefs_", "intercepts_"):
            for array, expected in zip(vars(model)[key], value, strict=True):
                np.testing.assert_array_equal(array, expected)
        elif not key.startswith("_"):
            np.testing.assert_array_equal(vars(model)[key], value)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_bad_input_to_a_fitted_model(method):
    call = getattr(fastml.MLPClassifier((4,), max_iter=2).fit(X_GOOD, Y_GOOD), method)
    with pytest.raises(ValueError, match="X has 2 features, but MLPClassifier is expecting 3 feat"):
        call(X_GOOD[:, :2])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        call(with_value(np.nan))
    with pytest.raises(NotFittedError, match="This MLPClassifier instance is not fitted yet"):
        getattr(fastml.MLPClassifier(), method)(X_GOOD)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("only", [1, "only", True])
def test_one_class_alone_is_learnt_and_predicted(solver, only):
    X = np.random.default_rng(0).standard_normal((20, 3))
    y = np.full(20, only)
    model = fastml.MLPClassifier((4,), solver=solver, random_state=0, tol=1e-2).fit(X, y)
    other = sklearn.neural_network.MLPClassifier((4,), solver=solver, random_state=0, tol=1e-2)
    np.testing.assert_allclose(model.loss_, other.fit(X, y).loss_, rtol=1e-6)
    assert model.classes_.tolist() == other.classes_.tolist() == [only]
    far = 100 * X  # where z may have the other sign
    assert (model.predict(far) == only).all()
    assert model.score(X, y) == 1
    assert (model.predict_proba(far) == 1).all()
    assert (model.predict_log_proba(far) == 0).all()
    assert model.predict_proba(far).shape == model.predict_log_proba(far).shape == (20, 1)


def test_one_class_alone_with_weights_and_early_stopping():
    X = np.random.default_rng(0).standard_normal((40, 3))
    model = fastml.MLPClassifier(
        (4,), early_stopping=True, class_weight="balanced", random_state=0, n_iter_no_change=2
    )
    model.fit(X, np.full(40, 7))
    assert set(model.validation_scores_) == {1.0}


def test_cross_validation_on_sorted_targets_has_no_nan():
    X = np.random.default_rng(0).standard_normal((40, 3))
    y = np.repeat([0, 1], 20)
    model = fastml.MLPClassifier((4,), random_state=0, tol=1e-2)
    scores = cross_val_score(model, X, y, cv=KFold(2))
    assert scores.tolist() == [0.0, 0.0]  # each half has seen the other class alone
