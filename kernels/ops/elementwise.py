"""Exponential, logarithm, hyperbolic tangent, sigmoid and softplus on tiles; sigmoid on arrays.

Accuracy is stated in units in the last place (ULP) of the correctly rounded result, with fused
multiply-adds and without, unless something else is said.
Polynomials are minimax fits (Remez exchange) of the stated quotient on the reduced
range; the relative error of the fit stands beside each.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import CLOSED, join_team, take_block
from ..tile import (
    IN_PASSES,
    VECTORS,
    absolute,
    copy_sign,
    fill_like,
    is_single,
    lanes,
    load,
    load_first,
    maximum,
    multiply_add,
    round_to_whole,
    scale_by_power_of_two,
    select_less,
    select_negative,
    split_exponent,
    store,
    store_first,
    store_past_cache,
)
from .flat import load_up_to, store_up_to
from .scratch import aligned_zeros

_LOG2_E = 1.4426950408889634
_SQRT_2 = 1.4142135623730951
# ln 2 in two parts, the first with trailing zeros so that its product with a whole
# exponent is exact (Cody and Waite, "Software Manual for the Elementary Functions", 1980).
_LN2_HIGH_SINGLE, _LN2_LOW_SINGLE = 0.693359375, -2.12194440e-4
_LN2_HIGH_DOUBLE, _LN2_LOW_DOUBLE = 6.93147180369123816490e-01, 1.90821492927058770002e-10
# Logarithm of the smallest normal number: below, the result is flushed to zero.
_SMALLEST_SINGLE, _SMALLEST_DOUBLE = -87.33654475, -708.3964185322641
# Above, the exponential is infinite: the last numbers whose exponential is not.
_LARGEST_SINGLE, _LARGEST_DOUBLE = 88.72283172607422, 709.782712893384

#: Elements that go through one pass before the next: what is kept of them stays in a first cache.
RUN = 1024


@inner_kernel
def _reduced(x):
    """Return (n, r, q) with x = n ln 2 + r, |r| <= ln(2) / 2 and exp(r) = 1 + r + r**2 q.

    q is fitted to 3e-9 (float32) and 4e-18 (float64) of exp(r).
    """
    n = round_to_whole(x * _LOG2_E)
    if is_single(x):
        r = multiply_add(n, -_LN2_HIGH_SINGLE, x)
        r = multiply_add(n, -_LN2_LOW_SINGLE, r)
        q = multiply_add(r, 0.00138145986489604499, 0.00836871687965711277)
        q = multiply_add(q, r, 0.0416683880452656428)
        q = multiply_add(q, r, 0.166665206317102604)
        q = multiply_add(q, r, 0.49999993447796733)
    else:
        r = multiply_add(n, -_LN2_HIGH_DOUBLE, x)
        r = multiply_add(n, -_LN2_LOW_DOUBLE, r)
        q = multiply_add(r, 2.50000616035364145e-8, 2.76302483788831486e-7)
        q = multiply_add(q, r, 2.75575863738365014e-6)
        q = multiply_add(q, r, 0.0000248014930989075575)
        q = multiply_add(q, r, 0.000198412695065786939)
        q = multiply_add(q, r, 0.00138888889436301119)
        q = multiply_add(q, r, 0.00833333333349446166)
        q = multiply_add(q, r, 0.0416666666665301586)
        q = multiply_add(q, r, 0.166666666666664125)
        q = multiply_add(q, r, 0.500000000000001063)
    return n, r, q


@inner_kernel
def _fraction(r, q):
    """Return 1 + r + r**2 q."""
    return multiply_add(multiply_add(q, r, 1.0), r, 1.0)


@inner_kernel
def decaying_exponential(x):
    """Return exp(x) for x <= 0, within 1 ULP; zero where that is below the normal numbers.

    Within 1.25 ULP without fused multiply-adds: r, r**2 q + r and its factor are then rounded once
    more.
    """
    n, r, q = _reduced(x)
    smallest = _SMALLEST_SINGLE if is_single(x) else _SMALLEST_DOUBLE
    return select_less(x, smallest, 0.0, scale_by_power_of_two(_fraction(r, q), n))


@inner_kernel
def exponential(x):
    """Return exp(x), within 1 ULP; zero where that is below the normal numbers, or infinite.

    Within 1.25 ULP without fused multiply-adds, as :func:`decaying_exponential`.
    The power of two is multiplied in by halves: at either end it is no normal number.
    """
    n, r, q = _reduced(x)
    half = round_to_whole(n * 0.5)
    power = scale_by_power_of_two(scale_by_power_of_two(_fraction(r, q), half), n - half)
    smallest = _SMALLEST_SINGLE if is_single(x) else _SMALLEST_DOUBLE
    largest = _LARGEST_SINGLE if is_single(x) else _LARGEST_DOUBLE
    power = select_less(x, smallest, 0.0, power)
    return select_less(fill_like(x, largest), x, np.inf, power)


@inner_kernel
def logarithm(x):
    """Return log(x) for normal x > 0, within 3 ULP.

    With x = 2**n m and m between sqrt(1/2) and sqrt(2) it is n ln 2 + log(m), and log(m) is
    2 atanh(s) with s = (m - 1) / (m + 1).
    """
    m, n = split_exponent(x)
    n = select_less(m, _SQRT_2, n, n + 1.0)
    m = select_less(m, _SQRT_2, m, m * 0.5)
    log_m = _twice_atanh((m - 1.0) / (m + 1.0))
    if is_single(x):
        return multiply_add(n, _LN2_HIGH_SINGLE, multiply_add(n, _LN2_LOW_SINGLE, log_m))
    return multiply_add(n, _LN2_HIGH_DOUBLE, multiply_add(n, _LN2_LOW_DOUBLE, log_m))


@inner_kernel
def hyperbolic_tangent(x):
    """Return tanh(x), within 3 ULP; NaN stays NaN.

    With m = exp(-2 |x|) - 1 it is -m / (2 + m), of the sign of x.  m = 2**n p + (2**n - 1) for
    p = exp(r) - 1 keeps the relative accuracy of small arguments.
    """
    t = absolute(x) * -2.0
    n, r, q = _reduced(t)
    power = scale_by_power_of_two(fill_like(x, 1.0), n)
    m = multiply_add(power, multiply_add(q * r, r, r), power - 1.0)
    m = select_less(t, -40.0, -1.0, m)
    size = m / (m + 2.0)
    return select_less(x, 0.0, size, size * -1.0)


@inner_kernel
def sigmoid(x):
    """Return 1 / (1 + exp(-x)), within 2 ULP; NaN stays NaN.

    With e = exp(-|x|), which never overflows, it is 1 / (1 + e) for x >= 0 and
    e / (1 + e) below: one division either way.
    """
    e = decaying_exponential(absolute(x) * -1.0)
    return _share(select_less(x, 0.0, e, 1.0), e)


@inner_kernel
def _share(part, e):
    """Return part / (1 + e), where part is e or 1 and 0 <= e <= 1."""
    d = e + 1.0
    result = part / d
    # What rounding took from d; for the part e, where it matters, 1 / d is 1 - result.
    lost = e - (d - 1.0)
    return multiply_add(result * lost, result - 1.0, result)


@inner_kernel
def _twice_atanh(s):
    """Return 2 atanh(s) for abs(s) <= 1/3.

    atanh(s) = s + s**3 g(s**2), with g fitted to 5e-9 (float32) and 5e-17 (float64) of the sum.
    """
    w = s * s
    if is_single(s):
        g = multiply_add(w, 0.140122293778165864, 0.139995705489789471)
        g = multiply_add(g, w, 0.200108495288097622)
        g = multiply_add(g, w, 0.333332065663728084)
    else:
        g = multiply_add(w, 0.0887442102628199878, 0.0494915604288605486)
        g = multiply_add(g, w, 0.0679362247803532402)
        g = multiply_add(g, w, 0.0768209611764853803)
        g = multiply_add(g, w, 0.0909141036105583229)
        g = multiply_add(g, w, 0.111110963275876597)
        g = multiply_add(g, w, 0.142857145315879741)
        g = multiply_add(g, w, 0.199999999979988514)
        g = multiply_add(g, w, 0.333333333333389365)
    atanh = multiply_add(g * w, s, s)
    return atanh + atanh


@inner_kernel
def softplus(x):
    """Return log(1 + exp(x)) without overflow: max(x, 0) + log1p(exp(-|x|)), within 4 ULP.

    log1p(e) = 2 atanh(s) with s = e / (2 + e) <= 1/3.
    """
    e = decaying_exponential(absolute(x) * -1.0)
    return maximum(x, 0.0) + _twice_atanh(e / (e + 2.0))


@kernel
def sigmoid_forward(x, start, stop, out):
    """Write sigmoid(x) to ``out`` for elements [start, stop).

    Parameters
    ----------
    x : IN (size,) contiguous
    out : OUT (size,) contiguous, of x's type; may be x itself
    """
    if IN_PASSES:
        for first in range(start, stop, RUN):
            last = min(first + RUN, stop)
            _keep_exponentials(x, first, last, out, first)
            _finish(False, out, first, last, out)
        return
    height = VECTORS * lanes(x)
    whole = start + (stop - start) // height * height
    for i in range(start, whole, height):
        store(out, i, 0, sigmoid(load(x, i, 0, VECTORS, 1)))
    for i in range(whole, stop, lanes(x)):
        store_up_to(out, i, stop - i, sigmoid(load_up_to(x, i, stop - i)))


@kernel
def sigmoid_derivative(x, start, stop, out):
    """Write sigmoid(x) (1 - sigmoid(x)) to ``out`` for elements [start, stop).

    With p = sigmoid(-|x|) it is p - p**2, which keeps its relative accuracy where
    1 - sigmoid(x) cancels; within 4 ULP.

    Parameters
    ----------
    x : IN (size,) contiguous
    out : OUT (size,) contiguous, of x's type; may be x itself
    """
    if IN_PASSES:
        for first in range(start, stop, RUN):
            last = min(first + RUN, stop)
            _keep_exponentials(x, first, last, out, first)
            _finish(True, out, first, last, out)
        return
    height = VECTORS * lanes(x)
    whole = start + (stop - start) // height * height
    for i in range(start, whole, height):
        store(out, i, 0, _slope(load(x, i, 0, VECTORS, 1)))
    for i in range(whole, stop, lanes(x)):
        store_up_to(out, i, stop - i, _slope(load_up_to(x, i, stop - i)))


@inner_kernel
def _slope(x):
    small = sigmoid(absolute(x) * -1.0)
    return multiply_add(small * -1.0, small, small)


@inner_kernel
def _signed_exponential(x):
    """Return exp(-|x|) with the sign of x, which is all that is needed of either."""
    return copy_sign(decaying_exponential(absolute(x) * -1.0), x)


@inner_kernel
def _keep_exponentials(x, start, stop, kept, at):
    """Write what :func:`_signed_exponential` says of elements [start, stop) from ``kept[at]`` on.

    Four vectors at a time: their chains of operations, one of which takes fifty cycles, are then
    mixed by the compiler, too.
    """
    height, shift = 4 * lanes(x), at - start
    whole = start + (stop - start) // height * height
    for i in range(start, whole, height):
        store(kept, i + shift, 0, _signed_exponential(load(x, i, 0, 4, 1)))
    for i in range(whole, stop, lanes(x)):
        store_up_to(kept, i + shift, stop - i, _signed_exponential(load_up_to(x, i, stop - i)))


@inner_kernel
def _finished(derivative, kept):
    """Return the sigmoid, or its derivative, from what :func:`_signed_exponential` returned."""
    e = absolute(kept)
    if derivative:
        small = _share(e, e)
        return multiply_add(small * -1.0, small, small)
    return _share(select_negative(kept, e, 1.0), e)


@inner_kernel
def _finish(derivative, kept, start, stop, out):
    """Write the results of elements [start, stop) from what was kept of them in their places."""
    whole = start + (stop - start) // lanes(out) * lanes(out)
    if derivative:
        for i in range(start, whole, lanes(out)):
            store(out, i, 0, _finished(True, load(kept, i, 0, 1, 1)))
    else:
        for i in range(start, whole, lanes(out)):
            store(out, i, 0, _finished(False, load(kept, i, 0, 1, 1)))
    if whole < stop:
        last = _finished(derivative, load_first(kept, whole, stop - whole))
        store_first(out, whole, stop - whole, last)


@allocating_kernel
def sigmoid_blocks(derivative, block_size, head, state, x, out):
    """Apply the sigmoid, or its derivative, to a whole array, as a member of a team.

    Parameters
    ----------
    derivative : bool
    block_size : int, elements a ticket, whole vectors
    head : int, elements before the first whole vector of ``out``, from where on it is written
        past the caches; -1 where it should stay in them
    state : IN/OUT the team's state, zero at the start
    x : IN (size,) contiguous
    out : OUT (size,) contiguous, of x's type; may be x itself
    """
    past_cache = head >= 0
    kept = aligned_zeros(out, RUN if IN_PASSES and past_cache else 0)
    member = join_team(state)
    n_blocks = (x.size + block_size - 1) // block_size
    while True:
        block = take_block(state, member, n_blocks)
        if block == CLOSED:
            return
        start = block * block_size
        stop = min(start + block_size, x.size)
        if past_cache:
            first = min(start + head, x.size)
            last = min(stop + head, x.size)
            if start == 0:
                _apply(derivative, x, 0, first, out)
            whole = first + (last - first) // lanes(x) * lanes(x)
            _apply_past_cache(derivative, x, first, whole, kept, out)
            _apply(derivative, x, whole, last, out)
        else:
            _apply(derivative, x, start, stop, out)


@inner_kernel
def _apply(derivative, x, start, stop, out):
    if derivative:
        sigmoid_derivative(x, start, stop, out)
    else:
        sigmoid_forward(x, start, stop, out)


@inner_kernel
def _apply_past_cache(derivative, x, start, stop, kept, out):
    """Apply to whole vectors, the first one aligned in ``out``."""
    if IN_PASSES:
        for first in range(start, stop, RUN):
            last = min(first + RUN, stop)
            _keep_exponentials(x, first, last, kept, 0)
            _finish_past_cache(derivative, kept, first, last, out)
    elif derivative:
        for i in range(start, stop, lanes(x)):
            store_past_cache(out, i, _slope(load(x, i, 0, 1, 1)))
    else:
        for i in range(start, stop, lanes(x)):
            store_past_cache(out, i, sigmoid(load(x, i, 0, 1, 1)))


@inner_kernel
def _finish_past_cache(derivative, kept, start, stop, out):
    """Do what :func:`_finish` does of whole vectors, kept from the first place on."""
    if derivative:
        for i in range(start, stop, lanes(out)):
            store_past_cache(out, i, _finished(True, load(kept, i - start, 0, 1, 1)))
    else:
        for i in range(start, stop, lanes(out)):
            store_past_cache(out, i, _finished(False, load(kept, i - start, 0, 1, 1)))
