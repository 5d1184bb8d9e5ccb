"""How good a split inside a bin can be, from the sums at its edges alone.

Let L be the statistics left of the bin, c those of the bin, R = T - L.  A split inside has L + d on
the left with d somewhere in a box; the score f(L + d) = h(L + d) + h(R - d) is convex in d, so it
is largest at a corner.

**Two classes, gini**: the two corners that are no edges are tried.

**Squared error.**  About the mean of the node, rows of weight m in a bin of weight M have a sum d
with |d - m Y / M| <= sqrt(Q m (M - m) / M) <= sqrt(Q M) / 2, Q the bin's squares about its own mean
(Cauchy and Schwarz): (m, d) lies in a parallelogram, whose corners are tried.  Since h is
subadditive, and h of some rows at most their squares, a side is also at most h without the bin plus
the bin's squares, which is the better bound where the side is small.  At least a weight of 1 stays
on either side of a split inside.

**Poisson**: targets are not negative, so the sum lies in [0, Y]: all corners are tried.

**Gini, more classes** (2**K corners are too many).  With n = sum(s), p = s / n, m = sum(d) the
identity h(s + d) = h(s) + 2 p.d - |p|^2 m + |d - m p|^2 / (n + m) is exact: multiply by n + m and
compare terms.  Applied to both sides, with q for the right one,

    f(L + d) = f(L) + sum_k d_k (2 (p_k - q_k) - |p|^2 + |q|^2)
               + |d - m p|^2 / (n_L + m) + |d - m q|^2 / (n_R - m).

The sum is largest where d_k is c_k for the positive terms and 0 for the others.  In the remainders
|d - m p|^2 <= |d|^2 + m^2 |p|^2 <= |c|^2 + M^2 |p|^2 with M = sum(c), for d, p >= 0; denominators
are at least n_L and n_R - M.  Where that is much (an end of the range) the side is bounded without
it: h is subadditive, so h(L + d) <= h(L) + h(d), and h(d) = sum_k d_k (d_k / m) <= max_k c_k.

**Entropy, any number of classes.**  With g(x) = x log x,
f(L + d) = sum_k [g(L_k + d_k) + g(R_k - d_k)] - [g(n_L + m) + g(n_R - m)].  The second bracket is
convex in m, so minus it lies below its tangent at any m_0: slope log((n_R - m_0) / (n_L + m_0)).
What is left is a sum of convex functions of one d_k each, largest at 0 or c_k.  Tangents at 1/8,
1/2 and 7/8 of M are tried and the least of the three bounds is taken.

All bounds are raised by a relative 1e-11, more than the rounding of their evaluation.
"""

from __future__ import annotations

import math

import numpy as np

from ..machine.jit import inner_kernel
from .criterion import sum_of, x_log_x
from .problem import GINI, POISSON

_RAISED = 1e-11


@inner_kernel
def bound_inside(targets, left, inside, total):
    """Return an upper bound of the scores of splits inside a bin.

    Parameters
    ----------
    left, inside, total : IN (size,) int64, statistics left of the bin, of the bin, of the node
    """
    if targets.n_classes == 0:
        return _value_bound(targets, left, inside, total)
    if targets.criterion == GINI:
        if targets.n_classes == 2:
            return _two_class_bound(targets, left, inside, total)
        return _gini_bound(targets, left, inside, total)
    return _entropy_bound(targets, left, inside, total)


@inner_kernel
def _two_class_bound(targets, left, inside, total):
    f0, f1 = float(targets.factors[0]), float(targets.factors[1])
    best = -np.inf
    for corner in range(2):
        a0 = float(left[0] + (inside[0] if corner == 0 else 0)) * f0
        a1 = float(left[1] + (inside[1] if corner == 1 else 0)) * f1
        b0 = float(total[0]) * f0 - a0
        b1 = float(total[1]) * f1 - a1
        a, b = a0 + a1, b0 + b1
        value = 0.0
        if a > 0.0:
            value += (a0 * a0 + a1 * a1) / a
        if b > 0.0:
            value += (b0 * b0 + b1 * b1) / b
        best = max(best, value)
    return best * (1.0 + _RAISED)


@inner_kernel
def _gini_bound(targets, left, inside, total):
    n_left, n_right, s_left, s_right = 0.0, 0.0, 0.0, 0.0
    mass, squares, largest, beyond, s_beyond = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(targets.n_classes):
        factor = float(targets.factors[k])
        a = float(left[k]) * factor
        b = float(total[k] - left[k]) * factor
        c = float(inside[k]) * factor
        n_left += a
        n_right += b
        s_left += a * a
        s_right += b * b
        mass += c
        squares += c * c
        largest = max(largest, c)
        beyond += b - c
        s_beyond += (b - c) * (b - c)
    p2, q2 = 0.0, 0.0
    rest_left, rest_right = np.inf, np.inf
    if n_left > 0.0:
        p2 = s_left / (n_left * n_left)
        rest_left = (squares + mass * mass * p2) / n_left
    if beyond > 0.5:
        q2 = s_right / (n_right * n_right)
        rest_right = (squares + mass * mass * q2) / beyond
    expand_left, expand_right = rest_left < largest, rest_right < largest
    value = s_left / n_left if n_left > 0.0 else 0.0
    value += rest_left if expand_left else largest
    if expand_right:
        value += s_right / n_right + rest_right
    else:
        value += largest + (s_beyond / beyond if beyond > 0.5 else 0.0)
    for k in range(targets.n_classes):
        factor = float(targets.factors[k])
        c = float(inside[k]) * factor
        slope = 0.0
        if expand_left:
            slope += 2.0 * float(left[k]) * factor / n_left - p2
        if expand_right:
            slope -= 2.0 * float(total[k] - left[k]) * factor / n_right - q2
        if slope > 0.0:
            value += c * slope
    return value * (1.0 + _RAISED)


@inner_kernel
def _entropy_bound(targets, left, inside, total):
    n_left, n_right, mass = 0.0, 0.0, 0.0
    for k in range(targets.n_classes):
        factor = float(targets.factors[k])
        n_left += float(left[k]) * factor
        n_right += float(total[k] - left[k]) * factor
        mass += float(inside[k]) * factor
    best = np.inf
    for i in range(3):
        at = mass * (0.125 if i == 0 else (0.5 if i == 1 else 0.875))
        a, b = n_left + at, n_right - at
        slope = math.log(b / a)
        value = -(x_log_x(a) + x_log_x(b)) - slope * at
        for k in range(targets.n_classes):
            factor = float(targets.factors[k])
            x = float(left[k]) * factor
            y = float(total[k] - left[k]) * factor
            c = float(inside[k]) * factor
            if c > 0.0:
                here = x_log_x(x) + x_log_x(y)
                there = x_log_x(x + c) + x_log_x(max(y - c, 0.0)) + slope * c
                value += max(here, there)
            else:
                value += x_log_x(x) + x_log_x(y)
        best = min(best, value)
    weight = n_left + n_right
    return best + _RAISED * (weight * math.log(weight + 2.0) + 1.0)


@inner_kernel
def _value_bound(targets, left, inside, total):
    if targets.criterion == POISSON:
        return _poisson_bound(targets, left, inside, total)
    # About the mean of the node, which adds the constant y_total**2 / w_total to every score.
    w_total = float(total[0])
    y_total = sum_of(targets, total[1], total[2])
    mean = y_total / w_total
    constant = y_total * mean
    w = float(left[0])
    y = sum_of(targets, left[1], left[2]) - mean * w
    c = float(inside[0])
    raw = sum_of(targets, inside[1], inside[2])
    y_inside = raw - mean * c
    squares = float(inside[3]) * targets.square_unit
    spread = max(squares - 2.0 * mean * raw + mean * mean * c, 0.0)
    spread += 1e-13 * (squares + mean * mean * c)
    height = 0.5 * math.sqrt(max(spread * c - y_inside * y_inside, 0.0) + 1e-13 * spread * c)
    v = w_total - w
    both, best_left, best_right = 0.0, 0.0, 0.0
    for corner in range(4):
        m = c - 1.0 if corner & 1 else 1.0
        d = y_inside * (m / c) + (height if corner & 2 else -height)
        h_left = (y + d) * (y + d) / (w + m)
        h_right = (y + d) * (y + d) / (v - m)
        both = max(both, h_left + h_right)
        best_left = max(best_left, h_left)
        best_right = max(best_right, h_right)
    before = y * y / w if w > 0.0 else 0.0
    after = (y + y_inside) * (y + y_inside) / (v - c) if v > c else 0.0
    value = min(both, before + spread + best_right, best_left + after + spread)
    return constant + value + _RAISED * (constant + value)


@inner_kernel
def _poisson_bound(targets, left, inside, total):
    w_left = float(left[0])
    y_left = float(left[1]) * targets.limb + float(left[2])
    w_total = float(total[0])
    y_total = sum_of(targets, total[1], total[2])
    c = float(inside[0])
    y_inside = float(inside[1]) * targets.limb + float(inside[2])
    best = -np.inf
    for corner in range(4):
        w = w_left + (c - 1.0 if corner & 1 else 1.0)
        y = y_left + (y_inside if corner & 2 else 0.0)
        v, z = w_total - w, y_total - y
        value = 0.0
        if y > 0.0:
            value += y * math.log(y / w)
        if z > 0.0:
            value += z * math.log(z / v)
        best = max(best, value)
    return best + _RAISED * 100.0 * (y_total + 1.0)
