"""Losses outside the kernels: of held-out samples, and as scikit-learn reports them."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, xlogy

from ..core.validation import Array
from ..kernels.neural_network.bundles import Samples


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


def poisson_constant(Y: Array, weights: Array, batch_size: int) -> float:
    """Return the part of the Poisson loss the kernels leave out, which depends on Y alone.

    As the rest of it: a mean over samples of the weighted means of their batches.
    """
    losses = (xlogy(Y, Y) - Y).sum(axis=1)
    if not weights.size:
        return float(losses.mean())
    first = np.arange(0, len(losses), batch_size)
    sums = np.add.reduceat(weights, first)
    means = np.add.reduceat(losses * weights, first) / np.where(sums > 0, sums, 1)
    return float(np.average(means, weights=np.diff([*first, len(losses)])))


def mean_loss(output: str, z: Array, samples: Samples) -> float:
    """Return the mean loss of samples, without penalty, from the output layer's z."""
    losses = _sample_losses(output, z.astype(np.float64), samples.Y)
    mean = _mean(losses, samples.weights)
    if output == "exp":
        mean += poisson_constant(samples.Y, samples.weights, len(samples.Y))
    return reported(output, mean, samples.Y.shape[1])
