"""A small tree by absolute error, grown in one go."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from .absolute import NO_SPLIT, Found, new_walk, search_node
from .draws import child_key, draw_one, draw_order
from .ordered import Cuts, describe_node, mark_node, part_list


class GrownSmall(NamedTuple):
    """Nodes in pre-order, OUT.

    features, rights : (n,) int32, -1 for a leaf
    thresholds : (n,) float64
    sides : (n,) uint8, 1 where missing values go left
    rows : (n,) int64; weights : (n,) int64
    errors, medians : (n, 2) int64, as those of a Level
    count, deepest : (1,) int64, nodes, and splits above the deepest one
    """

    features: Any
    rights: Any
    thresholds: Any
    sides: Any
    rows: Any
    weights: Any
    errors: Any
    medians: Any
    count: Any
    deepest: Any


@inner_kernel
def _is_leaf(level, limits, depth):
    n = level.stops[0] - level.starts[0]
    if depth >= limits.max_depth or n < limits.min_samples_split or n < 2 * limits.min_samples_leaf:
        return True
    if limits.min_weight_leaf > 0.0 and float(level.totals[0]) < 2.0 * limits.min_weight_leaf:
        return True
    return level.errors[0, 0] == 0 and level.errors[0, 1] == 0


@inner_kernel
def _find(lists, level, limits, key, features, memory, found):
    """Leave the best split of a node among what is found; say whether it is one."""
    d = features.size
    draw_order(key, features, limits.max_features if limits.max_features < d else 0)
    search_node(lists, level, limits, 0, features[: limits.max_features], memory, 0, found)
    for j in range(limits.max_features, d):
        if found.features[0] >= 0:
            break
        draw_one(key, features, j)
        search_node(lists, level, limits, 0, features[j : j + 1], memory, 0, found)
    if found.features[0] < 0:
        return False
    high = level.errors[0, 0] - found.errors[0, 0]
    gained = float(high) * float(np.int64(1) << level.bits)
    gained += float(level.errors[0, 1] - found.errors[0, 1])
    return limits.min_gain <= 0.0 or gained >= limits.min_gain


@inner_kernel
def _write(level, count, grown):
    """Write a node down as a leaf."""
    grown.features[count] = -1
    grown.rights[count] = -1
    grown.thresholds[count] = -2.0
    grown.sides[count] = 0
    grown.rows[count] = level.stops[0] - level.starts[0]
    grown.weights[count] = level.totals[0]
    for k in range(2):
        grown.errors[count, k] = level.errors[0, k]
        grown.medians[count, k] = level.medians[0, k]


@inner_kernel
def _push(frames, keys, place, frame, key):
    frames[place, 0], frames[place, 1], frames[place, 2], frames[place, 3] = frame
    keys[place] = key


@allocating_kernel
def grow_small(state, lists, targets, limits, level, goes_left, seed, grown):
    """Grow a tree, the left child of a node behind it.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start: one ticket
    lists : Lists, IN/OUT; targets : Targets of numbers; limits : Limits
    level : Level of one node, IN/OUT
    goes_left : OUT (n_samples,) uint8
    seed : uint64, of the draws of features
    grown : GrownSmall, OUT, room for 2 n nodes of n rows
    """
    if take_ticket(state) > 0:
        return
    d, n = lists.items.shape
    memory, spare, features = new_walk(n), np.empty(n, np.uint32), np.empty(d, np.int32)
    one = np.zeros(1, np.int64)
    found = Found(np.full((1, 2), NO_SPLIT), one.copy(), one.copy(), np.zeros(1, np.uint8))
    cuts = Cuts(
        one, found.features, found.positions, found.sides, np.empty(1), one.copy(), goes_left
    )
    frames, keys = np.empty((n + 1, 4), np.int64), np.empty(n + 1, np.uint64)
    _push(frames, keys, 0, (np.int64(0), np.int64(n), np.int64(0), np.int64(-1)), seed)
    count, deepest, pending = np.int64(0), np.int64(0), 1
    while pending > 0:
        pending -= 1
        start, stop, depth = frames[pending, 0], frames[pending, 1], frames[pending, 2]
        parent, key = frames[pending, 3], keys[pending]
        if parent >= 0:
            grown.rights[parent] = count
        level.starts[0], level.stops[0] = start, stop
        describe_node(lists, targets, level, 0)
        _write(level, count, grown)
        deepest = max(deepest, depth)
        at = count
        count += 1
        if _is_leaf(level, limits, depth):
            continue
        if not _find(lists, level, limits, key, features, memory, found):
            continue
        mark_node(lists, level, cuts, 0)
        grown.features[at], grown.thresholds[at] = found.features[0], cuts.thresholds[0]
        grown.sides[at] = cuts.sides[0]
        for f in range(d if depth + 1 >= limits.max_depth else 0, d + 1):
            part_list(lists, f, start, stop, goes_left, spare)
        middle = start + cuts.n_left[0]
        # The right child is done last, so it is pushed first.
        _push(frames, keys, pending, (middle, stop, depth + 1, at), child_key(key, 1))
        _push(
            frames, keys, pending + 1, (start, middle, depth + 1, np.int64(-1)), child_key(key, 0)
        )
        pending += 2
    grown.count[0], grown.deepest[0] = count, deepest
