"""Nearest centroid of one feature: a search among sorted centres decides as the reference does.

The squared distance, as float64 computes it, never shrinks as a centre lies further out on one
side: subtraction and square round monotonically.  So the nearest is one of the two neighbours of
a row, and centres that tie with it follow one another outwards.
"""

from __future__ import annotations

import math

import numpy as np

from ..machine.jit import inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.certify import NOT_FINITE
from ..ops.exact import squared_distance


@inner_kernel
def _squared_gap(x, value):
    gap = x - value
    return gap * gap


@inner_kernel
def _nearest_on_line(x, values, numbers):
    """Return the number of the centre nearest to x, the lowest on ties.

    Parameters
    ----------
    values : IN (n_values,) float64, ascending: where centres are
    numbers : IN (n_values,) int32, the lowest number of a centre there
    """
    left, count = np.uint64(0), np.uint64(values.size)
    while count > 1:  # no branch depends on what is found: several rows are searched at once
        half = count // np.uint64(2)
        middle = left + half
        left = middle if values[middle] <= x else left
        count -= half
    i = np.int64(left)
    least = _squared_gap(x, values[i])
    nearest = numbers[i]
    right = i + 1
    if right < values.size:
        gap = _squared_gap(x, values[right])
        if gap < least:
            least, nearest = gap, numbers[right]
        elif gap == least:
            nearest = min(nearest, numbers[right])
        right += 1
        while right < values.size and _squared_gap(x, values[right]) == least:
            nearest = min(nearest, numbers[right])
            right += 1
    i -= 1
    while i >= 0 and _squared_gap(x, values[i]) == least:
        nearest = min(nearest, numbers[i])
        i -= 1
    return nearest


@kernel
def nearest_on_line(X, points, values, numbers, block_rows, state, labels, distances, decisions):
    """Label every row of one feature with its nearest centre, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, 1)
    points : IN (n_clusters, 1) the centres
    values : IN (n_values,) float64, ascending: where centres are
    numbers : IN (n_values,) int32, the lowest number of a centre there
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    labels : OUT (n_samples,) int32
    distances : OUT (n_samples,) of X's type, Euclidean, or (0,) where they are not wanted
    decisions : OUT (n_blocks,) int64, rows decided in float64, or NOT_FINITE
    """
    n_samples = X.shape[0]
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        finite = True
        for i in range(start, stop):
            x = np.float64(X[i, 0])
            finite = finite and x - x == 0.0
            labels[i] = _nearest_on_line(x, values, numbers)
        decisions[block] = stop - start if finite else NOT_FINITE
        if distances.size > 0 and finite:
            for i in range(start, stop):
                distances[i] = math.sqrt(squared_distance(X, i, points, labels[i]))
        finish_ticket(state)
