"""Targets and weights in integers, without an error, or not at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ..core.validation import Array
from ..kernels.tree.problem import (
    ABSOLUTE_ERROR,
    ENTROPY,
    GINI,
    POISSON,
    SQUARED_ERROR,
    VALUE_SUMS,
    Targets,
)

CRITERIA = {
    "gini": GINI,
    "entropy": ENTROPY,
    "log_loss": ENTROPY,
    "squared_error": SQUARED_ERROR,
    "friedman_mse": SQUARED_ERROR,
    "poisson": POISSON,
    "absolute_error": ABSOLUTE_ERROR,
}
_MOST_WEIGHT = 1 << 52
_MOST_FACTOR = 1 << 62


class NotExact(Exception):  # noqa: N818 - a verdict, not an error
    """Targets or weights are outside the range in which sums are exact."""


class Scale(NamedTuple):
    """What one unit of the integers is worth.

    weight : float, of weights
    factors : (n_classes,) float64, of a class's weight; one element for regression
    value : float, of targets; center : float, what was taken off them, in that unit
    """

    weight: float
    factors: Array
    value: float
    center: float


def whole_weights(weights: Array | None, n: int) -> tuple[Array, float]:
    """Return weights as integers without a common divisor, and what one of them is worth.

    An empty array stands for weights of 1.

    Raises
    ------
    NotExact
        If a weight is negative or NaN, if all are zero, or if they are not multiples of one power
        of two with a sum below 2**52 times that.
    """
    if weights is None:
        return np.empty(0, np.int64), 1.0
    if weights.dtype == np.int64:  # counts of draws, of each tree of a forest
        least, most = int(weights.min()), int(weights.max())
        if 0 <= least < most and most * len(weights) < _MOST_WEIGHT:
            divisor = 1 if (weights == 1).any() else int(np.gcd.reduce(weights))
            return weights // divisor if divisor > 1 else weights, float(divisor)
    total = float(weights.sum())
    if not np.all(weights >= 0) or total <= 0 or not math.isfinite(total):
        raise NotExact("weights are negative or all zero")
    if weights.min() == weights.max():
        return np.empty(0, np.int64), float(weights[0])
    if total < _MOST_WEIGHT:
        whole = weights.astype(np.int64)
        if np.array_equal(whole, weights):  # counts of draws, of each tree of a forest
            divisor = 1 if (whole == 1).any() else int(np.gcd.reduce(whole))
            return whole // divisor if divisor > 1 else whole, float(divisor)
    mantissas, exponents = np.frexp(weights)
    digits = (mantissas * 2.0**53).astype(np.int64)
    used = digits != 0
    lowest = (digits & -digits)[used]
    least = int((exponents[used] - 53 + np.log2(lowest).astype(np.int64)).min())
    if math.log2(total) - least >= 52:
        raise NotExact("weights are no multiples of a power of two with a sum below 2**52 of it")
    whole = np.ldexp(weights, -least).astype(np.int64)
    divisor = int(np.gcd.reduce(whole[used]))
    return whole // divisor, math.ldexp(divisor, least)


def whole_factors(factors: Array) -> tuple[Array, float]:
    """Return factors as integers without a common divisor, and what one is worth.

    Raises
    ------
    NotExact
        If one is not positive, or they span more than 62 bits.
    """
    if not np.all(np.isfinite(factors)) or not np.all(factors > 0):
        raise NotExact("class weights are not positive")
    fractions = [Fraction(float(factor)) for factor in factors]
    divisor = fractions[0]
    for fraction in fractions[1:]:
        divisor = Fraction(
            math.gcd(divisor.numerator * fraction.denominator,
                     fraction.numerator * divisor.denominator),
            divisor.denominator * fraction.denominator,
        )  # fmt: skip
    whole = [int(fraction / divisor) for fraction in fractions]
    if max(whole) > _MOST_FACTOR:
        raise NotExact("class weights span more than 62 bits")
    return np.array(whole, np.int64), float(divisor)


def _by_class(y: Array, n_classes: int, weights: Array) -> tuple[Array, Array]:
    """Return weights as whole multiples of one factor a class, the least weight in it.

    So weights are that a balance of the classes and counts of draws were multiplied into.

    Raises
    ------
    NotExact
        If they are not, each product rounded to float64.
    """
    factors = np.full(n_classes, np.inf)
    used = weights > 0
    np.minimum.at(factors, y[used], weights[used])
    factors[np.isinf(factors)] = 1.0
    counts = np.rint(weights / factors[y])
    if not np.array_equal(counts * factors[y], weights) or counts.sum() >= _MOST_WEIGHT:
        raise NotExact("weights are no multiples of a power of two with a sum below 2**52 of it")
    return counts, factors


def class_targets(
    y: Array, n_classes: int, weights: Array | None, criterion: str
) -> tuple[Targets, Scale]:
    """Return the targets of a classification.

    Parameters
    ----------
    y : ndarray (n_samples,) of int, from 0 to n_classes - 1
    n_classes : int
    weights : ndarray (n_samples,) of float64, or None
    criterion : {"gini", "entropy", "log_loss"}

    Raises
    ------
    NotExact
        If weights are neither exact as :func:`whole_weights` wants them, nor whole multiples of one
        factor a class, these spanning 62 bits at most.
    """
    multiples, worth = np.ones(n_classes, np.int64), 1.0
    try:
        whole, unit = whole_weights(weights, len(y))
    except NotExact:
        if weights is None or not np.all(weights >= 0) or not weights.any():
            raise
        counts, factors = _by_class(y, n_classes, weights)
        whole, unit = whole_weights(counts, len(y))
        multiples, worth = whole_factors(factors)
    targets = Targets(
        CRITERIA[criterion],
        n_classes,
        np.ascontiguousarray(y, np.int32),
        np.zeros((1, 3), np.int64),
        whole,
        multiples,
        1.0,
        1.0,
        n_classes + (len(whole) > 0),
    )
    return targets, Scale(unit * worth, multiples.astype(np.float64), 1.0, 0.0)


class ValueSums(NamedTuple):
    """Numbers to predict as integers.

    sums : (n_samples, 3) int64, high limb, low limb, and the square in its unit, rounded up
    limb : float, what one of the high limb is worth; square_unit : float
    value : float, of targets; center : float, what was taken off them, in that unit
    """

    sums: Array
    limb: float
    square_unit: float
    value: float
    center: float


def value_sums(y: Array, sum_of_weights: int, criterion: str) -> ValueSums:
    """Return the targets of a regression as integers that can be added up with such weights.

    Parameters
    ----------
    y : ndarray (n_samples,) of float64, finite
    sum_of_weights : int
    criterion : {"squared_error", "friedman_mse", "poisson", "absolute_error"}

    Raises
    ------
    NotExact
        If they span more bits than two limbs hold: 2 (62 - b), at most 104, with b the bits of the
        sum of the weights.
    """
    limb_bits = min(52, 62 - sum_of_weights.bit_length())
    mantissas, exponents = np.frexp(y)
    digits = (mantissas * 2.0**53).astype(np.int64)
    used = digits != 0
    least, limb = 0, 1.0
    high = np.zeros(len(y), np.int64)
    low = np.zeros(len(y), np.int64)
    if used.any():
        lowest = np.log2((digits & -digits)[used]).astype(np.int64)
        least = int((exponents[used] - 53 + lowest).min())
        bits = int(exponents[used].max()) - least
        if limb_bits < 8 or bits > 2 * limb_bits or abs(least) > 900:
            raise NotExact("targets span more bits than their sums hold")
        if bits <= limb_bits:
            high = np.ldexp(y, -least).astype(np.int64)
        else:
            limb = 2.0**limb_bits
            floor = np.floor(np.ldexp(y, -least - limb_bits))
            high = floor.astype(np.int64)
            low = np.ldexp(y - np.ldexp(floor, least + limb_bits), -least).astype(np.int64)
    center = 0
    if criterion != "poisson":
        center = round(float(high.mean()))
        high -= center
    size = high * limb + low
    square = size * size
    unit = float(square.max()) * sum_of_weights / 2.0**60
    sums = np.empty((len(y), 3), np.int64)
    sums[:, 0], sums[:, 1] = high, low
    sums[:, 2] = np.ceil(square / unit) if unit > 0 else 0
    return ValueSums(sums, limb, unit, math.ldexp(1.0, least), center * limb)


def value_targets(
    y: Array,
    weights: Array | None,
    criterion: str,
    sums_of: Callable[[Array, int, str], ValueSums] = value_sums,
) -> tuple[Targets, Scale]:
    """Return the targets of a regression.

    Parameters
    ----------
    y : ndarray (n_samples,) of float64, finite
    weights : ndarray (n_samples,) of float64, or None
    criterion : {"squared_error", "friedman_mse", "poisson", "absolute_error"}
    sums_of : callable, default=value_sums
        What to ask for them: trees of a forest have them in common.

    Raises
    ------
    NotExact
        If weights are not exact, or as :func:`value_sums` does.
    """
    whole, weight_unit = whole_weights(weights, len(y))
    made = sums_of(y, int(whole.sum()) if len(whole) else len(y), criterion)
    targets = Targets(
        CRITERIA[criterion],
        0,
        np.zeros(1, np.int32),
        made.sums,
        whole,
        np.ones(1, np.int64),
        made.limb,
        made.square_unit,
        VALUE_SUMS + (len(whole) > 0),
    )
    return targets, Scale(weight_unit, np.ones(1), made.value, made.center)
