"""Losses and gradients of every output and activation, against the reference and differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import assert_close

import fastml
from fastml import reference
from fastml.kernels.neural_network.bundles import Samples
from fastml.neural_network._architecture import ACTIVATIONS, Architecture
from fastml.neural_network._compiled import CompiledSteps
from fastml.neural_network._network import Network

DTYPES = ["float32", "float64"]
OUTPUTS = ["logistic", "softmax", "identity", "exp"]
SMOOTH = sorted(ACTIVATIONS.keys() - {"relu"})  # whose difference quotients have a limit
DEPTHS = [(), (7,), (9, 5, 6), (4, 4, 4, 4, 4, 4)]


class Problem:
    """A network of given layers with known weights, its data and targets of the right kind."""

    def __init__(self, hidden, activations, output, n_samples, dtype, n_outputs=3, seed=0):
        random = np.random.default_rng(seed)
        widths = [5, *hidden, n_outputs]
        self.layers = Architecture(widths, activations, np.dtype(dtype), output)
        self.parameters = random.normal(size=self.layers.n_parameters).astype(dtype) * 0.6
        X = random.normal(size=(n_samples, 5)).astype(dtype)
        self.weights = random.uniform(0, 2, n_samples).astype(dtype)
        if output == "identity":
            Y = random.normal(size=(n_samples, n_outputs))
        elif output == "exp":
            Y = random.poisson(2, size=(n_samples, n_outputs))
        elif output == "logistic":
            Y = random.integers(0, 2, size=(n_samples, n_outputs))
        else:
            Y = random.integers(0, n_outputs, size=(n_samples, 1))
        self.Y = Y.astype(dtype)
        self.X = X

    def samples(self, *, weighted=False):
        return Samples.checked(self.X, self.Y, self.weights if weighted else None)

    def predicted(self):
        return Network(self.layers, self.parameters).outputs(self.X, activated=True)

    def targets(self):
        """Return the targets as the reference takes them, in float64."""
        if self.layers.output == "softmax":
            return np.eye(self.layers.widths[-1])[self.Y[:, 0].astype(int)]
        return self.Y.astype(np.float64)

    def reference(self, rows=slice(None)):
        """Return the reference's mean loss and the gradient as one vector."""
        coefs, intercepts = self.layers.views(self.parameters.astype(np.float64))
        loss, dWs, dbs = reference.loss_and_gradients(
            self.X[rows].astype(np.float64), self.targets()[rows], coefs, intercepts,
            activations=self.layers.activations, output=self.layers.output,
        )  # fmt: skip
        if self.layers.output == "exp":  # the kernels leave out what depends on y alone
            y = self.targets()[rows]
            loss -= (y * np.log(np.where(y > 0, y, 1)) - y).sum() / len(y)
        return loss, np.concatenate([array.ravel() for array in (*dWs, *dbs)])

    def kernel(self, batch_size, *, weighted=False):
        """Return the kernels' summed loss and gradient."""
        steps = CompiledSteps(self.layers, batch_size)
        rows = np.arange(len(self.X))
        loss = steps.add_up(self.samples(weighted=weighted), rows, self.parameters)
        return loss, steps.gradient


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_loss_and_gradient_against_the_reference(dtype, hidden, activation, output):
    problem = Problem(hidden, [activation] * len(hidden), output, 70, dtype)
    expected_loss, expected = problem.reference()
    for batch_size in (70, 16, 33):
        loss, gradient = problem.kernel(batch_size)
        assert_close("training", loss / 70, expected_loss, dtype)
        assert gradient.dtype == dtype
        assert_close("training", gradient / 70, expected, dtype)


@given(
    seed=st.integers(0, 2**32 - 1),
    layers=st.lists(
        st.tuples(st.integers(1, 20), st.sampled_from(list(ACTIVATIONS))), min_size=0, max_size=4
    ),
    output=st.sampled_from(OUTPUTS),
    n_outputs=st.integers(2, 19),
    n_samples=st.integers(1, 60),
    batch_size=st.integers(1, 60),
    dtype=st.sampled_from(DTYPES),
)
def test_gradient_of_any_network(seed, layers, output, n_outputs, n_samples, batch_size, dtype):
    hidden, activations = [width for width, _ in layers], [name for _, name in layers]
    problem = Problem(hidden, activations, output, n_samples, dtype, n_outputs, seed)
    # Lest deep identities and exponentials outgrow what a tolerance can say.
    problem.parameters *= np.asarray(0.3, dtype)
    expected_loss, expected = problem.reference()
    loss, gradient = problem.kernel(batch_size)
    assert_close("training", loss / n_samples, expected_loss, dtype)
    assert_close("training", gradient / n_samples, expected, dtype)


@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_against_central_differences(hidden, activation, output, weighted):
    problem = Problem(hidden, [activation] * len(hidden), output, 23, "float64")
    _, gradient = problem.kernel(23, weighted=weighted)
    gradient = gradient / 23
    step = 1e-5
    for i in range(problem.parameters.size):
        before = problem.parameters[i]
        problem.parameters[i] = before + step
        rise, _ = problem.kernel(23, weighted=weighted)
        problem.parameters[i] = before - step
        fall, _ = problem.kernel(23, weighted=weighted)
        problem.parameters[i] = before
        assert_close("central difference", gradient[i], (rise - fall) / (46 * step), "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_weight_counts_a_sample_that_often(dtype, output):
    problem = Problem((6,), ["tanh"], output, 30, dtype)
    problem.weights[...] = np.arange(30) % 3
    loss, gradient = problem.kernel(30, weighted=True)
    repeated = np.repeat(np.arange(30), np.arange(30) % 3)
    expected_loss, expected = problem.reference(repeated)
    assert_close("training", loss / len(repeated), expected_loss, dtype)
    assert_close("training", gradient / len(repeated), expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("output", ["logistic", "softmax"])
def test_saturated_outputs_lose_no_loss(dtype, output):
    """Scores of ±1e4 and more: the loss is their distance, the gradient neither 0 nor NaN."""
    problem = Problem((), [], output, 40, dtype)
    problem.parameters *= np.asarray(1e4, dtype)
    loss, gradient = problem.kernel(40)
    expected_loss, expected = problem.reference()
    assert loss / 40 > 1e3
    assert_close("training", loss / 40, expected_loss, dtype)
    assert_close("training", gradient / 40, expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("output", OUTPUTS)
def test_same_bits_for_any_number_of_threads(dtype, output, shared_work):
    problem = Problem((30, 20), ["tanh", "relu"], output, 400, dtype)
    results = []
    for n in (1, 2, 5):
        with fastml.num_threads(n):
            loss, gradient = problem.kernel(100)
            predicted = problem.predicted()
        results.append((loss, gradient.copy(), predicted))
    for loss, gradient, predicted in results[1:]:
        assert loss == results[0][0]
        np.testing.assert_array_equal(gradient, results[0][1])
        np.testing.assert_array_equal(predicted, results[0][2])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("n_outputs", [2, 3, 17])
def test_output_activations_against_the_reference(dtype, output, n_outputs):
    problem = Problem((6,), ["tanh"], output, 50, dtype, n_outputs)
    coefs, intercepts = problem.layers.views(problem.parameters.astype(np.float64))
    *_, expected = reference.forward(
        problem.X.astype(np.float64), coefs, intercepts, activations=["tanh"], output=output
    )
    actual = problem.predicted()
    assert actual.dtype == dtype
    assert_close("sum of products", actual, expected, dtype)
