"""The output layer: its activation, the loss that belongs to it and their delta.

Each output activation comes with the loss whose derivative by z is ŷ - y: the sigmoid with
binary cross-entropy, softmax with cross-entropy, the identity with half the squared error,
the exponential with half the Poisson deviance.  Losses are computed from z, never from a
probability that may have rounded to 0 or 1.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel
from ..ops.activation import LOGISTIC, activate
from ..ops.elementwise import (
    decaying_exponential,
    exponential,
    logarithm,
    sigmoid,
    softplus,
)
from ..ops.pack import rows_per_block
from ..tile import fill, lane_sum, lanes, load, maximum, multiply_add, store

#: Codes of the activations only an output layer has; the others are in ``ops.activation``, and
#: have the numbers below.
SOFTMAX, EXPONENTIAL = 100, 101


@inner_kernel
def softmax(panel, start, n_out):
    """Replace z by exp(z) / sum exp(z) for the lanes at ``start``; return the largest and the sum.

    The largest z is subtracted first, so nothing overflows; the sum is of what remains.

    Parameters
    ----------
    panel : IN/OUT flat array; output j of these samples is the vector at start + j * rows
    """
    height = rows_per_block(panel)
    largest = load(panel, start, 0, 1, 1)
    for j in range(1, n_out):
        largest = maximum(largest, load(panel, start + j * height, 0, 1, 1))
    total = fill(panel, 0.0, 1, 1)
    for j in range(n_out):
        power = decaying_exponential(load(panel, start + j * height, 0, 1, 1) - largest)
        store(panel, start + j * height, 0, power)
        total = total + power
    for j in range(n_out):
        power = load(panel, start + j * height, 0, 1, 1)
        store(panel, start + j * height, 0, power / total)
    return largest, total


@inner_kernel
def output_activation(code, n_out, panel, z):
    """Apply the activation of the output layer to one panel, in place.

    Parameters
    ----------
    code : int, IDENTITY, LOGISTIC, SOFTMAX or EXPONENTIAL
    panel : IN/OUT flat array, (n_out, rows) from element z
    """
    height = rows_per_block(panel)
    if code == SOFTMAX:
        for i in range(0, height, lanes(panel)):
            softmax(panel, z + i, n_out)
    elif code == EXPONENTIAL:
        for i in range(z, z + n_out * height, lanes(panel)):
            store(panel, i, 0, exponential(load(panel, i, 0, 1, 1)))
    else:
        activate(code, panel, z, z + n_out * height)


@inner_kernel
def both_sides(panel, z):
    """Replace the one output z by the probabilities of both classes, sigmoid(-z) and sigmoid(z).

    Each from its own side: 1 - sigmoid(z) would lose the small one.

    Parameters
    ----------
    panel : IN/OUT flat array, (1, rows) from element z before, (2, rows) after
    """
    height = rows_per_block(panel)
    for i in range(z, z + height, lanes(panel)):
        score = load(panel, i, 0, 1, 1)
        store(panel, i, 0, sigmoid(score * -1.0))
        store(panel, i + height, 0, sigmoid(score))


@inner_kernel
def _softmax_delta(n_out, panels, z, delta, targets, weights):
    """Turn z into softmax's ŷ and its delta, and return the sum of the cross-entropies.

    The loss of a sample is log(sum exp(z)) - z_y; with the largest z taken out of both.
    """
    height = rows_per_block(panels)
    total = fill(panels, 0.0, 1, 1)
    for i in range(0, height, lanes(panels)):
        weight = load(weights, i, 0, 1, 1)
        chosen = fill(panels, 0.0, 1, 1)
        for j in range(n_out):
            y = load(targets, j * height + i, 0, 1, 1)
            chosen = multiply_add(y, load(panels, z + j * height + i, 0, 1, 1), chosen)
        largest, powers = softmax(panels, z + i, n_out)
        total = total + ((largest - chosen) + logarithm(powers)) * weight
        for j in range(n_out):
            y = load(targets, j * height + i, 0, 1, 1)
            probability = load(panels, z + j * height + i, 0, 1, 1)
            store(panels, delta + j * height + i, 0, (probability - y) * weight)
    return np.float64(lane_sum(total))


@inner_kernel
def output_delta(code, n_out, panels, z, delta, targets, weights):
    """Turn the output layer's z into ŷ and its delta ŷ - y, and return the sum of the losses.

    Losses of several outputs add up.  The Poisson loss leaves out what depends on y alone.

    Parameters
    ----------
    code : int, the output activation, which decides the loss
    panels : IN/OUT flat array; at z it holds z, replaced by ŷ; the delta is written at ``delta``
    targets : IN (n_out, rows) flat
    weights : IN (rows,) flat; 0 for the rows that pad the last block
    """
    if code == SOFTMAX:
        return _softmax_delta(n_out, panels, z, delta, targets, weights)
    height = rows_per_block(panels)
    total = fill(panels, 0.0, 1, 1)
    for j in range(n_out):
        for i in range(0, height, lanes(panels)):
            at = j * height + i
            score = load(panels, z + at, 0, 1, 1)
            y = load(targets, at, 0, 1, 1)
            weight = load(weights, i, 0, 1, 1)
            if code == LOGISTIC:
                prediction = sigmoid(score)
                loss = softplus(score) - y * score
            elif code == EXPONENTIAL:
                prediction = exponential(score)
                loss = prediction - y * score
            else:
                prediction = score
                loss = (score - y) * (score - y) * 0.5
            total = multiply_add(loss, weight, total)
            store(panels, z + at, 0, prediction)
            store(panels, delta + at, 0, (prediction - y) * weight)
    return np.float64(lane_sum(total))
