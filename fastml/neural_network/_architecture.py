"""The shape of a network: widths, activations, and where everything stands in flat memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from ..core.validation import Array
from ..kernels.neural_network import bundles, loss
from ..kernels.ops import activation
from ..kernels.tile import VECTORS, lanes_of

Activation = Literal["identity", "logistic", "tanh", "relu"]
ACTIVATIONS = {
    "identity": activation.IDENTITY,
    "logistic": activation.LOGISTIC,
    "tanh": activation.TANH,
    "relu": activation.RELU,
}
#: Activations of the output layer; each comes with its loss.
OUTPUT_ACTIVATIONS = {
    "identity": activation.IDENTITY,
    "logistic": activation.LOGISTIC,
    "softmax": loss.SOFTMAX,
    "exp": loss.EXPONENTIAL,
}

#: Multiply-adds per nanosecond of one thread, roughly: only team sizes rest on it.
_SPEED = 40.0


def activation_code(name: str) -> int:
    """Return the kernels' code of an activation."""
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(
            f"The activation '{name}' is not supported. Supported activations are "
            f"{list(ACTIVATIONS)}."
        )
    return ACTIVATIONS[name]


class Architecture:
    """Layers of given widths and activations over one flat vector of parameters.

    Not changed after it is made.

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
        self.activations = tuple(str(name) for name in activations)
        self.output = output
        self.dtype = np.dtype(dtype)
        self.height = VECTORS * lanes_of(dtype)
        n_layers = len(self.widths) - 1
        table = np.zeros((n_layers, 9), np.int64)
        table[:, bundles.N_IN] = self.widths[:-1]
        table[:, bundles.N_OUT] = self.widths[1:]
        sizes = table[:, bundles.N_IN] * table[:, bundles.N_OUT]
        ends = np.cumsum(np.concatenate([sizes, table[:, bundles.N_OUT]]))
        starts = np.concatenate([[0], ends[:-1]])
        table[:, bundles.WEIGHTS], table[:, bundles.BIASES] = np.split(starts, 2)
        table[:-1, bundles.ACTIVATION] = [activation_code(name) for name in activations]
        table[-1, bundles.ACTIVATION] = OUTPUT_ACTIVATIONS[output]
        self.n_weights = int(starts[n_layers])
        self.n_parameters = int(ends[-1])
        # Products, packing the input, and the activations of all other layers.
        packing, activating = 0.15 * self.widths[0], float(sum(self.widths[1:]))
        self.nanoseconds_a_row = float(sizes.sum()) / _SPEED + packing + activating
        # A block's workspace: the packed input, every layer's output.
        lanes = lanes_of(dtype)
        packed = -(-self.widths[0] // lanes) * lanes
        outputs = np.array([packed, *self.widths[1:]]) * self.height
        table[:, bundles.INPUT] = np.concatenate([[0], np.cumsum(outputs)[:-2]])
        table[:, bundles.OUTPUT] = np.cumsum(outputs)[:-1]
        self.forward_size = int(outputs.sum())
        self.table = table

    def of_dtype(self, dtype: type[np.floating]) -> Architecture:
        """Return the same layers in another element type."""
        return architecture_of(self.widths, self.activations, np.dtype(dtype), self.output)

    def views(self, parameters: Array) -> tuple[list[Array], list[Array]]:
        """Return the weights and biases of every layer as views of the flat parameters."""
        coefs, intercepts = [], []
        for n_in, n_out, W, b in self.table[:, : bundles.BIASES + 1].tolist():
            coefs.append(parameters[W : W + n_in * n_out].reshape(n_in, n_out))
            intercepts.append(parameters[b : b + n_out])
        return coefs, intercepts

    def flatten(self, coefs: Sequence[Array], intercepts: Sequence[Array]) -> Array:
        """Return the flat parameters that hold these weights and biases, a copy.

        Any real dtype, memory order and byte order will do.

        Raises
        ------
        TypeError, ValueError
            If there are more or fewer arrays than layers, or one has another shape than its
            layer or holds no real numbers.
        """
        parameters = np.empty(self.n_parameters, self.dtype)
        for name, given, views in zip(
            ("coefs_", "intercepts_"), (coefs, intercepts), self.views(parameters), strict=True
        ):
            given = list(given)
            if len(given) != len(views):
                raise ValueError(f"{name} holds {len(given)} arrays, expected {len(views)}.")
            for i, (array, view) in enumerate(zip(given, views, strict=True)):
                array = np.asarray(array)
                if array.dtype.kind not in "fiub":
                    raise TypeError(
                        f"{name}[{i}] must hold real numbers, got dtype {array.dtype} instead."
                    )
                if array.shape != view.shape:
                    raise ValueError(f"{name}[{i}] has shape {array.shape}, expected {view.shape}.")
                view[...] = array
        return parameters

    def nanoseconds(self, n_samples: int) -> float:
        """Estimate the time of one forward pass on one thread."""
        return n_samples * self.nanoseconds_a_row


def architecture_of(
    widths: Sequence[int],
    activations: Sequence[str],
    dtype: np.dtype[np.floating],
    output: str = "logistic",
) -> Architecture:
    """Return :class:`Architecture`, made once for a network: its table takes as long as a step."""
    return _made(tuple(int(n) for n in widths), tuple(activations), np.dtype(dtype), output)


@lru_cache(maxsize=64)
def _made(
    widths: tuple[int, ...], activations: tuple[str, ...], dtype: np.dtype[Any], output: str
) -> Architecture:
    return Architecture(widths, activations, dtype, output)
