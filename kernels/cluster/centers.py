"""Centres as kernels take them: moved near the origin, transposed, with the margin of scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine.jit import inner_kernel, kernel
from ..ops.certify import score_margin
from ..ops.product import NARROW
from ..tile import N


class Centers(NamedTuple):
    """Centres, and what follows from them.

    points : (n_clusters, n_features), C-contiguous: the centres
    shift : (n_features,) a vector near the data, which scores are computed around
    shifted : (padded_clusters * n_features,) flat: the shifted centres of a tile side by side,
        feature by feature, then those of the next tile; zero where centres pad
    columns : (n_features, n_clusters) the centres, not shifted, transposed
    half_norms : (padded_clusters,) -|c|^2 / 2 of the shifted centres; -inf where centres pad
    margin : (5,) float64, see ``ops.certify``
    """

    points: np.ndarray
    shift: np.ndarray
    shifted: np.ndarray
    columns: np.ndarray
    half_norms: np.ndarray
    margin: np.ndarray


@kernel
def padded_clusters(n_clusters):
    """Return the number of centres with those that pad the last tile, whose score is -inf."""
    left = n_clusters % N
    if left == 0:
        return n_clusters
    return n_clusters - left + (NARROW if left <= NARROW else N)


@inner_kernel
def mean_entry(points, p):
    """Return feature p of the mean of the centres: near the data, whatever its offset."""
    total = 0.0
    for j in range(points.shape[0]):
        total += np.float64(points[j, p])
    return total / points.shape[0]


@inner_kernel
def shift_center(centers, j):
    """Shift centre j and transpose it; return the square of the shifted one's norm.

    Parameters
    ----------
    centers : Centers; ``points`` and ``shift`` are IN, the rest OUT
    """
    points, shift = centers.points, centers.shift
    n_clusters, n_features = points.shape
    tile = j // N * N
    width = N if tile + N <= padded_clusters(n_clusters) else NARROW
    first = tile * n_features + j - tile
    norm = 0.0
    for p in range(n_features):
        centers.columns[p, j] = points[j, p]
        value = points[j, p] - shift[p]
        centers.shifted[first + p * width] = value
        norm += np.float64(value) ** 2
    centers.half_norms[j] = -0.5 * norm
    return norm


@inner_kernel
def shift_centers(centers):
    """Choose the shift, shift all centres, and bound the rounding of scores.

    Parameters
    ----------
    centers : Centers; ``points`` are IN, the rest OUT
    """
    for p in range(centers.shift.size):
        centers.shift[p] = mean_entry(centers.points, p)
    largest = 0.0
    for j in range(centers.points.shape[0]):
        largest = max(largest, shift_center(centers, j))
    score_margin(centers.columns, largest, centers.margin)


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
    for p in range(centers.shift.size):
        distance += (mean_entry(centers.points, p) - np.float64(centers.shift[p])) ** 2
    if 4.0 * distance > largest:
        shift_centers(centers)
    else:
        score_margin(centers.columns, largest, centers.margin)


@kernel
def prepare_centers(centers):
    """Fill in what follows from the centres.

    Parameters
    ----------
    centers : Centers; ``points`` are IN, the rest OUT
    """
    shift_centers(centers)
