"""Small nodes: the whole tree below one is a ticket.

Every feature is sorted once; a split then parts all lists, each half in the order it had, so that
every split of every node is tried in one walk over a list (Shafer, Agrawal and Mehta, "SPRINT",
1996).  A feature that is constant in a node is dropped below it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..ops.partition import partition_list
from .best_split import Node, find_split
from .criterion import own_score, rows_in, weight_in
from .draws import child_key, draw_order
from .level import Scratch, new_scratch
from .problem import POISSON
from .refine import middle
from .scans import ScanMemory, take_amounts, walk_of
from .sorted_lists import (
    ID_MASK,
    MISSING,
    PACKED_CLASSES,
    RANK_SHIFT,
    SortMemory,
    sort_feature,
)


class Roots(NamedTuple):
    """The small nodes: arrays of one element for each.

    rows : (n_samples,) int32, those of a node at [start, stop)
    starts, stops, depths : (n,) int64
    totals : (n, size) int64
    keys : (n,) uint64, for draws
    at : (n,) int64, where the nodes of its tree begin in what has grown
    """

    rows: Any
    starts: Any
    stops: Any
    depths: Any
    totals: Any
    keys: Any
    at: Any


class Grown(NamedTuple):
    """Nodes, OUT: those of one tree side by side, the left child behind its parent.

    features : (n,) int32, -1 for a leaf
    thresholds : (n,) float64
    rights : (n,) int32, the right child, counted from the root of the tree
    sides : (n,) uint8, 1 where missing values go left
    totals : (n, size) int64, statistics
    counts : (n_roots,) int64, nodes of each tree
    """

    features: Any
    thresholds: Any
    rights: Any
    sides: Any
    totals: Any
    counts: Any


class Stack(NamedTuple):
    """Nodes of a small tree still to be made, and the features that vary in those above them.

    frames : (n, 4) int64: start, stop, depth, the parent whose right child this is or -1
    totals : (n, size) int64
    keys : (n,) uint64
    active : (n_depths, n_features) int32; one row for all if features are drawn
    n_active : (n_depths,) int64
    order : (n_features,) int32, of features as a node draws them
    """

    frames: Any
    totals: Any
    keys: Any
    active: Any
    n_active: Any
    order: Any


class Workspace(NamedTuple):
    """Memory of one member.

    lists : (n_features, most) uint32
    classes : (most,) int32, of the rows of a small node, by their ids
    goes_left : (most,) uint8, by ids
    spare : (most,) uint32
    sorting : SortMemory
    tops : (n_features,) float64, the best score of each feature of a node
    total : (size,) int64, statistics of the node at hand
    scan : ScanMemory; scratch : Scratch; stack : Stack
    """

    lists: Any
    classes: Any
    goes_left: Any
    spare: Any
    sorting: SortMemory
    tops: Any
    total: Any
    scan: ScanMemory
    scratch: Scratch
    stack: Stack


@inner_kernel
def is_leaf(targets, limits, total, depth):
    """Whether a node is not split, whatever its features say."""
    n = rows_in(targets, total)
    if depth >= limits.max_depth or n < limits.min_samples_split or n < 2 * limits.min_samples_leaf:
        return True
    if limits.min_weight_leaf > 0.0 and weight_in(targets, total) < 2.0 * limits.min_weight_leaf:
        return True
    if targets.n_classes > 0:
        present = 0
        for k in range(targets.n_classes):
            present += total[k] > 0
        return present <= 1
    return targets.criterion == POISSON and total[1] == 0 and total[2] == 0


@inner_kernel
def same_targets(targets, rows, items):
    """Whether all rows of a list have one target value."""
    first = rows[np.int64(items[0] & ID_MASK)]
    for i in range(1, items.size):
        row = rows[np.int64(items[i] & ID_MASK)]
        for k in range(2):
            if targets.sums[row, k] != targets.sums[first, k]:
                return False
    return True


@inner_kernel
def mark_left(items, position, lacking_left, goes_left):
    """Set goes_left for all ids of a list split after ``position``; return how many do."""
    n_left = 0
    for i in range(items.size):
        missing = (items[i] >> RANK_SHIFT) == MISSING
        left = 1 if ((missing and lacking_left) or (not missing and i <= position)) else 0
        goes_left[items[i] & ID_MASK] = left
        n_left += left
    return n_left


@inner_kernel
def raw_value(table, rows, item, f):
    """Return the value a list's item stands for, in float64."""
    row = np.int64(rows[np.int64(item & ID_MASK)])
    return float(table.values[row * table.row_step + f * table.column_step])


@allocating_kernel
def new_workspace(table, targets, roots, drawing):
    """Return a member's memory."""
    d, size, most = table.codes.shape[1], targets.size, 1
    for i in range(roots.starts.size):
        most = max(most, roots.stops[i] - roots.starts[i])
    scratch = new_scratch(size)
    sorting = SortMemory(
        np.empty(most, np.uint32), np.empty(most, table.values.dtype),
        np.empty(most, table.values.dtype), np.empty(512, np.uint32),
    )  # fmt: skip
    scan = ScanMemory(
        np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64),
        np.empty(most, np.float64), np.empty(most, np.int64), np.empty(most, np.int64),
        np.zeros(PACKED_CLASSES, np.int64), scratch.left, scratch.lacking, scratch.work,
    )  # fmt: skip
    stack = Stack(
        np.empty((most + 1, 4), np.int64), np.empty((most + 1, size), np.int64),
        np.empty(most + 1, np.uint64), np.empty((1 if drawing else most + 1, d), np.int32),
        np.empty(most + 1, np.int64), np.empty(d, np.int32),
    )  # fmt: skip
    return Workspace(
        np.empty((d, most), np.uint32), np.zeros(most, np.int32), np.empty(most, np.uint8),
        np.empty(most, np.uint32), sorting, np.empty(d, np.float64), np.empty(size, np.int64),
        scan, scratch, stack,
    )  # fmt: skip


@inner_kernel
def begin_tree(table, targets, rows, mixed, work, drawing):
    """Sort the features of a small node; those that vary are the active ones of depth 0."""
    if targets.n_classes > 0 and targets.n_classes <= PACKED_CLASSES:
        for i in range(rows.size):
            work.classes[i] = targets.classes[rows[i]]
    stack = work.stack
    count = np.int64(0)
    for f in range(table.codes.shape[1]):
        constant = sort_feature(
            table, f, rows, mixed[f] != 0, work.classes, work.sorting, work.lists[f]
        )
        if drawing or not constant:
            stack.active[0, count] = f
            count += 1
    stack.n_active[0] = count


@inner_kernel
def varying(node, work, out):
    """Write the features that vary in a node, and return how many do."""
    count = np.int64(0)
    for j in range(node.features.size):
        f = np.int64(node.features[j])
        if work.lists[f, node.start] >> RANK_SHIFT != work.lists[f, node.stop - 1] >> RANK_SHIFT:
            out[count] = f
            count += 1
    return count


@inner_kernel
def part_lists(table, rows, node, split, features, work):
    """Part the lists of a node by its split.

    Parameters
    ----------
    split : Best
    features : IN (n,) int32, whose lists are parted

    Returns
    -------
    threshold : float
    side : int, where missing values go
    n_left : int
    """
    feature, position, side = split.feature, split.position, split.side
    items = work.lists[feature, node.start : node.stop]
    n_left = mark_left(items, position, side == 1, work.goes_left)
    if position + 1 == items.size or items[position + 1] >> RANK_SHIFT == MISSING:
        threshold = np.inf
    else:
        threshold = middle(
            raw_value(table, rows, items[position], feature),
            raw_value(table, rows, items[position + 1], feature),
        )
    if side == 0 and items[items.size - 1] >> RANK_SHIFT != MISSING:
        side = 1 if n_left > items.size - n_left else 0
    for j in range(features.size):
        f = np.int64(features[j])
        partition_list(work.lists[f, node.start : node.stop], ID_MASK, work.goes_left, work.spare)
    return threshold, side, n_left


@inner_kernel
def push(stack, place, frame, key, total, less):
    """Put a node on the stack: its statistics are ``total`` less ``less``."""
    start, stop, depth, parent = frame
    stack.frames[place, 0], stack.frames[place, 1] = start, stop
    stack.frames[place, 2], stack.frames[place, 3] = depth, parent
    stack.keys[place] = key
    for k in range(less.size):
        stack.totals[place, k] = total[k] - less[k]


@inner_kernel
def grow_tree(table, targets, limits, rows, root, work, grown):
    """Grow the tree below a small node whose lists are ready; return how many nodes it has.

    Parameters
    ----------
    root : (base, depth, walk): where its nodes begin, how deep it is, how lists are walked
    """
    base, root_depth, walk = root
    d, size, stack, scratch = table.codes.shape[1], targets.size, work.stack, work.scratch
    drawing = limits.max_features < d
    total = work.total
    count, pending = np.int64(0), 1
    while pending > 0:
        pending -= 1
        start, stop = stack.frames[pending, 0], stack.frames[pending, 1]
        depth, parent = stack.frames[pending, 2], stack.frames[pending, 3]
        key = stack.keys[pending]
        at = base + count
        if parent >= 0:
            grown.rights[base + parent] = count
        for k in range(size):
            total[k] = stack.totals[pending, k]
            grown.totals[at, k] = total[k]
        grown.features[at] = -1
        grown.thresholds[at] = -2.0
        grown.rights[at] = -1
        grown.sides[at] = 0
        count += 1
        level = 0 if drawing else depth
        n_active = stack.n_active[level]
        if n_active == 0 or is_leaf(targets, limits, total, root_depth + depth):
            continue
        candidates = stack.active[level, :n_active]
        if targets.n_classes == 0 and same_targets(
            targets, rows, work.lists[np.int64(candidates[0]), start:stop]
        ):
            continue
        if drawing:
            draw_order(key, stack.order, limits.max_features)
            node = Node(start, stop, walk, total, stack.order, limits.max_features, key)
        else:
            node = Node(start, stop, walk, total, candidates, d, key)
        split = find_split(targets, limits, rows, node, work)
        if split.feature < 0:
            continue
        if limits.min_gain > 0.0 and split.score - own_score(targets, total) < limits.min_gain:
            continue
        listed = candidates
        if not drawing:
            n_active = varying(node, work, stack.active[depth + 1])
            stack.n_active[depth + 1] = n_active
            listed = stack.active[depth + 1, :n_active]
        threshold, side, n_left = part_lists(table, rows, node, split, listed, work)
        grown.features[at] = split.feature
        grown.thresholds[at] = threshold
        grown.sides[at] = side
        # The right child is done last, so it is pushed first.
        right = (start + n_left, stop, depth + 1, count - 1)
        push(stack, pending, right, child_key(key, 1), total, scratch.best)
        for k in range(size):
            scratch.inside[k] = total[k] - scratch.best[k]
        left = (start, start + n_left, depth + 1, np.int64(-1))
        push(stack, pending + 1, left, child_key(key, 0), total, scratch.inside)
        pending += 2
    return count


@allocating_kernel
def grow_subtrees(state, table, targets, limits, roots, grown):
    """Grow the trees below small nodes, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    table, targets, limits : Table, Targets, Limits
    roots : Roots, one a ticket
    grown : Grown, OUT
    """
    d = table.codes.shape[1]
    drawing = limits.max_features < d
    work = new_workspace(table, targets, roots, drawing)
    mixed = np.zeros(d, np.uint8)
    for f in range(d):
        for code in range(table.n_codes[f]):
            if table.mixed[f, code] == 1:
                mixed[f] = 1
                break
    nothing = np.zeros(targets.size, np.int64)
    while True:
        ticket = take_ticket(state)
        if ticket >= roots.starts.size:
            return
        rows = roots.rows[roots.starts[ticket] : roots.stops[ticket]]
        total = roots.totals[ticket]
        depth = roots.depths[ticket]
        walk = walk_of(targets, limits, total)
        work.stack.n_active[0] = 0
        if not is_leaf(targets, limits, total, depth):
            begin_tree(table, targets, rows, mixed, work, drawing)
            take_amounts(targets, walk, rows, total, work.scan)
        frame = (np.int64(0), rows.size, np.int64(0), np.int64(-1))
        push(work.stack, 0, frame, roots.keys[ticket], total, nothing)
        root = (roots.at[ticket], depth, walk)
        grown.counts[ticket] = grow_tree(table, targets, limits, rows, root, work, grown)
