"""A network's flat parameters, its layer table, and the calls that train and apply it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._threads import get_num_threads, new_state, run_team, team_size
from ._validation import Array
from .kernels import elementwise, network, optimizer
from .kernels.tile import M, lanes_of

ACTIVATIONS = {
    "identity": elementwise.IDENTITY,
    "logistic": elementwise.LOGISTIC,
    "tanh": elementwise.TANH,
    "relu": elementwise.RELU,
}

#: Multiply-adds per nanosecond of one thread, roughly: only team sizes rest on it.
_SPEED = 40.0
#: A step shorter than this is done by one thread: waiting for others would cost more.
_SHARED_STEP_NANOSECONDS = 10_000
#: Return to the interpreter at least this often, for interrupts and callbacks.
_CALL_NANOSECONDS = 4e8
#: Weights whose gradient is one ticket; and at most this many rows of a weight matrix, so that
#: their activations stay in the first-level cache.
_WEIGHTS_A_TICKET, _ROWS_A_TICKET = 4096, 16


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
    """

    def __init__(
        self, widths: Sequence[int], activations: Sequence[str], dtype: np.dtype[np.floating]
    ) -> None:
        self.widths = tuple(int(width) for width in widths)
        self.dtype = np.dtype(dtype)
        self.height = M * lanes_of(dtype)
        n_layers = len(self.widths) - 1
        table = np.zeros((n_layers, 8), np.int64)
        table[:, network.N_IN] = self.widths[:-1]
        table[:, network.N_OUT] = self.widths[1:]
        sizes = table[:, network.N_IN] * table[:, network.N_OUT]
        ends = np.cumsum(np.concatenate([sizes, table[:, network.N_OUT]]))
        starts = np.concatenate([[0], ends[:-1]])
        table[:, network.WEIGHTS], table[:, network.BIASES] = np.split(starts, 2)
        table[:-1, network.ACTIVATION] = [activation_code(name) for name in activations]
        self.n_parameters = int(ends[-1])
        # A block's workspace: the packed input, every layer's output, every layer's delta.
        lanes = lanes_of(dtype)
        packed = -(-self.widths[0] // lanes) * lanes
        outputs = np.array([packed, *self.widths[1:]]) * self.height
        table[:, network.INPUT] = np.concatenate([[0], np.cumsum(outputs)[:-2]])
        table[:, network.OUTPUT] = np.cumsum(outputs)[:-1]
        self.forward_size = int(outputs.sum())
        deltas = table[:, network.N_OUT] * self.height
        table[:, network.DELTA] = self.forward_size + np.cumsum(deltas) - deltas
        self.training_size = self.forward_size + int(deltas.sum())
        self.table = table
        self.tickets = np.array(
            [
                (layer, first, min(first + rows, n_in))
                for layer, (n_in, n_out) in enumerate(
                    zip(self.widths[:-1], self.widths[1:], strict=True)
                )
                for rows in [min(_ROWS_A_TICKET, max(4, _WEIGHTS_A_TICKET // n_out // 4 * 4))]
                for first in range(0, n_in, rows)
            ],
            np.int64,
        )

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
        multiply_adds = float((self.table[:, network.N_IN] * self.table[:, network.N_OUT]).sum())
        return n_samples * (multiply_adds / _SPEED + sum(self.widths))

    def outputs(self, X: Array, parameters: Array) -> Array:
        """Return the output layer's z = aW + b for every row of X."""
        out = np.empty((len(X), self.widths[-1]), self.dtype)
        block_rows = int(np.clip(100_000 / self.nanoseconds(1) // 64 * 64, 64, 16384))
        members = min(team_size(self.nanoseconds(len(X))), -(-len(X) // block_rows))
        run_team(
            network.predict, members,
            X, self.table, parameters, block_rows, self.forward_size, new_state(),
            out.reshape(-1),
        )  # fmt: skip
        return out


class Trainer:
    """The state of training: parameters, moments of the optimiser, working memory."""

    def __init__(self, layers: Network, parameters: Array, rule: int, batch_size: int) -> None:
        self.layers, self.parameters, self.rule = layers, parameters, rule
        self.batch_size = batch_size
        self.steps = 0
        dtype = layers.dtype
        n_moments = {optimizer.DESCENT: 0, optimizer.ADAM: 2}.get(rule, 1)
        self.moments = [
            np.zeros(layers.n_parameters if i < n_moments else 0, dtype) for i in range(2)
        ]
        self.gradient = np.zeros(layers.n_parameters, dtype)
        n_blocks = -(-batch_size // layers.height)
        # Aligned on a cache line: a vector across two lines costs two loads.
        n_elements = n_blocks * layers.training_size
        memory = np.zeros(n_elements + 64, dtype)
        first = -(memory.ctypes.data // dtype.itemsize) % (64 // dtype.itemsize)
        self.panels = memory[first : first + n_elements]
        self.block_losses = np.zeros(n_blocks)

    def epoch(self, X: Array, Y: Array, order: Array, settings: Array) -> float:
        """Train on the rows of X in ``order``; return the mean loss with its L2 penalty.

        Parameters
        ----------
        X : ndarray (n_samples, n_features)
        Y : ndarray (n_samples, n_out), of X's type
        order : ndarray of int64
        settings : ndarray (5,) of float64
            Learning rate, alpha, beta_1 or momentum, beta_2, epsilon.
        """
        step_time = 3 * self.layers.nanoseconds(self.batch_size)
        members = get_num_threads() if step_time > _SHARED_STEP_NANOSECONDS else 1
        steps_a_call = max(1, int(_CALL_NANOSECONDS / step_time))
        losses = np.zeros(1 + len(self.layers.tickets))
        for first in range(0, len(order), steps_a_call * self.batch_size):
            rows = order[first : first + steps_a_call * self.batch_size]
            run_team(
                network.train, members,
                X, Y, rows, self.layers.table, self.layers.tickets, self.batch_size, self.rule,
                settings, self.steps, new_state(), self.parameters, *self.moments, self.gradient,
                self.panels, self.block_losses, losses,
            )  # fmt: skip
            self.steps += -(-len(rows) // self.batch_size)
        penalty = 0.5 * settings[1] * losses[1:].sum()
        return float((losses[0] + penalty) / len(order))
