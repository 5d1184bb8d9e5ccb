"""Rows as bytes: a sieve that lets through every row that may be near, and few others.

A row v, moved as for the scores of :mod:`.candidates`, is written as v = c e + r with whole numbers
e from -127 to 127 and a rest r.  Products of bytes are exact and four times as fast as those of
float32.  For a query w = b f + t, by Cauchy and Schwarz,

    w.v <= b c f.e + |w| |r| + |t| |c e|,        |c e| <= |v| + |r|,

so the score w.v - |v|^2 / 2 is bounded from what is known, whatever the rows are; where they suit
bytes badly the bound is wide, and more rows are let through.  c, and the largest of |r| and of
|v| + |r|, are a group's: eight rows together.

The bound is computed in float32, in at most eight roundings of terms whose sizes add up to
M = (|w| + |t|) (|v| + |r|) + |v|^2 / 2 + |w| |r| + |t| (|v| + |r|).  With u = 2^-24 that is off by
less than 16 u M = 2^-20 M, which what is written down includes: 2^-16 of |r|, |t|, |w| and
|v| + |r| each, 2^-18 (|v| + |r|) added to |r|, 2^-18 of |v|^2 / 2.  Norms and rests are float64
sums, and rounded by far less.  Everything is multiplied by a power of two that makes rows about 1
long: what underflows is less than 2^-100, which is added too, and nothing overflows.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.scratch import aligned_zeros
from ..tile import (
    COLUMNS,
    absolute,
    as_integers,
    fill,
    fill_like,
    lane_maximum,
    lane_sum,
    lanes,
    load,
    maximum,
    multiply_add,
    round_to_whole,
    store_as,
)

#: Above this square of a norm nothing is written as bytes; below this scale nothing either.
LONGEST, _FINEST = 2.0**80, 2.0**-100
#: What rounding and underflow may take, see above.
PART, _OF_LENGTH, TINY = 1.0 + 2.0**-16, 2.0**-18, 2.0**-100
#: Numbers kept for a group: scale, largest rest, largest length.
GROUP_NUMBERS = 3


class Codes(NamedTuple):
    """Rows as bytes, a group of N rows side by side.

    words : (n_groups * quads * N,) int32: four features of row j of group g, as signed bytes, are
        element ``(g * quads + p) * N + j``; zero where rows or features pad
    offsets : (n_groups * N,) int32, -128 times the sum of a row's bytes
    halves : (n_groups * N,) float32, at least -|v|^2 / 2; -inf where rows pad
    groups : (n_groups * 3,) float32, of each group: scale, at least the largest |r|, at least the
        largest |v| + |r|
    shift : (n_features,) what rows and queries are moved by
    unit : float, the power of two they are multiplied by then
    """

    words: Any
    offsets: Any
    halves: Any
    groups: Any
    shift: Any
    unit: Any


@inner_kernel
def move_row(X, row, shift, unit, values, at):
    """Write a row, moved and multiplied, to float64 ``values`` from element ``at`` on."""
    for p in range(X.shape[1]):
        values[at + p] = (np.float64(X[row, p]) - np.float64(shift[p])) * unit


@inner_kernel
def measure(values, at, pitch):
    """Return the largest size of some values, and the sum of their squares."""
    top = fill(values, 0.0, 1, 1)
    total = fill(values, 0.0, 1, 1)
    for p in range(at, at + pitch, lanes(values)):
        value = load(values, p, 0, 1, 1)
        top = maximum(absolute(value), top)
        total = multiply_add(value, value, total)
    return lane_maximum(top), lane_sum(total)


@inner_kernel
def scale_for(largest):
    """Return a scale at which values up to ``largest`` are bytes, and its inverse; or zeros."""
    scale = np.float32(largest / 127.0)
    if not scale > _FINEST:
        return np.float32(0.0), 0.0
    return scale, 1.0 / np.float64(scale)


@inner_kernel
def encode(values, at, pitch, scale, inverse, codes):
    """Write values as bytes; return the square of the rest's norm, and the sum of the bytes.

    Parameters
    ----------
    values : IN float64 flat, ``pitch`` of them from element ``at`` on, in size at most 127 scales
    scale, inverse : see :func:`scale_for`
    codes : OUT (pitch,) int8
    """
    rest = fill(values, 0.0, 1, 1)
    total = as_integers(rest)
    for p in range(0, pitch, lanes(values)):
        value = load(values, at + p, 0, 1, 1)
        whole = round_to_whole(value * inverse)
        gap = multiply_add(whole, fill_like(whole, -scale), value)
        rest = multiply_add(gap, gap, rest)
        code = as_integers(whole)
        total = total + code
        store_as(codes, p, 0, code)
    return lane_sum(rest), lane_sum(total)


@inner_kernel
def padded_features(values, n_features):
    """Return the number of features in whole vectors of ``values``."""
    width = max(4, lanes(values))
    return (n_features + width - 1) // width * width


@allocating_kernel
def encode_rows(X, ticket_groups, state, codes, fits):
    """Write rows as bytes, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    ticket_groups : int, groups a ticket
    state : IN/OUT the team's state, zero at the start
    codes : Codes, OUT but for the last two
    fits : OUT (n_tickets,) bool, whether all lengths are numbers and not too large
    """
    n_samples, n_features = X.shape
    n_groups = codes.halves.size // COLUMNS
    quads = (n_features + 3) // 4
    sample = aligned_zeros(np.empty(0), 1)
    pitch = padded_features(sample, n_features)
    values = aligned_zeros(sample, COLUMNS * pitch)
    coded = np.zeros(pitch, np.int8)
    fours = coded.view(np.int32)
    while True:
        ticket = take_ticket(state)
        first = ticket * ticket_groups
        if first >= n_groups:
            return
        good = True
        for g in range(first, min(first + ticket_groups, n_groups)):
            count = min(COLUMNS, n_samples - g * COLUMNS)
            largest = 0.0
            for j in range(count):
                move_row(X, g * COLUMNS + j, codes.shift, codes.unit, values, j * pitch)
                top, norm = measure(values, j * pitch, pitch)
                largest = max(largest, top)
                good &= norm < LONGEST
            scale, inverse = scale_for(largest if good else 0.0)
            most, longest = 0.0, 0.0
            for j in range(COLUMNS):
                row, at = g * COLUMNS + j, g * quads * COLUMNS + j
                codes.halves[row], codes.offsets[row] = -np.inf, 0
                if j < count:
                    _, norm = measure(values, j * pitch, pitch)
                    square, total = encode(values, j * pitch, pitch, scale, inverse, coded)
                    rest, length = math.sqrt(square), math.sqrt(norm)
                    most = max(most, rest * PART + _OF_LENGTH * (length + rest))
                    longest = max(longest, (length + rest) * PART)
                    codes.halves[row] = -0.5 * norm * (1.0 - _OF_LENGTH)
                    codes.offsets[row] = -128 * total
                for p in range(quads):
                    codes.words[at + p * COLUMNS] = fours[p] if j < count else 0
            codes.groups[g * GROUP_NUMBERS] = scale
            codes.groups[g * GROUP_NUMBERS + 1] = most + TINY
            codes.groups[g * GROUP_NUMBERS + 2] = longest + TINY
        fits[ticket] = good
        finish_ticket(state)
