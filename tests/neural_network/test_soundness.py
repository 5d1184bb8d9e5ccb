"""Whatever a user does to a perceptron, a call answers right or says what is wrong."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest
import sklearn.neural_network
from perceptrons import classifier, digits, numbers, regressor
from sklearn.base import BaseEstimator

import fastml
from fastml.inspection import check_gradients, gradient_flow

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning",
    "ignore:lbfgs failed to converge:sklearn.exceptions.ConvergenceWarning",
    "ignore:the matrix subclass:PendingDeprecationWarning",
)


def two(n_samples=60, n_features=5, seed=0):
    """Return samples of two classes."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_samples, n_features))
    return X, (X[:, 0] > 0).astype(int)


# --- what training remembers ------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_moments_of_another_width_are_not_gone_on_with(solver):
    model = classifier(solver=solver).fit(*two(n_features=3))
    wide = two(n_features=200)
    model.set_params(solver="lbfgs").fit(*wide)
    model.set_params(solver=solver)
    assert gradient_flow(model, *wide)
    model.partial_fit(*wide)
    fresh = classifier(solver="lbfgs").fit(*wide).set_params(solver=solver).partial_fit(*wide)
    for W, other in zip(model.coefs_, fresh.coefs_, strict=True):
        np.testing.assert_array_equal(W, other)


def test_norms_of_an_earlier_fit_are_gone():
    model = classifier(record_gradients=True).fit(*two())
    assert hasattr(model, "gradient_norms_")
    model.set_params(record_gradients=False).fit(*two())
    assert not hasattr(model, "gradient_norms_")


def test_a_start_that_is_a_minimum_has_a_loss():
    X, y = two()
    model = classifier(solver="lbfgs", tol=1e9).fit(X, y)
    assert model.n_iter_ == 0
    assert np.isfinite(model.loss_)
    assert model.loss_ == model.best_loss_


def test_early_stopping_of_counts_scores_as_scikit_learn():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 4))
    y = random.poisson(np.exp(X[:, 0])).astype(float)
    settings = {"max_iter": 5, "random_state": 0, "early_stopping": True, "loss": "poisson"}
    ours = fastml.MLPRegressor(**settings).fit(X, y)
    theirs = sklearn.neural_network.MLPRegressor(**settings).fit(X, y)
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-9)


# --- the fitted network -----------------------------------------------------------------------


class Meanwhile:
    """A callback that calls a function at the end of every epoch, or fails when set up."""

    max_propagation_depth = None

    def __init__(self, call=None):
        self.call = call

    def setup(self, estimator, context):
        if self.call is None:
            raise RuntimeError("no set-up")

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.call()
        return False


def test_predictions_during_a_fit_are_those_of_the_fit_before():
    X, y = two(n_features=5)
    model = classifier().fit(X, y)
    expected = model.predict_proba(X)
    seen = []
    model.set_callbacks(Meanwhile(lambda: seen.append(model.predict_proba(X))))
    model.fit(*two(n_features=300))
    assert len(seen) == 7  # every epoch, and the fit
    for found in seen:
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="X has 5 features"):
        model.predict_proba(X)


def test_a_callback_that_fails_when_set_up_leaves_the_estimator_as_it_was():
    X, y = two()
    model = classifier().fit(X, y)
    expected = model.predict_proba(X)
    model.set_callbacks(Meanwhile())
    with pytest.raises(RuntimeError, match="no set-up"):
        model.fit(*two(n_features=300))
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert model.n_features_in_ == 5


def test_several_threads_fit_one_estimator():
    model = classifier(max_iter=2).fit(*two())
    wrong = []

    def work(width):
        X, y = two(n_features=width)
        for _ in range(5):
            model.fit(X, y)
            try:
                model.predict_proba(X)
            except ValueError as error:
                if "features" not in str(error):
                    wrong.append(error)

    threads = [threading.Thread(target=work, args=(width,)) for width in (2, 40, 600)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    width = len(model.coefs_[0])
    assert model.predict_proba(two(n_features=width)[0]).shape == (60, 2)


@pytest.mark.parametrize(
    "kind",
    [
        lambda W: W.tolist(),
        np.asfortranarray,
        lambda W: W.astype(W.dtype.newbyteorder()),
        lambda W: W.astype(np.longdouble),
        np.asmatrix,
        lambda W: np.repeat(W, 2, axis=1)[:, ::2],
    ],
)
def test_weights_of_any_kind_may_be_assigned(kind):
    X, y = digits()
    model = classifier().fit(X, y)
    expected = model.predict_proba(X)
    given = [kind(W) for W in model.coefs_]
    model.coefs_ = [np.zeros_like(W) for W in model.coefs_]
    assert not np.array_equal(model.predict_proba(X), expected)
    model.coefs_ = given
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    model.coefs_[1] = kind(np.zeros_like(model.coefs_[1]))
    assert not np.array_equal(model.predict_proba(X), expected)


def test_weights_of_whole_numbers_may_be_assigned():
    X, y = two()
    model = classifier().fit(X, y)
    model.coefs_ = [np.ones(W.shape, np.int8) for W in model.coefs_]
    expected = classifier().fit(X, y)
    for W in expected.coefs_:
        W[...] = 1
    expected.intercepts_ = model.intercepts_
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_weights_edited_in_place_are_seen():
    X, y = two()
    model = classifier().fit(X, y)
    model.coefs_[-1][...] = 0
    model.intercepts_[-1][...] = 0
    np.testing.assert_array_equal(model.predict_proba(X), np.full((len(X), 2), 0.5))


@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_weights_of_another_shape_are_refused(name):
    X, y = two()
    model = classifier().fit(X, y)
    expected = model.predict_proba(X)
    arrays = getattr(model, name)
    with pytest.raises(ValueError, match=rf"{name}\[1\] has shape \(3,\), expected"):
        setattr(model, name, [arrays[0], np.zeros(3), *arrays[2:]])
    with pytest.raises(ValueError, match=rf"{name} holds 2 arrays, expected 3"):
        setattr(model, name, arrays[:2])
    with pytest.raises(TypeError, match=rf"{name}\[0\] must hold real numbers"):
        setattr(model, name, [arrays[0].astype(complex), *arrays[1:]])
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    kept, arrays[1] = arrays[1], np.zeros((50, 50))
    for call in (model.predict, model.predict_proba, model.activations):
        with pytest.raises(ValueError, match=rf"{name}\[1\] has shape \(50, 50\)"):
            call(X)
    arrays[1] = kept
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_weights_that_are_no_numbers_give_no_numbers():
    X, y = numbers()
    model = regressor(activation="relu").fit(X, y)
    model.coefs_[0][:, 0] = np.nan
    assert np.isnan(model.predict(X)).all()


def test_a_copy_has_weights_of_its_own():
    X, y = two()
    model = classifier().fit(X, y)
    expected = model.predict_proba(X)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin.predict_proba(X), expected)
        twin.coefs_[0][...] = 0
        np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_settings_changed_after_a_fit_change_no_prediction():
    X, y = two()
    model = classifier(activation="tanh").fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(activation="relu", hidden_layer_sizes=(3,))
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_activations_in_an_array():
    X, y = two()
    model = classifier(activation=np.array(["tanh", "relu"])).fit(X, y)
    expected = classifier(activation=["tanh", "relu"]).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


# --- the weights of classes -------------------------------------------------------------------


@pytest.mark.parametrize("weight", [np.nan, np.inf, -1.0, 1e300, 1e-300])
def test_weights_of_classes_that_make_no_sense_are_refused(weight):
    X, y = two()
    model = classifier().fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(class_weight={0: 1.0, 1: weight})
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="class_weight must be"):
            call(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_class_weight_set_after_a_fit_changes_no_gradient():
    X, y = two()
    model = classifier().fit(X, y)
    expected = gradient_flow(model, X, y)
    model.set_params(class_weight={"no such class": 3.0})
    np.testing.assert_equal(vars(gradient_flow(model, X, y)), vars(expected))


# --- what inspection refuses ------------------------------------------------------------------


@pytest.mark.parametrize("inspect", [gradient_flow, check_gradients])
def test_inspection_of_something_else(inspect):
    X, y = two()
    theirs = sklearn.neural_network.MLPClassifier(max_iter=1).fit(X, y)
    for estimator in (theirs, fastml.KMeans(2).fit(X), BaseEstimator(), None):
        with pytest.raises(TypeError, match=r"estimator must be a fastml\.MLPClassifier or"):
            inspect(estimator, X, y)


def test_no_gradient_to_check():
    model = classifier().fit(*two())
    with pytest.raises(ValueError, match="n_checked"):
        check_gradients(model, *two(), n_checked=0)
