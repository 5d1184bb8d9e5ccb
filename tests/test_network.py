"""An epoch of the compiled network against the reference, at several depths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import assert_close

import fastml
from fastml import reference
from fastml._network import Network, Trainer
from fastml.kernels import optimizer

DTYPES = ["float32", "float64"]
DEPTHS = [(5, 1), (5, 7, 1), (13, 20, 9, 1), (3, 4, 5, 4, 3, 1), (30, 33, 17, 24, 2)]


class Problem:
    """A logistic network with data, in float64 for the reference and in ``dtype`` for fastml."""

    def __init__(self, widths, n_samples, dtype, seed=0):
        random = np.random.default_rng(seed)
        self.X = random.normal(size=(n_samples, widths[0])).astype(dtype)
        self.Y = random.integers(0, 2, size=(n_samples, widths[-1])).astype(dtype)
        self.order = random.permutation(n_samples)
        self.network = Network(widths, ["logistic"] * (len(widths) - 2), np.dtype(dtype))
        self.parameters = np.empty(self.network.n_parameters, dtype)
        for array in self.arrays():
            array[...] = random.normal(size=array.shape) / np.sqrt(max(array.shape[0], 4) / 4)

    def arrays(self):
        coefs, intercepts = self.network.views(self.parameters)
        return [*coefs, *intercepts]

    def train(self, batch_size, learning_rate, alpha, epochs=1):
        settings = np.array([learning_rate, alpha, 0.0, 0.0, 0.0])
        trainer = Trainer(self.network, self.parameters, optimizer.DESCENT, batch_size)
        return [trainer.epoch(self.X, self.Y, self.order, settings) for _ in range(epochs)]

    def train_reference(self, batch_size, learning_rate, alpha, epochs=1):
        """Return the losses and the parameters the reference arrives at, in float64."""
        arrays = [array.astype(np.float64) for array in self.arrays()]
        depth = len(arrays) // 2
        X, Y = self.X.astype(np.float64), self.Y.astype(np.float64)
        losses = [
            reference.train_epoch(
                X, Y, arrays[:depth], arrays[depth:], self.order, batch_size, learning_rate, alpha
            )
            for _ in range(epochs)
        ]
        return losses, arrays


def assert_training(problem, dtype, *arguments):
    losses, expected = problem.train_reference(*arguments)
    assert_close("training", problem.train(*arguments), losses, dtype)
    for array, exact in zip(problem.arrays(), expected, strict=True):
        assert np.isfinite(array).all()
        assert_close("training", array, exact, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("widths", DEPTHS)
@pytest.mark.parametrize("batch_size", [1, 16, 33, 100, 150])
def test_epochs_against_the_reference(dtype, widths, batch_size):
    """100 samples: batches of one, whole panels, a ragged last batch, all at once, too many."""
    assert_training(Problem(widths, 100, dtype), dtype, batch_size, 0.3, 0.01, 2)


@given(
    seed=st.integers(0, 2**32 - 1),
    widths=st.lists(st.integers(1, 35), min_size=1, max_size=5),
    n_out=st.integers(1, 3),
    n_samples=st.integers(1, 90),
    batch_size=st.integers(1, 90),
    dtype=st.sampled_from(DTYPES),
    alpha=st.sampled_from([0.0, 1e-4, 1.0]),
)
def test_epoch_of_any_network(seed, widths, n_out, n_samples, batch_size, dtype, alpha):
    problem = Problem((*widths, n_out), n_samples, dtype, seed)
    assert_training(problem, dtype, batch_size, 0.1, alpha)


@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_against_the_reference(dtype):
    for widths, n_samples in itertools.product(DEPTHS, [1, 31, 64, 1000]):
        problem = Problem(widths, n_samples, dtype)
        exact = [array.astype(np.float64) for array in problem.arrays()]
        depth = len(exact) // 2
        X = problem.X.astype(np.float64)
        *_, a = reference.forward(X, exact[: depth - 1], exact[depth:-1])
        z = reference.dense_forward(a, exact[depth - 1], exact[-1], activation="identity")
        actual = problem.network.outputs(problem.X, problem.parameters)
        assert_close("sum of products", actual, z, dtype)


@pytest.mark.parametrize("widths", [(4, 1), (4, 6, 1), (3, 4, 5, 2), (2, 3, 3, 3, 3, 1)])
@pytest.mark.parametrize("alpha", [0.0, 0.8])
def test_gradients_against_central_differences(widths, alpha):
    """A step of rate 1 over the whole batch shows the gradient; one of rate 0, the loss."""
    problem = Problem(widths, 37, "float64")
    start = problem.parameters.copy()

    def loss(parameters):
        problem.parameters[...] = parameters
        (value,) = problem.train(37, 0.0, alpha)
        np.testing.assert_array_equal(problem.parameters, parameters)
        return value

    problem.train(37, 1.0, alpha)
    gradient = start - problem.parameters
    step = 1e-5
    for i in range(start.size):
        unit = np.zeros_like(start)
        unit[i] = step
        slope = (loss(start + unit) - loss(start - unit)) / (2 * step)
        assert_close("central difference", gradient[i], slope, "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("widths", "batch_size"), [((40, 50, 30, 1), 200), ((9, 1), 7)])
def test_same_bits_for_any_number_of_threads(dtype, widths, batch_size, shared_work):
    results = []
    for n in (1, 2, 3, 7, 64):
        problem = Problem(widths, 701, dtype)
        with fastml.num_threads(n):
            losses = problem.train(batch_size, 0.5, 0.1, epochs=2)
            outputs = problem.network.outputs(problem.X, problem.parameters)
        results.append((losses, problem.parameters, outputs))
    for losses, parameters, outputs in results[1:]:
        assert losses == results[0][0]
        np.testing.assert_array_equal(parameters, results[0][1])
        np.testing.assert_array_equal(outputs, results[0][2])


@pytest.mark.parametrize("dtype", DTYPES)
def test_saturated_outputs_keep_a_finite_loss(dtype):
    problem = Problem((2, 1), 40, dtype)
    problem.parameters *= 1e4
    losses, _ = problem.train_reference(40, 0.0, 0.0)
    assert losses[0] > 100
    assert_close("training", problem.train(40, 0.0, 0.0), losses, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_not_in_order_are_not_touched(dtype):
    """An epoch over some rows reads those only: the others may hold anything."""
    problem, alone = Problem((6, 5, 1), 60, dtype), Problem((6, 5, 1), 60, dtype)
    problem.order = alone.order = problem.order[:25]
    unused = np.setdiff1d(np.arange(60), problem.order)
    problem.X[unused] = np.nan
    problem.Y[unused] = np.nan
    assert problem.train(10, 0.5, 0.1) == alone.train(10, 0.5, 0.1)
    np.testing.assert_array_equal(problem.parameters, alone.parameters)
