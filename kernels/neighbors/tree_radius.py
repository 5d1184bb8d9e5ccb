"""All rows of a k-d tree within a radius of a query, by the definition.

Boxes that are too far, as computed, hold no row that is near enough, as computed: see
:mod:`.tree_search`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.scratch import aligned_zeros
from ..ops.top import NOBODY
from ..tile import any_lane, lowest_bit, mask_bits, store
from .kdtree import CHILDREN, LEAF_ROWS, Leaves, Nodes
from .radius import surely_within
from .tree_search import BATCH, STEP, Path, leaf_distances, open_node


class Near(NamedTuple):
    """How near is near enough, and where rows are written.

    radius : float, of the distances, or of their squares where ``squared``
    squared : bool
    distances, indices : OUT flat
    """

    radius: Any
    squared: Any
    distances: Any
    indices: Any


@inner_kernel
def visit_leaf(query, leaves, leaf, sums, near, start):
    """Count the rows of a leaf that are near enough, and write them from ``start`` on.

    Parameters
    ----------
    start : int, negative to count only

    Returns
    -------
    int : how many there are
    """
    limit = surely_within(near.radius, near.squared)
    found = 0
    for first in range(0, LEAF_ROWS, STEP):
        total = leaf_distances(query, leaves, leaf, first, sums)
        hits = total <= limit
        if any_lane(hits):
            store(sums, first, 0, total)
            bits = mask_bits(hits)
            while bits != 0:
                row = first + lowest_bit(bits)
                bits &= bits - 1
                number = leaves.numbers[leaf * LEAF_ROWS + row]
                distance = sums[row] if near.squared else math.sqrt(sums[row])
                if distance <= near.radius and number != NOBODY:
                    if start >= 0:
                        near.distances[start + found] = distance
                        near.indices[start + found] = number
                    found += 1
    return found


@inner_kernel
def visit(query, leaves, nodes, path, near, start):
    """Count the rows that are near enough to a query, and write them, leaf by leaf.

    Parameters
    ----------
    path : OUT tree_search.Path, working memory
    near : Near
    start : int, where to write; negative to count only
    """
    limit = surely_within(near.radius, near.squared)
    last = nodes.starts.size - 1
    found = level = 0
    open_node(query, nodes, 0, 0, limit, path)
    while level >= 0:
        bits = path.children[level]
        if bits == 0:
            level -= 1
            continue
        c = lowest_bit(bits)
        path.children[level] = bits & (bits - 1)
        i = path.nodes[level]
        if nodes.least[(nodes.starts[level] + i) * CHILDREN + c] == NOBODY:
            continue
        i = i * CHILDREN + c
        if level < last:
            level += 1
            open_node(query, nodes, level, i, limit, path)
        else:
            at = start + found if start >= 0 else start
            found += visit_leaf(query, leaves, i, path.sums, near, at)
    return found


@allocating_kernel
def tree_rows_within(queries, tree, radii, squared, starts, state, counts, distances, indices):
    """Count the rows within a radius of every query, or write them, as a member of a team.

    Parameters
    ----------
    queries : IN (n_queries, n_features) float64, finite
    tree : IN (packed, numbers, boxes, least, starts), see ``kdtree.Leaves`` and ``kdtree.Nodes``
    radii : IN (n_queries,) float64
    squared : bool, whether radii are of squared distances, and these are wanted
    starts : IN (n_queries,) int64, where to write each query's rows; (0,) to count only
    state : IN/OUT the team's state, zero at the start
    counts : OUT (n_queries,) int64
    distances : OUT (n_found,) float64
    indices : OUT (n_found,) int64, leaf by leaf
    """
    packed, numbers, boxes, least, levels = tree
    leaves, nodes = Leaves(packed, numbers), Nodes(boxes, least, levels)
    path = Path(
        np.empty(levels.size, np.int64), np.empty(levels.size, np.int64),
        aligned_zeros(boxes, levels.size * CHILDREN), aligned_zeros(boxes, LEAF_ROWS),
    )  # fmt: skip
    n_queries = queries.shape[0]
    while True:
        start = take_ticket(state) * BATCH
        if start >= n_queries:
            return
        for i in range(start, min(start + BATCH, n_queries)):
            near = Near(radii[i], squared, distances, indices)
            begin = starts[i] if starts.size > 0 else -1
            counts[i] = visit(queries[i], leaves, nodes, path, near, begin)
        finish_ticket(state)
