"""Training in compiled code against the reference, at several depths."""

from __future__ import annotations

import numpy as np
import pytest
from element_types import DTYPES
from hypothesis import given
from hypothesis import strategies as st
from tolerances import assert_close

import fastml
from fastml import reference

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning"
)

DEPTHS = [(5,), (5, 7), (13, 20, 9), (3, 4, 5, 4, 3), (30, 33, 17, 24)]
NO_STEP = 1e-300  # a learning rate that changes no parameter


class Problem:
    """A logistic network with known weights and data, trained by plain gradient descent."""

    def __init__(self, widths, n_samples, dtype, seed=0):
        random = np.random.default_rng(seed)
        self.X = random.normal(size=(n_samples, widths[0])).astype(dtype)
        self.y = random.permutation(np.arange(n_samples) % 2)
        shapes = list(zip(widths, (*widths[1:], 1), strict=True))
        scale = [np.sqrt(max(n_in, 4) / 4) for n_in, _ in shapes]
        self.coefs = [random.normal(size=shape) / s for shape, s in zip(shapes, scale, strict=True)]
        self.intercepts = [random.normal(size=n_out) for _, n_out in shapes]
        self.coefs = [W.astype(dtype) for W in self.coefs]
        self.intercepts = [b.astype(dtype) for b in self.intercepts]

    def model(self, batch_size, learning_rate, alpha, epochs=1):
        """Return an estimator that holds the weights and goes on from them."""
        model = fastml.MLPClassifier(
            [len(b) for b in self.intercepts[:-1]],
            activation="logistic",
            solver="sgd",
            momentum=0.0,
            alpha=alpha,
            batch_size=min(batch_size, len(self.X)),
            learning_rate_init=learning_rate,
            max_iter=1,
            shuffle=False,
            tol=0.0,
            n_iter_no_change=1000,
            warm_start=True,
        )
        model.fit(self.X, self.y)
        model.coefs_ = [W.copy() for W in self.coefs]
        model.intercepts_ = [b.copy() for b in self.intercepts]
        return model.set_params(max_iter=epochs)

    def train(self, *arguments):
        model = self.model(*arguments).fit(self.X, self.y)
        return model.loss_curve_[-model.max_iter :], [*model.coefs_, *model.intercepts_]

    def train_reference(self, batch_size, learning_rate, alpha, epochs=1):
        """Return the losses and the parameters the reference arrives at, in float64."""
        coefs, intercepts = (
            [array.astype(np.float64) for array in arrays]
            for arrays in (self.coefs, self.intercepts)
        )
        order = np.arange(len(self.X))
        losses = [
            reference.train_epoch(
                self.X.astype(np.float64), self.y.astype(np.float64), coefs, intercepts,
                order, batch_size, learning_rate, alpha,
            )
            for _ in range(epochs)
        ]  # fmt: skip
        return losses, [*coefs, *intercepts]


def assert_training(problem, dtype, *arguments):
    losses, expected = problem.train_reference(*arguments)
    actual_losses, actual = problem.train(*arguments)
    assert_close("training", actual_losses, losses, dtype)
    for array, exact in zip(actual, expected, strict=True):
        assert array.dtype == dtype
        assert np.isfinite(array).all()
        assert_close("training", array, exact, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("widths", DEPTHS)
@pytest.mark.parametrize("batch_size", [1, 16, 33, 100])
def test_epochs_against_the_reference(dtype, widths, batch_size):
    """100 samples: batches of one, of whole panels, with a ragged last one, all at once."""
    assert_training(Problem(widths, 100, dtype), dtype, batch_size, 0.3, 0.01, 2)


@pytest.mark.checked
@given(
    seed=st.integers(0, 2**32 - 1),
    widths=st.lists(st.integers(1, 35), min_size=1, max_size=5),
    n_samples=st.integers(2, 90),
    batch_size=st.integers(1, 90),
    dtype=st.sampled_from(DTYPES),
    alpha=st.sampled_from([0.0, 1e-4, 1.0]),
)
def test_epoch_of_any_network(seed, widths, n_samples, batch_size, dtype, alpha):
    problem = Problem(tuple(widths), n_samples, dtype, seed)
    assert_training(problem, dtype, batch_size, 0.1, alpha)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("widths", DEPTHS)
def test_probabilities_against_the_reference(dtype, widths):
    problem = Problem(widths, 1000, dtype)
    model = problem.model(100, 0.1, 0.0)
    exact = [[a.astype(np.float64) for a in b] for b in (problem.coefs, problem.intercepts)]
    for n_samples in (1, 31, 64, 1000):
        X = problem.X[:n_samples]
        *_, probability = reference.forward(X.astype(np.float64), *exact)
        actual = model.predict_proba(X)
        assert actual.dtype == dtype
        assert_close("sum of products", actual[:, 1:], probability, dtype)
        assert_close("sum of products", actual[:, :1], 1 - probability, dtype)
        np.testing.assert_array_equal(model.predict(X), probability[:, 0] > 0.5)


@pytest.mark.parametrize("widths", [(4,), (4, 6), (3, 4, 5), (2, 3, 3, 3, 3)])
@pytest.mark.parametrize("alpha", [0.0, 0.8])
def test_gradients_against_central_differences(widths, alpha):
    """A step of rate 1 over the whole batch shows the gradient; one of no length, the loss."""
    problem = Problem(widths, 37, "float64")
    arrays = [*problem.coefs, *problem.intercepts]
    _, after = problem.train(37, 1.0, alpha)
    step = 1e-5
    model = problem.model(37, NO_STEP, alpha)

    def loss():
        model.coefs_ = [W.copy() for W in problem.coefs]
        model.intercepts_ = [b.copy() for b in problem.intercepts]
        model.fit(problem.X, problem.y)
        for array, unchanged in zip([*model.coefs_, *model.intercepts_], arrays, strict=True):
            np.testing.assert_array_equal(array, unchanged)
        return model.loss_curve_[-1]

    for parameter, stepped in zip(arrays, after, strict=True):
        for index in np.ndindex(parameter.shape):
            before = parameter[index]
            parameter[index] = before + step
            rise = loss()
            parameter[index] = before - step
            fall = loss()
            parameter[index] = before
            slope = (rise - fall) / (2 * step)
            assert_close("central difference", before - stepped[index], slope, "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("widths", "batch_size"), [((40, 50, 30), 200), ((9,), 7)])
def test_same_bits_for_any_number_of_threads(dtype, widths, batch_size, shared_work):
    problem = Problem(widths, 701, dtype)
    results = []
    for n in (1, 2, 3, 7, 64):
        with fastml.num_threads(n):
            model = problem.model(batch_size, 0.5, 0.1, 2).fit(problem.X, problem.y)
            probabilities = model.predict_proba(problem.X)
        results.append((model.loss_curve_[-2:], model.coefs_, model.intercepts_, probabilities))
    for other in results[1:]:
        assert other[0] == results[0][0]
        for arrays, first in zip(other[1:], results[0][1:], strict=True):
            for array, expected in zip(arrays, first, strict=True):
                np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_saturated_outputs_keep_a_finite_loss(dtype):
    problem = Problem((2,), 40, dtype)
    problem.coefs[0] *= dtype_of(1e4, dtype)
    losses, _ = problem.train_reference(40, NO_STEP, 0.0)
    assert losses[0] > 100
    assert_close("training", problem.train(40, NO_STEP, 0.0)[0], losses, dtype)


def dtype_of(number, dtype):
    return np.dtype(dtype).type(number)


def test_a_layer_carries_back_into_its_own_arguments():
    random = np.random.default_rng(9)
    X, W, delta = (random.normal(size=(150, 150)) for _ in range(3))
    expected = fastml.dense_backward(X, W, delta, activation="logistic")
    for k in range(3):
        arguments = [X.copy(), W.copy(), delta.copy()]
        found = fastml.dense_backward(*arguments, activation="logistic", out=arguments[k])
        assert found[0] is arguments[k]
        for part, expected_part in zip(found, expected, strict=True):
            np.testing.assert_array_equal(part, expected_part)
