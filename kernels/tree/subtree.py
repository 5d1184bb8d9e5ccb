"""Small nodes: the whole tree below one is a ticket.

Every feature is sorted once; a split then parts all lists, each half in the order it had, so that
every split of every node is tried in one walk over a list (Shafer, Agrawal and Mehta, "SPRINT",
1996).  A feature that is constant in a node is dropped below it.

Where nodes draw a few features, lists stand and orders are read off them: see :mod:`.picking`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from .best_split import Node, find_split
from .criterion import own_score, rows_in, weight_in
from .draws import child_key, draw_order
from .parting import part_rows, varying
from .picking import MOST_LISTED, begin_picking, hand_down, set_places
from .problem import POISSON
from .scans import take_amounts, walk_of
from .sorted_lists import PACKED_CLASSES, SMALL_ROWS, sort_feature
from .workspace import new_workspace, push

#: A root of one row in so many of a long table has its lists made from the table's order.
_ORDERED_FROM = 8


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
    counts, deepest : (n_roots,) int64, nodes of each tree, splits above its deepest node
    """

    features: Any
    thresholds: Any
    rights: Any
    sides: Any
    totals: Any
    counts: Any
    deepest: Any


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
def same_targets(targets, rows, items, id_mask):
    """Whether all rows of a list have one target value."""
    first = rows[np.int64(items[0] & id_mask)]
    for i in range(1, items.size):
        row = rows[np.int64(items[i] & id_mask)]
        for k in range(2):
            if targets.sums[row, k] != targets.sums[first, k]:
                return False
    return True


@inner_kernel
def begin_tree(table, targets, rows, mixed, work, drawing):
    """Sort the features of a small node; those that vary are the active ones of depth 0."""
    if targets.n_classes > 0 and targets.n_classes <= PACKED_CLASSES and not drawing:
        for i in range(rows.size):
            work.classes[i] = targets.classes[rows[i]]
    stack, picking = work.stack, work.picking
    count = np.int64(0)
    for f in range(table.codes.shape[1]):
        items = work.lists[f, : rows.size]
        constant = sort_feature(table, f, rows, mixed[f] != 0, work.classes, work.sorting, items)
        if drawing:
            set_places(items, picking.places[f])
        elif not constant:
            stack.active[0, count] = f
            count += 1
    stack.n_active[0] = count
    if drawing:
        stack.n_active[0] = stack.active.shape[1]
        for i in range(rows.size):
            picking.ids[i] = i


class Root(NamedTuple):
    """What the nodes of a small tree have in common.

    base : int, where its nodes begin in what has grown; depth : int, of its root
    walk : int, how lists are walked
    n_listed : int, its rows where features are drawn, else 0
    """

    base: Any
    depth: Any
    walk: Any
    n_listed: Any


@inner_kernel
def take_node(root, place, count, work, grown):
    """Make a leaf of a node on the stack, the ``count``-th of the tree; return its frame and key.

    Its statistics are then in ``work.total``.
    """
    stack, total = work.stack, work.total
    start, stop = stack.frames[place, 0], stack.frames[place, 1]
    depth, parent = stack.frames[place, 2], stack.frames[place, 3]
    at = root.base + count
    if parent >= 0:
        grown.rights[root.base + parent] = count
    for k in range(total.size):
        total[k] = stack.totals[place, k]
        grown.totals[at, k] = total[k]
    grown.features[at] = -1
    grown.thresholds[at] = -2.0
    grown.rights[at] = -1
    grown.sides[at] = 0
    return start, stop, depth, stack.keys[place]


@inner_kernel
def count_candidates(targets, limits, rows, root, taken, work):
    """Return how many features may split a node, 0 if it is a leaf: a row of ``active`` has them.

    Parameters
    ----------
    taken : (start, stop, depth, key)

    Returns
    -------
    n : int
    most : int, how many of them it looks at
    level : int, which row
    """
    start, stop, depth, key = taken
    stack, level = work.stack, np.int64(0) if root.n_listed > 0 else depth
    n = stack.n_active[level]
    if n == 0 or is_leaf(targets, limits, work.total, root.depth + depth):
        return np.int64(0), 0, level
    if targets.n_classes == 0:
        first = np.int64(0) if root.n_listed > 0 else np.int64(stack.active[level, 0])
        items = work.lists[first, start:stop]
        if root.n_listed > 0:
            items = work.picking.ids[start:stop]
        if same_targets(targets, rows, items, work.scan.id_mask):
            return np.int64(0), 0, level
    if root.n_listed > 0:
        draw_order(key, stack.active[0], limits.max_features)
    return n, limits.max_features, level


@inner_kernel
def split_node(table, targets, limits, rows, root, taken, place, work, grown):
    """Split a node if it can be; return how many children were put on the stack from ``place`` on.

    Parameters
    ----------
    taken : (number, start, stop, depth, key)
    """
    number, start, stop, depth, key = taken
    stack, scratch, total = work.stack, work.scratch, work.total
    n, most, level = count_candidates(
        targets, limits, rows, root, (start, stop, depth, key), work
    )  # fmt: skip
    if n == 0:
        return 0
    node = Node(
        start, stop, root.walk, total, stack.active[level, :n], most, key, root.n_listed
    )  # fmt: skip
    split = find_split(targets, limits, rows, node, work)
    if split.feature < 0:
        return 0
    if limits.min_gain > 0.0 and split.score - own_score(targets, total) < limits.min_gain:
        return 0
    listed = node.features
    if root.n_listed == 0:
        n_active = varying(node, work, stack.active[depth + 1])
        stack.n_active[depth + 1] = n_active
        listed = stack.active[depth + 1, :n_active]
    threshold, side, n_left = part_rows(table, rows, node, split, listed, work)
    at = root.base + number
    grown.features[at] = split.feature
    grown.thresholds[at] = threshold
    grown.sides[at] = side
    # The right child is done last, so it is pushed first.
    right = (start + n_left, stop, depth + 1, number)
    push(stack, place, right, child_key(key, 1), total, scratch.best)
    for k in range(total.size):
        scratch.inside[k] = total[k] - scratch.best[k]
    left = (start, start + n_left, depth + 1, np.int64(-1))
    push(stack, place + 1, left, child_key(key, 0), total, scratch.inside)
    return 2


@inner_kernel
def grow_tree(table, targets, limits, rows, root, work, grown):
    """Grow the tree below a node whose lists are ready and which is on the stack, alone.

    Returns
    -------
    count : int, its nodes
    deepest : int, splits above its deepest one
    """
    count, deepest, pending = np.int64(0), np.int64(0), 1
    while pending > 0:
        pending -= 1
        start, stop, depth, key = take_node(root, pending, count, work, grown)
        deepest = max(deepest, depth)
        taken = (count, start, stop, depth, key)
        count += 1
        pending += split_node(
            table, targets, limits, rows, root, taken, pending, work, grown
        )  # fmt: skip
    return count, deepest


@inner_kernel
def grow_below(table, targets, limits, rows, root, place, count, work, small, grown):
    """Grow the tree below a node of a large root that is small enough for lists of its own.

    Returns
    -------
    as :func:`grow_tree`; ``deepest`` counts from the large root
    """
    start, stop, depth, key = take_node(root, place, count, work, grown)
    own = small.picking.rows[: stop - start]
    total = work.total
    walk = walk_of(targets, limits, total, True)
    if is_leaf(targets, limits, total, root.depth + depth):
        return np.int64(1), depth
    hand_down(rows, start, stop, root.n_listed, work, small)
    take_amounts(targets, walk, own, total, small.scan)
    for k in range(total.size):
        work.scratch.inside[k] = 0
    frame = (np.int64(0), own.size, np.int64(0), np.int64(-1))
    push(small.stack, 0, frame, key, total, work.scratch.inside)
    base = root.base + count
    below = Root(base, root.depth + depth, walk, own.size)
    n, deepest = grow_tree(table, targets, limits, own, below, small, grown)
    for i in range(base, base + n):
        if grown.rights[i] >= 0:
            grown.rights[i] += count
    return n, depth + deepest


@inner_kernel
def grow_large(table, targets, limits, rows, root, work, small, grown):
    """Do what :func:`grow_tree` does for a root of many rows, if features are drawn."""
    count, deepest, pending = np.int64(0), np.int64(0), 1
    while pending > 0:
        pending -= 1
        if work.stack.frames[pending, 1] - work.stack.frames[pending, 0] <= SMALL_ROWS:
            n, depth = grow_below(
                table, targets, limits, rows, root, pending, count, work, small, grown
            )  # fmt: skip
            count += n
            deepest = max(deepest, depth)
            continue
        start, stop, depth, key = take_node(root, pending, count, work, grown)
        deepest = max(deepest, depth)
        taken = (count, start, stop, depth, key)
        count += 1
        pending += split_node(
            table, targets, limits, rows, root, taken, pending, work, grown
        )  # fmt: skip
    return count, deepest


@allocating_kernel
def mixed_features(table):
    """Return for each feature whether some code stands for more than one value."""
    mixed = np.zeros(table.codes.shape[1], np.uint8)
    for f in range(mixed.size):
        for code in range(table.n_codes[f]):
            if table.mixed[f, code] == 1:
                mixed[f] = 1
                break
    return mixed


@inner_kernel
def is_ordered(table, n_rows):
    """Whether the lists of a root are made from the order of the whole table."""
    n = table.order.shape[1]
    return n > 0 and (n <= MOST_LISTED or _ORDERED_FROM * n_rows >= n)


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
    drawing = limits.max_features < table.codes.shape[1]
    most = np.int64(1)
    for i in range(roots.starts.size):
        most = max(most, roots.stops[i] - roots.starts[i])
    work = new_workspace(table, targets, most, max(table.order.shape[1], 1), drawing)
    own = min(most, SMALL_ROWS) if most > SMALL_ROWS else 1
    small = new_workspace(table, targets, own, most, drawing)
    mixed = mixed_features(table)
    nothing = np.zeros(targets.size, np.int64)
    while True:
        ticket = take_ticket(state)
        if ticket >= roots.starts.size:
            return
        rows = roots.rows[roots.starts[ticket] : roots.stops[ticket]]
        total = roots.totals[ticket]
        depth = roots.depths[ticket]
        walk = walk_of(targets, limits, total, drawing)
        work.stack.n_active[0] = 0
        if not is_leaf(targets, limits, total, depth):
            if drawing and is_ordered(table, rows.size):
                begin_picking(table, rows, work)
            else:
                begin_tree(table, targets, rows, mixed, work, drawing)
            take_amounts(targets, walk, rows, total, work.scan)
        frame = (np.int64(0), rows.size, np.int64(0), np.int64(-1))
        push(work.stack, 0, frame, roots.keys[ticket], total, nothing)
        root = Root(roots.at[ticket], depth, walk, rows.size if drawing else 0)
        if rows.size > SMALL_ROWS:
            count, deepest = grow_large(
                table, targets, limits, rows, root, work, small, grown
            )  # fmt: skip
        else:
            count, deepest = grow_tree(table, targets, limits, rows, root, work, grown)
        grown.counts[ticket] = count
        grown.deepest[ticket] = depth + deepest
