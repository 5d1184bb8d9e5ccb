"""The likeliest class of every row under Gaussian naive Bayes, in the rows' own type.

The joint log-likelihood of row x and class c is k_c - S_c, S_c = sum over p of z_p^2 and
z_p = (x_p - theta_p) s_p, s = 1 / sqrt(2 var).  Rows and means are first moved by one common
vector; with t_p the moved mean times s_p a class costs two fused multiply-adds a feature:
z = x' s - t, S += z^2.  Of two classes the squares are added along the lanes, in another order.

What that may be off by, with u the unit round-off of the type: x' is rounded once, s and t up to
three times, and |x' s| <= |z| + |t|, so z is off by at most 6 u (|z| + |t|), and the computed S by
at most (d + 14) u S + 12 u sqrt(S) T + 72 u^2 (S + T^2), with T the largest norm of a class's t
(Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, section 3.1).  Constants,
differences and the definition (``reference.naive_bayes``) round too.  Let
E(S) = a S + b sqrt(S) + c bound all of it (``fastml.naive_bayes``).  S - E(S) falls nowhere by more
than b^2 as S grows, so with K = max k and ``second`` the second largest computed likelihood, no
class but the best exceeds second + E(K - second) + b^2.  Where the best does not lead by twice
that, the row is decided by the definition; a row with NaN or infinity fails that comparison and is
caught there.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros, copy_elements
from ..tile import (
    VECTORS,
    add_lane_sums,
    any_not_greater,
    broadcast,
    fill,
    fill_like,
    indices,
    is_single,
    lanes,
    largest_column,
    load,
    maximum,
    minimum,
    multiply_add,
    prefetch_far,
    rank1,
    select_less,
    square_root,
    store,
    store_indices,
)
from .gaussian import NOT_FINITE, Gaussians, decide_exactly

#: Classes scored at a time: their sums stay in registers.  The last ones may be two.
CLASSES, PAIR = 4, 2
#: Rows scored at a time where features are along the lanes.
ROWS = 4
#: So many elements ahead the memory of rows is asked for.
_AHEAD = 4096
#: Scores below this, times -1, may have overflowed.
_HUGE = 2.0**90


@inner_kernel
def four_classes(panel, n_features, parameters, at, tile):
    """Return the constants of four classes less the sums of squares of a panel's rows.

    Parameters
    ----------
    panel : IN (n_features, rows) flat
    parameters : IN flat, see ``likeliest_class``; the classes' own from element ``at`` on
    tile : the constants, VECTORS x 4
    """
    height = rows_per_block(panel)
    sums = fill(panel, 0.0, VECTORS, CLASSES)
    for p in range(n_features):
        x = load(panel, p * height, 0, VECTORS, 1) - broadcast(parameters, p, 0, VECTORS, 1)
        first = at + p * 2 * CLASSES
        z = broadcast(parameters, first + CLASSES, 1, VECTORS, CLASSES)
        z = rank1(z, x, parameters, first, 1)
        sums = multiply_add(z, z, sums)
    return tile - sums


@inner_kernel
def two_classes(panel, n_features, parameters, at, tile):
    """Return what :func:`four_classes` does for two."""
    height = rows_per_block(panel)
    sums = fill(panel, 0.0, VECTORS, PAIR)
    for p in range(n_features):
        x = load(panel, p * height, 0, VECTORS, 1) - broadcast(parameters, p, 0, VECTORS, 1)
        first = at + p * 2 * PAIR
        z = broadcast(parameters, first + PAIR, 1, VECTORS, PAIR)
        z = rank1(z, x, parameters, first, 1)
        sums = multiply_add(z, z, sums)
    return tile - sums


@inner_kernel
def score_panel(panel, n_features, n_columns, parameters):
    """Return the best score of a panel's rows, its class, and the second best (tiles)."""
    best = fill(panel, -np.inf, VECTORS, 1)
    second = fill(panel, -np.inf, VECTORS, 1)
    index = indices(panel, 0, VECTORS)
    c = 0
    while c + CLASSES <= n_columns:
        at = n_features + n_columns + c * 2 * n_features
        constants = broadcast(parameters, n_features + c, 1, VECTORS, CLASSES)
        scores = four_classes(panel, n_features, parameters, at, constants)
        best, index, second = largest_column(scores, c, best, index, second)
        c += CLASSES
    if c < n_columns:
        at = n_features + n_columns + c * 2 * n_features
        constants = broadcast(parameters, n_features + c, 1, VECTORS, PAIR)
        pair = two_classes(panel, n_features, parameters, at, constants)
        best, index, second = largest_column(pair, c, best, index, second)
    return best, index, second


@inner_kernel
def spread_pair(parameters, n_features, table):
    """Write the parameters of two classes with features along the lanes, padded with zeros.

    Parameters
    ----------
    parameters : IN flat, see ``likeliest_class``
    table : OUT (5 * pitch,) flat: the common vector, then each class's factors s and -t
    """
    pitch = table.size // (1 + 2 * PAIR)
    for p in range(n_features):
        table[p] = parameters[p]
        at = n_features + PAIR + p * 2 * PAIR
        for c in range(PAIR):
            table[(1 + 2 * c) * pitch + p] = parameters[at + c]
            table[(2 + 2 * c) * pitch + p] = parameters[at + PAIR + c]


@inner_kernel
def score_pair(rows, n_features, first, table, parameters, sums):
    """Do what :func:`score_panel` does for two classes and rows that lie one after another.

    Features are along the lanes, and no row need be packed.  What is loaded past the last feature
    is the next row's, times zero.

    Parameters
    ----------
    rows : IN (n_samples * n_features,) flat
    n_features : int
    first : int, the first of a panel's rows, all of which are there, and a vector beyond
    table : IN see ``spread_pair``
    sums : OUT (2 * rows,) flat
    """
    height = rows_per_block(rows)
    pitch = table.size // (1 + 2 * PAIR)
    for i in range(PAIR * height):
        sums[i] = 0.0
    for i in range(0, height, ROWS):
        at = (first + i) * n_features
        for p in range(0, ROWS * n_features, 16 if is_single(rows) else 8):
            prefetch_far(rows, at + _AHEAD + p)
        sum0 = fill(rows, 0.0, 1, ROWS)
        sum1 = fill(rows, 0.0, 1, ROWS)
        for p in range(0, n_features, lanes(rows)):
            x = load(rows, at + p, n_features, 1, ROWS) - load(table, p, 0, 1, ROWS)
            z = load(table, 2 * pitch + p, 0, 1, ROWS)
            z = multiply_add(x, load(table, pitch + p, 0, 1, ROWS), z)
            sum0 = multiply_add(z, z, sum0)
            z = load(table, 4 * pitch + p, 0, 1, ROWS)
            z = multiply_add(x, load(table, 3 * pitch + p, 0, 1, ROWS), z)
            sum1 = multiply_add(z, z, sum1)
        add_lane_sums(sums, i, 0, sum0, 1, ROWS)
        add_lane_sums(sums, height + i, 0, sum1, 1, ROWS)
    best = fill(rows, -np.inf, VECTORS, 1)
    second = fill(rows, -np.inf, VECTORS, 1)
    scores = broadcast(parameters, n_features, 1, VECTORS, PAIR) - load(
        sums, 0, height, VECTORS, PAIR
    )
    return largest_column(scores, 0, best, indices(rows, 0, VECTORS), second)


@inner_kernel
def needed_lead(best, second, margin):
    """Return by how much the best score must lead to be decisive (a tile)."""
    # Rounded constants may leave a sum of squares a little below zero.
    away = maximum(second * -1.0 + margin[3], 0.0)
    error = multiply_add(away, margin[0], square_root(away) * margin[1]) + margin[2]
    # A score of minus infinity is beaten by all that are not huge themselves.
    needed = minimum(fill_like(error, _HUGE), error * 2.0)
    return select_less(best, -_HUGE, np.inf, needed)


@allocating_kernel
def likeliest_class(
    sources, parameters, theta, variance, constants, margin, block_rows, state, labels, decisions
):
    """Label all rows, as a member of a team.

    Parameters
    ----------
    sources : IN tuple of X (n_samples, n_features), any strides, and its elements in one row,
        (n_samples * n_features,), where that is how they lie; else (0,)
    parameters : IN flat, of X's type: the common vector; the constants k of the classes, -inf where
        they pad an even number; for every four of them (or the last two), feature by feature, the
        factors s, then -t
    theta, variance, constants : IN, see ``gaussian.Gaussians``
    margin : IN (4,) float64: E(S) = margin[0] S + margin[1] sqrt(S) + margin[2], and margin[3] = K;
        NaN where nothing is decisive
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    labels : OUT (n_samples,) int32
    decisions : OUT (n_tickets,) int64, rows decided by the definition, or NOT_FINITE
    """
    X, flat = sources
    model = Gaussians(theta, variance, variance, constants)
    n_samples, n_features = X.shape
    n_columns = (constants.size + 1) // 2 * 2
    height = rows_per_block(X)
    rows = np.empty(height, np.int64)
    panel = aligned_zeros(X, panel_size(X) + 2 * height)
    short = np.empty(height, np.int32)
    # Few features are packed soon.
    paired = n_columns == PAIR and n_features > 8 and flat.size > 0
    pitch = (n_features + lanes(X) - 1) // lanes(X) * lanes(X)
    table = aligned_zeros(X, (1 + 2 * PAIR) * pitch)
    if paired:
        spread_pair(parameters, n_features, table)
    while True:
        ticket = take_ticket(state)
        start = ticket * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        decided = 0
        for first in range(start, stop, height):
            count = min(height, stop - first)
            if paired and (first + height) * n_features + lanes(X) <= flat.size and count == height:
                best, index, second = score_pair(flat, n_features, first, table, parameters, panel)
            else:
                pack_panel(X, first, stop - 1, rows, panel, 0)
                best, index, second = score_panel(panel, n_features, n_columns, parameters)
            store_indices(short, 0, index)
            copy_elements(short, 0, count, labels, first)
            lead, needed = best - second, needed_lead(best, second, margin)
            if any_not_greater(lead, needed):
                # The panel is done with: its first rows hold the leads and the margins.
                store(panel, 0, 0, lead)
                store(panel, height, 0, needed)
                for i in range(count):
                    if not panel[i] > panel[height + i]:
                        sum_of_zeros = 0.0
                        for p in range(n_features):
                            sum_of_zeros += X[first + i, p] * 0.0
                        if sum_of_zeros != 0.0:
                            decided = NOT_FINITE
                            break
                        label = decide_exactly(X, first + i, model)
                        if label == NOT_FINITE:
                            decided = NOT_FINITE
                            break
                        labels[first + i] = label
                        decided += 1
            if decided == NOT_FINITE:
                break
        decisions[ticket] = decided
        finish_ticket(state)
