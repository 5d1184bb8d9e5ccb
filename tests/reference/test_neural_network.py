"""The reference of perceptrons by hand, and its gradients against central differences."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from tolerances import assert_close

from fastml import reference
from fastml.neural_network._architecture import ACTIVATIONS


def test_sigmoid_values():
    # exp(-log 3) = 1/3, so σ(log 3) = 3/4.
    z = np.array([0.0, math.log(3.0), -math.log(3.0)])
    np.testing.assert_allclose(reference.sigmoid(z), [0.5, 0.75, 0.25], rtol=1e-15)


def test_sigmoid_is_stable_and_keeps_small_values():
    z = np.array([-np.inf, -745.0, -50.0, 710.0, np.inf])
    with np.errstate(over="raise", invalid="raise"):
        actual = reference.sigmoid(z)
    expected = [0.0, math.exp(-745.0), math.exp(-50.0), 1.0, 1.0]
    np.testing.assert_allclose(actual, expected, rtol=1e-15)
    assert np.isnan(reference.sigmoid(np.nan))


def test_sigmoid_derivative_does_not_cancel():
    z = np.array([0.0, math.log(3.0), 40.0, -40.0])
    expected = [0.25, 0.1875, math.exp(-40.0), math.exp(-40.0)]
    np.testing.assert_allclose(reference.sigmoid_derivative(z), expected, rtol=1e-15)


def test_softplus_values():
    z = np.array([0.0, math.log(3.0), -40.0, 800.0])
    expected = [math.log(2.0), math.log(4.0), math.exp(-40.0), 800.0]
    np.testing.assert_allclose(reference.softplus(z), expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_element_type_is_kept(dtype):
    z = np.array([[-1.0, 0.5]], dtype)
    W = np.ones((2, 3), dtype)
    b = np.zeros(3, dtype)
    for function in (reference.sigmoid, reference.sigmoid_derivative, reference.softplus):
        assert function(z).dtype == dtype
    for activation in ACTIVATIONS:
        a = reference.dense_forward(z, W, b, activation=activation)
        parts = reference.dense_backward(z, W, a, activation=activation)
        assert [part.dtype for part in (a, *parts)] == [dtype] * 4


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_derivative_from_the_value_is_the_slope(activation):
    z = np.linspace(-3, 3, 14)[:, None]  # without 0, where a rectifier has a kink

    def value(z):
        return reference.dense_forward(z, np.ones((1, 1)), np.zeros(1), activation=activation)

    slope = (value(z + 1e-5) - value(z - 1e-5)) / 2e-5
    found = reference.activation_derivative(value(z), activation)
    assert_close("central difference", found, slope, "float64")


def test_dense_layer_by_hand():
    X = np.array([[1.0, 2.0], [0.0, -1.0]])
    W = np.array([[1.0, -1.0], [0.5, 2.0]])
    b = np.array([0.0, -3.0])
    z = reference.dense_forward(X, W, b, activation="identity")
    np.testing.assert_array_equal(z, [[2.0, 0.0], [-0.5, -5.0]])
    relu = reference.dense_forward(X, W, b, activation="relu")
    np.testing.assert_array_equal(relu, [[2.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(reference.dense_forward(X, W, b), reference.sigmoid(z))


def test_dense_backward_by_hand():
    X = np.array([[0.5, 0.0], [1.0, 0.25]])
    W = np.array([[1.0, -1.0], [0.5, 2.0]])
    delta = np.array([[1.0, 2.0], [0.0, 4.0]])
    # delta W^T = [[1 - 2, 0.5 + 4], [-4, 8]]
    expected = {
        "identity": [[-1.0, 4.5], [-4.0, 8.0]],
        "relu": [[-1.0, 0.0], [-4.0, 8.0]],
        "logistic": [[-0.25, 0.0], [0.0, 1.5]],
    }
    for activation, delta_below in expected.items():
        below, dW, db = reference.dense_backward(X, W, delta, activation=activation)
        np.testing.assert_array_equal(below, delta_below)
        np.testing.assert_array_equal(dW, [[0.5, 5.0], [0.0, 1.0]])
        np.testing.assert_array_equal(db, [1.0, 6.0])


def test_cross_entropy_equals_its_definition_and_survives_saturation():
    z = np.array([[-2.0, 0.5], [1.0, 3.0], [0.0, -1.0]])
    y = np.array([[0.0, 1.0], [1.0, 0.0], [0.25, 1.0]])
    p = 1 / (1 + np.exp(-z))
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1).mean()
    assert reference.binary_cross_entropy(z, y) == pytest.approx(expected, rel=1e-14)
    assert reference.binary_cross_entropy(np.array([-800.0]), np.array([1.0])) == 800.0


def test_output_delta_is_the_derivative_of_the_loss():
    z, y, step = np.array([[0.3], [-1.2]]), np.array([[1.0], [0.0]]), 1e-5
    delta = reference.output_delta(reference.sigmoid(z), y)
    for i in range(2):
        unit = np.zeros_like(z)
        unit[i] = step
        rise = reference.binary_cross_entropy(z + unit, y)
        fall = reference.binary_cross_entropy(z - unit, y)
        # The loss is a mean over the two samples.
        assert_close("central difference", delta[i, 0] / 2, (rise - fall) / (2 * step), "float64")


def _network(widths, seed):
    random = np.random.default_rng(seed)
    coefs = [random.normal(size=shape) for shape in itertools.pairwise(widths)]
    intercepts = [random.normal(size=n_out) for n_out in widths[1:]]
    X = random.normal(size=(9, widths[0]))
    y = random.integers(0, 2, size=(9, widths[-1])).astype(float)
    return X, y, coefs, intercepts


@pytest.mark.parametrize("widths", [(3, 1), (4, 3, 1), (3, 5, 4, 2), (2, 3, 3, 3, 3, 1)])
@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_gradients_against_central_differences(widths, alpha):
    X, y, coefs, intercepts = _network(widths, seed=len(widths))
    _, dWs, dbs = reference.loss_and_gradients(X, y, coefs, intercepts, alpha)
    step = 1e-5
    for parameter, gradient in zip([*coefs, *intercepts], [*dWs, *dbs], strict=True):
        assert gradient.shape == parameter.shape
        for index in np.ndindex(parameter.shape):
            before = parameter[index]
            parameter[index] = before + step
            rise, *_ = reference.loss_and_gradients(X, y, coefs, intercepts, alpha)
            parameter[index] = before - step
            fall, *_ = reference.loss_and_gradients(X, y, coefs, intercepts, alpha)
            parameter[index] = before
            slope = (rise - fall) / (2 * step)
            assert_close("central difference", gradient[index], slope, "float64")


def test_small_network_by_hand():
    """One step of the 3-2-1 network that scikit-learn's tests also work through by hand.

    With n = 1 and alpha = 0.1, by hand, to seven digits:
    z1 = (0.6 0.1 + 0.8 0.3 + 0.7 0.5 + 0.1, 0.6 0.2 + 0.8 0.1 + 0.1) = (0.75, 0.3)
    a1 = (0.6791787, 0.5744425), z2 = 0.1 a1[0] + 0.2 a1[1] + 1 = 1.1828064
    ŷ = 0.7654520, δ2 = ŷ - 0 = 0.7654520
    ∂L/∂W2 = a1 δ2 + 0.1 W2 = (0.5298787, 0.4597082)
    δ1 = δ2 W2 ∘ a1 (1 - a1) = (0.0166788, 0.0374242)
    ∂L/∂W1 = x δ1 + 0.1 W1, and W ← W - 0.1 ∂L/∂W.
    """
    X = np.array([[0.6, 0.8, 0.7]])
    y = np.array([0.0])
    coefs = [np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]]), np.array([[0.1], [0.2]])]
    intercepts = [np.array([0.1, 0.1]), np.array([1.0])]

    _, a1, probability = reference.forward(X, coefs, intercepts)
    np.testing.assert_allclose(a1, [[0.6791787, 0.5744425]], rtol=0, atol=1e-7)
    np.testing.assert_allclose(probability, [[0.7654520]], rtol=0, atol=1e-7)

    loss = reference.train_epoch(X, y, coefs, intercepts, np.array([0]), 1, 0.1, alpha=0.1)
    # log(1 + exp(1.1828064)) + 0.1 / 2 (0.01 + 0.04 + 0.09 + 0.01 + 0.25 + 0.01 + 0.04)
    assert loss == pytest.approx(1.4500951 + 0.05 * 0.45, abs=1e-7)
    W1 = [[0.0979993, 0.1957545], [0.2956657, 0.0960061], [0.4938325, -0.0026197]]
    np.testing.assert_allclose(coefs[0], W1, rtol=0, atol=1e-7)
    np.testing.assert_allclose(coefs[1], [[0.0470121], [0.1540292]], rtol=0, atol=1e-7)
    np.testing.assert_allclose(intercepts[0], [0.0983321, 0.0962576], rtol=0, atol=1e-7)
    np.testing.assert_allclose(intercepts[1], [0.9234548], rtol=0, atol=1e-7)


def test_train_epoch_is_the_steps_of_its_batches():
    X, y, coefs, intercepts = _network((4, 3, 1), seed=1)
    order = np.array([3, 1, 4, 0, 8, 5, 2, 7, 6])
    expected = [w.copy() for w in (*coefs, *intercepts)]
    losses = []
    for batch in (order[:4], order[4:8], order[8:]):
        loss, dWs, dbs = reference.loss_and_gradients(
            X[batch], y[batch], expected[:2], expected[2:], 0.3
        )
        losses.append(loss * len(batch))
        for w, gradient in zip(expected, [*dWs, *dbs], strict=True):
            w -= 0.5 * gradient
    actual = reference.train_epoch(X, y, coefs, intercepts, order, 4, 0.5, alpha=0.3)
    assert actual == pytest.approx(sum(losses) / 9, rel=1e-14)
    for w, expected_w in zip((*coefs, *intercepts), expected, strict=True):
        np.testing.assert_array_equal(w, expected_w)
