"""Centres as kernels take them: moved near the origin, transposed, with the margin of scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..ops.certify import MARGIN_SIZE, score_margin
from ..ops.product import NARROW
from ..ops.scratch import aligned_zeros
from ..tile import COLUMNS, lanes
from .scores import roundings

#: The shift is the mean of about so many centres; and so many features are transposed at once,
#: so that what is written comes to whole lines of the cache.
_CENTERS_OF_SHIFT, _FEATURES_AT_ONCE = 256, 16


class Centers(NamedTuple):
    """Centres, and what follows from them.

    points : (n_clusters, n_features), C-contiguous: the centres
    shift : (n_features,) and zeros to whole vectors: a vector near the data, which scores are
        computed around
    shifted : flat, zero where something pads: packed, the shifted centres of a tile side by side,
        feature by feature, then those of the next tile; or one after the other, each padded to
        the pitch, see ``scores``
    transposed : (n_features, n_clusters) the centres, not shifted
    half_norms : (padded_clusters,) -|c|^2 / 2 of the shifted centres; -inf where centres pad
    margin : (5,) float64, see ``ops.certify``
    pitch : int, elements from one shifted centre to the next; 0 where they are packed
    """

    points: np.ndarray
    shift: np.ndarray
    shifted: np.ndarray
    transposed: np.ndarray
    half_norms: np.ndarray
    margin: np.ndarray
    pitch: int


@kernel
def padded_clusters(n_clusters):
    """Return the number of centres with those that pad the last tile, whose score is -inf."""
    left = n_clusters % COLUMNS
    if left == 0:
        return n_clusters
    return n_clusters - left + (NARROW if left <= NARROW else COLUMNS)


@inner_kernel
def mean_entry(points, p):
    """Return feature p of the mean of some centres: near the data, whatever its offset."""
    total, count = 0.0, 0
    for j in range(0, points.shape[0], 1 + points.shape[0] // _CENTERS_OF_SHIFT):
        total += np.float64(points[j, p])
        count += 1
    return total / count


@inner_kernel
def shift_center(centers, j):
    """Shift centre j; return the square of the shifted one's norm.

    Parameters
    ----------
    centers : Centers; ``points`` and ``shift`` are IN, ``shifted`` and ``half_norms`` OUT
    """
    points, shift = centers.points, centers.shift
    n_clusters, n_features = points.shape
    first, stride = j * centers.pitch, 1
    if centers.pitch == 0:
        tile = j // COLUMNS * COLUMNS
        stride = COLUMNS if tile + COLUMNS <= padded_clusters(n_clusters) else NARROW
        first = tile * n_features + j - tile
    even, odd = 0.0, 0.0  # two sums hide the latency of an addition
    for p in range(n_features):
        value = points[j, p] - shift[p]
        centers.shifted[first + p * stride] = value
        even, odd = odd, even + np.float64(value) ** 2
    centers.half_norms[j] = -0.5 * (even + odd)
    return even + odd


@inner_kernel
def transpose_centers(points, first, last, transposed):
    """Write centres [first, last) to columns of a matrix (n_features, n_clusters)."""
    for begin in range(0, points.shape[1], _FEATURES_AT_ONCE):
        end = min(begin + _FEATURES_AT_ONCE, points.shape[1])
        for j in range(first, last):
            for p in range(begin, end):
                transposed[p, j] = points[j, p]


@inner_kernel
def shift_centers(centers):
    """Choose the shift, shift all centres, and bound the rounding of scores.

    Parameters
    ----------
    centers : Centers; ``points`` are IN, the rest OUT but for ``columns``
    """
    for p in range(centers.points.shape[1]):
        centers.shift[p] = mean_entry(centers.points, p)
    largest = 0.0
    for j in range(centers.points.shape[0]):
        largest = max(largest, shift_center(centers, j))
    score_margin(centers.points, roundings(centers.points, centers.pitch), largest, centers.margin)


@inner_kernel
def follow_centers(centers, largest):
    """Bound the rounding of scores anew, and choose another shift if the centres left this one.

    Far from the shift a score rounds more than the centres differ, and every row would have to
    be decided in float64.

    Parameters
    ----------
    centers : IN/OUT Centers, all of them shifted
    largest : float, the largest squared norm of a shifted centre
    """
    distance = 0.0
    for p in range(centers.points.shape[1]):
        distance += (mean_entry(centers.points, p) - np.float64(centers.shift[p])) ** 2
    if 4.0 * distance > largest:
        shift_centers(centers)
    else:
        score_margin(
            centers.points, roundings(centers.points, centers.pitch), largest, centers.margin
        )


@kernel
def prepare_centers(centers):
    """Fill in what follows from the centres.

    Parameters
    ----------
    centers : Centers; ``points`` are IN, the rest OUT
    """
    transpose_centers(centers.points, 0, centers.points.shape[0], centers.transposed)
    shift_centers(centers)


@allocating_kernel
def centers_of(points, pitch):
    """Return centres with all that follows from them, in memory of their own.

    Parameters
    ----------
    points : IN (n_clusters, n_features)
    pitch : int, see ``scores.pitch_of``
    """
    n_clusters, n_features = points.shape
    padded, width = padded_clusters(n_clusters), lanes(points)
    centers = Centers(
        points,
        aligned_zeros(points, (n_features + width - 1) // width * width),
        aligned_zeros(points, padded * (pitch if pitch > 0 else n_features)),
        np.empty((n_features, n_clusters), points.dtype),
        np.full(padded, -np.inf, points.dtype),
        np.empty(MARGIN_SIZE),
        pitch,
    )
    prepare_centers(centers)
    return centers
