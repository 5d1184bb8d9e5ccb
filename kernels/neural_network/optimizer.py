"""One step of an optimiser on a range of the flat parameters: plain, momentum, Nesterov, Adam."""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel, kernel
from ..ops.flat import load_up_to, store_up_to
from ..tile import fill, lane_sum, lanes, multiply_add, square_root

#: Codes of the optimisers, as kernels know them; GRADIENT finds a gradient and takes no step.
DESCENT, MOMENTUM, NESTEROV, ADAM, GRADIENT = range(5)

#: Elements of the array of an optimiser's settings.
LEARNING_RATE, ALPHA, BETA_1, BETA_2, EPSILON = range(5)


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


@kernel
def optimizer_step(
    rule, settings, count, scale, alpha, start, stop,
    parameters, gradient, moment_1, moment_2,
):  # fmt: skip
    """Update the parameters [start, stop) and return the sum of their squares before it.

    Parameters
    ----------
    rule : int, DESCENT, MOMENTUM, NESTEROV or ADAM
    settings : IN (5,) float64: learning rate, L2 penalty, beta_1 (the momentum), beta_2, epsilon
    count : int, the number of this step, from 1
    scale : float, 1 over the weight of the samples the gradient sums over
    alpha : float, the L2 penalty of these parameters: that of the settings, or 0 for biases
    parameters : IN/OUT flat array
    gradient : IN flat array, the sum over the batch
    moment_1, moment_2 : IN/OUT flat arrays: the velocity, or Adam's two moments
    """
    rate = settings[LEARNING_RATE]
    beta_1, beta_2, epsilon = settings[BETA_1], settings[BETA_2], settings[EPSILON]
    if rule == ADAM:
        rate *= np.sqrt(1.0 - beta_2**count) / (1.0 - beta_1**count)
    decay = alpha * scale
    step = lanes(parameters)
    squares = fill(parameters, 0.0, 1, 1)
    for i in range(start, stop, step):
        left = stop - i
        w = load_up_to(parameters, i, left)
        g = multiply_add(w, decay, load_up_to(gradient, i, left) * scale)
        squares = multiply_add(w, w, squares)
        if rule == DESCENT:
            w = descent_update(w, g, rate)
        elif rule == ADAM:
            m, v = load_up_to(moment_1, i, left), load_up_to(moment_2, i, left)
            w, m, v = adam_update(w, g, m, v, rate, beta_1, beta_2, epsilon)
            store_up_to(moment_1, i, left, m)
            store_up_to(moment_2, i, left, v)
        else:
            v = load_up_to(moment_1, i, left)
            w, v = momentum_update(w, g, v, rate, beta_1, rule == NESTEROV)
            store_up_to(moment_1, i, left, v)
        store_up_to(parameters, i, left, w)
    return np.float64(lane_sum(squares))
