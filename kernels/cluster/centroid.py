"""Nearest centroid that is never wrong.

The nearest of k centres maximises the score s_j = x.c_j - |c_j|^2 / 2: a dense layer with
bias -|c_j|^2 / 2 and the largest column as its epilogue.  Rows and centres are first moved
by one common vector near the data, so coordinates around 1e6 lose nothing.

Scores round.  With u the unit round-off, gamma_n = n u / (1 - n u), r = |x| and
C = max |c_j| (all after the move), a computed score is off by at most
gamma_{d+6} (r C + C^2 / 2): d products and sums (Higham, "Accuracy and Stability of
Numerical Algorithms", 2nd ed., 2002, section 3.1), and the rounding of the move, of the
transposed centres and of the bias.  The tile keeps the runner-up too; where it is closer
than twice that bound (plus what the float64 reference itself may round, and underflow),
the row is decided again as the reference decides: float64, direct differences summed in
feature order, lowest index on ties.  So every label equals the reference's, whatever
the element type, block, thread count or instruction set.

A row with NaN or infinity fails the comparison with its margin and so is caught in the
same place; there is no second pass over the data to look for them.
"""

from __future__ import annotations

import math

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.product import NARROW, add_products
from ..ops.scratch import aligned_zeros, copy_elements
from ..tile import (
    M,
    N,
    any_not_greater,
    broadcast,
    fill,
    indices,
    largest_column,
    load,
    multiply_add,
    select_less,
    square_root,
    store,
    store_indices,
)

#: What ``decisions`` holds for a block in which a row was not finite: any sum with it is below 0.
NOT_FINITE = -(1 << 40)


@kernel
def padded_clusters(n_clusters):
    """Return the number of centres with those that pad the last tile, whose score is -inf."""
    left = n_clusters % N
    if left == 0:
        return n_clusters
    return n_clusters - left + (NARROW if left <= NARROW else N)


@inner_kernel
def mean_center(centers, shift):
    """Write the mean of the centres: a vector near the data, whatever its offset.

    Parameters
    ----------
    centers : IN (n_clusters, n_features)
    shift : OUT (n_features,)
    """
    n_clusters, n_features = centers.shape
    for p in range(n_features):
        total = 0.0
        for j in range(n_clusters):
            total += np.float64(centers[j, p])
        shift[p] = total / n_clusters


@inner_kernel
def move_center(centers, j, shift, moved, columns, half_norms):
    """Move centre j near the origin and transpose it; return the square of its norm.

    Parameters
    ----------
    centers : IN (n_clusters, n_features)
    shift : IN (n_features,)
    moved : OUT (padded_clusters * n_features,) flat: the centres of a tile side by side, feature
        by feature, then those of the next; zero where centres pad
    columns : OUT (n_features, n_clusters) the centres as they are, transposed
    half_norms : OUT (padded_clusters,) -|c_j|^2 / 2 of the moved centre; -inf where centres pad
    """
    n_clusters, n_features = centers.shape
    tile = j // N * N
    width = N if tile + N <= padded_clusters(n_clusters) else NARROW
    first = tile * n_features + j - tile
    norm = 0.0
    for p in range(n_features):
        columns[p, j] = centers[j, p]
        value = centers[j, p] - shift[p]
        moved[first + p * width] = value
        norm += np.float64(value) ** 2
    half_norms[j] = -0.5 * norm
    return norm


@inner_kernel
def score_margin(columns, largest, margin):
    """Bound the rounding of scores.

    Parameters
    ----------
    columns : IN (n_features, n_clusters); only its shape and type matter
    largest : float, the largest square of a moved centre's norm
    margin : OUT (5,) float64; a score is decisive if it leads by more than
        margin[0] |x| + margin[1] |x|^2 + margin[2] and |x|^2 is below margin[4], above which
        squares may overflow; |x|^2 is off by at most margin[3] |x|^2
    """
    if columns.itemsize == 4:
        unit, tiny, huge = 2.0**-24, 2.0**-126, 2.0**123
    else:
        unit, tiny, huge = 2.0**-53, 2.0**-1022, 2.0**1019
    n = columns.shape[0] + 8
    # Margins are themselves computed in the element type: 5 % covers that.
    gamma = 1.05 * n * unit / (1.0 - n * unit) if n * unit < 0.1 else np.inf
    reference = 1.05 * 2.0 * n * 2.0**-53
    margin[0] = 2.0 * gamma * math.sqrt(largest)
    margin[1] = reference
    margin[2] = (gamma + reference) * largest + n * tiny
    margin[3] = gamma
    margin[4] = huge if largest < huge else 0.0


@kernel
def prepare_centers(centers, shift, moved, columns, half_norms, margin):
    """Move the centres, transpose them, and bound the rounding of their scores.

    Parameters
    ----------
    centers : IN (n_clusters, n_features)
    shift, moved, columns, half_norms, margin : OUT, see ``mean_center``, ``move_center`` and
        ``score_margin``
    """
    mean_center(centers, shift)
    largest = 0.0
    for j in range(centers.shape[0]):
        largest = max(largest, move_center(centers, j, shift, moved, columns, half_norms))
    score_margin(columns, largest, margin)


@inner_kernel
def nearest_exactly(X, row, columns, distances):
    """Return the nearest centre of one row as the reference decides, or -1 if it is not finite.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    columns : IN (n_features, n_clusters) the centres, transposed
    distances : OUT (n_clusters,) float64, squared Euclidean distances
    """
    n_features, n_clusters = columns.shape
    for j in range(n_clusters):
        distances[j] = 0.0
    for p in range(n_features):
        x = np.float64(X[row, p])
        if not np.isfinite(x):
            return -1
        for j in range(n_clusters):
            difference = x - np.float64(columns[p, j])
            distances[j] += difference * difference
    label = 0
    for j in range(1, n_clusters):
        if distances[j] < distances[label]:
            label = j
    return label


@kernel
def nearest_of_few(X, centers, labels):
    """Label a few rows as the reference does; preparing the centres would take longer.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    centers : IN (n_clusters, n_features)
    labels : OUT (n_samples,) int32

    Returns
    -------
    int : the number of rows, or NOT_FINITE if one holds NaN or infinity
    """
    n_samples, n_features = X.shape
    n_clusters = centers.shape[0]
    for i in range(n_samples):
        label, least = 0, np.inf
        for first in range(0, n_clusters, 4):
            # Four sums at once hide the latency of an addition; past the last centre, it again.
            b = min(first + 1, n_clusters - 1)
            c = min(first + 2, n_clusters - 1)
            d = min(first + 3, n_clusters - 1)
            to_a, to_b, to_c, to_d = 0.0, 0.0, 0.0, 0.0
            for p in range(n_features):
                x = np.float64(X[i, p])
                to_a += (x - np.float64(centers[first, p])) ** 2
                to_b += (x - np.float64(centers[b, p])) ** 2
                to_c += (x - np.float64(centers[c, p])) ** 2
                to_d += (x - np.float64(centers[d, p])) ** 2
            if to_a < least:
                label, least = first, to_a
            if to_b < least:
                label, least = b, to_b
            if to_c < least:
                label, least = c, to_c
            if to_d < least:
                label, least = d, to_d
        if not least < np.inf:
            for p in range(n_features):
                if not np.isfinite(X[i, p]):
                    return NOT_FINITE
        labels[i] = label
    return n_samples


@inner_kernel
def move_panel(panel, n_features, shift):
    """Subtract ``shift`` from a panel of samples and return the squares of their norms (a tile).

    Parameters
    ----------
    panel : IN/OUT flat array, (n_features, rows)
    shift : IN (n_features,)
    """
    height = rows_per_block(panel)
    norms = fill(panel, 0.0, M, 1)
    for p in range(n_features):
        column = load(panel, p * height, 0, M, 1) - broadcast(shift, p, 0, M, 1)
        store(panel, p * height, 0, column)
        norms = multiply_add(column, column, norms)
    return norms


@inner_kernel
def score_panel(panel, n_features, shift, moved, half_norms):
    """Score a packed panel of samples against all centres.

    Parameters
    ----------
    panel : IN/OUT flat array, (n_features, rows); moved by ``shift``
    shift, moved, half_norms : IN, see ``prepare_centers``

    Returns
    -------
    norms, best, index, second : tiles; the squares of the samples' norms, the largest
        score, its centre, and the second largest score
    """
    height = rows_per_block(panel)
    norms = move_panel(panel, n_features, shift)
    best = fill(panel, -np.inf, M, 1)
    second = fill(panel, -np.inf, M, 1)
    index = indices(panel, 0, M)
    j = 0
    while j + N <= half_norms.size:
        wide = broadcast(half_norms, j, 1, M, N)
        wide = add_products(wide, panel, 0, height, n_features, moved, j * n_features, N, 1)
        best, index, second = largest_column(wide, j, best, index, second)
        j += N
    if j < half_norms.size:
        narrow = broadcast(half_norms, j, 1, M, NARROW)
        narrow = add_products(
            narrow, panel, 0, height, n_features, moved, j * n_features, NARROW, 1
        )
        best, index, second = largest_column(narrow, j, best, index, second)
    return norms, best, index, second


@inner_kernel
def needed_lead(norms, margin):
    """Return by how much a score must lead to be decisive (a tile)."""
    lead = multiply_add(norms, margin[1], square_root(norms) * margin[0]) + margin[2]
    return select_less(norms, margin[4], lead, np.inf)


@inner_kernel
def assign_rows(
    X, start, stop, shift, moved, columns, half_norms, margin, panel, rows, exact, short, labels
):
    """Write the nearest centre of rows [start, stop); return how many were decided in float64.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    shift, moved, columns, half_norms, margin : IN, see ``prepare_centers``
    panel, rows, exact, short : OUT working memory of one panel, its row numbers, one row's
        distances, the labels of a panel
    labels : OUT (n_samples,) int32

    Returns
    -------
    int : the count, or NOT_FINITE as soon as a row holds NaN or infinity
    """
    height = rows_per_block(X)
    n_features = columns.shape[0]
    decided = 0
    for first in range(start, stop, height):
        count = min(height, stop - first)
        pack_panel(X, first, stop - 1, rows, panel, 0)
        norms, best, index, second = score_panel(panel, n_features, shift, moved, half_norms)
        if count == height:
            store_indices(labels, first, index)
        else:
            store_indices(short, 0, index)
            copy_elements(short, 0, count, labels, first)
        needed = needed_lead(norms, margin)
        lead = best - second
        if any_not_greater(lead, needed):
            # The panel is done with: its first rows hold the leads and the margins.
            store(panel, 0, 0, lead)
            store(panel, height, 0, needed)
            for i in range(count):
                if not panel[i] > panel[height + i]:
                    label = nearest_exactly(X, first + i, columns, exact)
                    if label < 0:
                        return NOT_FINITE
                    labels[first + i] = label
                    decided += 1
    return decided


@inner_kernel
def distances_to(X, start, stop, centers, labels, distances):
    """Write the Euclidean distance of rows [start, stop) to the centres they are labelled with.

    Direct differences summed in float64, in feature order, as the reference does.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    labels : IN (n_samples,) int32
    distances : OUT (n_samples,)
    """
    for i in range(start, stop):
        distance = 0.0
        for p in range(X.shape[1]):
            difference = np.float64(X[i, p]) - np.float64(centers[labels[i], p])
            distance += difference * difference
        distances[i] = math.sqrt(distance)


@allocating_kernel
def nearest_centroid(
    X, centers, shift, moved, columns, half_norms, margin, block_rows, state,
    labels, distances, decisions,
):  # fmt: skip
    """Label every row with its nearest centre, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    shift, moved, columns, half_norms, margin : IN, see ``prepare_centers``
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    labels : OUT (n_samples,) int32
    distances : OUT (n_samples,) or (0,) where they are not wanted
    decisions : OUT (n_blocks,) int64, rows decided in float64, or NOT_FINITE
    """
    n_samples = X.shape[0]
    rows = np.empty(rows_per_block(X), np.int64)
    panel = aligned_zeros(X, panel_size(X) + 2 * rows_per_block(X))
    exact = np.empty(columns.shape[1])
    short = np.empty(rows.size, np.int32)
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        decisions[block] = assign_rows(
            X, start, stop, shift, moved, columns, half_norms, margin, panel, rows, exact, short,
            labels,
        )  # fmt: skip
        if distances.size > 0 and decisions[block] != NOT_FINITE:
            distances_to(X, start, stop, centers, labels, distances)
        finish_ticket(state)
