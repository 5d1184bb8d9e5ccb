"""The distance of rows to the centre each is labelled with, as the reference sums it.

Differences are taken, squared and added in float64, feature by feature, so every distance has the
reference's bits.  One row alone would wait for an addition at every feature; a panel of rows and
one of their centres, both with samples along the lanes, add up for many rows at once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..ops.pack import consecutive_rows, pack_rows, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros
from ..tile import VECTORS, fill, lanes, load_as, store


class AssignedWork(NamedTuple):
    """Working memory of one member.

    panel, centers : (size,) of X's type: rows and their centres, features first
    rows, nearest : (height,) int64, numbers of rows and of centres
    squares : (height,) float64, squared distances
    """

    panel: np.ndarray
    centers: np.ndarray
    rows: np.ndarray
    nearest: np.ndarray
    squares: np.ndarray


@allocating_inner_kernel
def assigned_work(X):
    """Return working memory for panels of X."""
    height, size = rows_per_block(X), panel_size(X)
    return AssignedWork(
        aligned_zeros(X, size),
        aligned_zeros(X, size),
        np.empty(height, np.int64),
        np.empty(height, np.int64),
        np.empty(height),
    )


@inner_kernel
def measure_assigned(X, first, last, points, labels, work):
    """Write the squared distances of rows first, first + 1, ... of a panel to their centres.

    Parameters
    ----------
    X : IN (n_samples, n_features), any strides
    last : int, the last row there is; it is repeated
    points : IN (n_clusters, n_features)
    labels : IN (n_samples,) int32
    work : OUT AssignedWork; the distances are in ``squares``

    Returns
    -------
    bool : False if a label is none; nothing is measured then
    """
    height = work.rows.size
    consecutive_rows(first, last, work.rows)
    for i in range(height):
        label = labels[work.rows[i]]
        if label < 0 or label >= points.shape[0]:
            return False
        work.nearest[i] = label
    pack_rows(X, work.rows, 0, 0, work.panel, 0)
    pack_rows(points, work.nearest, 0, 0, work.centers, 0)
    at_once = VECTORS * lanes(work.squares)
    for i in range(0, height, at_once):
        total = fill(work.squares, 0.0, VECTORS, 1)
        for p in range(X.shape[1]):
            row = load_as(work.squares, work.panel, p * height + i, 0, VECTORS, 1)
            gap = row - load_as(work.squares, work.centers, p * height + i, 0, VECTORS, 1)
            total = total + gap * gap
        store(work.squares, i, 0, total)
    return True


@inner_kernel
def write_distances(X, start, stop, points, labels, work, distances):
    """Write the distance of rows [start, stop) to the centre they are labelled with."""
    height = rows_per_block(X)
    for first in range(start, stop, height):
        measure_assigned(X, first, stop - 1, points, labels, work)
        for i in range(min(height, stop - first)):
            distances[first + i] = math.sqrt(work.squares[i])


@allocating_kernel
def squared_distances(X, sample_weight, points, labels, block_rows, state, distances, inertias):
    """Measure every row's squared distance to its centre, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    sample_weight : IN (n_samples,) float64, or (0,) for weights of one
    points : IN (n_clusters, n_features)
    labels : IN (n_samples,) int32
    block_rows : int, rows of a block
    state : IN/OUT the team's state, zero at the start
    distances : OUT (n_samples,) float64, or (0,) where only sums are wanted
    inertias : OUT (n_blocks,) float64, the blocks' weighted sums; -inf for a block with a label
        that is none
    """
    n_samples = X.shape[0]
    work = assigned_work(X)
    height = rows_per_block(X)
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        total = 0.0
        for first in range(start, stop, height):
            if not measure_assigned(X, first, stop - 1, points, labels, work):
                total = -np.inf
                break
            for i in range(min(height, stop - first)):
                square, row = work.squares[i], first + i
                total += square * sample_weight[row] if sample_weight.size > 0 else square
                if distances.size > 0:
                    distances[row] = square
        inertias[block] = total
