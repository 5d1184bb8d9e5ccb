"""What is said about networks that do not learn, and whether it is true."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.inspection import DecisionBoundaryDisplay
from tolerances import assert_close

import fastml
from fastml import reference
from fastml.inspection import (
    GradientFlowDisplay,
    LossCurveDisplay,
    check_gradients,
    gradient_flow,
)
from fastml.neural_network import _compiled
from fastml.neural_network._architecture import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning",
    "ignore:lbfgs failed to converge:sklearn.exceptions.ConvergenceWarning",
)


def digits(dtype="float64"):
    X, y = load_digits(return_X_y=True)
    return (X[:300] / 16).astype(dtype), y[:300]


def classifier(hidden=(12, 9, 7), **changed):
    parameters = {"activation": "tanh", "max_iter": 3, "random_state": 0, **changed}
    return fastml.MLPClassifier(hidden, **parameters)


def deep(activation, **changed):
    model = classifier([20] * 10, activation=activation, **changed)
    X, y = digits()
    return model.partial_fit(X, y, classes=range(10)), X, y


@pytest.fixture
def pyplot():
    plt = pytest.importorskip("matplotlib.pyplot")
    yield plt
    plt.close("all")


# --- gradient flow -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norms_against_the_reference(dtype):
    X, y = digits(dtype)
    model = classifier(activation=["tanh", "logistic", "relu"], alpha=0.0).fit(X, y)
    flow = gradient_flow(model, X, y)
    wide = X.astype("float64")
    coefs, intercepts = (
        [array.astype("float64") for array in arrays]
        for arrays in (model.coefs_, model.intercepts_)
    )
    names = ["tanh", "logistic", "relu"]
    _, dWs, _ = reference.loss_and_gradients(
        wide, np.eye(10)[y], coefs, intercepts, activations=names, output="softmax"
    )
    assert_close("training", flow.gradient_norms, [np.linalg.norm(dW) for dW in dWs], dtype)
    _, *activations = reference.forward(
        wide, coefs, intercepts, activations=names, output="softmax"
    )
    deltas = [reference.output_delta(activations[-1], np.eye(10)[y])]
    for a, W, name in zip(activations[-2::-1], coefs[:0:-1], names[::-1], strict=True):
        deltas.insert(0, reference.hidden_delta(deltas[0], W, a, activation=name))
    expected = [np.sqrt((delta**2).mean()) for delta in deltas]
    assert_close("training", flow.delta_sizes, expected, dtype)
    assert_close("training", flow.activation_means, [a.mean() for a in activations], dtype)
    assert_close("training", flow.activation_spreads, [a.std() for a in activations], dtype)
    assert flow.activations == ("tanh", "logistic", "relu", "softmax")
    assert flow.widths.tolist() == [12, 9, 7, 10]


def test_shares_of_saturated_and_dead_units():
    X, y = digits()
    model = classifier((4, 5), activation=["relu", "logistic"]).fit(X, y)
    model.intercepts_[0][:] = [-1000, 1000, 0, 0]  # one dead, one linear, two as they come
    model.intercepts_[1][:] = [50, 0, 0, 0, 0]  # one saturated
    model.coefs_[1][:] *= 1e-6
    flow = gradient_flow(model, X, y)
    idle = (model.activations(X)[0] == 0).mean()
    assert flow.saturated[0] == pytest.approx(idle)
    assert flow.dead[0] == pytest.approx(0.25)
    assert flow.saturated[1] == flow.dead[1] == pytest.approx(0.2)
    assert flow.saturated[2] == flow.dead[2] == 0
    everything = gradient_flow(model, X, y, saturation=0.3)
    assert everything.saturated[1] == 1  # a sigmoid's derivative never reaches 0.3


@pytest.mark.parametrize(
    "solver",
    [
        {"solver": "sgd", "momentum": 0.0},
        {"solver": "sgd", "nesterovs_momentum": False},
        {"solver": "sgd"},
        {"solver": "adam"},
    ],
    ids=str,
)
def test_update_ratios_are_those_of_the_next_step(solver):
    X, y = digits()
    model = classifier(batch_size=len(X), alpha=0.1, learning_rate_init=0.01, **solver)
    model.fit(X, y)
    foreseen = gradient_flow(model, X, y).update_ratios
    before = [W.copy() for W in model.coefs_]
    model.partial_fit(X, y)
    ratios = [
        np.linalg.norm(after - W) / np.linalg.norm(W)
        for after, W in zip(model.coefs_, before, strict=True)
    ]
    np.testing.assert_allclose(foreseen, ratios, rtol=1e-9)


def test_looking_changes_nothing():
    X, y = digits()
    model, untouched = (classifier().fit(X, y) for _ in range(2))
    gradient_flow(model, X, y)
    check_gradients(model, X, y)
    for one in (model, untouched):
        one.partial_fit(X, y)
    for W, expected in zip(model.coefs_, untouched.coefs_, strict=True):
        np.testing.assert_array_equal(W, expected)


def test_sigmoids_vanish_and_one_change_helps():
    flow = gradient_flow(*deep("logistic"))
    assert flow.verdict == "vanishing"
    assert flow.delta_sizes[0] < 1e-6 * flow.delta_sizes[-2]
    assert "at most 1/4" in flow.remedy
    for activation, changed in (
        ("tanh", {}),
        ("relu", {}),
        ("relu", {"weight_init": "auto"}),
        ("logistic", {"weight_init": "auto"}),
    ):
        flow = gradient_flow(*deep(activation, **changed))
        assert flow.verdict == "healthy", (activation, changed)


def test_saturated_sigmoids_are_told_from_small_slopes():
    model, X, y = deep("tanh")
    for W in model.coefs_[:-1]:
        W *= 100
    model.coefs_[-1][:] *= 1e-3
    flow = gradient_flow(model, X, y, saturation=0.2)
    assert flow.saturated[:-1].max() > 0.9
    assert flow.verdict in ("dead units", "exploding", "vanishing")


def test_large_weights_explode():
    model, X, y = deep("identity")
    for W in model.coefs_:
        W *= 8
    flow = gradient_flow(model, X, y)
    assert flow.verdict == "exploding"
    assert flow.delta_sizes[0] > 100 * flow.delta_sizes[-2]
    assert "smaller weights" in flow.remedy


def test_relus_die():
    model, X, y = deep("relu")
    model.intercepts_[4][:] = -1e3
    flow = gradient_flow(model, X, y)
    assert flow.verdict == "dead units"
    assert "100% of the units of hidden layer 5 (relu) are negative for every" in flow.remedy
    assert (flow.gradient_norms[:5] == 0).all()


def test_half_of_the_only_hidden_layer_is_many():
    X, y = digits()
    model = classifier((10,), activation="relu").fit(X, y)
    model.intercepts_[0][:6] = -1e6
    flow = gradient_flow(model, X, y)
    assert flow.verdict == "dead units"
    assert "60% of the units of the only hidden layer (relu)" in flow.remedy


@pytest.mark.parametrize("sizes", [(10,), (10, 10)])
def test_weights_of_zero_are_called_that(sizes):
    X, y = digits()
    model = classifier(sizes, activation="tanh").fit(X, y)
    for W in model.coefs_:
        W[...] = 0
    flow = gradient_flow(model, X, y)
    assert flow.verdict == "zero weights"
    assert "hidden layer 1" in flow.remedy
    assert "nan" not in str(flow).split("zero weights")[1]


def test_without_a_hidden_layer():
    X, y = digits()
    flow = gradient_flow(classifier(()).fit(X, y), X, y)
    assert flow.verdict == "healthy"
    assert len(flow.gradient_norms) == 1


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_regressor_and_its_table(loss):
    X, Y = make_regression(100, 5, n_targets=2, random_state=0)
    Y = np.abs(Y) / 100
    model = fastml.MLPRegressor(loss, (6,), max_iter=3, random_state=0).fit(X, Y)
    flow = gradient_flow(model, X, Y)
    lines = str(flow).splitlines()
    assert len(lines) == 4
    assert lines[1].split()[:3] == ["1", "relu", "6"]
    assert lines[2].split()[1] == ("exp" if loss == "poisson" else "identity")
    assert lines[3] == f"{flow.verdict}: {flow.remedy}"


def test_no_next_step_of_lbfgs():
    X, y = digits()
    flow = gradient_flow(classifier(solver="lbfgs").fit(X, y), X, y)
    assert np.isnan(flow.update_ratios).all()
    assert flow.verdict == "healthy"


@pytest.mark.parametrize("function", [gradient_flow, check_gradients])
def test_what_is_refused(function):
    X, y = digits()
    with pytest.raises(NotFittedError):
        function(classifier(), X, y)
    model = classifier().fit(X, y)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        function(model, X * np.nan, y)
    with pytest.raises(ValueError, match="`y` has classes not in"):
        function(model, X, y + 1)
    with pytest.raises(ValueError, match="y is of another kind than the targets of fit"):
        function(model, X, np.stack([y == i for i in range(10)], axis=1))


# --- central differences -----------------------------------------------------------------------


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS.keys() - {"relu"}))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_pass_the_check(activation, dtype):
    X, y = digits(dtype)
    model = classifier(activation=activation, alpha=0.3).fit(X, y)
    check = check_gradients(model, X, y)
    assert check.parameters.shape == check.backpropagated.shape == check.differences.shape == (200,)
    assert check.largest_error < 1e-4
    np.testing.assert_allclose(check.backpropagated, check.differences, rtol=1e-4, atol=1e-9)


def test_every_parameter_of_a_small_network_is_checked():
    X, y = load_iris(return_X_y=True)
    model = classifier((3,)).fit(X, y)
    check = check_gradients(model, X, y, n_checked=1000)
    np.testing.assert_array_equal(check.parameters, np.arange(4 * 3 + 3 * 3 + 3 + 3))


def test_a_wrong_gradient_is_found(monkeypatch):
    X, y = digits()
    model = classifier().fit(X, y)
    add_up = _compiled.CompiledSteps.add_up

    def wrong(self, *arguments):
        loss = add_up(self, *arguments)
        self.gradient *= 1.01
        return loss

    monkeypatch.setattr(_compiled.CompiledSteps, "add_up", wrong)
    assert check_gradients(model, X, y).largest_error == pytest.approx(0.01, rel=0.1)


# --- pictures ------------------------------------------------------------------------------------


def test_gradient_flow_display(pyplot):
    X, y = digits()
    model = classifier(record_gradients=True).fit(X, y)
    display = GradientFlowDisplay.from_estimator(model, X, y, name="tanh", color="red")
    np.testing.assert_array_equal(
        display.line_.get_ydata(), gradient_flow(model, X, y).gradient_norms
    )
    assert display.line_.get_color() == "red"
    assert len(display.epoch_lines_) == 3
    np.testing.assert_array_equal(display.epoch_lines_[1].get_ydata(), model.gradient_norms_[1])
    assert display.ax_.get_yscale() == "log"
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["tanh"]
    _, ax = pyplot.subplots()
    assert display.plot(ax=ax).ax_ is ax
    assert display.figure_ is ax.figure
    unrecorded = GradientFlowDisplay.from_estimator(classifier().fit(X, y), X, y)
    assert unrecorded.epoch_lines_ == []


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_loss_curve_display(pyplot, solver):
    X, y = digits()
    model = classifier(solver=solver).fit(X[:200], y[:200], validation_data=(X[200:], y[200:]))
    display = LossCurveDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.line_.get_ydata(), model.loss_curve_)
    np.testing.assert_array_equal(
        display.validation_line_.get_ydata(), model.validation_loss_curve_
    )
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    best = np.argmin(model.validation_loss_curve_)
    assert legend == [
        "MLPClassifier, training",
        "MLPClassifier, validation",
        f"MLPClassifier, least in validation: epoch {best + 1}",
    ]
    assert display.best_point_.get_xdata() == [best + 1]
    assert display.validation_line_.zorder < display.line_.zorder
    alone = LossCurveDisplay.from_estimator(classifier().fit(X, y), ax=display.ax_, name="other")
    assert alone.validation_line_ is None
    assert alone.ax_ is display.ax_
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(classifier())
    with pytest.raises(TypeError, match=r"must be a fastml\.MLPClassifier or .* got sklearn"):
        LossCurveDisplay.from_estimator(sklearn.neural_network.MLPClassifier())


def test_displays_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="Displays need matplotlib"):
        LossCurveDisplay([1.0]).plot()


def test_scikit_learns_decision_boundary(pyplot):
    X, y = load_iris(return_X_y=True)
    model = classifier((5,)).fit(X[:, :2], y)
    assert DecisionBoundaryDisplay.from_estimator(model, X[:, :2], response_method="predict").ax_


def test_gradients_of_similar_size_do_not_look_like_vanishing(pyplot):
    X, y = digits()
    model = classifier((12, 12), max_iter=5, record_gradients=True).fit(X, y)
    ax = GradientFlowDisplay.from_estimator(model, X, y).ax_
    low, high = ax.get_ylim()
    assert high / low >= 99
    assert "thin: each epoch" in ax.get_title()


def test_loss_axes_say_plain_numbers(pyplot):
    for curve, between in (([0.9, 0.5, 0.3], True), ([1000.0, 0.01], False)):
        ax = LossCurveDisplay(curve).plot().ax_
        ax.figure.canvas.draw()
        said = [label.get_text() for label in ax.yaxis.get_majorticklabels()]
        assert ("0.5" in said) is between
        assert "0.1" in said or between
        assert ax.yaxis.get_minor_formatter()(0.5) == ""


def test_the_classic_case(pyplot, monkeypatch):
    monkeypatch.setattr(pyplot, "show", lambda: None)
    path = Path(__file__).parents[2] / "examples" / "plot_vanishing_gradient.py"
    example = runpy.run_path(str(path))
    assert len(example["figure"].axes) == 2
    scores = example["scores"]
    assert scores["logistic"] < 0.2
    assert scores["tanh"] > 0.9
