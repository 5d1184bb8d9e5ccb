"""The large nodes of one level of a tree: histograms, and the best edge between bins.

A ticket is some features of one node, or of two siblings: the rows of one are counted, the other's
sums are their parent's less those.  What is left behind for every feature is the best edge and the
largest bound of what lies inside a bin; :mod:`fastml.kernels.tree.refine` looks there.

Values missing (NaN) have a bin of their own, behind the others: splits are tried with it on the
right, then on the left.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..ops.histogram import count_classes, count_sums
from .bound import bound_inside
from .criterion import WORK_ROWS, better, rows_in, score, weight_in
from .problem import GINI
from .wide import WIDE

#: Columns of a job: the node counted, its sibling or -1, where the parent's histograms begin and
#: the row of its shifts, the slots [first, last), whether the counted and the sibling are searched.
COUNTED, SIBLING, PARENT_AT, PARENT_SHIFTS, FIRST, LAST, SEARCHED, SIBLING_SEARCHED = range(8)


class Level(NamedTuple):
    """The nodes of a level.

    rows : (n_samples,) int32, those of a node side by side
    starts, stops : (n_nodes,) int64, where
    totals : (n_nodes, size) int64, statistics
    at : (n_nodes,) int64, where their histograms begin
    coarseness : (n_nodes,) int64, which row of ``shifts``
    orders : (n_nodes, n_features) int32, features in the order of their slots; one row for all if
        every node looks at every feature
    shifts, widths : (n_rows, n_features) int64, by how much codes are shifted, how many bins result
    """

    rows: Any
    starts: Any
    stops: Any
    totals: Any
    at: Any
    coarseness: Any
    orders: Any
    shifts: Any
    widths: Any


class Edges(NamedTuple):
    """The best edge of every node and slot, OUT.

    scores, bounds : (n_nodes, n_slots) float64; the largest bound of what lies inside a bin
    bins, next_bins, sides : (n_nodes, n_slots) int32; left is up to bin; the next one that is not
        empty, -1 for none; 1 where missing values go left
    left : (n_nodes, n_slots, size) int64
    """

    scores: Any
    bounds: Any
    bins: Any
    next_bins: Any
    sides: Any
    left: Any


class Scratch(NamedTuple):
    """Memory of one member."""

    left: Any
    inside: Any
    lacking: Any
    best: Any
    work: Any


@allocating_inner_kernel
def new_scratch(size):
    """Return a member's memory."""
    return Scratch(
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros((WORK_ROWS, WIDE), np.int64),
    )


@inner_kernel
def allowed(targets, limits, total, left):
    """Whether both sides of a split keep what they must."""
    n_left = rows_in(targets, left)
    n_right = rows_in(targets, total) - n_left
    if n_left < limits.min_samples_leaf or n_right < limits.min_samples_leaf:
        return False
    if limits.min_weight_leaf > 0.0:
        w_left = weight_in(targets, left)
        w_right = weight_in(targets, total) - w_left
        return w_left >= limits.min_weight_leaf and w_right >= limits.min_weight_leaf
    return True


@inner_kernel
def slot_start(level, node, row, slot, size):
    """Return where the histogram of a slot begins: ``row`` of the shifts."""
    order = level.orders[node if level.orders.shape[0] > 1 else 0]
    at = level.at[node]
    for s in range(slot):
        at += level.widths[row, order[s]] * size
    return at


@inner_kernel
def worth_bounding(table, f, shift, b, rows, targets, limits, total, left):
    """Whether a bin of so many rows may hold a split inside it."""
    if rows < 2 or (shift == 0 and table.mixed[f, b] == 0):
        return False
    n_left = rows_in(targets, left)
    n = rows_in(targets, total)
    return n_left + rows > limits.min_samples_leaf and n - n_left > limits.min_samples_leaf


@inner_kernel
def read_bin(out, histograms, at):
    """Copy the statistics of a bin."""
    for k in range(out.size):
        out[k] = histograms[at + k]


@inner_kernel
def is_plain(targets, limits):
    """Whether the targets are two classes, by gini, of rows of weight 1."""
    return (
        targets.criterion == GINI
        and targets.n_classes == 2
        and targets.weights.size == 0
        and targets.factors[0] == 1
        and targets.factors[1] == 1
        and limits.min_weight_leaf <= 0.0
    )


@inner_kernel
def gini_of_two(a0, a1, b0, b1):
    """Return the score of a split: ``criterion.score`` to the bit."""
    a, b = a0 + a1, b0 + b1
    return ((a0 * a0 + a1 * a1) * b + (b0 * b0 + b1 * b1) * a) / (a * b)


@inner_kernel
def scan_plain(table, targets, limits, node, place, histograms, edges, scratch):
    """Do what :func:`scan_feature` does for plain targets without missing values, in registers."""
    number, total = node
    slot, f, shift, at = place
    n_bins = ((table.n_codes[f] - 1) >> shift) + 1
    t0, t1 = np.int64(total[0]), np.int64(total[1])
    n = t0 + t1
    l0, l1 = np.int64(0), np.int64(0)
    best, bound = -np.inf, -np.inf
    best_bin, next_bin, fresh = -1, -1, False
    least = limits.min_samples_leaf
    for b in range(n_bins):
        c0, c1 = np.int64(histograms[at + 2 * b]), np.int64(histograms[at + 2 * b + 1])
        rows = c0 + c1
        if rows == 0:
            continue
        if fresh:
            next_bin = b
            fresh = False
        n_left = l0 + l1
        inside = rows > 1 and (shift > 0 or table.mixed[f, b] != 0)
        if inside and n_left + rows > least and n - n_left > least:
            # Pure corners give the class counts of one class only: see bound.py.
            for corner in range(2):
                a0 = float(l0 + (c0 if corner == 0 else 0))
                a1 = float(l1 + (c1 if corner == 1 else 0))
                b0, b1 = float(t0) - a0, float(t1) - a1
                if a0 + a1 > 0.0 and b0 + b1 > 0.0:
                    bound = max(bound, gini_of_two(a0, a1, b0, b1))
                else:
                    bound = max(bound, (float(t0) * t0 + float(t1) * t1) / float(n))
        l0 += c0
        l1 += c1
        n_left += rows
        if n_left == n:
            break
        if n_left < least or n - n_left < least:
            continue
        value = gini_of_two(float(l0), float(l1), float(t0 - l0), float(t1 - l1))
        if value < best * (1.0 - 1e-11):
            continue
        scratch.left[0], scratch.left[1] = l0, l1
        if better(targets, total, value, scratch.left, best, scratch.best, scratch.work) > 0:
            best, best_bin, next_bin, fresh = value, b, -1, True
            scratch.best[0], scratch.best[1] = l0, l1
    edges.scores[number, slot] = best
    edges.bounds[number, slot] = bound * (1.0 + 1e-11) if bound > -np.inf else bound
    edges.bins[number, slot] = best_bin
    edges.next_bins[number, slot] = next_bin
    edges.sides[number, slot] = 0
    edges.left[number, slot, 0] = scratch.best[0]
    edges.left[number, slot, 1] = scratch.best[1]


@inner_kernel
def is_counted(targets, limits, total):
    """Whether scores are gini's, of whole weights whose squares add up in 62 bits."""
    if targets.criterion != GINI or limits.min_weight_leaf > 0.0:
        return False
    weight = 0.0
    for k in range(targets.n_classes):
        if targets.factors[k] != 1:
            return False
        weight += float(total[k])
    return weight < float(1 << 30)


@inner_kernel
def scan_counts(table, targets, limits, node, place, histograms, edges, scratch):
    """Do what :func:`scan_feature` does where :func:`is_counted`, one loop over classes a bin.

    With S = sum L**2 on the left, adding c makes S + 2 L.c + c.c; on the right it is
    (T - L).(T - L) = T.T - 2 T.L + S.
    """
    number, total = node
    slot, f, shift, at = place
    n_bins = ((table.n_codes[f] - 1) >> shift) + 1
    size, n, least = targets.size, rows_in(targets, total), limits.min_samples_leaf
    weighted = targets.weights.size > 0
    left = scratch.left
    whole, all_squares = np.int64(0), np.int64(0)
    for k in range(targets.n_classes):
        whole += total[k]
        all_squares += total[k] * total[k]
    for k in range(size):
        left[k] = 0
    squares, crossed, weight, n_left = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    best, bound = -np.inf, -np.inf
    best_bin, next_bin, fresh = -1, -1, False
    for b in range(n_bins):
        begin = at + b * size
        here, own, by_left, by_total = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        for k in range(targets.n_classes):
            c = np.int64(histograms[begin + k])
            here += c
            own += c * c
            by_left += c * left[k]
            by_total += c * total[k]
        if here == 0:
            continue
        rows = np.int64(histograms[begin + size - 1]) if weighted else here
        if fresh:
            next_bin = b
            fresh = False
        if worth_bounding(table, f, shift, b, rows, targets, limits, total, left):
            read_bin(scratch.inside, histograms, begin)
            bound = max(bound, bound_inside(targets, left, scratch.inside, total))
        for k in range(size):
            left[k] += histograms[begin + k]
        squares += 2 * by_left + own
        crossed += by_total
        weight += here
        n_left += rows
        if n_left == n:
            break
        if n_left < least or n - n_left < least:
            continue
        w, v = float(weight), float(whole - weight)
        right = float(all_squares - 2 * crossed + squares)
        value = (float(squares) * v + right * w) / (w * v)
        if value < best * (1.0 - 1e-11):
            continue
        if better(targets, total, value, left, best, scratch.best, scratch.work) > 0:
            best, best_bin, next_bin, fresh = value, b, -1, True
            for k in range(size):
                scratch.best[k] = left[k]
    edges.scores[number, slot] = best
    edges.bounds[number, slot] = bound
    edges.bins[number, slot] = best_bin
    edges.next_bins[number, slot] = next_bin
    edges.sides[number, slot] = 0
    for k in range(size):
        edges.left[number, slot, k] = scratch.best[k]


@inner_kernel
def scan_feature(table, targets, limits, node, place, histograms, edges, scratch):
    """Find the best edge of one feature of a node, and the largest bound inside a bin.

    Parameters
    ----------
    node : (number, total), the node and its statistics
    place : (slot, feature, shift, at), where its histogram is
    """
    number, total = node
    slot, f, shift, at = place
    if table.missing[f] < 0 and is_plain(targets, limits):
        scan_plain(table, targets, limits, node, place, histograms, edges, scratch)
        return
    if table.missing[f] < 0 and is_counted(targets, limits, total):
        scan_counts(table, targets, limits, node, place, histograms, edges, scratch)
        return
    size = targets.size
    n_bins = ((table.n_codes[f] - 1) >> shift) + 1
    hole = table.missing[f] >> shift if table.missing[f] >= 0 else -1
    if hole >= 0:
        read_bin(scratch.lacking, histograms, at + hole * size)
    n_missing = rows_in(targets, scratch.lacking) if hole >= 0 else 0
    n_rows = rows_in(targets, total)
    best, bound = -np.inf, -np.inf
    best_bin, next_bin, best_side, fresh = -1, -1, 0, False
    for side in range(2 if n_missing > 0 else 1):
        for k in range(size):
            scratch.left[k] = scratch.lacking[k] if side == 1 else 0
        fresh = False
        for b in range(n_bins):
            read_bin(scratch.inside, histograms, at + b * size)
            rows = rows_in(targets, scratch.inside)
            if rows == 0:
                continue
            if fresh:
                next_bin = b
                fresh = False
            if worth_bounding(table, f, shift, b, rows, targets, limits, total, scratch.left):
                bound = max(bound, bound_inside(targets, scratch.left, scratch.inside, total))
            for k in range(size):
                scratch.left[k] += scratch.inside[k]
            if rows_in(targets, scratch.left) == n_rows:
                break
            if not allowed(targets, limits, total, scratch.left):
                continue
            value = score(targets, scratch.left, total)
            if value > -np.inf and (
                better(targets, total, value, scratch.left, best, scratch.best, scratch.work) > 0
            ):
                best, best_bin, best_side, next_bin, fresh = value, b, side, -1, True
                for k in range(size):
                    scratch.best[k] = scratch.left[k]
    edges.scores[number, slot] = best
    edges.bounds[number, slot] = bound
    edges.bins[number, slot] = best_bin
    edges.next_bins[number, slot] = next_bin
    edges.sides[number, slot] = best_side
    for k in range(size):
        edges.left[number, slot, k] = scratch.best[k]


@allocating_kernel
def search(state, table, targets, limits, level, jobs, before, histograms, edges):
    """Count and search the nodes of a level, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    table : Table; targets : Targets; limits : Limits; level : Level
    jobs : IN (n_jobs, 8) int64, one a ticket
    before : IN, the histograms of the level above
    histograms : OUT, int32 for classes of weight 1, else int64
    edges : Edges, OUT
    """
    size = targets.size
    scratch = new_scratch(size)
    n_features = table.codes.shape[1]
    starts = np.empty(n_features, np.uint64)
    features = np.empty(n_features, np.uint64)
    shifts = np.empty(n_features, np.uint64)
    while True:
        ticket = take_ticket(state)
        if ticket >= jobs.shape[0]:
            return
        job = jobs[ticket]
        node = job[COUNTED]
        row = level.coarseness[node]
        order = level.orders[node if level.orders.shape[0] > 1 else 0]
        first, n = job[FIRST], job[LAST] - job[FIRST]
        begin = slot_start(level, node, row, first, size)
        at = begin
        for j in range(n):
            features[j] = order[first + j]
            f = np.int64(order[first + j])
            shifts[j] = level.shifts[row, f]
            starts[j] = at
            at += level.widths[row, f] * size
        for i in range(begin, at):
            histograms[i] = 0
        rows = level.rows[level.starts[node] : level.stops[node]]
        if targets.n_classes > 0:
            count_classes(
                table.codes, rows, targets.classes, targets.weights,
                features[:n], starts[:n], shifts[:n], size, histograms,
            )  # fmt: skip
        else:
            count_sums(
                table.codes, rows, targets.sums, targets.weights,
                features[:n], starts[:n], shifts[:n], size, histograms,
            )  # fmt: skip
        if job[SEARCHED]:
            for j in range(n):
                place = (
                    first + j, np.int64(features[j]), np.int64(shifts[j]), np.int64(starts[j]),
                )  # fmt: skip
                one = (node, level.totals[node])
                scan_feature(table, targets, limits, one, place, histograms, edges, scratch)
        sibling = job[SIBLING]
        if sibling < 0 or not job[SIBLING_SEARCHED]:
            continue
        to = slot_start(level, sibling, row, first, size)
        away = job[PARENT_AT]
        for j in range(first):
            away += level.widths[job[PARENT_SHIFTS], order[j]] * size
        for j in range(n):
            f = np.int64(features[j])
            width = level.widths[row, f] * size
            finer = level.shifts[row, f] - level.shifts[job[PARENT_SHIFTS], f]
            for i in range(width):
                histograms[to + i] = -histograms[np.int64(starts[j]) + i]
            for b in range(level.widths[job[PARENT_SHIFTS], f]):
                for k in range(size):
                    histograms[to + (b >> finer) * size + k] += before[away + b * size + k]
            away += level.widths[job[PARENT_SHIFTS], f] * size
            place = (first + j, f, np.int64(shifts[j]), to)
            one = (sibling, level.totals[sibling])
            scan_feature(table, targets, limits, one, place, histograms, edges, scratch)
            to += width
