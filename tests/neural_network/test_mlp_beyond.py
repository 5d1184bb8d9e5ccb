"""What the perceptrons do beyond scikit-learn's, and how training ends when it ends badly."""

from __future__ import annotations

import numpy as np
import pytest
from perceptrons import NO_STEP, SOLVERS, classifier, digits, numbers, regressor, tumours
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, recall_score
from sklearn.utils.class_weight import compute_sample_weight
from tolerances import assert_close

from fastml import reference
from fastml.neural_network import _compiled
from fastml.neural_network._architecture import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning",
    "ignore:lbfgs failed to converge:sklearn.exceptions.ConvergenceWarning",
)

# --- activations ------------------------------------------------------------------------------


def test_an_activation_for_each_layer():
    X, y = digits()
    mixed = classifier(activation=["tanh", "relu"]).fit(X, y)
    *_, probability = reference.forward(
        X, mixed.coefs_, mixed.intercepts_, activations=["tanh", "relu"], output="softmax"
    )
    assert_close("sum of products", mixed.predict_proba(X), probability, "float64")
    same = classifier(activation=["tanh", "tanh"]).fit(X, y)
    assert same.loss_curve_ == classifier(activation="tanh").fit(X, y).loss_curve_
    assert same.loss_curve_ != mixed.loss_curve_


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (["tanh"], "activation holds 1 names, but there are 2 hidden layers"),
        (["tanh", "sin"], "must hold the names of activations, among .* Got 'sin' instead"),
        ("sin", "The 'activation' parameter of MLPClassifier must be"),
    ],
)
def test_wrong_activations_are_refused(activation, message):
    with pytest.raises(ValueError, match=message):
        classifier(activation=activation).fit(*digits())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", [classifier, regressor])
def test_activations_of_every_layer(dtype, make):
    X, y = digits(dtype) if make is classifier else numbers()
    model = make(activation=["relu", "logistic"]).fit(X.astype(dtype), y)
    output = model.out_activation_
    _, *expected = reference.forward(
        X.astype("float64"), model.coefs_, model.intercepts_,
        activations=["relu", "logistic"], output=output,
    )  # fmt: skip
    actual = model.activations(X)
    assert len(actual) == len(expected) == 3
    for layer, exact in zip(actual, expected, strict=True):
        assert layer.dtype == dtype
        assert_close("sum of products", layer, exact, dtype)


# --- first weights ----------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_first_weights(activation):
    X, y = digits()
    shapes = [(64, 90), (90, 80), (80, 10)]
    glorot = [np.sqrt(6 / sum(shape)) for shape in shapes]
    he = [np.sqrt(6 / shape[0]) for shape in shapes]
    expected = {
        "he": he,
        "glorot": [b / np.sqrt(3) for b in glorot] if activation == "logistic" else glorot,
        "auto": {
            "relu": [*he[:2], glorot[2]],
            "logistic": [4 * glorot[0], 4 * glorot[1], glorot[2]],
        }.get(activation, glorot),
    }
    for weight_init, bounds in expected.items():
        model = classifier(
            hidden_layer_sizes=(90, 80), activation=activation, weight_init=weight_init,
            solver="sgd", learning_rate_init=NO_STEP, max_iter=1,
        ).fit(X, y)  # fmt: skip
        for W, b, bound in zip(model.coefs_, model.intercepts_, bounds, strict=True):
            assert 0.97 * bound < np.abs(W).max() <= bound
            assert np.abs(b).max() <= (bound if weight_init == "glorot" else NO_STEP)


# --- weights of classes -----------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
def test_class_weights_are_sample_weights(solver, class_weight):
    X, y = tumours()
    extra = np.random.default_rng(0).uniform(1, 2, len(X))
    by_class = classifier(class_weight=class_weight, solver=solver).fit(X, y)
    weights = compute_sample_weight(class_weight, y)
    by_sample = classifier(solver=solver).fit(X, y, sample_weight=weights)
    assert_close("training", by_class.loss_curve_, by_sample.loss_curve_, "float64")
    if class_weight != "balanced":
        both = classifier(class_weight=class_weight, solver=solver).fit(X, y, sample_weight=extra)
        product = classifier(solver=solver).fit(X, y, sample_weight=weights * extra)
        assert_close("training", both.loss_curve_, product.loss_curve_, "float64")


def test_class_weights_find_a_rare_class():
    random = np.random.default_rng(0)
    X = random.normal(size=(2000, 2))
    y = (X[:, 0] + random.normal(size=2000) > 2.3).astype(int)
    assert 0.02 < y.mean() < 0.1
    plain, balanced = (
        classifier(class_weight=weight, learning_rate_init=0.01, max_iter=40).fit(X, y).predict(X)
        for weight in (None, "balanced")
    )
    assert recall_score(y, balanced) > recall_score(y, plain) + 0.3


def test_class_weights_where_they_cannot_be():
    X, y = digits()
    with pytest.raises(ValueError, match="class_weight 'balanced' is not supported for partial_fi"):
        classifier(class_weight="balanced").partial_fit(X, y, classes=np.unique(y))
    with pytest.raises(ValueError, match="class_weight is not supported for multilabel"):
        classifier(class_weight="balanced").fit(X, np.stack([y > 3, y > 5], axis=1))


# --- validation data --------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
def test_validation_curves_of_a_classifier(solver):
    X, y = digits()
    model = classifier(solver=solver, max_iter=5)
    model.fit(X[:300], y[:300], validation_data=(X[300:], y[300:]))
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_
    assert model.validation_scores_[-1] == model.score(X[300:], y[300:])
    expected = log_loss(y[300:], model.predict_proba(X[300:]), labels=np.arange(10))
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-10)
    alone = classifier(solver=solver, max_iter=5).fit(X[:300], y[:300])
    assert alone.loss_curve_ == model.loss_curve_
    assert alone.validation_loss_curve_ is None


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_validation_curves_of_a_regressor(loss):
    X, y = numbers()
    y = np.abs(y) if loss == "poisson" else y
    model = regressor(loss=loss).fit(X[:150], y[:150], validation_data=(X[150:], y[150:]))
    predicted = model.predict(X[150:])
    if loss == "poisson":
        deviance = y[150:] * np.log(y[150:] / predicted) - y[150:] + predicted
        expected = deviance.sum(axis=1).mean()
    else:
        expected = 0.5 * ((predicted - y[150:]) ** 2).mean()
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-10)
    assert model.validation_scores_[-1] == pytest.approx(model.score(X[150:], y[150:]), rel=1e-10)


def test_early_stopping_on_the_users_validation_data():
    X, y = tumours()
    train, held_out = slice(0, 400), slice(400, None)
    model = classifier(early_stopping=True, max_iter=300, n_iter_no_change=5)
    model.fit(X[train], y[train], validation_data=(X[held_out], y[held_out]))
    assert model.n_iter_ < 300
    assert model.t_ == 400 * model.n_iter_  # all of the training data, nothing set aside
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.score(X[held_out], y[held_out]) == model.best_validation_score_


# --- how training ends ------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
def test_max_time_ends_training(solver):
    X, y = digits()
    with pytest.warns(ConvergenceWarning, match=r"max_time=1e-09 seconds reached after \d+ iter"):
        model = classifier(
            solver=solver, max_time=1e-9, max_iter=10**6, tol=0.0, n_iter_no_change=np.inf
        ).fit(X, y)
    assert 1 <= model.n_iter_ == len(model.loss_curve_) < 10**6


def test_divergence_names_the_epoch_and_keeps_the_one_before():
    X, y = numbers()
    parameters = {"solver": "sgd", "activation": "identity", "learning_rate_init": 0.9}
    model = regressor(max_iter=500, **parameters)
    said = r"diverged in epoch \d+: learning_rate_init=0.9 is too"
    with pytest.warns(ConvergenceWarning, match=said):
        assert model.fit(X, y) is model
    assert 0 < model.n_iter_ < 500
    assert np.isfinite(model.loss_curve_).all()
    before = regressor(max_iter=model.n_iter_, **parameters).fit(X, y)
    assert before.loss_curve_ == model.loss_curve_
    for W, expected in zip(model.coefs_, before.coefs_, strict=True):
        np.testing.assert_array_equal(W, expected)
    np.testing.assert_array_equal(model.predict(X), before.predict(X))


@pytest.mark.parametrize("solver", SOLVERS)
def test_divergence_from_large_features_says_so(solver):
    X, y = numbers()
    with pytest.raises(ValueError, match=r"X holds numbers as large as 3.*e\+160; scale it"):
        regressor(solver=solver).fit(X * 1e160, y)


def test_divergence_from_large_targets_says_so():
    X, y = numbers()
    with pytest.raises(ValueError, match=r"y holds numbers as large as .*e\+200; scale it"):
        regressor().fit(X, y * 1e200)


def interrupted_after(monkeypatch, n_epochs):
    """Have Ctrl-C arrive in the middle of an epoch, when the parameters have moved on."""
    train = _compiled.CompiledSteps.train
    done = 0

    def interrupted(self, *arguments):
        nonlocal done
        losses = train(self, *arguments)
        done += len(losses)
        if done > n_epochs:
            raise KeyboardInterrupt
        return losses

    monkeypatch.setattr(_compiled.CompiledSteps, "train", interrupted)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_an_interrupt_keeps_the_last_finished_epoch(make, monkeypatch):
    X, y = digits() if make is classifier else numbers()
    expected = make(max_iter=3).fit(X, y)
    interrupted_after(monkeypatch, 3)
    model = make(max_iter=50)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, y)
    assert model.n_iter_ == 3
    assert model.loss_curve_ == expected.loss_curve_
    for W, W_expected in zip(model.coefs_, expected.coefs_, strict=True):
        np.testing.assert_array_equal(W, W_expected)


# --- true float32 -----------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("make", [classifier, regressor])
def test_float32_throughout(solver, make):
    X, y = digits() if make is classifier else numbers()
    model = make(solver=solver).fit(X.astype("float32"), y, sample_weight=np.ones(len(X)))
    for array in (*model.coefs_, *model.intercepts_, *model.activations(X)):
        assert array.dtype == np.float32
    if make is classifier:
        assert model.predict_proba(X).dtype == np.float32
        assert model.predict_log_proba(X).dtype == np.float32
    else:
        assert model.predict(X).dtype == np.float32
    wide = make(solver=solver).fit(X, y)
    assert model.loss_ == pytest.approx(wide.loss_, rel=1e-3)


# --- gradients on record ----------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_recorded_gradient_norms(weighted):
    """A learning rate of nothing leaves the weights: every epoch has the gradient of its batch."""
    X, y = digits()
    weights = np.random.default_rng(0).uniform(0.5, 2, len(X)) if weighted else None
    model = classifier(
        record_gradients=True, solver="sgd", momentum=0.0, learning_rate_init=NO_STEP, max_iter=3,
        batch_size=150, shuffle=False, activation="tanh", alpha=0.7,
    ).fit(X, y, sample_weight=weights)  # fmt: skip
    assert model.gradient_norms_.shape == (3, 3)
    last = slice(300, 400)
    times = np.ones(100) if weights is None else weights[last]
    _, dWs, _ = reference.loss_and_gradients(
        X[last], np.eye(10)[y[last]], model.coefs_, model.intercepts_,
        activations=["tanh", "tanh"], output="softmax",
    )  # fmt: skip
    if not weighted:
        expected = [np.linalg.norm(dW) for dW in dWs]
        for norms in model.gradient_norms_:
            np.testing.assert_allclose(norms, expected, rtol=1e-10)
    else:
        one_by_one = [
            reference.loss_and_gradients(
                X[i : i + 1], np.eye(10)[y[i : i + 1]], model.coefs_, model.intercepts_,
                activations=["tanh", "tanh"], output="softmax",
            )[1]
            for i in range(300, 400)
        ]  # fmt: skip
        for layer in range(3):
            total = sum(w * dWs[layer] for w, dWs in zip(times, one_by_one, strict=True))
            expected = np.linalg.norm(total / times.sum())
            np.testing.assert_allclose(model.gradient_norms_[:, layer], expected, rtol=1e-10)


def test_recording_changes_nothing_and_goes_on():
    X, y = digits()
    plain = classifier().fit(X, y)
    assert not hasattr(plain, "gradient_norms_")
    recorded = classifier(record_gradients=True).fit(X, y)
    assert recorded.loss_curve_ == plain.loss_curve_
    recorded.partial_fit(X, y)
    assert recorded.gradient_norms_.shape == (7, 3)
    assert recorded.fit(X, y).gradient_norms_.shape == (6, 3)
    lbfgs = classifier(solver="lbfgs", record_gradients=True).fit(X, y)
    assert lbfgs.gradient_norms_.shape == (6, 3)
    assert (lbfgs.gradient_norms_ > 0).all()


# --- a few rows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", [classifier, regressor])
def test_one_row_is_predicted_as_among_many(dtype, make):
    X, y = digits() if make is classifier else numbers()
    X = X.astype(dtype)
    methods = ["predict", "predict_proba"] if make is classifier else ["predict"]
    for target in (y, (y > 0)) if make is classifier else (y, y[:, 0]):
        model = make().fit(X, target)
        for name in methods:
            predict = getattr(model, name)
            everything = predict(X)
            for rows in (slice(0, 1), slice(7, 8), slice(20, 53)):
                np.testing.assert_array_equal(predict(X[rows]), everything[rows])
                np.testing.assert_array_equal(predict(X[rows].tolist()), everything[rows])
                other = np.asfortranarray(X[rows]).astype(dtype, copy=False)
                np.testing.assert_array_equal(predict(other), everything[rows])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_bad_row_is_refused_like_many(value):
    X, y = numbers()
    model = regressor().fit(X, y)
    X[3, 2] = value
    for rows in (slice(3, 4), slice(None)):
        with pytest.raises(ValueError, match="Input X contains"):
            model.predict(X[rows])
    with pytest.raises(ValueError, match="X has 5 features, but MLPRegressor is expecting 6"):
        model.predict(X[:1, :5])
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        model.predict(X[:0])
