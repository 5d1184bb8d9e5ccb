"""Nearest rows found in a k-d tree, exactly as they are defined.

Distances of the rows of a leaf are the definition itself: float64 differences, squared and added in
the order of the features.  How near the rows of a box may come is computed by the same operations
on what is between the query and the box.  Rounding is monotone: a difference that is not less, a
square that is not less, a sum that is not less stay so when rounded.  So no row of a box is nearer,
as computed, than the box as computed, and what is farther than the worst neighbour is left out
without any margin; at equality a box is looked into if a row in it has a lower number.

Queries first go down to one leaf, the nearest box at each node, and are then taken in the order of
these leaves: neighbours in the order find their boxes and rows in the cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.scratch import aligned_zeros
from ..ops.top import NOBODY, clear_heap, is_worse, replace_worst, sort_heap
from ..tile import (
    any_lane,
    broadcast,
    fill,
    lane_minimum,
    lanes_of,
    load,
    load_as,
    lowest_bit,
    mask_bits,
    maximum,
    store,
)
from .kdtree import CHILDREN, LEAF_ROWS, Leaves, Nodes

#: Queries of a ticket.
BATCH = 64
#: Vectors of as many numbers as a node has children, and vectors of rows compared at a time.
_NODE = max(1, CHILDREN // lanes_of(np.float64))
_ROWS = min(4, LEAF_ROWS // lanes_of(np.float64))
STEP = _ROWS * lanes_of(np.float64)


class Path(NamedTuple):
    """Where a search is, level by level.

    nodes : (n_levels,) int64, the node looked at, within its level
    children : (n_levels,) int64, a bit for each child that is still to be looked at
    bounds : (n_levels * CHILDREN,) float64, how near the children come
    sums : (LEAF_ROWS,) float64, the squared distances of rows
    """

    nodes: Any
    children: Any
    bounds: Any
    sums: Any


@inner_kernel
def box_distances(query, nodes, node):
    """Return the squared distances of a query from the boxes of a node's children (a tile)."""
    total = fill(nodes.boxes, 0.0, _NODE, 1)
    for p in range(query.size):
        at = (node * query.size + p) * 2 * CHILDREN
        q = broadcast(query, p, 0, _NODE, 1)
        below = load(nodes.boxes, at, 0, _NODE, 1) - q
        above = q - load(nodes.boxes, at + CHILDREN, 0, _NODE, 1)
        gap = maximum(maximum(below, above), 0.0)
        total = total + gap * gap
    return total


@inner_kernel
def nearest_leaf(query, nodes):
    """Return the leaf that is found by going to the nearest box at every node.

    The first leaf if a number turns out not to be one: somebody else may write to the queries.
    """
    i = 0
    for level in range(nodes.starts.size):
        node = nodes.starts[level] + i
        distances = box_distances(query, nodes, node)
        bits = mask_bits(distances <= lane_minimum(distances))
        c = lowest_bit(bits)
        if bits == 0 or nodes.least[node * CHILDREN + c] == NOBODY:
            return 0
        i = i * CHILDREN + c
    return i


@kernel
def nearest_leaves(queries, boxes, least, starts, state, homes):
    """Find the leaf each query begins at, as a member of a team.

    Parameters
    ----------
    queries : IN (n_queries, n_features) float64
    boxes, least, starts : IN, see ``kdtree.Nodes``
    state : IN/OUT the team's state, zero at the start
    homes : OUT (n_queries,) int64
    """
    nodes = Nodes(boxes, least, starts)
    while True:
        start = take_ticket(state) * BATCH
        if start >= homes.size:
            return
        for i in range(start, min(start + BATCH, homes.size)):
            homes[i] = nearest_leaf(queries[i], nodes)
        finish_ticket(state)


@kernel
def order_by_leaf(homes, counts, order):
    """Write the numbers of queries in the order of their leaves, the lower first within one.

    Parameters
    ----------
    homes : IN (n_queries,) int64
    counts : IN/OUT (n_leaves + 1,) int64, zero at the start
    order : OUT (n_queries,) int64
    """
    for home in homes:
        counts[home + 1] += 1
    for leaf in range(1, counts.size):
        counts[leaf] += counts[leaf - 1]
    for i in range(homes.size):
        order[counts[homes[i]]] = i
        counts[homes[i]] += 1


@inner_kernel
def leaf_distances(query, leaves, leaf, first, sums):
    """Return the squared distances of a query from some rows of a leaf (a tile)."""
    n_features = query.size
    total = fill(sums, 0.0, _ROWS, 1)
    for p in range(n_features):
        at = (leaf * n_features + p) * LEAF_ROWS + first
        gap = load_as(sums, leaves.packed, at, 0, _ROWS, 1) - broadcast(query, p, 0, _ROWS, 1)
        total = total + gap * gap
    return total


@inner_kernel
def scan_leaf(query, leaves, leaf, sums, best, held):
    """Let the rows of a leaf into the heap of a query.

    Parameters
    ----------
    query : IN (n_features,) float64
    leaves : IN Leaves
    sums : OUT (LEAF_ROWS,) float64, working memory
    best, held : IN/OUT (n_neighbors,) a heap
    """
    for first in range(0, LEAF_ROWS, STEP):
        total = leaf_distances(query, leaves, leaf, first, sums)
        hits = total <= best[0]
        if any_lane(hits):
            store(sums, first, 0, total)
            bits = mask_bits(hits)
            while bits != 0:
                row = first + lowest_bit(bits)
                bits &= bits - 1
                number = leaves.numbers[leaf * LEAF_ROWS + row]
                if is_worse(best[0], held[0], sums[row], number):
                    replace_worst(best, held, best.size, sums[row], number)


@inner_kernel
def open_node(query, nodes, level, i, bound, path):
    """Begin to look at the children of a node that come as near as ``bound``."""
    distances = box_distances(query, nodes, nodes.starts[level] + i)
    store(path.bounds, level * CHILDREN, 0, distances)
    path.nodes[level] = i
    path.children[level] = mask_bits(distances <= bound)


@inner_kernel
def search(query, home, leaves, nodes, path, best, held):
    """Find the nearest rows of one query.

    Parameters
    ----------
    query : IN (n_features,) float64
    home : int, the leaf to begin at
    leaves, nodes : IN Leaves, Nodes
    path : OUT Path, working memory
    best, held : OUT (n_neighbors,) the neighbours, as a heap
    """
    clear_heap(best, held)
    # As many leaves under one node as hold enough rows, each at least half full: while the heap has
    # room nothing is too far, and leaves would be looked into in the order they lie.
    many, n_leaves = 1, leaves.numbers.size // LEAF_ROWS
    while many * LEAF_ROWS < 2 * best.size and many < n_leaves:
        many *= 2
    around = home // many * many
    for leaf in range(around, around + many):
        scan_leaf(query, leaves, leaf, path.sums, best, held)
    last = nodes.starts.size - 1
    level = 0
    open_node(query, nodes, 0, 0, best[0], path)
    while level >= 0:
        bits = path.children[level]
        if bits == 0:
            level -= 1
            continue
        c = lowest_bit(bits)
        path.children[level] = bits & (bits - 1)
        bound = path.bounds[level * CHILDREN + c]
        i = path.nodes[level]
        least = nodes.least[(nodes.starts[level] + i) * CHILDREN + c]
        if least == NOBODY or bound > best[0] or (bound == best[0] and least >= held[0]):
            continue
        i = i * CHILDREN + c
        if level < last:
            level += 1
            open_node(query, nodes, level, i, best[0], path)
        elif i < around or i >= around + many:
            scan_leaf(query, leaves, i, path.sums, best, held)


@allocating_inner_kernel
def path_through(nodes):
    """Return working memory for a search."""
    n_levels = nodes.starts.size
    return Path(
        np.empty(n_levels, np.int64), np.empty(n_levels, np.int64),
        aligned_zeros(nodes.boxes, n_levels * CHILDREN), aligned_zeros(nodes.boxes, LEAF_ROWS),
    )  # fmt: skip


@allocating_kernel
def search_alone(queries, tree, distances, indices):
    """Find the nearest rows of a few queries on the calling thread, as they came.

    Parameters
    ----------
    queries, tree, distances, indices : see :func:`search_tree`

    Returns
    -------
    bool : whether every query has so many neighbours: none holds NaN
    """
    packed, numbers, boxes, least, starts = tree
    leaves, nodes = Leaves(packed, numbers), Nodes(boxes, least, starts)
    n_queries, n_neighbors = indices.shape
    path = path_through(nodes)
    found = True
    for i in range(n_queries):
        best, held = distances[i], indices[i]
        search(queries[i], nearest_leaf(queries[i], nodes), leaves, nodes, path, best, held)
        found &= held[0] != NOBODY
        sort_heap(best, held, n_neighbors)
    return found


@allocating_kernel
def search_tree(queries, order, homes, tree, state, distances, indices):
    """Find the nearest rows of all queries, as a member of a team.

    Parameters
    ----------
    queries : IN (n_queries, n_features) float64, finite
    order : IN (n_queries,) int64, see ``order_by_leaf``
    homes : IN (n_queries,) int64, see ``nearest_leaves``
    tree : IN (packed, numbers, boxes, least, starts), see ``kdtree.Leaves`` and ``kdtree.Nodes``
    state : IN/OUT the team's state, zero at the start
    distances : OUT (n_queries, n_neighbors) float64, squared
    indices : OUT (n_queries, n_neighbors) int64
    """
    packed, numbers, boxes, least, starts = tree
    leaves, nodes = Leaves(packed, numbers), Nodes(boxes, least, starts)
    n_queries, n_neighbors = indices.shape
    path = path_through(nodes)
    best, held = np.empty(n_neighbors), np.empty(n_neighbors, np.int64)
    while True:
        start = take_ticket(state) * BATCH
        if start >= n_queries:
            return
        for k in range(start, min(start + BATCH, n_queries)):
            i = order[k]
            search(queries[i], homes[i], leaves, nodes, path, best, held)
            sort_heap(best, held, n_neighbors)
            for j in range(n_neighbors):
                distances[i, j] = best[j]
                indices[i, j] = held[j]
        finish_ticket(state)
