"""A k-d tree of rows for few features: cut at medians, packed for the tile, searched exactly.

Rows are halved again and again at the median of the feature that spreads most (Bentley,
"Multidimensional binary search trees used for associative searching", Communications of the ACM
18(9), 1975; Friedman, Bentley and Finkel, ACM TOMS 3(3), 1977), until a *leaf* holds at most
:data:`LEAF_ROWS`.  Node i of level l holds rows ``n i // 2^l`` to ``n (i + 1) // 2^l`` of the
order, so the shape follows from n alone.

For searching, three levels are one: a *node* knows the boxes of its eight children side by side,
and one vector says how near each comes.  The first node has 1, 2, 4 or 8, what is left of the
levels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket, wait_for
from ..ops.top import NOBODY

#: Rows of a leaf at most, and children of a node.
LEAF_ROWS = 32
CHILDREN = 8
#: Rows of a node whose spread decides which feature is cut.
_LOOKED_AT = 256


class Leaves(NamedTuple):
    """The rows by leaf.

    packed : (n_leaves * n_features * LEAF_ROWS,) flat, of the rows' type: feature p of row j of a
        leaf is at ``(leaf * n_features + p) * LEAF_ROWS + j``; +inf where there is no such row
    numbers : (n_leaves * LEAF_ROWS,) int64, the rows' numbers; ``top.NOBODY`` where there is none
    """

    packed: Any
    numbers: Any


class Nodes(NamedTuple):
    """The boxes of the children of each node, level by level from the root.

    boxes : (n_nodes * n_features * 2 * CHILDREN,) flat float64: for each feature the least numbers
        of the children, then the largest ones; +inf and -inf where there is no such child
    least : (n_nodes * CHILDREN,) int64, the lowest number of a row of each child
    starts : (n_levels,) int64, the first node of each level
    """

    boxes: Any
    least: Any
    starts: Any


def levels_for(n_samples: int) -> int:
    """Return how often rows are halved, outside kernels."""
    levels = 0
    while -(-n_samples >> levels) > LEAF_ROWS:
        levels += 1
    return levels


def node_starts(levels: int) -> list[int]:
    """Return the first node of each level of nodes, and the number of nodes, outside kernels."""
    height = max(1, -(-levels // 3))
    starts, width = [0, 1], 1 << (levels - 3 * (height - 1))
    for _ in range(height - 1):
        starts.append(starts[-1] + width)
        width *= CHILDREN
    return starts


@inner_kernel
def widest_feature(X, order, first, last):
    """Return the feature that spreads most over some of the rows ``order[first:last]``."""
    step = max(1, (last - first) // _LOOKED_AT)
    widest, spread = 0, -1.0
    for p in range(X.shape[1]):
        low = high = np.float64(X[order[first], p])
        for i in range(first, last, step):
            value = np.float64(X[order[i], p])
            low, high = min(low, value), max(high, value)
        if high - low > spread:
            widest, spread = p, high - low
    return widest


@inner_kernel
def put_smallest_first(keys, order, first, last, middle):
    """Reorder [first, last) so that no key before ``middle`` is above one from there on.

    Hoare, "Algorithm 65: Find", Communications of the ACM 4(7), 1961, with pivots from places that
    no order of the rows foresees.

    Parameters
    ----------
    keys : IN/OUT (n_samples,)
    order : IN/OUT (n_samples,) int64, reordered with the keys
    """
    left, right = first, last - 1
    mixed = np.uint64(first + 1)
    while right > left:
        mixed = mixed * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        span = np.uint64(right - left + 1)
        a = keys[left + np.int64((mixed >> np.uint64(33)) % span)]
        b = keys[left + np.int64((mixed >> np.uint64(13)) % span)]
        c = keys[(left + right) >> 1]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = left, right
        while i <= j:
            while keys[i] < pivot:
                i += 1
            while keys[j] > pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if middle <= j:
            right = j
        elif middle >= i:
            left = i
        else:
            return


@inner_kernel
def cut(X, order, keys, first, last, middle):
    """Halve the rows ``order[first:last]`` at the median of a feature."""
    p = widest_feature(X, order, first, last)
    for i in range(first, last):
        keys[i] = X[order[i], p]
    put_smallest_first(keys, order, first, last, middle)


@inner_kernel
def pack_leaf(X, order, first, last, leaf, leaves):
    """Write the rows ``order[first:last]`` as one leaf."""
    n_features = X.shape[1]
    for j in range(LEAF_ROWS):
        there = first + j < last
        leaves.numbers[leaf * LEAF_ROWS + j] = order[first + j] if there else NOBODY
        for p in range(n_features):
            at = (leaf * n_features + p) * LEAF_ROWS + j
            leaves.packed[at] = X[order[first + j], p] if there else np.inf


@allocating_kernel
def build_tree(X, levels, shared_levels, state, order, keys, packed, numbers):
    """Order the rows by leaf and pack them, as a member of a team.

    A ticket is a cut of one of the first ``shared_levels`` levels, then all that is below one of
    their nodes.

    Parameters
    ----------
    X : IN (n_samples, n_features), finite
    levels, shared_levels : int, how often rows are halved, and by how many of these with a ticket
        for each cut
    state : IN/OUT the team's state, zero at the start
    order : IN/OUT (n_samples,) int64; 0, 1, 2, ... at the start
    keys : OUT (n_samples,) of X's type, working memory
    packed, numbers : OUT, see ``Leaves``
    """
    n = X.shape[0]
    leaves = Leaves(packed, numbers)
    below = levels - shared_levels
    n_cuts = (1 << shared_levels) - 1
    while True:
        ticket = take_ticket(state)
        if ticket >= n_cuts + (1 << shared_levels):
            return
        if ticket < n_cuts:
            level = 0
            while (2 << level) <= ticket + 1:
                level += 1
            i = ticket + 1 - (1 << level)
            wait_for(state, (1 << level) - 1)
            first, last = n * i >> level, n * (i + 1) >> level
            cut(X, order, keys, first, last, n * (2 * i + 1) >> (level + 1))
        else:
            wait_for(state, n_cuts)
            for depth in range(below):
                level = shared_levels + depth
                start = (ticket - n_cuts) << depth
                for i in range(start, start + (1 << depth)):
                    first, last = n * i >> level, n * (i + 1) >> level
                    cut(X, order, keys, first, last, n * (2 * i + 1) >> (level + 1))
            start = (ticket - n_cuts) << below
            for leaf in range(start, start + (1 << below)):
                first, last = n * leaf >> levels, n * (leaf + 1) >> levels
                pack_leaf(X, order, first, last, leaf, leaves)
        finish_ticket(state)


@inner_kernel
def box_of_leaf(leaves, leaf, n_features, nodes, child):
    """Write the box of a leaf as that of a child."""
    node, place = child // CHILDREN, child % CHILDREN
    lowest = NOBODY
    for j in range(LEAF_ROWS):
        lowest = min(lowest, leaves.numbers[leaf * LEAF_ROWS + j])
    nodes.least[child] = lowest
    for p in range(n_features):
        low, high = np.inf, -np.inf
        for j in range(LEAF_ROWS):
            if leaves.numbers[leaf * LEAF_ROWS + j] != NOBODY:
                value = np.float64(leaves.packed[(leaf * n_features + p) * LEAF_ROWS + j])
                low, high = min(low, value), max(high, value)
        at = (node * n_features + p) * 2 * CHILDREN + place
        nodes.boxes[at], nodes.boxes[at + CHILDREN] = low, high


@inner_kernel
def box_of_node(node, n_features, nodes, child):
    """Write the box around the children of a node as that of a child of the node above."""
    above, place = child // CHILDREN, child % CHILDREN
    lowest = NOBODY
    for c in range(CHILDREN):
        lowest = min(lowest, nodes.least[node * CHILDREN + c])
    nodes.least[child] = lowest
    for p in range(n_features):
        of = (node * n_features + p) * 2 * CHILDREN
        low, high = np.inf, -np.inf
        for c in range(CHILDREN):
            low = min(low, nodes.boxes[of + c])
            high = max(high, nodes.boxes[of + CHILDREN + c])
        at = (above * n_features + p) * 2 * CHILDREN + place
        nodes.boxes[at], nodes.boxes[at + CHILDREN] = low, high


@kernel
def find_boxes(n_features, packed, numbers, boxes, least, starts):
    """Find the boxes of all nodes from the leaves up.

    Parameters
    ----------
    n_features : int
    packed, numbers : IN, see ``Leaves``
    boxes, least : IN/OUT, see ``Nodes``; no child is there at the start
    starts : IN, see ``Nodes``
    """
    leaves, nodes = Leaves(packed, numbers), Nodes(boxes, least, starts)
    last = starts.size - 1
    for leaf in range(numbers.size // LEAF_ROWS):
        box_of_leaf(leaves, leaf, n_features, nodes, starts[last] * CHILDREN + leaf)
    end = least.size // CHILDREN
    for level in range(last, 0, -1):
        for node in range(starts[level], end):
            child = starts[level - 1] * CHILDREN + node - starts[level]
            box_of_node(node, n_features, nodes, child)
        end = starts[level]
