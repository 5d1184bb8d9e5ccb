"""Centres as kernels take them: moved near the origin, transposed, with the margin of scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_phased_ticket, wait_for
from ..ops.certify import MARGIN_SIZE, score_margin
from ..ops.pack import consecutive_rows, pack_rows, panel_size, rows_per_block
from ..ops.product import NARROW
from ..ops.scratch import aligned_zeros
from ..tile import (
    COLUMNS,
    VECTORS,
    broadcast,
    fill,
    lanes,
    load,
    load_as,
    load_part,
    store,
    store_as,
    store_part,
)
from .scores import roundings

#: The shift is the mean of about so many centres; and so many features are transposed at once,
#: so that what is written comes to whole lines of the cache.
_CENTERS_OF_SHIFT, _FEATURES_AT_ONCE = 256, 16
#: Fewer centres than this part of a panel are sooner shifted one by one.
_SHARE_OF_PANEL = 4


class Centers(NamedTuple):
    """Centres, and what follows from them.

    points : (n_clusters, n_features), C-contiguous: the centres
    shift : (n_features,) and zeros to whole vectors: a vector near the data, which scores are
        computed around
    shifted : flat, zero where something pads: packed, the shifted centres of a tile side by side,
        feature by feature, then those of the next tile; or one after the other, each padded to
        the pitch, see ``scores``
    transposed : (n_features, n_clusters) the centres, not shifted, for rows that are decided again;
        or (n_features, 0), where there may be too few of them to be worth it
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
def _step(n_clusters):
    """Return how many centres on the next one is that counts in the shift."""
    return 1 + n_clusters // _CENTERS_OF_SHIFT


@inner_kernel
def mean_entry(points, p):
    """Return feature p of the mean of some centres: near the data, whatever its offset."""
    total, count = 0.0, 0
    for j in range(0, points.shape[0], _step(points.shape[0])):
        total += np.float64(points[j, p])
        count += 1
    return total / count


@inner_kernel
def choose_shift(centers):
    """Write every feature's mean of some centres, as :func:`mean_entry` finds it.

    Parameters
    ----------
    centers : Centers; ``points`` are IN, ``shift`` is OUT
    """
    points, wide = centers.points, centers.margin
    n_clusters, n_features = points.shape
    step = _step(n_clusters)
    count = (n_clusters + step - 1) // step
    at_once = VECTORS * lanes(wide)
    whole = n_features // at_once * at_once
    for p in range(0, whole, at_once):
        total = fill(wide, 0.0, VECTORS, 1)
        for j in range(0, n_clusters, step):
            total = total + load_as(wide, points, j * n_features + p, 0, VECTORS, 1)
        store_as(centers.shift, p, 0, total / np.float64(count))
    for p in range(whole, n_features):
        centers.shift[p] = mean_entry(points, p)


@inner_kernel
def _shift_alone(centers, j):
    """Shift centre j; return the square of the shifted one's norm."""
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
    return even + odd


@inner_kernel
def _transpose(points, first, last, transposed):
    """Write centres [first, last) to columns of a matrix (n_features, n_clusters)."""
    for begin in range(0, points.shape[1], _FEATURES_AT_ONCE):
        end = min(begin + _FEATURES_AT_ONCE, points.shape[1])
        for j in range(first, last):
            for p in range(begin, end):
                transposed[p, j] = points[j, p]


@inner_kernel
def _shift_columns(panel, n_features, shift, first, count, norms):
    """Shift a panel of centres, and write the squares of their norms.

    Parameters
    ----------
    panel : IN/OUT flat array, (n_features, rows)
    first, count : int, the centre the panel begins with, and how many there are
    norms : OUT (n_clusters,) float64
    """
    height = rows_per_block(panel)
    for p in range(n_features):
        column = load(panel, p * height, 0, VECTORS, 1) - broadcast(shift, p, 0, VECTORS, 1)
        store(panel, p * height, 0, column)
    at_once = VECTORS * lanes(norms)
    for i in range(0, count, at_once):
        even = fill(norms, 0.0, VECTORS, 1)
        odd = fill(norms, 0.0, VECTORS, 1)
        for p in range(n_features):
            value = load_as(norms, panel, p * height + i, 0, VECTORS, 1)
            even, odd = odd, even + value * value
        store_part(norms, first + i, 0, even + odd, min(at_once, count - i), 1)


@inner_kernel
def _write_tiles(panel, first, count, centers):
    """Write a panel of shifted centres, of which ``first`` is the first, where tiles read them."""
    shifted = centers.shifted
    n_clusters, n_features = centers.points.shape
    height, padded = rows_per_block(panel), padded_clusters(n_clusters)
    j = first
    while j < first + count:
        tile = j // COLUMNS * COLUMNS
        width = COLUMNS if tile + COLUMNS <= padded else NARROW
        some = min(tile + width, first + count) - j
        at, source = tile * n_features + j - tile, j - first
        if some == COLUMNS:
            for p in range(n_features):
                numbers = load_part(panel, p * height + source, 0, VECTORS, 1, COLUMNS, 1)
                store_part(shifted, at + p * COLUMNS, 0, numbers, COLUMNS, 1)
        else:
            for p in range(n_features):
                for i in range(some):
                    shifted[at + p * width + i] = panel[p * height + source + i]
        j += some


@inner_kernel
def shift_some(centers, first, last, panel, rows, norms):
    """Fill in what follows from centres [first, last) and the shift.

    Parameters
    ----------
    centers : Centers; ``points`` and ``shift`` are IN, ``shifted``, ``transposed`` and
        ``half_norms`` OUT
    panel : OUT flat array, a panel of centres at least
    rows : OUT (rows or more,) int64
    norms : OUT (n_clusters,) float64, squares of the norms of the shifted centres
    """
    points, transposed = centers.points, centers.transposed
    n_clusters, n_features = points.shape
    height = rows_per_block(points)
    for begin in range(first, last, height):
        count = min(height, last - begin)
        if centers.pitch > 0 or count < height // _SHARE_OF_PANEL:
            if transposed.shape[1] > 0:
                _transpose(points, begin, begin + count, transposed)
            for j in range(begin, begin + count):
                norms[j] = _shift_alone(centers, j)
        else:
            consecutive_rows(begin, last - 1, rows)
            pack_rows(points, rows, 0, 0, panel, 0)
            for p in range(n_features if transposed.shape[1] > 0 else 0):
                column = load(panel, p * height, 0, VECTORS, 1)
                store_part(transposed, p * n_clusters + begin, 0, column, count, 1)
            _shift_columns(panel, n_features, centers.shift, begin, count, norms)
            _write_tiles(panel, begin, count, centers)
    for j in range(first, last):
        centers.half_norms[j] = -0.5 * norms[j]


@inner_kernel
def bound_scores(centers, norms):
    """Bound the rounding of scores with all centres, the squares of whose norms are given."""
    largest = 0.0
    for j in range(norms.size):
        largest = max(largest, norms[j])
    score_margin(centers.points, roundings(centers.points, centers.pitch), largest, centers.margin)


@inner_kernel
def shift_centers(centers, panel, rows, norms):
    """Choose the shift, shift all centres, and bound the rounding of scores.

    Parameters
    ----------
    centers : Centers; ``points`` are IN, the rest OUT
    panel, rows, norms : OUT, see :func:`shift_some`
    """
    choose_shift(centers)
    shift_some(centers, 0, centers.points.shape[0], panel, rows, norms)
    bound_scores(centers, norms)


@inner_kernel
def follow_centers(centers, largest, panel, rows, norms):
    """Bound the rounding of scores anew, and choose another shift if the centres left this one.

    Far from the shift a score rounds more than the centres differ, and every row would have to
    be decided in float64.

    Parameters
    ----------
    centers : IN/OUT Centers, all of them shifted
    largest : float, the largest squared norm of a shifted centre
    panel, rows, norms : OUT, see :func:`shift_some`
    """
    distance = 0.0
    for p in range(centers.points.shape[1]):
        distance += (mean_entry(centers.points, p) - np.float64(centers.shift[p])) ** 2
    if 4.0 * distance > largest:
        shift_centers(centers, panel, rows, norms)
    else:
        score_margin(
            centers.points, roundings(centers.points, centers.pitch), largest, centers.margin
        )


@allocating_kernel
def prepare_centers(centers):
    """Fill in what follows from the centres.

    Parameters
    ----------
    centers : Centers; ``points`` are IN, the rest OUT
    """
    points = centers.points
    panel = aligned_zeros(points, panel_size(points))
    rows = np.empty(rows_per_block(points), np.int64)
    shift_centers(centers, panel, rows, np.empty(points.shape[0]))


@allocating_kernel
def prepare_together(centers, group, norms, state):
    """Do as :func:`prepare_centers`, as a member of a team.

    Parameters
    ----------
    centers : Centers; ``points`` are IN, the rest OUT
    group : int, centres a ticket
    norms : OUT (n_clusters,) float64
    state : IN/OUT the team's state, zero at the start
    """
    points = centers.points
    n_clusters = points.shape[0]
    panel = aligned_zeros(points, panel_size(points))
    rows = np.empty(rows_per_block(points), np.int64)
    phases = (1, (n_clusters + group - 1) // group, 1)
    while True:
        ticket = take_phased_ticket(state, phases)
        if ticket.step > 0:
            return
        wait_for(state, ticket.before)
        if ticket.phase == 0:
            choose_shift(centers)
        elif ticket.phase == 1:
            first = ticket.number * group
            shift_some(centers, first, min(first + group, n_clusters), panel, rows, norms)
        else:
            bound_scores(centers, norms)
        finish_ticket(state)


@allocating_inner_kernel
def centers_of(points, pitch):
    """Return centres with all that follows from them, in memory of their own, for a few rows.

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
        np.empty((n_features, 0), points.dtype),
        np.full(padded, -np.inf, points.dtype),
        np.empty(MARGIN_SIZE),
        pitch,
    )
    prepare_centers(centers)
    return centers


@allocating_inner_kernel
def with_transposed(centers):
    """Return the same centres with ``transposed``, in memory of its own."""
    points = centers.points
    transposed = np.empty((points.shape[1], points.shape[0]), points.dtype)
    _transpose(points, 0, points.shape[0], transposed)
    return Centers(
        points, centers.shift, centers.shifted, transposed, centers.half_norms, centers.margin,
        centers.pitch,
    )  # fmt: skip
