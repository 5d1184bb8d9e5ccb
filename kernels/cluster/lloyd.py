"""Lloyd's algorithm: assign every row to its nearest centre, move the centres to the mean.

Most rows keep their centre from one iteration to the next, and a bound shows it without
looking at them.  When a row is scored, the tile also gives the runner-up, hence an upper
bound u on the distance to its centre and a lower bound l on the distance to every other.
Its label a can change only once the centres have moved far enough: while the moves of centre
a, plus the largest moves of another centre, add up to less than l - u (Hamerly, "Making
k-means even faster", SDM 2010, with both bounds in one number).  Those moves are summed once
per cluster, in its *budget spent*; a row keeps the spending at which it must be scored again,
its *limit*.  So an iteration compares one number a row, and scores the few rows that are due,
gathered into panels.  Limits are rounded down and l - u is reduced by 2e-6 (l + u), far more
than float64 distances round: a row that is skipped would get the same label if scored.

Sums of clusters follow the labels that change.  A cluster's sum is the total over blocks in
the order of the blocks, so bits do not depend on threads.

One iteration has three phases, cut into tickets of a team (see ``team``):

1. one ticket a block of rows: score the rows that are due, note what their clusters gain;
2. one ticket a group of clusters: add up the gains, move the centres;
3. one ticket: spend the budgets, see whether to stop.
"""

from __future__ import annotations

import math

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, release_team, take_ticket, wait_for
from ..ops.pack import pack_rows, panel_size, prefetch_rows, rows_per_block
from ..ops.scratch import aligned_zeros
from ..tile import (
    any_not_greater,
    fill_like,
    maximum,
    multiply_add,
    square_root,
    store,
    store_indices,
)
from .centroid import move_center, nearest_exactly, needed_lead, score_margin, score_panel

#: Elements of the control array (int64): whether to stop and why, iterations done, rows whose
#: label changed and rows scored in the last one, rows decided in float64 in all, whether the
#: next iteration sums all rows anew; and two settings: whether bounds spare rows, whether
#: centres are kept at unit length.
STOP, ITERATIONS, CHANGED, SCORED, DECIDED, FRESH, BOUNDED, SPHERICAL = range(8)
CONTROL_SIZE = 8
#: Reasons to stop.
GOING, CONVERGED, WITHIN_TOLERANCE, EMPTY_CLUSTER, STEPS_DONE = range(5)
#: Columns of what a block notes: rows changed, scored, decided in float64.
_CHANGED, _SCORED, _DECIDED = range(3)

#: How far ahead of the panel at work the memory of scattered rows is asked for.
_PANELS_AHEAD = 2
_CAUTION = 2e-6
_ROUND_DOWN = 2.0**-22


@inner_kernel
def add_row(X, row, weight, label, sums, weights):
    """Add a row, times ``weight``, to the sum of a cluster, in float64."""
    weights[label] += weight
    for p in range(X.shape[1]):
        sums[label, p] += weight * np.float64(X[row, p])


@inner_kernel
def sum_rows(X, sample_weight, start, stop, labels, sums, weights):
    """Add rows [start, stop), weighted, to the sums of their clusters, in float64.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    sample_weight : IN (n_samples,) or (0,) for weights of one
    labels : IN (n_samples,) int32
    sums : IN/OUT (n_clusters, n_features) float64
    weights : IN/OUT (n_clusters,) float64
    """
    for i in range(start, stop):
        weight = sample_weight[i] if sample_weight.size > 0 else 1.0
        add_row(X, i, weight, labels[i], sums, weights)


@inner_kernel
def due_rows(start, stop, bounded, labels, spent, limits, due):
    """Write the rows of [start, stop) whose label may have changed; return how many.

    Parameters
    ----------
    bounded : bool, False to take them all
    labels : IN (n_samples,) int32
    spent : IN (n_clusters,) float64, the budget each cluster has spent
    limits : IN (n_samples,) float32, the spending at which a row must be scored again
    due : OUT (stop - start,) int64
    """
    count = np.uint64(0)
    one = np.uint64(1)
    for i in range(np.uint64(start), np.uint64(stop)):
        # Unsigned numbers spare Numba's look for negative indices: a third of this loop.
        due[count] = i
        if not bounded or not limits[i] > spent[np.uint32(labels[i])]:
            count += one
    return np.int64(count)


@inner_kernel
def slack(norms, best, second, needed, margin):
    """Return l - u, reduced by all that rounding may account for (a tile).

    |x - c|^2 = |x|^2 - 2 score, each score off by at most half of ``needed``.
    """
    error = multiply_add(norms, margin[3], needed)
    zero = fill_like(norms, 0.0)
    upper = square_root(maximum(multiply_add(best, -2.0, norms) + error, zero))
    lower = square_root(maximum(multiply_add(second, -2.0, norms) - error, zero))
    return lower - upper - (lower + upper) * _CAUTION


@inner_kernel
def scan_block(
    X, sample_weight, start, stop, control, shift, moved, columns, half_norms, margin,
    spent, panel, due, exact, index, labels, limits, noted, sums, weights,
):  # fmt: skip
    """Bring the labels of rows [start, stop) up to date and note what clusters gain.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    sample_weight : IN (n_samples,) or (0,) for weights of one
    control : IN (CONTROL_SIZE,) int64; FRESH says to sum all rows, not only those that change
    shift, moved, columns, half_norms, margin : IN, see ``prepare_centers``
    spent : IN (n_clusters,) float64
    panel, due, exact, index : OUT working memory
    labels : IN/OUT (n_samples,) int32
    limits : IN/OUT (n_samples,) float32
    noted : OUT (3,) int64
    sums, weights : OUT (n_clusters, n_features), (n_clusters,) float64, gains of the clusters;
        untouched if no label changes and not FRESH
    """
    fresh = control[FRESH] != 0
    height = rows_per_block(X)
    n_features = columns.shape[0]
    count = due_rows(start, stop, control[BOUNDED] != 0, labels, spent, limits, due)
    changed = 0
    decided = 0
    for first in range(0, count, height):
        used = min(height, count - first)
        for i in range(used, height):
            due[first + i] = due[first]
        pack_rows(X, due, first, panel, 0)
        soon = first + _PANELS_AHEAD * height
        prefetch_rows(X, due, soon, min(soon + height, count))
        norms, best, found, second = score_panel(panel, n_features, shift, moved, half_norms)
        needed = needed_lead(norms, margin)
        lead = best - second
        room = slack(norms, best, second, needed, margin)
        # The panel is done with: its first rows hold what is needed of each sample.
        store_indices(index, 0, found)
        store(panel, 0, 0, room)
        if any_not_greater(lead, needed):
            store(panel, height, 0, lead)
            store(panel, 2 * height, 0, needed)
            for i in range(used):
                if not panel[height + i] > panel[2 * height + i]:
                    index[i] = nearest_exactly(X, due[first + i], columns, exact)
                    decided += 1
        for i in range(used):
            limit = np.float64(panel[i]) + spent[index[i]]
            limits[due[first + i]] = limit - abs(limit) * _ROUND_DOWN
        for i in range(used):
            row = due[first + i]
            before = labels[row]
            if index[i] != before:
                labels[row] = index[i]
                if changed == 0 and not fresh:
                    sums[:] = 0
                    weights[:] = 0
                changed += 1
                if not fresh:
                    weight = sample_weight[row] if sample_weight.size > 0 else 1.0
                    add_row(X, row, -weight, before, sums, weights)
                    add_row(X, row, weight, index[i], sums, weights)
    if fresh:
        sums[:] = 0
        weights[:] = 0
        sum_rows(X, sample_weight, start, stop, labels, sums, weights)
    noted[_CHANGED] = changed
    noted[_SCORED] = count
    noted[_DECIDED] = decided


@inner_kernel
def move_clusters(
    first, last, control, noted, block_sums, block_weights, sums, weights, centers, previous, moves
):
    """Add the blocks' gains to the sums of clusters [first, last) and move their centres.

    Parameters
    ----------
    control : IN (CONTROL_SIZE,) int64; FRESH says the gains are of all rows
    noted : IN (n_blocks, 3) int64
    block_sums, block_weights : IN (n_blocks, n_clusters, n_features), (n_blocks, n_clusters)
    sums, weights : IN/OUT (n_clusters, n_features), (n_clusters,) float64
    centers : IN/OUT (n_clusters, n_features); of an empty cluster as it was
    previous : OUT (n_clusters, n_features) the centres before
    moves : OUT (n_clusters,) float64, how far each centre moved
    """
    n_features = centers.shape[1]
    fresh = control[FRESH] != 0
    for j in range(first, last):
        if fresh:
            weights[j] = 0.0
            for p in range(n_features):
                sums[j, p] = 0.0
        for block in range(noted.shape[0]):
            if fresh or noted[block, _CHANGED] > 0:
                weights[j] += block_weights[block, j]
                for p in range(n_features):
                    sums[j, p] += block_sums[block, j, p]
        divisor = weights[j]
        if control[SPHERICAL] != 0 and weights[j] > 0.0:
            divisor = 0.0
            for p in range(n_features):
                divisor += sums[j, p] ** 2
            divisor = math.sqrt(divisor)
        move = 0.0
        for p in range(n_features):
            previous[j, p] = centers[j, p]
            if divisor > 0.0:
                centers[j, p] = sums[j, p] / divisor
                move += (np.float64(centers[j, p]) - np.float64(previous[j, p])) ** 2
        moves[j] = math.sqrt(move)


@inner_kernel
def spend(moves, spent):
    """Add to each cluster's spent budget its own move and the largest move of another.

    Parameters
    ----------
    moves : IN (n_clusters,) float64
    spent : IN/OUT (n_clusters,) float64
    """
    largest, second, which = 0.0, 0.0, -1
    for j in range(moves.size):
        if moves[j] > largest:
            largest, second, which = moves[j], largest, j
        elif moves[j] > second:
            second = moves[j]
    for j in range(moves.size):
        other = second if j == which else largest
        spent[j] += (moves[j] + other) * (1.0 + _CAUTION)


@allocating_kernel
def lloyd(
    X, sample_weight, block_rows, group, n_steps, max_iter, update, tol, state, centers, previous,
    shift, moved, columns, half_norms, margin, labels, limits, spent, moves, norms,
    noted, block_sums, block_weights, sums, weights, control,
):  # fmt: skip
    """Run iterations of Lloyd's algorithm until there is a reason to stop, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features), finite
    sample_weight : IN (n_samples,) or (0,) for weights of one
    block_rows, group : int, rows and clusters a ticket
    n_steps : int, iterations of this call at most
    max_iter : int, iterations of all calls at most
    update : bool, False to bring the labels up to date and leave the centres
    tol : float, stop when the squares of the moves sum to no more
    state : IN/OUT the team's state, zero at the start
    centers, shift, moved, columns, half_norms, margin : IN/OUT, see ``prepare_centers``
    previous : OUT (n_clusters, n_features) the centres the last labels are for
    labels : IN/OUT (n_samples,) int32
    limits : IN/OUT (n_samples,) float32; -inf before the first iteration
    spent, moves, norms : IN/OUT (n_clusters,) float64; norms are those of moved centres, squared
    noted : OUT (n_blocks, 3) int64
    block_sums, block_weights : OUT (n_blocks, n_clusters, n_features), (n_blocks, n_clusters)
    sums, weights : IN/OUT (n_clusters, n_features), (n_clusters,) float64
    control : IN/OUT (CONTROL_SIZE,) int64
    """
    n_samples = X.shape[0]
    n_clusters = centers.shape[0]
    height = rows_per_block(X)
    n_blocks = noted.shape[0]
    n_groups = (n_clusters + group - 1) // group
    per_step = n_blocks + n_groups + 1
    panel = aligned_zeros(X, max(panel_size(X), 3 * height))
    due = np.empty(block_rows + height, np.int64)
    exact = np.empty(n_clusters)
    index = np.empty(height, np.int32)
    while True:
        number = take_ticket(state)
        step = number // per_step
        if step >= n_steps:
            return
        ticket = number % per_step
        if ticket < n_blocks:
            wait_for(state, step * per_step)
            if control[STOP] != GOING:
                return
            start = ticket * block_rows
            scan_block(
                X, sample_weight, start, min(start + block_rows, n_samples), control,
                shift, moved, columns, half_norms, margin, spent, panel, due, exact,
                index, labels, limits, noted[ticket], block_sums[ticket], block_weights[ticket],
            )  # fmt: skip
        elif ticket < n_blocks + n_groups:
            wait_for(state, step * per_step + n_blocks)
            if control[STOP] != GOING:
                return
            if update:
                first = (ticket - n_blocks) * group
                last = min(first + group, n_clusters)
                move_clusters(
                    first, last, control, noted, block_sums, block_weights, sums,
                    weights, centers, previous, moves,
                )  # fmt: skip
                for j in range(first, last):
                    norms[j] = move_center(centers, j, shift, moved, columns, half_norms)
        else:
            wait_for(state, step * per_step + n_blocks + n_groups)
            if control[STOP] != GOING:
                return
            finish_iteration(
                max_iter, update, tol, columns, margin, spent, moves, norms, noted, weights, control
            )
            if control[STOP] != GOING:
                release_team(state)
        finish_ticket(state)


@inner_kernel
def finish_iteration(
    max_iter, update, tol, columns, margin, spent, moves, norms, noted, weights, control
):
    """Spend the budgets and write to ``control`` whether to stop (see ``lloyd``)."""
    control[CHANGED] = 0
    control[SCORED] = 0
    for block in range(noted.shape[0]):
        control[CHANGED] += noted[block, _CHANGED]
        control[SCORED] += noted[block, _SCORED]
        control[DECIDED] += noted[block, _DECIDED]
    if not update:
        control[STOP] = STEPS_DONE
        return
    largest = 0.0
    total = 0.0
    empty = False
    for j in range(norms.size):
        largest = max(largest, norms[j])
        total += moves[j] ** 2
        empty = empty or not weights[j] > 0.0
    score_margin(columns, largest, margin)
    spend(moves, spent)
    was_fresh = control[FRESH] != 0
    control[FRESH] = 0
    still = control[CHANGED] == 0 and total == 0.0
    verified = still and was_fresh
    if control[CHANGED] == 0 and control[ITERATIONS] > 0 and not verified:
        # Sums that followed changes have rounded: believe the labels' standing still once the
        # sums of all rows leave the centres where they are.  That is no iteration of its own.
        control[FRESH] = 1
        return
    control[ITERATIONS] += 1
    if empty:
        control[STOP] = EMPTY_CLUSTER
    elif verified:
        control[STOP] = CONVERGED
    elif total <= tol:
        control[STOP] = WITHIN_TOLERANCE
    elif control[ITERATIONS] >= max_iter:
        control[STOP] = STEPS_DONE


@kernel
def squared_distances(X, centers, labels, block_rows, state, distances):
    """Write every row's squared distance to its centre, as a member of a team.

    Direct differences, summed in float64 in feature order.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    centers : IN (n_clusters, n_features)
    labels : IN (n_samples,) int32
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    distances : OUT (n_samples,) float64
    """
    n_samples = X.shape[0]
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        for i in range(start, min(start + block_rows, n_samples)):
            distance = 0.0
            for p in range(X.shape[1]):
                difference = np.float64(X[i, p]) - np.float64(centers[labels[i], p])
                distance += difference * difference
            distances[i] = distance
