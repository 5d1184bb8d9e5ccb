"""Small nodes that draw the features they look at: the whole tree below one is a ticket.

As :mod:`.subtree` grows them, but nothing is sorted beforehand: see :mod:`.drawn`.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from .best_drawn import DrawnNode, find_drawn_split
from .best_split import Best
from .counted import NOT_COUNTED, CountedNode, find_counted_split, part_of
from .drawn import Ranks
from .draws import draw_order
from .order import NO_RANK
from .parting import part_drawn, set_thresholds
from .scans import TWO_WEIGHTED, take_amounts, walk_of
from .sorted_lists import MISSING, RANK_SHIFT, sort_feature
from .subtree import (
    Root,
    end_tree,
    is_leaf,
    largest,
    mixed_features,
    push_root,
    same_targets,
    take_node,
    targets_of,
    worth_it,
    write_split,
)
from .workspace import new_drawn_workspace

_ID_BITS = np.uint32(0xFFF)


@inner_kernel
def begin_drawing(table, targets, rows, mixed, walk, total, work):
    """Have ready what nodes that draw features gather."""
    drawing, scan = work.drawing, work.scan
    work.stack.n_active[0] = table.codes.shape[1]
    ranked = max(table.ranks.shape[0], table.narrow_ranks.shape[0]) > 0
    take_amounts(targets, walk, rows, total, scan)
    for i in range(rows.size):
        number = np.uint64(rows[i]) if ranked else np.uint64(i)
        drawing.ids[i] = number
        drawing.rows[number] = rows[i]
        drawing.amounts[number] = scan.amounts[i]
        drawing.weights[number] = scan.row_weights[i]
        if walk == TWO_WEIGHTED:
            part = part_of(scan.row_weights[i], targets.classes[rows[i]] == 1)
            work.counting.amounts[number] = part
    if ranked:
        return
    items = work.lists[0, : rows.size]
    for f in range(table.codes.shape[1]):
        sort_feature(table, f, rows, mixed[f] != 0, work.classes, work.sorting, items)
        for i in range(items.size):
            rank = items[i] >> RANK_SHIFT
            number = np.uint64(items[i] & _ID_BITS)
            drawing.own[number, f] = NO_RANK if rank == MISSING else rank


@inner_kernel
def grow_drawn(table, targets, limits, ranks, root, work, grown):
    """Grow the tree below a node whose ids are ready and which is on the stack, alone.

    A call copies every word of what it is handed, seven an array: all of a workspace is handed on
    only where features have to be sorted.

    Returns
    -------
    count : int, its nodes
    deepest : int, splits above its deepest one
    """
    stack, total, scratch, drawing = work.stack, work.total, work.scratch, work.drawing
    counting, spare, features = work.counting, work.spare, work.stack.active[0]
    counted = root.walk == TWO_WEIGHTED
    count, deepest, pending = np.int64(0), np.int64(0), 1
    while pending > 0:
        pending -= 1
        start, stop, depth, key = take_node(root, pending, count, stack, total, grown)
        deepest = max(deepest, depth)
        count += 1
        ids = drawing.ids[start:stop]
        if is_leaf(targets, limits, total, root.depth + depth):
            continue
        if targets.n_classes == 0 and same_targets(targets, drawing.rows, ids, NO_RANK):
            continue
        draw_order(key, features, limits.max_features)
        split = Best(-np.inf, np.int64(NOT_COUNTED), np.int64(-1), np.int64(-1), np.int64(0))
        if counted:
            node = CountedNode(total, features, limits.max_features, key)
            split = find_counted_split(
                targets, limits, node, ranks, ids, drawing.keys, counting, scratch
            )  # fmt: skip
        if split.feature == NOT_COUNTED:
            draw_order(key, features, limits.max_features)
            split = find_drawn_split(
                targets, limits, ranks,
                DrawnNode(start, stop, root.walk, total, features, limits.max_features, key), work,
            )  # fmt: skip
        if not worth_it(targets, limits, total, split, scratch):
            continue
        pair, side, n_left = part_drawn(ids, drawing.keys[split.slot, : ids.size], split, spare)
        at = root.base + count - 1
        grown.thresholds.view(np.int64)[at] = pair
        parting = (grown.thresholds[at], side, n_left)
        taken = (count - 1, start, stop, depth, key)
        pending += write_split(
            root, taken, pending, split, parting, stack, total, scratch, grown
        )  # fmt: skip
    end = root.base + count
    set_thresholds(
        table, drawing.rows, grown.features[root.base : end], grown.thresholds[root.base : end]
    )  # fmt: skip
    return count, deepest


@allocating_kernel
def grow_drawn_subtrees(state, table, targets, limits, roots, grown):
    """Do what :func:`.subtree.grow_subtrees` does, of nodes that draw their features."""
    work = new_drawn_workspace(table, targets, largest(roots))
    mixed = mixed_features(table)
    wide = table.ranks if table.ranks.shape[0] > 0 else work.drawing.own
    ranks = Ranks(wide, table.narrow_ranks)
    while True:
        ticket = take_ticket(state)
        if ticket >= roots.starts.size:
            return
        rows = roots.rows[roots.starts[ticket] : roots.stops[ticket]]
        total, depth = roots.totals[ticket], roots.depths[ticket]
        own = targets_of(targets, roots, ticket)
        walk = walk_of(own, limits, total, True)
        work.stack.n_active[0] = 0
        if not is_leaf(own, limits, total, depth):
            begin_drawing(table, own, rows, mixed, walk, total, work)
        push_root(work, rows.size, roots.keys[ticket], total)
        root = Root(roots.at[ticket], depth, walk)
        count, deepest = grow_drawn(table, own, limits, ranks, root, work, grown)
        end_tree(table, roots, ticket, deepest, count, grown)
