"""Which leaf each row ends in, and what stands there.

Siblings are neighbours and a leaf is its own left child with an infinite threshold, so a step is
``node = child + (x > threshold)`` without a branch; sixteen rows go down together, which hides the
wait for memory.  A node is 8 bytes where X is float32 and the numbers of features and of nodes fit
into 32 bits together, else 16.

Rows are read once anyhow, so whether their numbers are finite is seen on the way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..ops.flat import load_up_to
from ..tile import fill, lane_sum, lanes, multiply_add

#: Rows that go down together.
TOGETHER = 16


class Compact(NamedTuple):
    """Trees made for prediction; ``fastml.tree._predictor`` makes and checks it.

    Node i of a tree that begins at ``root`` is number v = root + i of all.

    thresholds : (2 * n_nodes,) float32 or float64; that of v at 2 v; infinite for a leaf
    links : the same memory, as unsigned integers as wide; at 2 v + 1 the feature in the lower
        ``shift`` bits, and above it the left child, counted from the root; the right one is next
    shift : int
    missing_right : (n_nodes,) uint8, 1 where missing values go right
    roots : (n_trees,) int64, where each tree begins
    """

    thresholds: Any
    links: Any
    shift: int
    missing_right: Any
    roots: Any


@inner_kernel
def _descend(trees, root, values, column_step, missing, count, offsets, node):
    """Set node[j] to the leaf of the row that begins at values[offsets[j]], for ``count`` rows."""
    thresholds, links, missing_right = trees.thresholds, trees.links, trees.missing_right
    shift = links.dtype.type(trees.shift)
    one = links.dtype.type(1)
    mask = (one << shift) - one
    for j in range(count):
        node[j] = 0
    moved = True
    while moved:
        change = np.uint32(0)
        if missing:
            for j in range(count):
                at = np.uint64(root + node[j])
                link = links[np.uint64(2) * at + np.uint64(1)]
                x = values[np.uint64(offsets[j] + np.int64(link & mask) * column_step)]
                right = np.uint32(x > thresholds[np.uint64(2) * at])
                if x != x:
                    right = np.uint32(missing_right[at])
                to = np.uint32(link >> shift) + right
                change |= to ^ node[j]
                node[j] = to
        else:
            for _ in range(2):
                change = np.uint32(0)
                for j in range(count):
                    at = np.uint64(2) * np.uint64(root + node[j])
                    link = links[at + np.uint64(1)]
                    x = values[np.uint64(offsets[j] + np.int64(link & mask) * column_step)]
                    to = np.uint32(link >> shift) + np.uint32(x > thresholds[at])
                    change |= to ^ node[j]
                    node[j] = to
        moved = change != 0


@inner_kernel
def _sum_of_zeros(values, first, stop):
    """Return 0 if all elements from ``first`` to ``stop`` are finite, else NaN."""
    total = fill(values, 0.0, 1, 1)
    for i in range(first, stop, lanes(values)):
        total = multiply_add(load_up_to(values, i, stop - i), 0.0, total)
    return lane_sum(total)


@allocating_kernel
def add_leaves(block_rows, state, trees, table, values, steps, missing, finite, out):
    """Set each row of ``out`` to the sum of what stands at its leaves, as a member of a team.

    The trees are added in their order, the first is copied.

    Parameters
    ----------
    block_rows : int, rows a ticket, a multiple of TOGETHER
    state : IN/OUT the team's state, zero at the start
    trees : Compact
    table : IN (n_nodes * width,) int64 or float64, ``width`` numbers a node
    values, steps : X[i, j] is values[i * steps[0] + j * steps[1]]
    missing : bool, whether X may hold NaN; if not, it goes anywhere
    finite : IN/OUT (n_blocks,) of X's type, zero; where rows are next to each other NaN is added
        if some number of a block is not finite
    out : OUT (n_rows * width,) of the type of ``table``
    """
    width = table.size // trees.missing_right.size
    n_rows = out.size // width
    row_step, column_step = steps
    node = np.zeros(TOGETHER, np.uint32)
    offsets = np.zeros(TOGETHER, np.int64)
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_rows:
            return
        stop = min(start + block_rows, n_rows)
        for tree in range(trees.roots.size):
            root = trees.roots[tree]
            for first in range(start, stop, TOGETHER):
                count = min(TOGETHER, stop - first)
                if tree == 0 and column_step == 1:
                    last = (first + count) * row_step
                    finite[block] += _sum_of_zeros(values, first * row_step, last)
                for j in range(count):
                    offsets[j] = (first + j) * row_step
                if count == TOGETHER:
                    _descend(trees, root, values, column_step, missing, TOGETHER, offsets, node)
                else:
                    _descend(trees, root, values, column_step, missing, count, offsets, node)
                for j in range(count):
                    source, target = (root + node[j]) * width, (first + j) * width
                    if tree == 0:
                        for k in range(width):
                            out[target + k] = table[source + k]
                    else:
                        for k in range(width):
                            out[target + k] += table[source + k]
