"""Distances as the reference computes them: direct differences, in float64, in feature order.

These decide where a score could not, so every family that certifies its answers rests on them.
"""

from __future__ import annotations

import math

import numpy as np

from ..machine.jit import inner_kernel

#: Between the first two, squares and their sums neither underflow nor overflow.  Smaller numbers
#: are multiplied by the third before they are squared, larger ones by the fourth.
_SMALL, _LARGE = 2.0**-400, 2.0**400
_UP, _DOWN = 2.0**600, 2.0**-600


@inner_kernel
def squared_distance(X, row, points, point):
    """Return the squared Euclidean distance of a row of X to a row of ``points``."""
    distance = 0.0
    for p in range(X.shape[1]):
        difference = np.float64(X[row, p]) - np.float64(points[point, p])
        distance += difference * difference
    return distance


@inner_kernel
def distance(X, row, points, point):
    """Return the Euclidean distance of a row of X to a row of ``points``, at any scale.

    Infinity where a difference overflows, and where one is infinite; NaN or infinity for NaN.
    """
    largest = 0.0
    for p in range(X.shape[1]):
        gap = abs(np.float64(X[row, p]) - np.float64(points[point, p]))
        if not gap < np.inf:
            return gap
        largest = max(largest, gap)
    scale = 1.0
    if largest < _SMALL:
        scale = _UP
    elif largest > _LARGE:
        scale = _DOWN
    total = 0.0
    for p in range(X.shape[1]):
        gap = (np.float64(X[row, p]) - np.float64(points[point, p])) * scale
        total += gap * gap
    return math.sqrt(total) / scale


@inner_kernel
def is_finite(X, row):
    """Say whether a row of X holds neither NaN nor infinity."""
    finite = True
    for p in range(X.shape[1]):
        finite = finite and np.isfinite(X[row, p])
    return finite


@inner_kernel
def nearest_point(X, row, points):
    """Return the row of ``points`` nearest to a row of X, the lowest on ties.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    points : IN (n_points, n_features)

    Returns
    -------
    int : -1 if the row of X holds NaN or infinity
    """
    n_features = X.shape[1]
    n_points = points.shape[0]
    nearest, least = 0, np.inf
    for first in range(0, n_points, 4):
        # Four sums at once hide the latency of an addition.  Past the end the last point repeats.
        b = min(first + 1, n_points - 1)
        c = min(first + 2, n_points - 1)
        d = min(first + 3, n_points - 1)
        to_a, to_b, to_c, to_d = 0.0, 0.0, 0.0, 0.0
        for p in range(n_features):
            x = np.float64(X[row, p])
            to_a += (x - np.float64(points[first, p])) ** 2
            to_b += (x - np.float64(points[b, p])) ** 2
            to_c += (x - np.float64(points[c, p])) ** 2
            to_d += (x - np.float64(points[d, p])) ** 2
        if to_a < least:
            nearest, least = first, to_a
        if to_b < least:
            nearest, least = b, to_b
        if to_c < least:
            nearest, least = c, to_c
        if to_d < least:
            nearest, least = d, to_d
    if not least < np.inf and not is_finite(X, row):
        return -1
    return nearest


@inner_kernel
def nearest_column(X, row, columns, distances):
    """Return the column nearest to a row of X, as :func:`nearest_point` does for many points.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    columns : IN (n_features, n_points) the points, transposed
    distances : OUT (n_points,) float64, squared Euclidean distances

    Returns
    -------
    int : -1 if the row of X holds NaN or infinity
    """
    n_features, n_points = columns.shape
    for j in range(n_points):
        distances[j] = 0.0
    for p in range(n_features):
        x = np.float64(X[row, p])
        if not np.isfinite(x):
            return -1
        for j in range(n_points):
            difference = x - np.float64(columns[p, j])
            distances[j] += difference * difference
    nearest = 0
    for j in range(1, n_points):
        if distances[j] < distances[nearest]:
            nearest = j
    return nearest
