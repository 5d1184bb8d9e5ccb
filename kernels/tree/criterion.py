"""How good a split is: a score in float64, its error, and the exact comparison of two.

The score of a split is what the criterion leaves to be maximised once all that depends on the node
alone is taken away, with L and R the statistics of the children:

- gini: the sum over the children of (sum of squared class weights) / weight;
- entropy: the sum over the children of sum_k w_k log w_k - w log w;
- squared error: the sum over the children of (sum of w y)**2 / w;
- poisson: the sum over the children of Y log(Y / w), Y the sum of w y.

Each is convex in (L, R), and h(L) + h(R) with h(t s) = t h(s) for t > 0: the bounds rest on it.
Sums are integers, so a score is wrong by the rounding of its evaluation only.  Two scores further
apart than :func:`tolerance` are decided by it; others by :func:`compare_splits`.
"""

from __future__ import annotations

import math

import numpy as np

from ..machine.jit import inner_kernel
from .logarithm import pair_log, pair_of, pair_product, pair_quotient, pair_sum, pair_x_log_x
from .problem import ENTROPY, GINI, POISSON, SQUARED_ERROR
from .wide import (
    add_wide,
    compare_wide,
    copy_wide,
    multiply_wide,
    set_wide,
    subtract_wide,
)

#: Rows of the work array of :func:`compare_splits`, each of WIDE elements.
WORK_ROWS = 12
#: float64 decides gini for integer weights exactly up to this total: see :func:`decided`.
EXACT_WEIGHT = 2048
_RELATIVE = 1e-12
#: Logarithms are compared to so many digits of the largest term; closer is a tie.
_SAME = 1e-27


@inner_kernel
def rows_in(targets, statistics):
    """Return how many rows some statistics are of."""
    if targets.weights.size > 0:
        return statistics[targets.size - 1]
    if targets.n_classes == 0:
        return statistics[0]
    total = np.int64(0)
    for k in range(targets.n_classes):
        total += statistics[k]
    return total


@inner_kernel
def add_row(targets, row, out):
    """Add a row to some statistics."""
    weight = np.int64(1)
    if targets.weights.size > 0:
        weight = targets.weights[row]
        out[targets.size - 1] += 1
    if targets.n_classes > 0:
        out[targets.classes[row]] += weight
    else:
        out[0] += weight
        for k in range(3):
            out[1 + k] += weight * targets.sums[row, k]


@inner_kernel
def sum_of(targets, high, low):
    """Return high * limb + low in float64.

    Carried first: of targets below the centre the two would cancel, and with them their digits.
    """
    if targets.limb == 1.0:
        return float(high)
    carry = np.int64(float(low) / targets.limb)
    return float(high + carry) * targets.limb + float(low - carry * np.int64(targets.limb))


@inner_kernel
def weight_in(targets, statistics):
    """Return the weight of some rows, times factors, in float64."""
    if targets.n_classes == 0:
        return float(statistics[0])
    total = 0.0
    for k in range(targets.n_classes):
        total += float(statistics[k]) * float(targets.factors[k])
    return total


@inner_kernel
def score(targets, left, total):
    """Return the score of a split with these statistics on the left; -inf where a side is empty."""
    if targets.n_classes > 0:
        return _class_score(targets, left, total)
    w_left = float(left[0])
    w_right = float(total[0] - left[0])
    if w_left <= 0.0 or w_right <= 0.0:
        return -np.inf
    y_left = sum_of(targets, left[1], left[2])
    y_right = sum_of(targets, total[1] - left[1], total[2] - left[2])
    if targets.criterion == POISSON:
        if y_left <= 0.0 or y_right <= 0.0:
            return -np.inf
        return y_left * math.log(y_left / w_left) + y_right * math.log(y_right / w_right)
    return y_left * y_left / w_left + y_right * y_right / w_right


@inner_kernel
def _class_score(targets, left, total):
    w_left, w_right, s_left, s_right = 0.0, 0.0, 0.0, 0.0
    if targets.criterion == GINI:
        for k in range(targets.n_classes):
            factor = float(targets.factors[k])
            a = float(left[k]) * factor
            b = float(total[k] - left[k]) * factor
            w_left += a
            w_right += b
            s_left += a * a
            s_right += b * b
        if w_left <= 0.0 or w_right <= 0.0:
            return -np.inf
        return (s_left * w_right + s_right * w_left) / (w_left * w_right)
    for k in range(targets.n_classes):
        factor = float(targets.factors[k])
        a = float(left[k]) * factor
        b = float(total[k] - left[k]) * factor
        w_left += a
        w_right += b
        s_left += x_log_x(a) + x_log_x(b)
    if w_left <= 0.0 or w_right <= 0.0:
        return -np.inf
    return s_left - (x_log_x(w_left) + x_log_x(w_right))


@inner_kernel
def own_score(targets, total):
    """Return h of a node, of classes or by Poisson deviance: a split has to exceed it."""
    if targets.criterion == POISSON:
        y = sum_of(targets, total[1], total[2])
        return y * math.log(y / float(total[0])) if y > 0.0 else 0.0
    weight, value = 0.0, 0.0
    for k in range(targets.n_classes):
        a = float(total[k]) * float(targets.factors[k])
        weight += a
        value += a * a if targets.criterion == GINI else x_log_x(a)
    return value / weight if targets.criterion == GINI else value - x_log_x(weight)


@inner_kernel
def x_log_x(x):
    """Return x log x, 0 at 0."""
    return x * math.log(x) if x > 0.0 else 0.0


@inner_kernel
def tolerance(targets, total, value):
    """Return by how much two scores near ``value`` of a node may differ and yet be equal."""
    if targets.criterion == ENTROPY:
        weight = weight_in(targets, total)
        return _RELATIVE * (weight * math.log(weight + 2.0) + 1.0)
    if targets.criterion == POISSON:
        y = sum_of(targets, total[1], total[2])
        return _RELATIVE * 100.0 * (y + 1.0)
    return _RELATIVE * abs(value)


@inner_kernel
def decided(targets, total):
    """Whether float64 scores of a node's splits are in the exact order, equal where it is.

    True for gini up to a weight of W = 2048, without factors: numerator and denominator, both exact
    below 2**53, give a score that is rounded once, so the order is kept, and fractions a / b of
    b <= W**2 / 4 that differ do so by 16 / W**4 at least, more than W * 2**-52 bounds for the
    rounding of two scores of at most W.
    """
    if targets.criterion != GINI:
        return False
    weight = np.int64(0)
    for k in range(targets.n_classes):
        if targets.factors[k] != 1:
            return False
        weight += total[k]
    return weight <= EXACT_WEIGHT


@inner_kernel
def better(targets, total, a_score, a, b_score, b, work):
    """Return 1, 0 or -1: whether split a of a node is better than split b, equal, or worse.

    Parameters
    ----------
    total, a, b : IN (size,) int64, statistics of the node and of the left of each split
    work : (WORK_ROWS, WIDE) int64, memory of the caller's own
    """
    if b_score == -np.inf:
        return 1 if a_score > b_score else 0
    if decided(targets, total):
        return 1 if a_score > b_score else (0 if a_score == b_score else -1)
    margin = tolerance(targets, total, b_score)
    if a_score > b_score + margin:
        return 1
    if a_score < b_score - margin:
        return -1
    return compare_splits(targets, total, a, b, work)


@inner_kernel
def compare_splits(targets, total, a, b, work):
    """Return 1, 0 or -1 as :func:`better`, from the integers alone.

    Entropy and poisson are compared to 30 digits: what agrees in 27 counts as equal.
    """
    last = targets.n_classes if targets.n_classes > 0 else 3
    same, mirrored = True, True
    for k in range(last):
        same = same and a[k] == b[k]
        mirrored = mirrored and a[k] == total[k] - b[k]
    if same or mirrored:
        return 0
    if targets.criterion == GINI:
        _gini_fraction(targets, total, a, work, 0)
        _gini_fraction(targets, total, b, work, 2)
    elif targets.criterion == SQUARED_ERROR:
        _error_fraction(targets, total, a, work, 0)
        _error_fraction(targets, total, b, work, 2)
    else:
        return _compare_logarithms(targets, total, a, b)
    multiply_wide(work[0], work[3], work[4])
    multiply_wide(work[2], work[1], work[5])
    return compare_wide(work[4], work[5])


@inner_kernel
def _gini_fraction(targets, total, left, work, at):
    """Set work[at] / work[at + 1] to the score: rows 4 to 10 are overwritten."""
    for side in range(2):
        work[4 + side, 0] = 0  # weight
        work[6 + side, 0] = 0  # sum of squares
    for k in range(targets.n_classes):
        set_wide(targets.factors[k], work[8])
        for side in range(2):
            set_wide(left[k] if side == 0 else total[k] - left[k], work[9])
            multiply_wide(work[8], work[9], work[10])
            add_wide(work[10], work[4 + side])
            multiply_wide(work[10], work[10], work[9])
            add_wide(work[9], work[6 + side])
    multiply_wide(work[6], work[5], work[at])
    multiply_wide(work[7], work[4], work[8])
    add_wide(work[8], work[at])
    multiply_wide(work[4], work[5], work[at + 1])


@inner_kernel
def _set_limbs(targets, high, low, work, out):
    """Set row ``out`` to |high * limb + low| and return whether it is negative."""
    bits = np.int64(math.log2(targets.limb) + 0.5)
    negative = high < 0
    set_wide(-high if negative else high, work[10])
    set_wide(np.int64(1) << bits, work[11])
    multiply_wide(work[10], work[11], work[out])
    set_wide(low, work[10])
    if not negative:
        add_wide(work[10], work[out])
    elif compare_wide(work[out], work[10]) >= 0:
        subtract_wide(work[10], work[out])
    else:
        subtract_wide(work[out], work[10])
        copy_wide(work[10], work[out])
        negative = False
    return negative


@inner_kernel
def _error_fraction(targets, total, left, work, at):
    """Set work[at] / work[at + 1] to (Y_L W - Y W_L)**2 / (W_L W_R), of the order of the score."""
    left_negative = _set_limbs(targets, left[1], left[2], work, 4)
    set_wide(total[0], work[8])
    multiply_wide(work[4], work[8], work[6])
    total_negative = _set_limbs(targets, total[1], total[2], work, 5)
    set_wide(left[0], work[8])
    multiply_wide(work[5], work[8], work[7])
    if left_negative != total_negative:
        add_wide(work[7], work[6])
        copy_wide(work[6], work[4])
    elif compare_wide(work[6], work[7]) >= 0:
        subtract_wide(work[7], work[6])
        copy_wide(work[6], work[4])
    else:
        subtract_wide(work[6], work[7])
        copy_wide(work[7], work[4])
    multiply_wide(work[4], work[4], work[at])
    set_wide(total[0] - left[0], work[9])
    multiply_wide(work[8], work[9], work[at + 1])


@inner_kernel
def _as_float(a):
    """Return a wide number in float64."""
    value = 0.0
    for i in range(a[0], 0, -1):
        value = value * 4294967296.0 + float(a[i])
    return value


@inner_kernel
def gain_of(targets, total, left, value, work):
    """Return by how much a split's score ``value`` exceeds the node's own.

    Of squared error from the integers: both scores hold the square of the node's mean.
    """
    if targets.criterion != SQUARED_ERROR:
        return value - own_score(targets, total)
    _error_fraction(targets, total, left, work, 0)
    return _as_float(work[0]) / _as_float(work[1]) / float(total[0])


@inner_kernel
def _limb_pair(targets, high, low):
    a = pair_of(high)
    return pair_sum((a[0] * targets.limb, a[1] * targets.limb), pair_of(low))


@inner_kernel
def _pair_score(targets, total, left):
    """Return the score by entropy or poisson as a pair, and the sum of its terms' sizes."""
    value = (0.0, 0.0)
    size = 0.0
    for side in range(2):
        if targets.n_classes == 0:
            high = left[1] if side == 0 else total[1] - left[1]
            low = left[2] if side == 0 else total[2] - left[2]
            y = _limb_pair(targets, high, low)
            weight = pair_of(left[0] if side == 0 else total[0] - left[0])
            term = pair_product(y, pair_log(pair_quotient(y, weight)))
            value = pair_sum(value, term)
            size += abs(term[0]) + y[0]
        else:
            weight = (0.0, 0.0)
            for k in range(targets.n_classes):
                number = pair_of(left[k] if side == 0 else total[k] - left[k])
                number = pair_product(number, pair_of(targets.factors[k]))
                term = pair_x_log_x(number)
                value = pair_sum(value, term)
                weight = pair_sum(weight, number)
            term = pair_x_log_x(weight)
            value = pair_sum(value, (-term[0], -term[1]))
            size += abs(term[0]) + weight[0]
    return value, size


@inner_kernel
def _compare_logarithms(targets, total, a, b):
    first, size = _pair_score(targets, total, a)
    second, _ = _pair_score(targets, total, b)
    difference = pair_sum(first, (-second[0], -second[1]))
    if abs(difference[0]) <= _SAME * size:
        return 0
    return 1 if difference[0] > 0.0 else -1
