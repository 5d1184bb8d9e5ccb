"""Small nodes: the whole tree below one is a ticket.

Every feature is sorted once; a split then parts all lists, each half in the order it had, so that
every split of every node is tried in one walk over a list (Shafer, Agrawal and Mehta, "SPRINT",
1996).  A feature that is constant in a node is dropped below it.

Where nodes draw a few features, nothing is sorted beforehand: see :mod:`.drawn_subtree`, which is
compiled only where that is asked for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, allocating_kernel, inlined_kernel, inner_kernel
from ..machine.team import take_ticket
from .best_split import Node, find_split
from .criterion import gain_of, rows_in, weight_in
from .draws import child_key
from .parting import leaf_of, part_lists, varying
from .problem import POISSON, Targets
from .scans import take_amounts, walk_of
from .sorted_lists import PACKED_CLASSES, RANK_SHIFT, sort_feature
from .workspace import new_workspace, push


class Roots(NamedTuple):
    """The small nodes: arrays of one element for each.

    rows : (n_samples,) int32, those of a node at [start, stop)
    starts, stops, depths : (n,) int64
    totals : (n, size) int64
    keys : (n,) uint64, for draws
    at : (n,) int64, where the nodes of its tree begin in what has grown
    trees : (n,) int64, which tree it is of
    weights : (n_trees, n_samples) int64, of each tree's rows; (0, n_samples) if all trees have
        those of the targets
    """

    rows: Any
    starts: Any
    stops: Any
    depths: Any
    totals: Any
    keys: Any
    at: Any
    trees: Any
    weights: Any


class Grown(NamedTuple):
    """Nodes, OUT: those of one tree side by side, the left child behind its parent.

    features : (n,) int32, -1 for a leaf
    thresholds : (n,) float64
    rights : (n,) int32, the right child, counted from the root of the tree
    sides : (n,) uint8, 1 where missing values go left
    totals : (n, size) int64, statistics
    counts, deepest : (n_roots,) int64, nodes of each tree, splits above its deepest node
    leaves : (n_trees, n_samples) int32, the leaf of each row, counted from the root; (0, n_samples)
        where nobody asks for them
    """

    features: Any
    thresholds: Any
    rights: Any
    sides: Any
    totals: Any
    counts: Any
    deepest: Any
    leaves: Any


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
    first = rows[np.uint64(items[0] & id_mask)]
    for i in range(1, items.size):
        row = rows[np.uint64(items[i] & id_mask)]
        for k in range(2):
            if targets.sums[row, k] != targets.sums[first, k]:
                return False
    return True


@inner_kernel
def begin_tree(table, targets, rows, mixed, work):
    """Sort the features of a small node; those that vary are the active ones of depth 0."""
    if targets.n_classes > 0 and targets.n_classes <= PACKED_CLASSES:
        for i in range(rows.size):
            work.classes[i] = targets.classes[rows[i]]
    stack = work.stack
    count = np.int64(0)
    for f in range(table.codes.shape[1]):
        items = work.lists[f, : rows.size]
        if not sort_feature(table, f, rows, mixed[f] != 0, work.classes, work.sorting, items):
            stack.active[0, count] = f
            count += 1
    stack.n_active[0] = count


class Root(NamedTuple):
    """What the nodes of a small tree have in common.

    base : int, where its nodes begin in what has grown; depth : int, of its root
    walk : int, how lists are walked
    """

    base: Any
    depth: Any
    walk: Any


@inner_kernel
def take_node(root, place, count, stack, total, grown):
    """Make a leaf of a node on the stack, the ``count``-th of the tree; return its frame and key.

    Its statistics are then in ``total``.
    """
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
def worth_it(targets, limits, total, best, scratch):
    """Whether a node is split by the best split found."""
    if best.feature < 0:
        return False
    if limits.min_gain <= 0.0:
        return True
    return gain_of(targets, total, scratch.best, best.score, scratch.work) >= limits.min_gain


@inner_kernel
def write_split(root, taken, place, split, parting, stack, total, scratch, grown):
    """Write how a node is split and put its children on the stack; return how many.

    Parameters
    ----------
    taken : (number, start, stop, depth, key)
    split : Best
    parting : (threshold, side, n_left)
    """
    number, start, stop, depth, key = taken
    threshold, side, n_left = parting
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


@inlined_kernel
def split_listed(table, targets, limits, rows, root, taken, place, work, grown):
    """Split a node if it can be; return how many children were put on the stack from ``place`` on.

    Parameters
    ----------
    taken : (number, start, stop, depth, key)
    """
    start, stop, depth = taken[1], taken[2], taken[3]
    stack, total = work.stack, work.total
    n = stack.n_active[depth]
    if n == 0 or is_leaf(targets, limits, total, root.depth + depth):
        return 0
    features = stack.active[depth, :n]
    if stop - start == 2 and limits.min_weight_leaf <= 0.0:
        # There is one way to part two rows: the first feature that varies is as good as any.
        slot = first_varying(features, work.lists, start)
        features = features[slot : slot + 1]
        if features.size == 0:
            return 0
    node = Node(start, stop, root.walk, total, features)
    if targets.n_classes == 0:
        items = work.lists[np.int64(node.features[0]), start:stop]
        if same_targets(targets, rows, items, work.scan.id_mask):
            return 0
    split = find_split(targets, limits, rows, node, work)
    if not worth_it(targets, limits, total, split, work.scratch):
        return 0
    n_active = np.int64(0)
    if not only_leaves(targets, limits, total, root.depth + depth + 1, work.scratch):
        n_active = varying(node, work, stack.active[depth + 1])
    stack.n_active[depth + 1] = n_active
    listed = stack.active[depth + 1, :n_active]
    parting = part_lists(table, rows, node, split, listed, work)
    return write_split(
        root, taken, place, split, parting, stack, total, work.scratch, grown
    )  # fmt: skip


@inner_kernel
def first_varying(features, lists, start):
    """Return the first place in ``features`` of one that varies in two rows; else past the last."""
    for j in range(features.size):
        f = np.int64(features[j])
        if lists[f, start] >> RANK_SHIFT != lists[f, start + 1] >> RANK_SHIFT:
            return j
    return features.size


@inner_kernel
def only_leaves(targets, limits, total, depth, scratch):
    """Whether no child of a node is split, its left one's statistics in ``scratch.best``."""
    for k in range(total.size):
        scratch.inside[k] = total[k] - scratch.best[k]
    left, right = scratch.best, scratch.inside
    return is_leaf(targets, limits, left, depth) and is_leaf(targets, limits, right, depth)


@inner_kernel
def grow_listed(table, targets, limits, rows, root, work, grown):
    """Grow the tree below a node whose lists are ready and which is on the stack, alone.

    Returns
    -------
    count : int, its nodes
    deepest : int, splits above its deepest one
    """
    count, deepest, pending = np.int64(0), np.int64(0), 1
    while pending > 0:
        pending -= 1
        start, stop, depth, key = take_node(root, pending, count, work.stack, work.total, grown)
        deepest = max(deepest, depth)
        taken = (count, start, stop, depth, key)
        count += 1
        pending += split_listed(
            table, targets, limits, rows, root, taken, pending, work, grown
        )  # fmt: skip
    return count, deepest


@inner_kernel
def largest(roots):
    """Return how many rows the largest root has, one at least."""
    most = np.int64(1)
    for i in range(roots.starts.size):
        most = max(most, roots.stops[i] - roots.starts[i])
    return most


@inner_kernel
def push_root(work, n_rows, key, total):
    """Put the root of a small tree on the empty stack."""
    for k in range(work.scratch.inside.size):
        work.scratch.inside[k] = 0
    frame = (np.int64(0), n_rows, np.int64(0), np.int64(-1))
    push(work.stack, 0, frame, key, total, work.scratch.inside)


@allocating_inner_kernel
def targets_of(targets, roots, ticket):
    """Return the targets of a root, weighted as those of its tree are."""
    if roots.weights.shape[0] == 0:
        return targets
    return Targets(
        targets.criterion, targets.n_classes, targets.classes, targets.sums,
        roots.weights[roots.trees[ticket]], targets.factors, targets.limb, targets.square_unit,
        targets.size,
    )  # fmt: skip


@inner_kernel
def end_tree(table, roots, ticket, deepest, count, grown):
    """Write how large a tree has become, and the leaves of its rows where they are asked for."""
    grown.counts[ticket], grown.deepest[ticket] = count, roots.depths[ticket] + deepest
    if grown.leaves.shape[0] == 0:
        return
    leaves = grown.leaves[roots.trees[ticket]]
    for i in range(roots.starts[ticket], roots.stops[ticket]):
        row = np.int64(roots.rows[i])
        leaves[row] = leaf_of(table, row, roots.at[ticket], grown)


@allocating_inner_kernel
def mixed_features(table):
    """Return for each feature whether some code stands for more than one value."""
    mixed = np.zeros(table.codes.shape[1], np.uint8)
    for f in range(mixed.size):
        for code in range(table.n_codes[f]):
            if table.mixed[f, code] == 1:
                mixed[f] = 1
                break
    return mixed


@allocating_kernel
def grow_subtrees(state, table, targets, limits, roots, grown):
    """Grow the trees below small nodes that look at every feature, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    table, targets, limits : Table, Targets, Limits
    roots : Roots, one a ticket
    grown : Grown, OUT
    """
    work = new_workspace(table, targets, largest(roots))
    mixed = mixed_features(table)
    while True:
        ticket = take_ticket(state)
        if ticket >= roots.starts.size:
            return
        rows = roots.rows[roots.starts[ticket] : roots.stops[ticket]]
        total, depth = roots.totals[ticket], roots.depths[ticket]
        own = targets_of(targets, roots, ticket)
        walk = walk_of(own, limits, total, False)
        work.stack.n_active[0] = 0
        if not is_leaf(own, limits, total, depth):
            begin_tree(table, own, rows, mixed, work)
            take_amounts(own, walk, rows, total, work.scan)
        push_root(work, rows.size, roots.keys[ticket], total)
        root = Root(roots.at[ticket], depth, walk)
        count, deepest = grow_listed(table, own, limits, rows, root, work, grown)
        end_tree(table, roots, ticket, deepest, count, grown)
