"""Layers that take rows as they lie: the same bits as panels give, whatever stands beside a row."""

from __future__ import annotations

import numpy as np
import pytest
from element_types import DTYPES

import fastml
from fastml.kernels.neural_network import network
from fastml.neural_network._architecture import Architecture
from fastml.neural_network._network import _SHARE, Network

#: Outputs that fill vectors, leave some over, or are fewer than a vector has lanes.
WIDTHS = [
    (37, 64, 33, 1),
    (300, 17, 40, 16),
    (130, 48, 5, 80, 1),
    (9, 1),
    (6, 100, 3),
    (260, 23),
    (784, 256, 128, 10),
    (74, 15, 1),
    (90, 40, 7, 30, 2),
    (50, 9),
    (60, 3),
    (200, 61, 29, 1),
    (300, 30),
    (150, 14),
]
COUNTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 16, 17, 22, 31, 32, 33, 63]


def applied(widths, dtype):
    """Return a network and what it takes rows of."""
    random = np.random.default_rng(len(widths))
    activations = ["logistic", "relu", "tanh", "identity"][: len(widths) - 2]
    architecture = Architecture(widths, activations, np.dtype(dtype), "identity")
    parameters = random.normal(scale=0.2, size=architecture.n_parameters).astype(dtype)
    return Network(architecture, parameters), random.normal(size=(64, widths[0])).astype(dtype)


def by_definition(net, X):
    """Return z of the output layer, in float64."""
    functions = {
        "logistic": lambda z: 1 / (1 + np.exp(-z)),
        "relu": lambda z: np.maximum(z, 0),
        "tanh": np.tanh,
    }
    a = X.astype(np.float64)
    for i, (W, b) in enumerate(zip(net.coefs, net.intercepts, strict=True)):
        a = a @ W.astype(np.float64) + b
        if i < len(net.architecture.activations):
            a = functions[net.architecture.activations[i]](a)
    return a


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("widths", WIDTHS)
def test_some_rows_have_the_bits_of_all(widths, dtype):
    net, X = applied(widths, dtype)
    # Columns of another order cannot be read as they lie: these are panels from the first layer.
    expected, finite = net.applied(np.asfortranarray(X), network.SCORES)
    assert finite
    unit = np.finfo(dtype).eps
    np.testing.assert_allclose(expected, by_definition(net, X), rtol=0, atol=200 * unit)
    for count in COUNTS:
        for first in {0, 64 - count}:
            found, finite = net.applied(X[first : first + count].copy(), network.SCORES)
            assert finite
            assert np.array_equal(found, expected[first : first + count]), count


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("widths", [(563, 177, 48, 1), (9, 1), (260, 23), (784, 256, 128, 10)])
def test_a_few_rows_are_shared_among_members(widths, dtype, shared_work):
    net, X = applied(widths, dtype)
    X = np.concatenate([X, X[::-1]])
    with fastml.num_threads(1):
        expected, _ = net.applied(X, network.SCORES)
    for members in (2, 3, 7, 64):
        with fastml.num_threads(members):
            for count in (*COUNTS, 102, 128):
                rows = X[:count].copy()
                found, finite = net.applied(rows, network.SCORES)
                assert finite
                assert np.array_equal(found, expected[:count]), (members, count)
                rows[count - 1, -1] = np.nan
                assert not net.applied(rows, network.SCORES)[1], (members, count)
                assert 0 < net._rows_a_ticket(count, members) < count + _SHARE


@pytest.mark.parametrize("widths", [(563, 177, 48, 1), (20, 16, 1)])
@pytest.mark.parametrize("members", [1, 2, 3, 8])
def test_tickets_are_neither_too_few_nor_too_long(widths, members):
    net, _ = applied(widths, "float32")
    for n in (1, 83, 100, 1000, 5000, 300_000):
        rows = net._rows_a_ticket(n, members)
        n_tickets = -(-n // rows)
        if n >= 32 * members:
            assert n_tickets >= members
        if n > 1000 and members > 1:
            assert members * 2 <= n_tickets <= 5000


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("widths", [(37, 64, 33, 1), (9, 1), (300, 17, 40, 16), (74, 15, 1)])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_seen_in_any_row_and_column(widths, dtype, wrong):
    net, X = applied(widths, dtype)
    net.coefs[0][0] = 0  # nothing is learnt from the first feature: it counts all the same
    for count in (1, 7, 9, 33):
        for place in ((0, 0), (count - 1, 0), (count - 1, widths[0] - 1), (count // 2, 5)):
            rows = X[:count].copy()
            assert net.applied(rows, network.SCORES)[1]
            rows[place] = wrong
            assert not net.applied(rows, network.SCORES)[1], place
            assert not net.applied(np.asfortranarray(rows), network.SCORES)[1], place


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
def test_rows_of_large_but_finite_scores_are_predicted():
    random = np.random.default_rng(0)
    X = random.normal(size=(40, 20)).astype(np.float32)
    model = fastml.MLPRegressor(
        hidden_layer_sizes=(32,), activation="relu", max_iter=1, solver="sgd", random_state=0
    )
    model.fit(X, X[:, 0])
    model.coefs_[0][:] = 1e38
    assert not np.isfinite(model.predict(X)).all()  # too large for float32, and no error
