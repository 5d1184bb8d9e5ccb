"""Losses outside the kernels: of held-out samples, and as scikit-learn reports them."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, xlogy

from ._network import Samples
from ._validation import Array


def _sample_losses(output: str, z: Array, Y: Array) -> Array:
    """Return the loss of each sample, summed over outputs, from the output layer's z."""
    if output == "softmax":
        chosen = np.take_along_axis(z, Y.astype(np.intp), axis=1)[:, 0]
        return np.asarray(logsumexp(z, axis=1) - chosen)
    if output == "logistic":
        losses = np.logaddexp(0, z) - Y * z
    elif output == "exp":
        losses = np.exp(z) - Y * z
    else:
        losses = 0.5 * (z - Y) ** 2
    return np.asarray(losses.sum(axis=1))


def _mean(losses: Array, weights: Array) -> float:
    mean: float = np.average(losses, weights=weights if weights.size else None)
    return float(mean)


def reported(output: str, summed: float, n_outputs: int) -> float:
    """Return a mean loss as scikit-learn reports it, given the sum over outputs.

    Squared errors are averaged over outputs, where gradients are of their sum.
    """
    return summed / n_outputs if output == "identity" else summed


def constant_loss(output: str, Y: Array, weights: Array) -> float:
    """Return the part of the mean loss that depends on the targets alone; kernels leave it out."""
    if output != "exp":
        return 0.0
    return _mean((xlogy(Y, Y) - Y).sum(axis=1), weights)


def mean_loss(output: str, z: Array, samples: Samples) -> float:
    """Return the mean loss of samples, without penalty, from the output layer's z."""
    losses = _sample_losses(output, z.astype(np.float64), samples.Y)
    mean = _mean(losses, samples.weights) + constant_loss(output, samples.Y, samples.weights)
    return reported(output, mean, samples.Y.shape[1])
