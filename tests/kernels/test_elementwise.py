"""Accuracy of the elementwise kernels in units in the last place, and their special values.

float32 results are judged against float64, float64 results against decimals of 50 digits.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from element_types import DTYPES
from elementwise_functions import FUNCTIONS, within
from tolerances import ULPS

import fastml
from fastml import reference
from fastml.kernels.ops import elementwise


def _exact_doubles(name, x):
    """Evaluate in float64, whose roundings are some 1e-9 of a unit of float32."""
    e = np.exp(-np.abs(x))
    return {
        "exponential": lambda: np.exp(x),
        "decaying_exponential": lambda: e,
        "logarithm": lambda: np.log(x),
        "sigmoid": lambda: np.where(x >= 0, 1.0, e) / (1 + e),
        "sigmoid_derivative": lambda: e / (1 + e) ** 2,
        "softplus": lambda: np.maximum(x, 0) + np.log1p(e),
        "hyperbolic_tangent": lambda: np.tanh(x),
    }[name]()


def _exact_decimal(name, x):
    with localcontext() as context:
        context.prec = 50
        x = Decimal(float(x))
        e = (-abs(x)).exp()
        return {
            "exponential": lambda: x.exp(),
            "decaying_exponential": lambda: e,
            "logarithm": lambda: x.ln(),
            "sigmoid": lambda: (1 if x >= 0 else e) / (1 + e),
            "sigmoid_derivative": lambda: e / (1 + e) ** 2,
            "softplus": lambda: max(x, Decimal(0)) + _log1p(e),
            "hyperbolic_tangent": lambda: _tanh(x, e),
        }[name]()


def _log1p(e):
    if e > Decimal("1e-25"):
        return (1 + e).ln()  # of 50 digits, 25 remain
    return e - e * e / 2


def _tanh(x, e):
    if abs(x) < Decimal("1e-12"):
        return x - x**3 / 3
    return (1 - e * e) / (1 + e * e) * (1 if x > 0 else -1)


def _hard_points(dtype):
    """Where range reduction, the change of branch or the end of the range may go wrong."""
    info = np.finfo(dtype)
    random = np.random.default_rng(0)
    last = -np.log(float(info.smallest_normal))
    halves = np.arange(0.5, last / np.log(2)) * np.log(2)  # the exponent changes here
    near = [halves * (1 + step * float(info.eps)) for step in (-2, -1, 0, 1, 2)]
    points = np.concatenate(
        [
            *near,
            np.arange(1, last / np.log(2)) * np.log(2),
            np.logspace(np.log10(float(info.smallest_normal)), np.log10(last), 300),
            random.uniform(0, last, 500),
            random.uniform(0, 2, 500),
            last * (1 + np.arange(-20, 20) * float(info.eps)),
            1 + np.arange(-20, 20) * float(info.eps),
            np.sqrt(2.0) * (1 + np.arange(-3, 4) * float(info.eps)),
            [0.0, float(info.smallest_subnormal), 1.0, float(info.max), last + 1, 2 * last],
        ]
    ).astype(dtype)
    return np.concatenate([points, -points])


def _dense_singles():
    """Every 3989th float32 in the order of their bits, both signs, without NaN and infinity."""
    bits = np.arange(0, 0x7F800000, 3989, dtype=np.uint32)
    points = bits.view(np.float32)
    return np.concatenate([points, -points])


def _assert_singles(name, x):
    x = within(name, x)
    with np.errstate(under="ignore"):
        exact = _exact_doubles(name, x.astype(np.float64))
        actual = FUNCTIONS[name](x)
        rounded = exact.astype(np.float32)
    assert actual.dtype == np.float32
    exponent = np.frexp(np.maximum(np.abs(rounded), np.finfo(np.float32).smallest_normal))[1]
    unit = np.ldexp(1.0, exponent - 24)
    error = np.abs(actual.astype(np.float64) - exact) / unit
    flushed = (actual == 0) & (np.abs(exact) < np.finfo(np.float32).smallest_normal)
    error[flushed] = 0
    worst = error.argmax()
    assert error[worst] <= ULPS[name], (name, x[worst], error[worst])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_error_on_a_dense_sample(name):
    _assert_singles(name, _dense_singles())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_error_at_hard_points(name):
    _assert_singles(name, _hard_points(np.float32))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64_error_at_hard_points(name):
    x = within(name, _hard_points(np.float64))
    smallest = float(np.finfo(np.float64).smallest_normal)
    for point, value in zip(x, FUNCTIONS[name](x), strict=True):
        exact = _exact_decimal(name, point)
        if value == 0 and abs(exact) < Decimal(smallest):
            continue  # flushed
        unit = Decimal(math.ulp(max(abs(float(exact)), smallest)))
        error = abs(Decimal(float(value)) - exact) / unit
        assert error <= Decimal(ULPS[name]), (name, point, error)


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, np.finfo(dtype).max, -1e30], dtype)
    expected = {
        "sigmoid": [0.5, 0.5, 1.0, 0.0, np.nan, 1.0, 0.0],
        "sigmoid_derivative": [0.25, 0.25, 0.0, 0.0, np.nan, 0.0, 0.0],
        "softplus": [np.log(2), np.log(2), np.inf, 0.0, np.nan, np.finfo(dtype).max, 0.0],
        "exponential": [1.0, 1.0, np.inf, 0.0, np.nan, np.inf, 0.0],
        "hyperbolic_tangent": [0.0, 0.0, 1.0, -1.0, np.nan, 1.0, -1.0],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(FUNCTIONS[name](x), np.array(values, dtype), err_msg=name)
    subnormals = np.array([1, -1], dtype) * np.finfo(dtype).smallest_subnormal
    np.testing.assert_array_equal(fastml.sigmoid(subnormals), [0.5, 0.5])


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponential_is_infinite_only_where_it_must_be(dtype):
    largest = np.log(np.array(np.finfo(dtype).max, np.longdouble))
    x = np.array([largest], dtype)
    # Compared as they are: NumPy before 2.0 compares an array and a number in the array's type.
    x = x if x.astype(np.longdouble)[0] < largest else np.nextafter(x, np.array(0, dtype))
    values = FUNCTIONS["exponential"](np.concatenate([x, np.nextafter(x, np.array(np.inf, dtype))]))
    assert np.isfinite(values[0])
    assert values[1] == np.inf


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_is_monotonic_and_its_derivative_symmetric(dtype):
    x = np.linspace(-120, 120, 200_001).astype(dtype)
    assert (np.diff(fastml.sigmoid(x[::20])) >= 0).all()
    slope = fastml.sigmoid_derivative(x)
    np.testing.assert_array_equal(slope, fastml.sigmoid_derivative(-x))
    assert slope.max() == 0.25


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sigmoid", "sigmoid_derivative"])
def test_every_length_and_start_writes_its_own_elements(dtype, name):
    kernel = {
        "sigmoid": elementwise.sigmoid_forward,
        "sigmoid_derivative": elementwise.sigmoid_derivative,
    }[name]
    x = np.linspace(-5, 5, 80).astype(dtype)
    everything = np.empty_like(x)
    kernel(x, 0, x.size, everything)
    np.testing.assert_allclose(everything, getattr(reference, name)(x), rtol=1e-6)
    for start in (0, 1, 5):
        for stop in range(start, 75):
            out = np.full_like(x, -1)
            kernel(x, start, stop, out)
            np.testing.assert_array_equal(out[start:stop], everything[start:stop])
            assert (out[:start] == -1).all()
            assert (out[stop:] == -1).all()
    kernel(x, 0, x.size, x)  # in place
    np.testing.assert_array_equal(x, everything)
