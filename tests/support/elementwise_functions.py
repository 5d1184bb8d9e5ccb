"""The elementwise kernels as functions on arrays, and where each promises something."""

from __future__ import annotations

import numba
import numpy as np

import fastml
from fastml.kernels.ops import elementwise
from fastml.kernels.tile import lanes, load, store


def _on_arrays(function_on_tiles):
    """Return a function on arrays: the library has none for these."""

    # Like the kernels of test_tile, out of the cache, which does not key on this file.
    @numba.njit(error_model="numpy")
    def kernel(x, out):
        for i in range(0, x.size, lanes(x)):
            store(out, i, 0, function_on_tiles(load(x, i, 0, 1, 1)))

    def function(x):
        padded = np.zeros(-(-x.size // 64) * 64, x.dtype)
        padded[: x.size] = x
        out = np.empty_like(padded)
        kernel(padded, out)
        return out[: x.size]

    return function


FUNCTIONS = {
    "exponential": _on_arrays(elementwise.exponential),
    "decaying_exponential": _on_arrays(elementwise.decaying_exponential),
    "logarithm": _on_arrays(elementwise.logarithm),
    "sigmoid": fastml.sigmoid,
    "sigmoid_derivative": fastml.sigmoid_derivative,
    "softplus": _on_arrays(elementwise.softplus),
    "hyperbolic_tangent": _on_arrays(elementwise.hyperbolic_tangent),
}


def within(name, x):
    """Return the numbers among x for which the function promises something."""
    if name == "decaying_exponential":
        return x[x <= 0]
    if name == "logarithm":
        return x[x >= np.finfo(x.dtype).smallest_normal]
    if name == "exponential":  # beyond, infinity is promised: another test
        return x[x <= np.log(float(np.finfo(x.dtype).max))]
    return x
