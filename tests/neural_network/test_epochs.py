"""Several epochs in one call are the same bits as one by one, wherever training stops."""

from __future__ import annotations

import numpy as np
import pytest
from element_types import DTYPES
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml.neural_network import _epochs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def data(dtype="float64"):
    random = np.random.default_rng(0)
    X = random.normal(size=(150, 6)).astype(dtype)
    return X, X[:, 0] * X[:, 1] > 0


def both_ways(monkeypatch, fit):
    """Return what ``fit`` returns running ahead, then running one by one; and the longest call."""
    longest = 0
    run = _epochs.RunAhead.run

    def counted(self, n_epochs):
        nonlocal longest
        longest = max(longest, n_epochs)
        return run(self, n_epochs)

    monkeypatch.setattr(_epochs.RunAhead, "run", counted)
    ahead = fit()
    with monkeypatch.context() as patch:
        patch.setattr(_epochs, "_MOST_EPOCHS", 1)
        one_by_one = fit()
    return ahead, one_by_one, longest


def assert_same(model, other):
    assert model.n_iter_ == other.n_iter_
    assert model.loss_curve_ == other.loss_curve_
    assert (model.loss_, model.best_loss_, model.t_) == (other.loss_, other.best_loss_, other.t_)
    for actual, expected in zip(
        [*model.coefs_, *model.intercepts_], [*other.coefs_, *other.intercepts_], strict=True
    ):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_fit_that_converges(dtype, solver, shuffle, monkeypatch):
    X, y = data(dtype)

    def fit():
        return fastml.MLPClassifier(
            (8,), solver=solver, shuffle=shuffle, learning_rate_init=0.05, batch_size=40,
            tol=1e-2, max_iter=500, random_state=3,
        ).fit(X, y)  # fmt: skip

    model, other, longest = both_ways(monkeypatch, fit)
    assert 20 < model.n_iter_ < 500
    assert longest > 8
    assert_same(model, other)


def test_what_comes_after_a_fit(monkeypatch):
    X, y = data()

    def fit():
        random_state = np.random.RandomState(1)
        model = fastml.MLPClassifier((5,), tol=1e-2, random_state=random_state).fit(X, y)
        for _ in range(3):
            model.partial_fit(X, y)
        return model, random_state.uniform()

    (model, drawn), (other, other_drawn), longest = both_ways(monkeypatch, fit)
    assert longest > 1
    assert drawn == other_drawn
    assert_same(model, other)


def test_a_fit_that_diverges(monkeypatch):
    X, y = data()

    def fit():
        model = fastml.MLPRegressor(
            hidden_layer_sizes=(8,), activation="identity", solver="sgd", momentum=0.0,
            learning_rate_init=0.6, random_state=0, max_iter=300,
        )  # fmt: skip
        with pytest.warns(ConvergenceWarning, match="Training diverged in epoch") as warned:
            model.fit(X * 3, y)
        return model, str(warned[0].message)

    (model, said), (other, other_said), longest = both_ways(monkeypatch, fit)
    assert longest > 1
    assert said == other_said
    assert model.n_iter_ > 1
    assert_same(model, other)
    assert np.isfinite(model.coefs_[0]).all()


def test_max_iter_is_not_passed(monkeypatch):
    X, y = data()

    def fit():
        return fastml.MLPClassifier((4,), max_iter=11, random_state=0).fit(X, y)

    model, other, longest = both_ways(monkeypatch, fit)
    assert model.n_iter_ == 11
    assert longest == 4
    assert_same(model, other)
