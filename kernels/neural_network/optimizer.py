"""One step of an optimiser on a range of the flat parameters: plain, momentum, Nesterov, Adam."""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel, kernel
from ..ops.flat import load_up_to, store_up_to
from ..tile import (
    absolute,
    fill,
    is_single,
    lane_sum,
    lanes,
    multiply_add,
    select_less,
    square_root,
)
from .bundles import FIRST, LAST, LAYER, layer_of

#: Codes of the optimisers, as kernels know them; GRADIENT finds a gradient and takes no step.
DESCENT, MOMENTUM, NESTEROV, ADAM, GRADIENT = range(5)

#: Elements of the array of an optimiser's settings.
LEARNING_RATE, ALPHA, BETA_1, BETA_2, EPSILON = range(5)
#: The smallest normal numbers, and room for a learning rate above them.
_SMALLEST_SINGLE, _SMALLEST_DOUBLE = 2.0**-126, 2.0**-1022
_RATES = 2.0**30


@inner_kernel
def descent_update(w, g, rate):
    """Return w - rate * g."""
    return multiply_add(g, -rate, w)


@inner_kernel
def momentum_update(w, g, v, rate, momentum, nesterov):
    """Return the new w and velocity v of gradient descent with momentum.

    v <- momentum v - rate g; w <- w + v, or with Nesterov's look-ahead
    w <- w + momentum v - rate g (Sutskever et al., ICML 2013).
    """
    v = v * momentum - g * rate
    if nesterov:
        return w + (v * momentum - g * rate), v
    return w + v, v


@inner_kernel
def adam_update(w, g, m, v, rate, beta_1, beta_2, epsilon):
    """Return the new w and moments of Adam (Kingma and Ba, ICLR 2015).

    ``rate`` has the correction of the moments' bias in it.
    """
    m = m * beta_1 + g * (1.0 - beta_1)
    v = v * beta_2 + g * g * (1.0 - beta_2)
    return w - m * rate / (square_root(v) + epsilon), m, v


@inner_kernel
def _flushed(moment, threshold):
    """Return a moment with zeros for what is smaller than a threshold."""
    return select_less(absolute(moment), threshold, 0.0, moment)


@inner_kernel
def update_parameters(optimizer, count, scale, alpha, start, stop, parameters, gradient):
    """Update the parameters [start, stop) and return the sum of their squares before it.

    The moments of a unit nothing reaches any more shrink by a constant factor a step, soon below
    the normal numbers, where arithmetic takes the processor a hundred times as long.  They are
    set to zero first: Adam's second and the velocity below the smallest normal number T, Adam's
    first, which is multiplied by the learning rate yet, below 2**30 T.  A step is at most
    rate * moment_1 / epsilon (or the velocity), so with epsilon = 1e-8 a parameter in float32
    misses less than 1.3e-21 times the learning rate.

    Parameters
    ----------
    optimizer : Optimizer; its moments are IN/OUT
    count : int, the number of this step, from 1
    scale : float, 1 over the weight of the samples the gradient sums over
    alpha : float, the L2 penalty of these parameters: that of the settings, or 0 for biases
    parameters : IN/OUT flat array
    gradient : IN flat array, the sum over the batch
    """
    rule, settings = optimizer.rule, optimizer.settings
    moment_1, moment_2 = optimizer.moment_1, optimizer.moment_2
    rate = settings[LEARNING_RATE]
    beta_1, beta_2, epsilon = settings[BETA_1], settings[BETA_2], settings[EPSILON]
    if rule == ADAM:
        rate *= np.sqrt(1.0 - beta_2**count) / (1.0 - beta_1**count)
    decay = alpha * scale
    smallest = _SMALLEST_SINGLE if is_single(parameters) else _SMALLEST_DOUBLE
    squares = fill(parameters, 0.0, 1, 1)
    for i in range(start, stop, lanes(parameters)):
        left = stop - i
        w = load_up_to(parameters, i, left)
        g = multiply_add(w, decay, load_up_to(gradient, i, left) * scale)
        squares = multiply_add(w, w, squares)
        if rule == DESCENT:
            w = descent_update(w, g, rate)
        elif rule == ADAM:
            m, v = load_up_to(moment_1, i, left), load_up_to(moment_2, i, left)
            w, m, v = adam_update(w, g, m, v, rate, beta_1, beta_2, epsilon)
            store_up_to(moment_1, i, left, _flushed(m, smallest * _RATES))
            store_up_to(moment_2, i, left, _flushed(v, smallest))
        else:
            v = load_up_to(moment_1, i, left)
            w, v = momentum_update(w, g, v, rate, beta_1, rule == NESTEROV)
            store_up_to(moment_1, i, left, _flushed(v, smallest))
        store_up_to(parameters, i, left, w)
    return np.float64(lane_sum(squares))


@inner_kernel
def update_ticket(network, optimizer, ticket, step, scale, gradient):
    """Update the weights of one ticket; with its first rows, the biases.

    Returns the sum of the squares of the weights before.

    Parameters
    ----------
    ticket : IN (3,) LAYER, FIRST, LAST
    step : int, how many steps this call has taken before
    scale, gradient : see ``update_parameters``
    """
    layer = layer_of(network, ticket[LAYER])
    first_row, last_row = ticket[FIRST], ticket[LAST]
    count = optimizer.steps + step + 1
    squares = 0.0
    for part in range(2 if first_row == 0 else 1):  # one call, not two, is compiled
        weights = part == 0
        start = layer.weights + first_row * layer.n_out if weights else layer.biases
        stop = layer.weights + last_row * layer.n_out if weights else layer.biases + layer.n_out
        alpha = optimizer.settings[ALPHA] if weights else 0.0
        total = update_parameters(
            optimizer, count, scale, alpha, start, stop, network.parameters, gradient
        )
        if weights:
            squares = total
    return squares


@kernel
def optimizer_step(optimizer, penalties_stop, parameters, gradient):
    """Take one step with the gradient of a mean loss.

    Parameters
    ----------
    optimizer : Optimizer; its moments are IN/OUT
    penalties_stop : int, the parameters before it are weights, which the L2 penalty is for
    parameters : IN/OUT flat array
    gradient : IN flat array
    """
    count, alpha = optimizer.steps + 1, optimizer.settings[ALPHA]
    for part in range(2):
        start = penalties_stop if part else 0
        stop = parameters.size if part else penalties_stop
        penalty = 0.0 if part else alpha
        update_parameters(optimizer, count, 1.0, penalty, start, stop, parameters, gradient)
