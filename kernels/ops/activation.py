"""The activations of hidden layers and their derivatives, on ranges of flat arrays."""

from __future__ import annotations

from ..machine.jit import inner_kernel
from ..tile import VECTORS, fill, lanes, load, maximum, select_less, store
from .elementwise import hyperbolic_tangent, sigmoid_forward
from .flat import load_up_to, store_up_to

#: Codes of the activation functions, as kernels know them; from 100 on are those of output layers.
IDENTITY, LOGISTIC, RELU, TANH = 0, 1, 2, 3


@inner_kernel
def activate(code, x, start, stop):
    """Apply an activation in place to ``x[start:stop]``, a whole number of panel rows.

    Parameters
    ----------
    code : int, IDENTITY, LOGISTIC, RELU or TANH
    x : IN/OUT (size,) flat array
    """
    height = VECTORS * lanes(x)
    if code == LOGISTIC:
        sigmoid_forward(x, start, stop, x)
    elif code == RELU:
        zero = fill(x, 0.0, VECTORS, 1)
        for i in range(start, stop, height):
            # Where numbers do not compare, maximum takes the second: NaN stays NaN.
            store(x, i, 0, maximum(zero, load(x, i, 0, VECTORS, 1)))
    elif code == TANH:
        for i in range(start, stop, height):
            store(x, i, 0, hyperbolic_tangent(load(x, i, 0, VECTORS, 1)))


@inner_kernel
def multiply_by_derivative(code, a, a_at, delta, start, stop):
    """Multiply ``delta[start:stop]`` in place by the derivative at the activations a.

    The derivative is taken from the activation itself: a (1 - a) for the sigmoid,
    1 - a**2 for tanh.

    Parameters
    ----------
    a : IN (size,) flat array; the activation of ``delta[start + i]`` is ``a[a_at + i]``
    delta : IN/OUT (size,) flat array
    """
    width = lanes(a)
    shift = a_at - start
    if code == LOGISTIC:
        for i in range(start, stop, width):
            value = load_up_to(a, i + shift, stop - i)
            slope = value * (1.0 - value)
            store_up_to(delta, i, stop - i, load_up_to(delta, i, stop - i) * slope)
    elif code == RELU:
        for i in range(start, stop, width):
            value = load_up_to(a, i + shift, stop - i)
            slope = select_less(fill(a, 0.0, 1, 1), value, 1.0, 0.0)
            store_up_to(delta, i, stop - i, load_up_to(delta, i, stop - i) * slope)
    elif code == TANH:
        for i in range(start, stop, width):
            value = load_up_to(a, i + shift, stop - i)
            slope = 1.0 - value * value
            store_up_to(delta, i, stop - i, load_up_to(delta, i, stop - i) * slope)
