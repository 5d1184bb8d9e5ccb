"""The elementwise kernels on every float32, and on ten million float64: minutes, so only asked for.

``FASTML_EXHAUSTIVE=1 pytest tests/kernels/test_elementwise_exhaustive.py``
"""

from __future__ import annotations

import math
import os

import numba
import numpy as np
import pytest
from elementwise_functions import FUNCTIONS, within
from tolerances import ULPS

pytestmark = pytest.mark.skipif(
    os.environ.get("FASTML_EXHAUSTIVE", "0") in ("", "0"), reason="FASTML_EXHAUSTIVE is not set"
)

scalar = numba.njit(error_model="numpy")
_BLOCK = 1 << 22


@scalar
def _exponential(x):
    return math.exp(x)


@scalar
def _sigmoid(x):
    e = math.exp(-abs(x))
    return (1.0 if x >= 0 else e) / (1 + e)


@scalar
def _sigmoid_derivative(x):
    e = math.exp(-abs(x))
    return e / ((1 + e) * (1 + e))


@scalar
def _softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@scalar
def _hyperbolic_tangent(x):
    return math.tanh(x)


@scalar
def _logarithm(x):
    return math.log(x)


EXACT = {
    "exponential": _exponential,
    "decaying_exponential": _exponential,
    "logarithm": _logarithm,
    "sigmoid": _sigmoid,
    "sigmoid_derivative": _sigmoid_derivative,
    "softplus": _softplus,
    "hyperbolic_tangent": _hyperbolic_tangent,
}


def _judge(exact):
    """Return a function that finds the largest error of float32 results, in units."""

    @scalar
    def largest_error(x, y):
        largest, where = 0.0, 0.0
        for i in range(x.size):
            value = exact(np.float64(x[i]))
            size = abs(value)
            if y[i] == 0 and size < 1.1754943508222875e-38:
                continue  # flushed
            _, exponent = math.frexp(np.float64(np.float32(size)))
            error = abs(np.float64(y[i]) - value) / math.ldexp(1.0, max(exponent, -125) - 24)
            if not error <= largest:
                largest, where = error, x[i]
        return largest, where

    return largest_error


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_float32(name):
    judge = _judge(EXACT[name])
    for sign in (0, 0x80000000):
        for first in range(0, 0x7F800000, _BLOCK):
            bits = np.arange(first, min(first + _BLOCK, 0x7F800000), dtype=np.uint32)
            x = within(name, (bits | np.uint32(sign)).view(np.float32))
            largest, where = judge(x, FUNCTIONS[name](x))
            assert largest <= ULPS[name], (name, where, largest)


def _double_points(random, n):
    """Return doubles where the exponent of exp(x) changes, of all sizes and around 1."""
    last = 708.0
    changes = (random.integers(0, 2 * 1020, n) / 2) * np.log(2)
    points = np.concatenate(
        [
            changes * (1 + random.integers(-3, 4, n) * np.finfo(float).eps),
            random.uniform(0, last, n),
            random.uniform(0, 3, n),
            np.exp(random.uniform(-40, np.log(last), n)),
            1 + random.normal(size=n) * np.exp(random.uniform(-36, -2, n)),
        ]
    )
    return np.concatenate([points, -points])


def _exact_wide(name, x):
    with np.errstate(under="ignore"):
        e = np.exp(-np.abs(x))
    return {
        "exponential": lambda: np.exp(x),
        "decaying_exponential": lambda: e,
        "logarithm": lambda: np.log(x),
        "sigmoid": lambda: np.where(x >= 0, np.longdouble(1), e) / (1 + e),
        "sigmoid_derivative": lambda: e / (1 + e) ** 2,
        "softplus": lambda: np.maximum(x, 0) + np.log1p(e),
        "hyperbolic_tangent": lambda: np.tanh(x),
    }[name]()


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 60, reason="no wider type to judge by")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_ten_million_float64(name):
    random = np.random.default_rng(0)
    smallest = np.finfo(np.float64).smallest_normal
    for _ in range(10):
        x = within(name, _double_points(random, 200_000))
        exact = _exact_wide(name, x.astype(np.longdouble))
        size = np.maximum(np.abs(exact).astype(np.float64), smallest)
        y = FUNCTIONS[name](x)
        error = (np.abs(y - exact) / np.spacing(size)).astype(np.float64)
        error[(y == 0) & (np.abs(exact) < smallest)] = 0
        worst = error.argmax()
        assert error[worst] <= ULPS[name], (name, x[worst], error[worst])
