"""The architecture an estimator's parameters ask for, and its first weights."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..core.validation import Array
from ._architecture import ACTIVATIONS, Architecture


def hidden_widths(hidden_layer_sizes: ArrayLike) -> list[int]:
    """Return the widths of the hidden layers."""
    hidden = list(np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=object)))
    if any(not isinstance(width, Integral) or width <= 0 for width in hidden):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
    return hidden


def hidden_activations(activation: Any, n_hidden: int) -> list[str]:
    """Return the activation of each hidden layer."""
    if isinstance(activation, str):
        return [activation] * n_hidden
    names = list(np.atleast_1d(np.asarray(activation, dtype=object)))
    for name in names:
        if not isinstance(name, str) or name not in ACTIVATIONS:
            raise ValueError(
                "The 'activation' parameter must hold the names of activations, among "
                f"{sorted(ACTIVATIONS)}. Got {name!r} instead."
            )
    if len(names) != n_hidden:
        raise ValueError(
            f"activation holds {len(names)} names, but there are {n_hidden} hidden layers."
        )
    return [str(name) for name in names]


def initial_parameters(
    architecture: Architecture,
    activation: Any,
    weight_init: str,
    random_state: np.random.RandomState,
) -> Array:
    """Return random weights and biases, flat.

    Parameters
    ----------
    activation : str or list of str
        The estimator's parameter: without a hidden layer it scales the only one.
    weight_init : {'glorot', 'he', 'auto'}
    """
    parameters = np.empty(architecture.n_parameters, architecture.dtype)
    names = architecture.activations
    n_layers = len(names) + 1
    # scikit-learn scales the output layer by the activation of the hidden ones.
    scaled_by = [*names, names[-1] if names else str(activation)]
    coefs, intercepts = architecture.views(parameters)
    for i, (W, b, name) in enumerate(zip(coefs, intercepts, scaled_by, strict=True)):
        bound, bias_bound = _bounds(W.shape, name, weight_init, last=i == n_layers - 1)
        W[...] = random_state.uniform(-bound, bound, W.shape)
        b[...] = random_state.uniform(-bias_bound, bias_bound, b.shape)
    return parameters


def _bounds(
    shape: tuple[int, ...], activation: str, weight_init: str, *, last: bool
) -> tuple[float, float]:
    """Return the bounds of a layer's first weights and biases."""
    n_in, n_out = shape
    if weight_init == "glorot":
        bound = float(np.sqrt((2.0 if activation == "logistic" else 6.0) / (n_in + n_out)))
        return bound, bound
    if weight_init == "he" or (activation == "relu" and not last):
        return float(np.sqrt(6.0 / n_in)), 0.0
    # The sigmoid's slope at 0 is 1/4: four times the weights keep the signal's size.
    gain = 4.0 if activation == "logistic" and not last else 1.0
    return gain * float(np.sqrt(6.0 / (n_in + n_out))), 0.0
