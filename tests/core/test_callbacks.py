"""Callbacks end with every fit that began with them, also with one that raises."""

from __future__ import annotations

import numpy as np
import pytest

import fastml

SHORT = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
ESTIMATORS = {
    "KMeans": lambda: fastml.KMeans(3, random_state=0),
    "MiniBatchKMeans": lambda: fastml.MiniBatchKMeans(3, random_state=0),
    "sgd": lambda: fastml.MLPClassifier(
        hidden_layer_sizes=(4,), solver="sgd", max_iter=3, random_state=0
    ),
    "lbfgs": lambda: fastml.MLPRegressor(
        hidden_layer_sizes=(4,), solver="lbfgs", max_iter=3, random_state=0
    ),
    "LogisticRegression": lambda: fastml.LogisticRegression(),
}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Failed(Exception):  # noqa: N818
    """What a callback raises."""


class Recorder:
    """Writes down what it is told, and raises when it is told to."""

    def __init__(self, fails_in=""):
        self.fails_in = fails_in
        self.told = []

    def hear(self, what):
        self.told.append(what)
        if what == self.fails_in:
            raise Failed

    def setup(self, estimator, context):
        self.hear("setup")

    def teardown(self, estimator, context):
        self.hear("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.hear("begin" if context.parent is None else "epoch begins")

    def on_fit_task_end(self, estimator, context):
        self.hear("end" if context.parent is None else "epoch ends")


def samples():
    random = np.random.default_rng(0)
    return random.normal(size=(60, 3)), random.integers(0, 2, 60)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(
    "fails_in", ["setup", "begin", "epoch begins", "epoch ends", "end", "teardown"]
)
@pytest.mark.parametrize("fitted", [False, True])
def test_teardown_follows_every_setup(name, fails_in, fitted):
    X, y = samples()
    model = ESTIMATORS[name]()
    if fitted:
        model.fit(X[:, :2], y)
    if not hasattr(model, "set_callbacks"):
        pytest.skip("scikit-learn's own estimators have callbacks from 1.9 on")
    first, second = Recorder(), Recorder(fails_in)
    model.set_callbacks(first, second)
    before = dict(vars(model))
    with pytest.raises(Failed):
        model.fit(X, y)
    assert [told.count("teardown") for told in (first.told, second.told)] == [1, 1]
    assert first.told[-1] == second.told[-1] == "teardown"
    names = set(vars(model))
    assert not names & {"_callback_fit_ctx", "_skl_callbacks_to_teardown"}
    if fails_in != "teardown":  # which is after the fit
        assert names == set(before)
        assert all(value is before[key] for key, value in vars(model).items())
    # And the next fit knows nothing of this one.
    third = Recorder()
    model.set_callbacks(third).fit(X, y)
    assert (third.told[0], third.told[-1]) == ("setup", "teardown")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_callbacks_of_a_refused_input_never_begin(name):
    model, recorder = ESTIMATORS[name](), Recorder()
    if not hasattr(model, "set_callbacks"):
        pytest.skip("scikit-learn's own estimators have callbacks from 1.9 on")
    model.set_callbacks(recorder)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((9, 2), np.nan), np.arange(9) % 2)
    assert recorder.told.count("setup") == recorder.told.count("teardown")
