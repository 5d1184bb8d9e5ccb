"""All rows in the order of every feature, and in the order of their targets, node by node.

A row of a list is 32 bits: its number, and above it whether its value is larger than that of the
row before in its node.  A split parts every list, each half in the order it had.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import take_ticket
from ..ops.order import make_keys, new_order_memory, sort_keys
from .refine import middle

#: Set where a value is larger than the one before.
LARGER = np.uint32(0x80000000)


class Lists(NamedTuple):
    """The rows of all nodes, those of a node at [start, stop) of every list.

    values : (n_samples * n_features,) float32 or float64, the memory of X
    row_step, column_step : int, where X[i, j] is: ``values[i * row_step + j * column_step]``
    items : (n_features, n) uint32, rows in the order of a feature, with ``LARGER``; where it is
        missing (NaN) they come last, as if it were one value
    lacking : (n_features,) bool, whether a feature is missing anywhere
    by_target : (n,) uint32, rows in the order of targets
    """

    values: Any
    row_step: int
    column_step: int
    items: Any
    lacking: Any
    by_target: Any


class Level(NamedTuple):
    """The nodes of a depth; :func:`describe` fills what is OUT.

    starts, stops : (n_nodes,) int64, in the order of places
    searched : (n_nodes,) uint8, whether a split is looked for
    bits : int64, of the low part of a target
    ranks : (n_samples,) int32, OUT the place of a row among its node's in the order of targets,
        from 1 on
    targets : (n + 1, 2) int64, OUT high and low parts, in the order of targets, from 1 on
    weights : (n + 1,) int64, OUT the same of weights; empty if all are 1
    totals : (n_nodes,) int64, OUT weight
    errors : (n_nodes, 2) int64, OUT the absolute error, high and low, the latter from 0 to
        2**bits - 1
    medians : (n_nodes, 2) int64, OUT the rows whose targets' mean is the median
    middles : (n_nodes,) int64, OUT the place of the first of them
    below : (n_nodes, 3) int64, OUT weight of the rows below the middle, and the sum of their weight
        times target, high and low; above : (n_nodes, 2) int64, OUT that sum of those above
    """

    starts: Any
    stops: Any
    searched: Any
    bits: Any
    ranks: Any
    targets: Any
    weights: Any
    totals: Any
    errors: Any
    medians: Any
    middles: Any
    below: Any
    above: Any


class Cuts(NamedTuple):
    """How nodes are split: arrays of one element for each.

    nodes : (n,) int64
    features, positions : (n,) int64, the last row on the left of those whose value is known
    sides : (n,) uint8, IN/OUT, 1 where missing values go left; where none are, more rows
    thresholds : (n,) float64, OUT, infinite where all that are known go left
    n_left : (n,) int64, OUT
    goes_left : (n_samples,) uint8, OUT
    """

    nodes: Any
    features: Any
    positions: Any
    sides: Any
    thresholds: Any
    n_left: Any
    goes_left: Any


@inner_kernel
def value_at(lists, row, f):
    """Return a value of X in float64."""
    return float(lists.values[np.int64(row) * lists.row_step + f * lists.column_step])


@inner_kernel
def known_rows(lists, f, start, stop):
    """Return how many rows of a node have a value of a feature: they come first in its list."""
    if not lists.lacking[f]:
        return stop - start
    first, last = start, stop
    while first < last:
        between = (first + last) // 2
        if np.isnan(value_at(lists, lists.items[f, between] & ~LARGER, f)):
            last = between
        else:
            first = between + 1
    return first - start


@inner_kernel
def keep_rows(items, goes_left, spare):
    """Part a list in two, each half in the order it had; return how many go left.

    A row is larger than the one before it in its half if any row in between was larger than the
    one before.

    Parameters
    ----------
    items : IN/OUT (n,) uint32
    goes_left : IN (n_samples,) uint8, 0 or 1
    spare : OUT uint32, at least n elements
    """
    front, behind, one = np.uint64(0), np.uint64(0), np.uint64(1)
    pending_left, pending_right = np.uint32(0), np.uint32(0)
    for i in range(np.uint64(items.size)):
        item = items[i]
        row, larger = item & ~LARGER, item & LARGER
        pending_left |= larger
        pending_right |= larger
        left = np.uint64(goes_left[np.uint64(row)])
        items[front] = row | pending_left
        spare[behind] = row | pending_right
        # What was taken along by a row is no longer pending on its side.
        pending_left &= ~LARGER if left else LARGER
        pending_right &= LARGER if left else ~LARGER
        front += left
        behind += one - left
    for i in range(behind):
        items[front + i] = spare[i]
    return np.int64(front)


@allocating_kernel
def sort_rows(state, lists):
    """List all rows in the order of every feature, as a member of a team: a feature a ticket.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    lists : Lists, OUT items
    """
    n_features, n = lists.items.shape
    memory = new_order_memory(n)
    while True:
        f = take_ticket(state)
        if f >= n_features:
            return
        numbers = memory.keys[0].view(np.float64)
        for i in range(n):
            numbers[i] = value_at(lists, i, f)
        make_keys(memory)
        at = sort_keys(memory)
        keys, places = memory.keys[at], memory.places[at]
        before = keys[0]
        for i in range(n):
            lists.items[f, i] = places[i] | (LARGER if keys[i] > before else np.uint32(0))
            before = keys[i]


@allocating_kernel
def take_used(state, items, used, out):
    """Copy lists without the rows that are not used, as a member of a team: a feature a ticket.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    items : IN (n_features, n_samples) uint32
    used : IN (n_samples,) uint8, 0 or 1
    out : OUT (n_features, n) uint32
    """
    held, spare = np.empty(items.shape[1], np.uint32), np.empty(items.shape[1], np.uint32)
    while True:
        f = take_ticket(state)
        if f >= items.shape[0]:
            return
        for i in range(held.size):
            held[i] = items[f, i]
        keep_rows(held, used, spare)
        for i in range(out.shape[1]):
            out[f, i] = held[i]


@inner_kernel
def _describe_weighted(level, node):
    start, n = level.starts[node], level.stops[node] - level.starts[node]
    targets, weights = level.targets[start : start + n + 1], level.weights[start : start + n + 1]
    total, below, p = np.int64(0), np.int64(0), 1
    for q in range(1, n + 1):
        total += weights[q]
    low_high, low_low, up_high, up_low = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    while 2 * (below + weights[p]) < total:
        below += weights[p]
        low_high += weights[p] * targets[p, 0]
        low_low += weights[p] * targets[p, 1]
        p += 1
    for q in range(p + 1, n + 1):
        up_high += weights[q] * targets[q, 0]
        up_low += weights[q] * targets[q, 1]
    more = 2 * below + weights[p] - total
    level.totals[node], level.middles[node] = total, p
    level.below[node, 0], level.below[node, 1], level.below[node, 2] = below, low_high, low_low
    level.above[node, 0], level.above[node, 1] = up_high, up_low
    level.errors[node, 0] = up_high - low_high + more * targets[p, 0]
    level.errors[node, 1] = up_low - low_low + more * targets[p, 1]
    return p, (p + 1 if 2 * (below + weights[p]) == total else p)


@inner_kernel
def _describe_plain(level, node):
    start, n = level.starts[node], level.stops[node] - level.starts[node]
    targets = level.targets[start : start + n + 1]
    high, low = np.int64(0), np.int64(0)
    for p in range(1, n // 2 + 1):
        high += targets[n + 1 - p, 0] - targets[p, 0]
        low += targets[n + 1 - p, 1] - targets[p, 1]
    level.totals[node] = n
    level.errors[node, 0], level.errors[node, 1] = high, low
    return (n + 1) // 2, n // 2 + 1


@inner_kernel
def describe_node(lists, targets, level, node):
    """Look at the targets of a node."""
    start, stop = level.starts[node], level.stops[node]
    for i in range(start, stop):
        row = np.uint64(lists.by_target[i])
        level.ranks[row] = i - start + 1
        level.targets[i + 1, 0] = targets.sums[row, 0]
        level.targets[i + 1, 1] = targets.sums[row, 1]
        if targets.weights.size > 0:
            level.weights[i + 1] = targets.weights[row]
    if targets.weights.size > 0:
        lower, upper = _describe_weighted(level, node)
    else:
        lower, upper = _describe_plain(level, node)
    low = level.errors[node, 1]
    level.errors[node, 0] += low >> level.bits
    level.errors[node, 1] = low & ((np.int64(1) << level.bits) - np.int64(1))
    level.medians[node, 0] = lists.by_target[start + lower - 1]
    level.medians[node, 1] = lists.by_target[start + upper - 1]


@kernel
def describe(state, lists, targets, level, jobs):
    """Look at the targets of nodes, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    lists : Lists; targets : Targets of numbers
    level : Level, OUT
    jobs : IN (n_jobs, 2) int64, nodes [first, stop), one a ticket
    """
    while True:
        ticket = take_ticket(state)
        if ticket >= jobs.shape[0]:
            return
        for node in range(jobs[ticket, 0], jobs[ticket, 1]):
            describe_node(lists, targets, level, node)


@inner_kernel
def mark_node(lists, level, cuts, i):
    """Say which rows of a node that is split go left."""
    node, f, position = cuts.nodes[i], cuts.features[i], cuts.positions[i]
    items = lists.items[f, level.starts[node] : level.stops[node]]
    known = known_rows(lists, f, level.starts[node], level.stops[node])
    for k in range(known):
        cuts.goes_left[np.uint64(items[k] & ~LARGER)] = k <= position
    for k in range(known, items.size):
        cuts.goes_left[np.uint64(items[k] & ~LARGER)] = cuts.sides[i]
    cuts.n_left[i] = position + 1
    cuts.thresholds[i] = np.inf
    if cuts.sides[i] == 1:
        cuts.n_left[i] += items.size - known
    if known == items.size:
        cuts.sides[i] = 2 * cuts.n_left[i] > items.size
    if position + 1 < known:
        last, after = items[position] & ~LARGER, items[position + 1] & ~LARGER
        cuts.thresholds[i] = middle(value_at(lists, last, f), value_at(lists, after, f))


@kernel
def mark_sides(state, lists, level, cuts, jobs):
    """Say which rows go left, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    lists : Lists; level : Level
    cuts : Cuts, OUT
    jobs : IN (n_jobs, 2) int64, cuts [first, stop), one a ticket
    """
    while True:
        ticket = take_ticket(state)
        if ticket >= jobs.shape[0]:
            return
        for i in range(jobs[ticket, 0], jobs[ticket, 1]):
            mark_node(lists, level, cuts, i)


@inner_kernel
def part_list(lists, f, start, stop, goes_left, spare):
    """Part a node's list of a feature, or behind all features that of the targets."""
    if f == lists.items.shape[0]:
        keep_rows(lists.by_target[start:stop], goes_left, spare)
    else:
        keep_rows(lists.items[f, start:stop], goes_left, spare)


@allocating_kernel
def part_lists(state, lists, level, cuts, jobs):
    """Part lists of nodes that are split, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    lists : Lists, IN/OUT
    level : Level
    cuts : Cuts
    jobs : IN (n_jobs, 4) int64, one a ticket: cuts [first, stop), features [f, f_stop), that of the
        targets behind all others
    """
    most = np.int64(1)
    for i in range(cuts.nodes.size):
        most = max(most, level.stops[cuts.nodes[i]] - level.starts[cuts.nodes[i]])
    spare = np.empty(most, np.uint32)
    while True:
        ticket = take_ticket(state)
        if ticket >= jobs.shape[0]:
            return
        for f in range(jobs[ticket, 2], jobs[ticket, 3]):
            for i in range(jobs[ticket, 0], jobs[ticket, 1]):
                node = cuts.nodes[i]
                part_list(lists, f, level.starts[node], level.stops[node], cuts.goes_left, spare)
