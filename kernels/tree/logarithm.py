"""x log x to 30 digits, in pairs of float64 numbers.

A pair (high, low) stands for their sum, |low| at most half a unit in the last place of high
(Dekker, "A floating-point technique for extending the available precision", 1971).
"""

from __future__ import annotations

import math

import numpy as np

from ..machine.jit import inner_kernel

_SPLIT = 134217729.0  # 2**27 + 1
_LOG2_HIGH, _LOG2_LOW = 0.6931471805599453, 2.3190468138462996e-17
_TERMS = 26


@inner_kernel
def pair_sum(a, b):
    """Return the sum of two pairs."""
    s = a[0] + b[0]
    t = s - a[0]
    e = (a[0] - (s - t)) + (b[0] - t)
    e += a[1] + b[1]
    high = s + e
    return high, e - (high - s)


@inner_kernel
def _exact_product(a, b):
    p = a * b
    t = _SPLIT * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = _SPLIT * b
    b_high = t - (t - b)
    b_low = b - b_high
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


@inner_kernel
def pair_product(a, b):
    """Return the product of two pairs."""
    p, e = _exact_product(a[0], b[0])
    e += a[0] * b[1] + a[1] * b[0]
    high = p + e
    return high, e - (high - p)


@inner_kernel
def pair_quotient(a, b):
    """Return the quotient of two pairs, by three steps of long division."""
    first = a[0] / b[0]
    rest = pair_sum(a, pair_product(b, (-first, 0.0)))
    second = rest[0] / b[0]
    rest = pair_sum(rest, pair_product(b, (-second, 0.0)))
    third = rest[0] / b[0]
    return pair_sum(pair_sum((first, 0.0), (second, 0.0)), (third, 0.0))


@inner_kernel
def pair_log(x):
    """Return the logarithm of a pair above 0, by the series of atanh((m - 1) / (m + 1)).

    With m within a factor of sqrt(2) of 1 the argument is at most 0.172, and 26 terms leave 1e-40.
    """
    mantissa, exponent = math.frexp(x[0])
    if mantissa < 0.7071067811865476:
        mantissa *= 2.0
        exponent -= 1
    m = (mantissa, math.ldexp(x[1], -exponent))
    s = pair_quotient(pair_sum(m, (-1.0, 0.0)), pair_sum(m, (1.0, 0.0)))
    square = pair_product(s, s)
    total = (0.0, 0.0)
    for i in range(_TERMS, -1, -1):
        term = pair_quotient((1.0, 0.0), (2.0 * i + 1.0, 0.0))
        total = pair_sum(pair_product(total, square), term)
    total = pair_product(total, s)
    total = (2.0 * total[0], 2.0 * total[1])
    return pair_sum(total, pair_product((float(exponent), 0.0), (_LOG2_HIGH, _LOG2_LOW)))


@inner_kernel
def pair_x_log_x(x):
    """Return x log x of a pair, 0 at 0."""
    if x[0] <= 0.0:
        return 0.0, 0.0
    return pair_product(x, pair_log(x))


@inner_kernel
def pair_of(value):
    """Return an int64 as a pair."""
    high = float(np.int64(value) >> np.int64(32)) * 4294967296.0
    low = float(np.int64(value) & np.int64(0xFFFFFFFF))
    return pair_sum((high, 0.0), (low, 0.0))
