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
from .criterion import add_row, better, decided, own_score, rows_in, weight_in
from .draws import child_key, draw_order
from .level import new_scratch
from .problem import POISSON
from .refine import middle
from .scans import ScanMemory, scan_any, scan_two_classes
from .sorted_lists import (
    ID_MASK,
    MISSING,
    PACKED_CLASSES,
    RANK_SHIFT,
    SMALL_ROWS,
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
def grow_subtrees(state, table, targets, limits, roots, grown):
    """Grow the trees below small nodes, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    table, targets, limits : Table, Targets, Limits
    roots : Roots, one a ticket
    grown : Grown, OUT
    """
    n_features = table.codes.shape[1]
    size = targets.size
    most = 1
    for i in range(roots.starts.size):
        most = max(most, roots.stops[i] - roots.starts[i])
    lists = np.empty((n_features, most), np.uint32)
    local_classes = np.zeros(most, np.int32)
    goes_left = np.empty(SMALL_ROWS * 2, np.uint8)
    spare = np.empty(most, np.uint32)
    sorting = (
        np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32),
        np.empty(most, np.int32), np.empty(256, np.int32),
        np.empty(most, table.values.dtype), np.empty(most, table.values.dtype),
    )  # fmt: skip
    mixed = np.zeros(n_features, np.uint8)
    for f in range(n_features):
        for code in range(table.n_codes[f]):
            mixed[f] |= table.mixed[f, code]
    scratch = new_scratch(size)
    memory = ScanMemory(
        np.empty(most, np.int32), np.empty(most, np.float64), scratch.left, scratch.lacking,
        scratch.work,
    )  # fmt: skip
    # Frames: start, stop, depth, parent whose right child this is or -1, and statistics and key.
    frames = np.empty((most + 1, 4), np.int64)
    frame_totals = np.empty((most + 1, size), np.int64)
    frame_keys = np.empty(most + 1, np.uint64)
    drawing = limits.max_features < n_features
    # The features that vary, by depth: the nodes below one are done before its sibling.
    active = np.empty((1 if drawing else most + 1, n_features), np.int32)
    n_active = np.empty(most + 1, np.int64)
    order = np.empty(n_features, np.int32)
    total = np.empty(size, np.int64)
    while True:
        ticket = take_ticket(state)
        if ticket >= roots.starts.size:
            return
        rows = roots.rows[roots.starts[ticket] : roots.stops[ticket]]
        base = roots.at[ticket]
        root_depth = roots.depths[ticket]
        if targets.n_classes > 0 and targets.n_classes <= PACKED_CLASSES:
            for i in range(rows.size):
                local_classes[i] = targets.classes[rows[i]]
        count = 0
        n_active[0] = 0
        if not is_leaf(targets, limits, roots.totals[ticket], root_depth):
            for f in range(n_features):
                constant = sort_feature(
                    table, f, rows, mixed[f] != 0, local_classes, sorting, lists[f]
                )
                if drawing or not constant:
                    active[0, n_active[0]] = f
                    n_active[0] += 1
        frames[0, 0], frames[0, 1], frames[0, 2], frames[0, 3] = 0, rows.size, 0, -1
        frame_keys[0] = roots.keys[ticket]
        for k in range(size):
            frame_totals[0, k] = roots.totals[ticket, k]
        pending = 1
        while pending > 0:
            pending -= 1
            start, stop = frames[pending, 0], frames[pending, 1]
            depth, parent = frames[pending, 2], frames[pending, 3]
            key = frame_keys[pending]
            node = base + count
            if parent >= 0:
                grown.rights[base + parent] = count
            for k in range(size):
                total[k] = frame_totals[pending, k]
                grown.totals[node, k] = total[k]
            grown.features[node] = -1
            grown.thresholds[node] = -2.0
            grown.rights[node] = -1
            grown.sides[node] = 0
            count += 1
            level = 0 if drawing else depth
            if n_active[level] == 0 or is_leaf(targets, limits, total, root_depth + depth):
                continue
            if targets.n_classes == 0 and same_targets(
                targets, rows, lists[active[level, 0], start:stop]
            ):
                continue
            exact = decided(targets, total)
            quick = exact and targets.n_classes == 2 and targets.weights.size == 0
            quick = quick and limits.min_weight_leaf <= 0.0
            if drawing:
                draw_order(key, order)
            best, feature, position, side = -np.inf, -1, -1, 0
            vary = 0
            for j in range(n_features if drawing else n_active[level]):
                if drawing and j >= limits.max_features and feature >= 0:
                    break
                f = np.int64(order[j] if drawing else active[level, j])  # type: ignore[assignment]
                items = lists[f, start:stop]
                if items[0] >> RANK_SHIFT == items[items.size - 1] >> RANK_SHIFT:
                    continue
                if not drawing:
                    active[depth + 1, vary] = f
                    vary += 1
                if quick and items[items.size - 1] >> RANK_SHIFT != MISSING:
                    value, at = scan_two_classes(
                        items, total[0], total[1], limits.min_samples_leaf, best, memory
                    )
                    if value > best or (value == best and value > -np.inf and f < feature):
                        best, feature, position, side = value, f, at, 0
                else:
                    value, at, where = scan_any(
                        targets, limits, rows, items, total, best, memory, scratch.inside
                    )
                    if at >= 0:
                        verdict = 1
                        if feature >= 0:
                            verdict = better(
                                targets, total, value, scratch.inside, best, scratch.best,
                                scratch.work,
                            )  # fmt: skip
                        if verdict > 0 or (verdict == 0 and f < feature):
                            best, feature, position, side = value, f, at, where
                            for k in range(size):
                                scratch.best[k] = scratch.inside[k]
            if not drawing:
                n_active[depth + 1] = vary
            if feature < 0:
                continue
            if limits.min_gain > 0.0 and best - own_score(targets, total) < limits.min_gain:
                continue
            items = lists[np.int64(feature), start:stop]
            n_left = mark_left(items, position, side == 1, goes_left)
            middle_row = start + n_left
            grown.features[node] = feature
            grown.sides[node] = side
            if position + 1 == items.size or items[position + 1] >> RANK_SHIFT == MISSING:
                grown.thresholds[node] = np.inf
            else:
                grown.thresholds[node] = middle(
                    raw_value(table, rows, items[position], feature),
                    raw_value(table, rows, items[position + 1], feature),
                )
            if side == 0 and items[items.size - 1] >> RANK_SHIFT != MISSING:
                grown.sides[node] = n_left > items.size - n_left
            for k in range(size):
                scratch.best[k] = 0
            for i in range(items.size):
                if goes_left[items[i] & ID_MASK] == 1:
                    add_row(targets, np.int64(rows[np.int64(items[i] & ID_MASK)]), scratch.best)
            for j in range(n_active[level if drawing else depth + 1]):
                f = np.int64(active[level if drawing else depth + 1, j])  # type: ignore[assignment]
                partition_list(lists[f], start, stop, ID_MASK, goes_left, spare)
            # The right child is done last, so it is pushed first.
            frames[pending, 0], frames[pending, 1] = middle_row, stop
            frames[pending, 2], frames[pending, 3] = depth + 1, count - 1
            frame_keys[pending] = child_key(key, 1)
            for k in range(size):
                frame_totals[pending, k] = total[k] - scratch.best[k]
            pending += 1
            frames[pending, 0], frames[pending, 1] = start, middle_row
            frames[pending, 2], frames[pending, 3] = depth + 1, -1
            frame_keys[pending] = child_key(key, 0)
            for k in range(size):
                frame_totals[pending, k] = scratch.best[k]
            pending += 1
        grown.counts[ticket] = count
