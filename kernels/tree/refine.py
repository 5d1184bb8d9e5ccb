"""Inside the bins whose bound beats the best edge: every split, from the values themselves.

And what follows once a node's split is known: its threshold, and the rows of its children.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import take_ticket
from ..ops.histogram import ask_for_codes
from ..ops.partition import sort_pairs
from ..tile import prefetch
from .bound import bound_inside
from .criterion import WORK_ROWS, add_row, better, rows_in, score, tolerance
from .level import allowed, new_scratch, read_bin, slot_start, worth_bounding
from .wide import WIDE

#: So many rows ahead memory is asked for.
_AHEAD = 16


class Splits(NamedTuple):
    """One split a node (or a node and a feature): OUT.

    scores : (n,) float64, -inf for none
    slots, bins, next_bins, sides : (n,) int32; next_bins is -1 for no more values
    inner : (n, 2) float64, the value on the left and the next one where the split is inside a bin,
        infinite and NaN at its edge
    left : (n, size) int64
    """

    scores: Any
    slots: Any
    bins: Any
    next_bins: Any
    sides: Any
    inner: Any
    left: Any


class Place(NamedTuple):
    """A feature of a node whose bins are looked into.

    node, slot, feature, shift, at : int; where its histogram begins
    n_bins, hole : int, of numbers; the bin of missing values, or -1
    sides : int, 2 if missing values are tried on both
    """

    node: Any
    slot: Any
    feature: Any
    shift: Any
    at: Any
    n_bins: Any
    hole: Any
    sides: int


class Inside(NamedTuple):
    """The rows in the bins of a feature that are looked into, those of a bin side by side.

    values, spare_values : (n,) of the samples' type
    rows, spare_rows, bins : (n,) int32
    """

    values: Any
    rows: Any
    spare_values: Any
    spare_rows: Any
    bins: Any


@inner_kernel
def find_place(table, targets, level, job, histograms, scratch):
    """Return the Place of a job; read what is missing into ``scratch.lacking``."""
    node, slot = job[0], job[1]
    order = level.orders[node if level.orders.shape[0] > 1 else 0]
    f = np.int64(order[slot])
    row = level.coarseness[node]
    shift = level.shifts[row, f]
    at = slot_start(level, node, row, slot, targets.size)
    n_bins = ((np.int64(table.n_codes[f]) - 1) >> shift) + 1
    missing = np.int64(table.missing[f])
    hole = missing >> shift if missing >= 0 else np.int64(-1)
    sides = 1
    if hole >= 0:
        read_bin(scratch.lacking, histograms, at + hole * targets.size)
        sides = 2 if rows_in(targets, scratch.lacking) > 0 else 1
    return Place(node, slot, f, shift, at, n_bins, hole, sides)


@inner_kernel
def begin_side(targets, side, scratch):
    """Set the statistics on the left to those of missing values, or to zero."""
    for k in range(targets.size):
        scratch.left[k] = scratch.lacking[k] if side == 1 else 0


@inner_kernel
def mark_bins(table, targets, limits, level, place, least, histograms, scratch, alive):
    """Mark the bins whose bound reaches ``least``, and return how many rows they hold."""
    total = level.totals[place.node]
    count = np.int64(0)
    for b in range(alive.size):
        alive[b] = 0
    for side in range(place.sides):
        begin_side(targets, side, scratch)
        for b in range(place.n_bins):
            read_bin(scratch.inside, histograms, place.at + b * targets.size)
            rows = rows_in(targets, scratch.inside)
            if (
                alive[b] == 0
                and worth_bounding(
                    table, place.feature, place.shift, b, rows, targets, limits, total, scratch.left
                )
                and bound_inside(targets, scratch.left, scratch.inside, total) >= least
            ):
                alive[b] = 1
                count += rows
            for k in range(targets.size):
                scratch.left[k] += scratch.inside[k]
    return count


@inner_kernel
def gather(table, targets, level, place, histograms, alive, starts, inside):
    """Fill ``inside`` with the rows of marked bins, bin by bin, each sorted by value.

    Parameters
    ----------
    starts : OUT (n_bins,) int32, where the rows of each bin begin
    """
    f, shift, node = place.feature, place.shift, place.node
    count = np.int64(0)
    for i in range(level.starts[node], level.stops[node]):
        ask_for_codes(table.codes, level.rows, i, f, f + 1)
        r = level.rows[i]
        b = np.int64(table.codes[r, f]) >> shift
        inside.spare_rows[count] = r
        inside.bins[count] = b
        count += alive[b]
    size = np.int64(0)
    for b in range(place.n_bins):
        starts[b] = size
        if alive[b] == 1:
            at = place.at + b * targets.size
            size += rows_in(targets, histograms[at : at + targets.size])
    values = table.values.reshape(1, table.values.size)
    for i in range(count):
        ahead = np.int64(inside.spare_rows[min(i + _AHEAD, count - 1)])
        prefetch(values, 0, ahead * table.row_step + f * table.column_step)
        r, b = np.int64(inside.spare_rows[i]), inside.bins[i]
        to = starts[b]
        starts[b] = to + 1
        inside.values[to] = table.values[r * table.row_step + f * table.column_step]
        inside.rows[to] = r
    start = np.int64(0)
    for b in range(place.n_bins):
        stop = np.int64(starts[b])
        if alive[b] == 1:
            sort_pairs(
                inside.values[start:stop], inside.rows[start:stop], stop - start,
                inside.spare_values, inside.spare_rows,
            )  # fmt: skip
        starts[b] = start
        start = stop
    return count


@inner_kernel
def try_inside(targets, limits, level, place, histograms, alive, inside, scratch, found):
    """Try every split inside the marked bins; ``found`` is (Splits, which of them)."""
    splits, at = found
    size = targets.size
    total = level.totals[place.node]
    best, margin = -np.inf, 0.0
    classes = targets.classes.reshape(1, targets.classes.size)
    last = inside.rows.size - 2
    for side in range(place.sides):
        begin_side(targets, side, scratch)
        i = np.int64(0)
        for b in range(place.n_bins):
            read_bin(scratch.inside, histograms, place.at + b * size)
            if alive[b] == 0:
                for k in range(size):
                    scratch.left[k] += scratch.inside[k]
                continue
            stop = i + rows_in(targets, scratch.inside)
            while i < stop:
                value = inside.values[i]
                while i < stop and inside.values[i] == value:
                    ahead = np.int64(inside.rows[min(i + _AHEAD, last)])
                    if targets.n_classes > 0:
                        prefetch(classes, 0, ahead)
                    else:
                        prefetch(targets.sums, ahead, 0)
                    add_row(targets, np.int64(inside.rows[i]), scratch.left)
                    i += 1
                if i == stop or not allowed(targets, limits, total, scratch.left):
                    continue
                here = score(targets, scratch.left, total)
                if here == -np.inf or here < best - margin:
                    continue
                if better(
                    targets, total, here, scratch.left, best, scratch.best, scratch.work
                ) > 0:  # fmt: skip
                    best, margin = here, tolerance(targets, total, here)
                    splits.slots[at] = place.slot
                    splits.bins[at] = b
                    splits.sides[at] = side
                    splits.inner[at, 0] = value
                    splits.inner[at, 1] = inside.values[i]
                    for k in range(size):
                        scratch.best[k] = scratch.left[k]
    splits.scores[at] = best
    for k in range(size):
        splits.left[at, k] = scratch.best[k]


@allocating_kernel
def look_inside(state, table, targets, limits, level, jobs, least, histograms, found):
    """Search the inside of bins, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    table, targets, limits, level : Table, Targets, Limits, Level
    jobs : IN (n_jobs, 2) int64, node and slot
    least : IN (n_nodes,) float64, bins whose bound is below are left out
    histograms : IN
    found : Splits, OUT, one for each job
    """
    scratch = new_scratch(targets.size)
    most = np.int64(0)
    for f in range(table.codes.shape[1]):
        most = max(most, np.int64(table.n_codes[f]), np.int64(table.missing[f]) + 1)
    alive = np.empty(most, np.uint8)
    starts = np.empty(most, np.int32)
    while True:
        ticket = take_ticket(state)
        if ticket >= jobs.shape[0]:
            return
        place = find_place(table, targets, level, jobs[ticket], histograms, scratch)
        count = mark_bins(
            table, targets, limits, level, place, least[place.node], histograms, scratch, alive
        )
        # One place more: what is not kept is written there.
        inside = Inside(
            np.empty(count + 1, table.values.dtype), np.empty(count + 1, np.int32),
            np.empty(count + 1, table.values.dtype), np.empty(count + 1, np.int32),
            np.empty(count + 1, np.int32),
        )  # fmt: skip
        gather(table, targets, level, place, histograms, alive, starts, inside)
        try_inside(
            targets, limits, level, place, histograms, alive, inside, scratch, (found, ticket)
        )


@inner_kernel
def _earlier(feature_a, side_a, bin_a, value_a, feature_b, side_b, bin_b, value_b):
    """Whether split a comes before b where both are equally good."""
    if feature_a != feature_b:
        return feature_a < feature_b
    if side_a != side_b:
        return side_a < side_b
    return bin_a < bin_b or (bin_a == bin_b and value_a < value_b)


@allocating_kernel
def choose(targets, level, slots, edges, jobs, inside, found):
    """Set each node's split to the best of its edges and of what was found inside bins.

    Parameters
    ----------
    slots : IN (n_nodes,) int64, how many slots count
    edges : Edges
    jobs : IN (n_jobs, 2) int64, node and slot, those of a node side by side
    inside : Splits, one for each job
    found : Splits, OUT, one for each node
    """
    work = np.zeros((WORK_ROWS, WIDE), np.int64)
    next_job = 0
    for node in range(level.starts.size):
        order = level.orders[node if level.orders.shape[0] > 1 else 0]
        total = level.totals[node]
        best, feature = -np.inf, np.int32(0)
        for slot in range(slots[node]):
            value = edges.scores[node, slot]
            if value == -np.inf:
                continue
            left = edges.left[node, slot]
            verdict = better(targets, total, value, left, best, found.left[node], work)
            if verdict > 0 or (verdict == 0 and order[slot] < feature):
                best, feature = value, order[slot]
                found.slots[node] = slot
                found.bins[node] = edges.bins[node, slot]
                found.next_bins[node] = edges.next_bins[node, slot]
                found.sides[node] = edges.sides[node, slot]
                found.inner[node, 0] = np.inf
                found.inner[node, 1] = np.nan
                for k in range(targets.size):
                    found.left[node, k] = left[k]
        while next_job < jobs.shape[0] and jobs[next_job, 0] == node:
            j = next_job
            next_job += 1
            value = inside.scores[j]
            if value == -np.inf:
                continue
            verdict = better(targets, total, value, inside.left[j], best, found.left[node], work)
            f = order[inside.slots[j]]
            if verdict > 0 or (
                verdict == 0
                and _earlier(
                    f, inside.sides[j], inside.bins[j], inside.inner[j, 0],
                    feature, found.sides[node], found.bins[node], found.inner[node, 0],
                )
            ):  # fmt: skip
                best, feature = value, f
                found.slots[node] = inside.slots[j]
                found.bins[node] = inside.bins[j]
                found.next_bins[node] = inside.bins[j]
                found.sides[node] = inside.sides[j]
                found.inner[node, 0] = inside.inner[j, 0]
                found.inner[node, 1] = inside.inner[j, 1]
                for k in range(targets.size):
                    found.left[node, k] = inside.left[j, k]
        found.scores[node] = best


@inner_kernel
def middle(a, b):
    """Return a threshold t with a <= t < b: their mean, or a where that rounds to b."""
    value = a / 2.0 + b / 2.0
    return a if value >= b or value == np.inf else value


@kernel
def divide(state, table, level, nodes, found, thresholds, rows_out):
    """Part the rows of nodes by their splits, each half in the order it had, as a member of a team.

    Parameters
    ----------
    nodes : IN (n,) int64, which nodes of the level are split: one a ticket
    found : Splits, of all nodes; ``next_bins`` is -1 where only missing values go right
    thresholds : OUT (n_nodes,) float64
    rows_out : OUT (n_samples,) int32, between the starts and stops of these nodes
    """
    while True:
        ticket = take_ticket(state)
        if ticket >= nodes.size:
            return
        node = nodes[ticket]
        order = level.orders[node if level.orders.shape[0] > 1 else 0]
        f = np.int64(order[found.slots[node]])
        shift = level.shifts[level.coarseness[node], f]
        hole = table.missing[f]
        last, following = found.bins[node], found.next_bins[node]
        inner = found.inner[node, 0]
        whole = inner == np.inf
        lacking_left = found.sides[node] == 1
        front, behind = level.starts[node], level.stops[node] - 1
        below, above = -np.inf, np.inf
        for i in range(level.starts[node], level.stops[node]):
            ask_for_codes(table.codes, level.rows, i, f, f + 1)
            r = level.rows[i]
            code = np.int64(table.codes[r, f])
            b = code >> shift
            if code == hole:
                left = lacking_left
            elif b in (last, following):
                value = float(table.values[r * table.row_step + f * table.column_step])
                left = b == last and (whole or value <= inner)
                if left:
                    below = max(below, value)
                else:
                    above = min(above, value)
            else:
                left = b < last
            # One of the two stands; the right half comes from the end, the last row first.
            rows_out[front] = r
            rows_out[behind] = r
            front += left
            behind -= 1 - left
        low, high = front, level.stops[node] - 1
        while low < high:
            rows_out[low], rows_out[high] = rows_out[high], rows_out[low]
            low += 1
            high -= 1
        if not whole:
            thresholds[node] = middle(inner, found.inner[node, 1])
        elif following < 0:
            thresholds[node] = np.inf
        else:
            thresholds[node] = middle(below, above)
