"""Scores that are linear in the features: multinomial, complement and Bernoulli naive Bayes.

The score of row x and class c is b_c + sum over p of x_p W_cp.  Labels are those of float64 sums in
the order of the features (``reference.naive_bayes.linear_joint_log_likelihood``).  The tile adds
in the same order, but begins with b_c and fuses products and sums; of two classes it adds along the
lanes.  In any order both sides are within g (sum |x_p| m_p + |b|) of the exact value, with
m_p = max over c of |W_cp|, u = 2^-53 and g = 1.01 (d + 3) u (Higham, "Accuracy and Stability of
Numerical Algorithms", 2nd ed., 2002, section 3.1).  Where the best does not lead by more than both
may be off, twice, the row is decided again; a row with NaN or infinity never leads, and is caught
there.

Of two classes one sum is enough, b_1 - b_0 + sum over p of x_p (W_1p - W_0p).  The differences are
rounded, |W_1p - W_0p| <= 2 m_p, and the sum of d + 1 such terms is off by at most
2 (d + 3) u (sum |x_p| m_p + |b|) with that, to first order; the two of the definition by
2 (d + 1) u (...).  Together that is less than the 4 g (...) which any lead must exceed.  What is
lost where numbers fall below the normal range, 2^-1074 an operation, is less than 4 g _TINY.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.pack import rows_per_block
from ..ops.scratch import aligned_zeros, copy_elements
from ..tile import (
    VECTORS,
    absolute,
    add_lane_sums,
    any_not_greater,
    broadcast,
    fill,
    indices,
    lanes,
    largest_column,
    load,
    load_as,
    multiply_add,
    prefetch_far,
    rank1,
    select,
    store,
    store_indices,
    transpose,
)
from ..tile.shape import lanes_of

#: What ``decisions`` holds for a block in which a row was not finite.
NOT_FINITE = -1
#: Classes scored at a time: their sums stay in registers.  The last ones may be two.
CLASSES, PAIR = 4, 2
LANES = lanes_of(np.float64)
#: Rows scored at a time where features are along the lanes; their sums fill whole vectors.
ROWS = max(4, LANES)
#: Far below what errors are compared with, far above what numbers near zero lose.
_TINY = 2.0**-960
#: So far ahead the memory of rows is asked for.
_BYTES_AHEAD = 1 << 14


@inner_kernel
def ask_for(X, start, count):
    """Ask for the memory of some elements that come well after ``start``."""
    for at in range(0, count, 64 // X.itemsize):
        prefetch_far(X, start + _BYTES_AHEAD // X.itemsize + at)


@inner_kernel
def widen_rows(X, first, last, threshold, wide):
    """Copy rows first, first + 1, ..., repeating ``last``, as float64.

    Parameters
    ----------
    X : IN (n_samples, n_features) in C order
    threshold : float, what is above becomes 1 and the rest 0; NaN to copy the numbers as they are
    wide : OUT (>= rows_per_block * n_features,) flat float64

    Returns
    -------
    bool : False if numbers that were compared with a threshold are not all finite
    """
    n_features = X.shape[1]
    start = first * n_features
    size = rows_per_block(wide) * n_features
    there = min(size, (last - first + 1) * n_features)
    source = X.reshape(-1)[start : start + there]
    finite = True
    if threshold == threshold:
        for i in range(source.size):
            value = np.float64(source[i])
            wide[i] = 1.0 if value > threshold else 0.0
            finite &= value - value == 0.0
    else:
        for i in range(source.size):
            wide[i] = np.float64(source[i])
    for i in range(there, size):
        wide[i] = wide[i - n_features]
    return finite


@inner_kernel
def pack_rows(rows, at, n_features, panel):
    """Write rows as a panel, (n_features, rows), of float64.

    Parameters
    ----------
    rows : IN rows and a vector beyond, flat, floats; the first begins at element ``at``
    n_features : int
    panel : OUT flat
    """
    height = rows_per_block(panel)
    for p in range(0, n_features, LANES):
        for i in range(0, height, LANES):
            square = load_as(panel, rows, at + i * n_features + p, n_features, 1, LANES)
            store(panel, p * height + i, height, transpose(square))


@inner_kernel
def four_classes(panel, n_features, parameters, at, tile):
    """Return a tile of four classes plus the products of a panel's rows with their weights.

    Parameters
    ----------
    panel : IN (n_features, rows) flat
    parameters : IN flat, see ``linear_scores``; the classes' own from element ``at`` on
    tile : the biases, VECTORS x 4
    """
    height = rows_per_block(panel)
    for p in range(n_features):
        x = load(panel, p * height, 0, VECTORS, 1)
        tile = rank1(tile, x, parameters, at + p * CLASSES, 1)
    return tile


@inner_kernel
def two_classes(panel, n_features, parameters, at, tile):
    """Return what :func:`four_classes` does for two."""
    height = rows_per_block(panel)
    for p in range(n_features):
        x = load(panel, p * height, 0, VECTORS, 1)
        tile = rank1(tile, x, parameters, at + p * PAIR, 1)
    return tile


@inner_kernel
def bound_sums(panel, n_features, parameters):
    """Return the sums of |x_p| m_p of a panel's rows (a tile)."""
    height = rows_per_block(panel)
    even = fill(panel, 0.0, VECTORS, 1)
    odd = fill(panel, 0.0, VECTORS, 1)
    for p in range(0, n_features - 1, 2):
        x = absolute(load(panel, p * height, 0, VECTORS, 1))
        even = multiply_add(x, broadcast(parameters, p, 0, VECTORS, 1), even)
        x = absolute(load(panel, (p + 1) * height, 0, VECTORS, 1))
        odd = multiply_add(x, broadcast(parameters, p + 1, 0, VECTORS, 1), odd)
    if n_features % 2:
        p = n_features - 1
        x = absolute(load(panel, p * height, 0, VECTORS, 1))
        even = multiply_add(x, broadcast(parameters, p, 0, VECTORS, 1), even)
    return even + odd


@inner_kernel
def score_panel(panel, n_features, n_columns, parameters, scores):
    """Score a panel's rows; return the best class of each and by how much it leads (tiles).

    Parameters
    ----------
    scores : OUT (n_columns, rows) flat, or (0,) where not wanted
    """
    height = rows_per_block(panel)
    best = fill(panel, -np.inf, VECTORS, 1)
    second = fill(panel, -np.inf, VECTORS, 1)
    index = indices(panel, 0, VECTORS)
    c = 0
    while c + CLASSES <= n_columns:
        at = n_features + n_columns + c * n_features
        tile = broadcast(parameters, n_features + c, 1, VECTORS, CLASSES)
        tile = four_classes(panel, n_features, parameters, at, tile)
        if scores.size > 0:
            store(scores, c * height, height, tile)
        best, index, second = largest_column(tile, c, best, index, second)
        c += CLASSES
    if c < n_columns:
        at = n_features + n_columns + c * n_features
        pair = broadcast(parameters, n_features + c, 1, VECTORS, PAIR)
        pair = two_classes(panel, n_features, parameters, at, pair)
        if scores.size > 0:
            store(scores, c * height, height, pair)
        best, index, second = largest_column(pair, c, best, index, second)
    return index, best - second


@inner_kernel
def spread_pair(parameters, n_features, table):
    """Write m and what two classes differ by with features along the lanes, padded with zeros.

    Parameters
    ----------
    parameters : IN flat, see ``linear_scores``
    table : OUT (2 * pitch + 1,) flat: m, W_1p - W_0p, and b_1 - b_0

    Returns
    -------
    bool : whether all differences of weights are finite
    """
    pitch = table.size // 2
    sum_of_zeros = 0.0
    for p in range(n_features):
        at = n_features + PAIR + p * PAIR
        table[p] = parameters[p]
        table[pitch + p] = parameters[at + 1] - parameters[at]
        sum_of_zeros += table[pitch + p] * 0.0
    table[2 * pitch] = parameters[n_features + 1] - parameters[n_features]
    return sum_of_zeros == 0.0


@inner_kernel
def score_pair(rows, at, n_features, table, sums):
    """Score rows against two classes with features along the lanes: no row need be packed.

    What is loaded past the last feature is the next row's, times zero.

    Parameters
    ----------
    rows : IN rows and a vector beyond, flat, floats; the first begins at element ``at``
    table : IN see ``spread_pair``
    sums : OUT (2 * rows,) flat

    Returns
    -------
    tiles : the class of each row, by how much it leads, and the sums of |x_p| m_p
    """
    height = rows_per_block(sums)
    pitch = table.size // 2
    for i in range(2 * height):
        sums[i] = 0.0
    for i in range(0, height, ROWS):
        first = at + i * n_features
        bound = fill(table, 0.0, 1, ROWS)
        lead = fill(table, 0.0, 1, ROWS)
        for p in range(0, n_features, lanes(table)):
            x = load_as(table, rows, first + p, n_features, 1, ROWS)
            bound = multiply_add(absolute(x), load(table, p, 0, 1, ROWS), bound)
            lead = multiply_add(x, load(table, pitch + p, 0, 1, ROWS), lead)
        add_lane_sums(sums, i, 0, bound, 1, ROWS)
        add_lane_sums(sums, height + i, 0, lead, 1, ROWS)
    lead = load(sums, height, 0, VECTORS, 1) + broadcast(table, 2 * pitch, 0, VECTORS, 1)
    label = select(lead > 0.0, indices(sums, 1, VECTORS), indices(sums, 0, VECTORS))
    return label, absolute(lead), load(sums, 0, 0, VECTORS, 1)


@inner_kernel
def exact_score(row, W, b, c):
    """Return the score of one row and class as the reference computes it."""
    score = 0.0
    for p in range(row.size):
        score += row[p] * W[c, p]
    return score + b[c]


@inner_kernel
def decide_exactly(row, W, b):
    """Return the class of the highest score of one row by the definition, the lowest on ties.

    NOT_FINITE if the row holds NaN or infinity.
    """
    sum_of_zeros = 0.0
    for p in range(row.size):
        sum_of_zeros += row[p] * 0.0
    if sum_of_zeros != 0.0:
        return NOT_FINITE
    label, best = 0, exact_score(row, W, b, 0)
    for c in range(1, b.size):
        score = exact_score(row, W, b, c)
        if score > best:
            label, best = c, score
    return label


@inner_kernel
def decide_again(wide, count, W, b, leads, labels):
    """Decide those rows of a panel by the definition whose lead is not above what they need.

    Parameters
    ----------
    wide : IN (>= rows * n_features,) flat float64
    count : int, how many rows there are
    leads : IN flat, the leads of the rows, then what they need
    labels : OUT (rows,) int32

    Returns
    -------
    int : how many were decided, or NOT_FINITE as soon as a row holds NaN or infinity
    """
    n_features = W.shape[1]
    height = rows_per_block(wide)
    decided = 0
    for i in range(count):
        if not leads[i] > leads[height + i]:
            label = decide_exactly(wide[i * n_features : (i + 1) * n_features], W, b)
            if label == NOT_FINITE:
                return NOT_FINITE
            labels[i] = label
            decided += 1
    return decided


@allocating_kernel
def linear_scores(
    sources, parameters, W, b, threshold, block_rows, state, likelihoods, labels, decisions
):
    """Score all rows against all classes, as a member of a team.

    Parameters
    ----------
    sources : IN tuple of X (n_samples, n_features) of any type of numbers, in C order, and its
        elements, (n_samples * n_features,), where they are floats and count as they are; else (0,)
        of a type of floats
    parameters : IN flat float64: m of the module's bound; the biases of the classes, -inf where
        they pad an even number; for every four classes (or the last two), feature by feature, W
    W, b : IN (n_classes, n_features) and (n_classes,) float64
    threshold : float, see ``widen_rows``
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    likelihoods : OUT (n_samples, n_classes) float64, or (0, n_classes) where not wanted
    labels : OUT (n_samples,) int32, or (0,) where not wanted
    decisions : OUT (n_tickets,) int64, rows decided again, or NOT_FINITE where a label could not be
        decided
    """
    X, flat = sources
    n_samples, n_features = X.shape
    n_classes = b.size
    n_columns = (n_classes + 1) // 2 * 2
    height = rows_per_block(W)
    wide = aligned_zeros(W, height * n_features + lanes(W))
    features = (n_features + lanes(W) - 1) // lanes(W) * lanes(W)
    panel = aligned_zeros(W, (features + 2) * height)
    scores = aligned_zeros(W, n_columns * height if likelihoods.shape[0] > 0 else 0)
    short = np.empty(height, np.int32)
    table = aligned_zeros(W, 2 * features + 1)
    paired = n_columns == PAIR and likelihoods.shape[0] == 0
    paired = paired and spread_pair(parameters, n_features, table)
    largest = _TINY
    for c in range(n_classes):
        if abs(b[c]) < np.inf:
            largest = max(largest, abs(b[c]))
    error = 4.0 * 1.01 * (n_features + 3) * 2.0**-53
    while True:
        ticket = take_ticket(state)
        start = ticket * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        decided = 0
        for first in range(start, stop, height):
            count = min(height, stop - first)
            at = first * n_features
            ask_for(X, at, height * n_features)
            # Rows with a vector beyond them are read where they lie.
            there = at + height * n_features + lanes(W) <= flat.size
            finite = there or widen_rows(X, first, stop - 1, threshold, wide)
            if paired:
                if there:
                    index, lead, bound = score_pair(flat, at, n_features, table, panel)
                else:
                    index, lead, bound = score_pair(wide, 0, n_features, table, panel)
            else:
                if there:
                    pack_rows(flat, at, n_features, panel)
                else:
                    pack_rows(wide, 0, n_features, panel)
                index, lead = score_panel(panel, n_features, n_columns, parameters, scores)
                bound = bound_sums(panel, n_features, parameters)
            if likelihoods.shape[0] > 0:
                for i in range(count):
                    for c in range(n_classes):
                        likelihoods[first + i, c] = scores[c * height + i]
            if labels.size > 0:
                store_indices(short, 0, index)
                needed = (bound + largest) * error
                again = 0
                if any_not_greater(lead, needed):
                    if there:
                        widen_rows(X, first, stop - 1, threshold, wide)
                    # The panel is done with: its first rows hold the leads and what they need.
                    store(panel, 0, 0, lead)
                    store(panel, height, 0, needed)
                    again = decide_again(wide, count, W, b, panel, short)
                if again == NOT_FINITE or not finite:
                    decided = NOT_FINITE
                    break
                decided += again
                copy_elements(short, 0, count, labels, first)
        decisions[ticket] = decided
        finish_ticket(state)
