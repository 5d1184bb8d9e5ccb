"""A network's flat parameters, its layer table, and the calls that apply it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.neural_network import loss, network
from ..kernels.ops import elementwise
from ..kernels.tile import M, lanes_of

ACTIVATIONS = {
    "identity": elementwise.IDENTITY,
    "logistic": elementwise.LOGISTIC,
    "tanh": elementwise.TANH,
    "relu": elementwise.RELU,
}
#: Activations of the output layer; each comes with its loss.
OUTPUT_ACTIVATIONS = {
    "identity": elementwise.IDENTITY,
    "logistic": elementwise.LOGISTIC,
    "softmax": loss.SOFTMAX,
    "exp": loss.EXPONENTIAL,
}

#: Multiply-adds per nanosecond of one thread, roughly: only team sizes rest on it.
_SPEED = 40.0


def activation_code(name: str) -> int:
    """Return the kernels' code of an activation."""
    if name not in ACTIVATIONS:
        raise ValueError(
            f"The activation '{name}' is not supported. Supported activations are "
            f"{list(ACTIVATIONS)}."
        )
    return ACTIVATIONS[name]


class Network:
    """Layers of given widths and activations over one flat vector of parameters.

    Parameters
    ----------
    widths : sequence of int
        Features, hidden units of each layer, outputs.
    activations : sequence of str
        Of the hidden layers.
    dtype : float32 or float64
    output : {'identity', 'logistic', 'softmax', 'exp'}, default='logistic'
        Activation of the output layer, which decides the loss: half the squared error, binary
        cross-entropy, cross-entropy, half the Poisson deviance.
    """

    def __init__(
        self,
        widths: Sequence[int],
        activations: Sequence[str],
        dtype: np.dtype[np.floating],
        output: str = "logistic",
    ) -> None:
        self.widths = tuple(int(width) for width in widths)
        self.activations = tuple(activations)
        self.output = output
        self.dtype = np.dtype(dtype)
        self.height = M * lanes_of(dtype)
        n_layers = len(self.widths) - 1
        table = np.zeros((n_layers, 9), np.int64)
        table[:, network.N_IN] = self.widths[:-1]
        table[:, network.N_OUT] = self.widths[1:]
        sizes = table[:, network.N_IN] * table[:, network.N_OUT]
        ends = np.cumsum(np.concatenate([sizes, table[:, network.N_OUT]]))
        starts = np.concatenate([[0], ends[:-1]])
        table[:, network.WEIGHTS], table[:, network.BIASES] = np.split(starts, 2)
        table[:-1, network.ACTIVATION] = [activation_code(name) for name in activations]
        table[-1, network.ACTIVATION] = OUTPUT_ACTIVATIONS[output]
        self.n_weights = int(starts[n_layers])
        self.n_parameters = int(ends[-1])
        # Products, packing the input, and the activations of all other layers.
        packing, activating = 0.15 * self.widths[0], float(sum(self.widths[1:]))
        self._nanoseconds_a_row = float(sizes.sum()) / _SPEED + packing + activating
        # A block's workspace: the packed input, every layer's output.
        lanes = lanes_of(dtype)
        packed = -(-self.widths[0] // lanes) * lanes
        outputs = np.array([packed, *self.widths[1:]]) * self.height
        table[:, network.INPUT] = np.concatenate([[0], np.cumsum(outputs)[:-2]])
        table[:, network.OUTPUT] = np.cumsum(outputs)[:-1]
        self.forward_size = int(outputs.sum())
        self.table = table

    def views(self, parameters: Array) -> tuple[list[Array], list[Array]]:
        """Return the weights and biases of every layer as views of the flat parameters."""
        coefs, intercepts = [], []
        for n_in, n_out, W, b in self.table[:, : network.BIASES + 1]:
            coefs.append(parameters[W : W + n_in * n_out].reshape(n_in, n_out))
            intercepts.append(parameters[b : b + n_out])
        return coefs, intercepts

    def flatten(self, coefs: Sequence[Array], intercepts: Sequence[Array]) -> Array:
        """Return the flat parameters that hold these weights and biases."""
        arrays = [np.ravel(array) for array in (*coefs, *intercepts)]
        return np.concatenate(arrays).astype(self.dtype, copy=False)

    def nanoseconds(self, n_samples: int) -> float:
        """Estimate the time of one forward pass on one thread."""
        return n_samples * self._nanoseconds_a_row

    def outputs(self, X: Array, parameters: Array, *, activated: bool = False) -> Array:
        """Return the output layer's z = aW + b, or its activation, for every row of X."""
        wanted = network.ACTIVATIONS if activated else network.SCORES
        return self._apply(X, parameters, wanted, self.widths[-1])

    def both_probabilities(self, X: Array, parameters: Array) -> Array:
        """Return sigmoid(-z) and sigmoid(z) of a single output, for every row of X."""
        return self._apply(X, parameters, network.BOTH_SIDES, 2)

    def _apply(self, X: Array, parameters: Array, wanted: int, n_out: int) -> Array:
        n_samples = len(X)
        out = np.empty((n_samples, n_out), self.dtype)
        block_rows = min(max(int(100_000 / self._nanoseconds_a_row) // 64 * 64, 64), 16384)
        members = min(team_size(self.nanoseconds(n_samples)), -(-n_samples // block_rows))
        run_team(
            network.predict, members,
            X, self.table, parameters, wanted, block_rows, self.forward_size + self.height,
            new_state(), out.reshape(-1),
        )  # fmt: skip
        return out


class Samples(NamedTuple):
    """What a network learns from.

    ``X`` (n_samples, n_features); ``Y`` (n_samples, n_outputs), for softmax (n_samples, 1)
    holding the number of each sample's class; ``weights`` (n_samples,), or empty where all
    samples weigh 1; all of one element type.
    """

    X: Array
    Y: Array
    weights: Array

    def of(self, rows: Array) -> Samples:
        """Return some of the samples."""
        return Samples(self.X[rows], self.Y[rows], self.weights_of(rows))

    def weights_of(self, rows: Array) -> Array:
        """Return the weights of some samples, or empty where all weigh 1."""
        return self.weights[rows] if self.weights.size else self.weights

    def total_weight(self, rows: Array) -> float:
        """Return the sum of the weights of some samples."""
        return float(self.weights[rows].sum(dtype=np.float64)) if self.weights.size else len(rows)


class Fitted(NamedTuple):
    """The network of an estimator's weights, its parameters, and the arrays that view them."""

    layers: Network
    parameters: Array
    arrays: list[Array]
    activation: str | list[str]
