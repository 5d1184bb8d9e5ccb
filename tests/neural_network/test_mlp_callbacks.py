"""Callbacks of the perceptrons, and what ``verbose`` prints."""

from __future__ import annotations

import numpy as np
import pytest
from perceptrons import SOLVERS, classifier, digits, numbers, regressor

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning",
    "ignore:lbfgs failed to converge:sklearn.exceptions.ConvergenceWarning",
)


def theirs():
    """Return scikit-learn's callbacks, which it has from 1.9 on."""
    return pytest.importorskip("sklearn.callback")


class Recorder:
    """A callback that writes down what it is told, and asks to stop when it is told to."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.events = []
        self.scores = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.events.append(("end", context.task_name))
        if context.task_name == "epoch":
            self.metadata = metadata
            self.scores.append(fitted_estimator.score(X, y))
            return self.stop_after == len(self.scores)
        return False


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("make", [classifier, regressor])
def test_callbacks_see_every_epoch(solver, make):
    X, y = digits() if make is classifier else numbers()
    plain = make(solver=solver, max_iter=4).fit(X, y)
    recorder = Recorder()
    model = make(solver=solver, max_iter=4).set_callbacks(recorder).fit(X, y)
    epochs = [("begin", "epoch"), ("end", "epoch")] * 4
    expected = ["setup", ("begin", "fit"), *epochs, ("end", "fit"), "teardown"]
    assert recorder.events == expected
    assert model.loss_curve_ == plain.loss_curve_
    assert recorder.scores[-1] == model.score(X, y)
    assert recorder.scores[0] == make(solver=solver, max_iter=1).fit(X, y).score(X, y)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_callback_stops_training(solver):
    X, y = digits()
    recorder = Recorder(stop_after=2)
    model = classifier(solver=solver, max_iter=50).set_callbacks(recorder)
    model.fit(X, y, sample_weight=np.ones(len(X)))
    assert model.n_iter_ == 2
    assert recorder.metadata.keys() == {"sample_weight"}


def test_scoring_monitor():
    X, y = digits()
    monitor = theirs().ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    model = classifier(max_iter=3).set_callbacks(monitor).fit(X, y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 3
    assert rows[-1]["accuracy"] == model.score(X, y)


def test_progress_bar(capsys):
    pytest.importorskip("rich")
    regressor(max_iter=3).set_callbacks(theirs().ProgressBar()).fit(*numbers())
    assert "MLPRegressor" in capsys.readouterr().out


def test_verbose_tells_of_epochs(capsys):
    X, y = digits()
    classifier(
        verbose=True, early_stopping=True, learning_rate="adaptive", solver="sgd", tol=1.0,
        n_iter_no_change=1, max_iter=100, learning_rate_init=1e-5,
    ).fit(X, y)  # fmt: skip
    out = capsys.readouterr().out
    assert "Iteration 1, loss = " in out
    assert "Validation score: " in out
    assert "Setting learning rate to 0.000002" in out
    assert out.rstrip().endswith("Stopping.")
