"""Which leaf each row ends in, and what stands there.

Siblings are neighbours and a leaf is its own left child with an infinite threshold, so a step is
``node = child + (x > threshold)`` without a branch; sixteen rows go down together, which hides the
wait for memory.  A node is 8 bytes where X is float32 and the numbers of features and of nodes fit
into 32 bits together, else 16.  Orders of the nodes that keep more of a way on a cache line gained
nothing, nor did putting new rows in the place of those that have arrived.

Rows are read once anyhow, so whether their numbers are finite is seen on the way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..ops.flat import load_up_to
from ..tile import fill, lane_sum, lanes, multiply_add

#: Rows that go down together; so few go one after the other.
TOGETHER, _FEW_ROWS = 16, 4


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
def _sum_of_zeros(values, first, stop):
    """Return 0 if all elements from ``first`` to ``stop`` are finite, else NaN."""
    total = fill(values, 0.0, 1, 1)
    for i in range(first, stop, lanes(values)):
        total = multiply_add(load_up_to(values, i, stop - i), 0.0, total)
    return lane_sum(total)


@inner_kernel
def _copy_rows(values, n_rows, d, start, stop, rows):
    """Copy rows from a matrix in columns, TOGETHER at a time, to where they lie in rows."""
    for first in range(start, stop, TOGETHER):
        count = min(TOGETHER, stop - first)
        for p in range(d):
            for j in range(count):
                rows[(first - start + j) * d + p] = values[p * n_rows + first + j]


@inner_kernel
def _find_leaves(thresholds, links, shift, rows, d, n_rows, node, offsets, leaves):
    """Set leaves[i] to the leaf of row i in one tree; values that are missing go left.

    Rows there are none of, in the last group, are the first of it once more.
    """
    shift, one = links.dtype.type(shift), links.dtype.type(1)
    mask = (one << shift) - one
    for first in range(0, n_rows, TOGETHER):
        group = rows[first * d :]
        for j in range(TOGETHER):
            node[j] = 0
            offsets[j] = j * d if first + j < n_rows else 0
        moved = True
        while moved:
            change = np.uint32(0)
            for _ in range(2):  # whether something moved is asked every other time
                change = np.uint32(0)
                for j in range(TOGETHER):
                    at = np.uint64(node[j])
                    link = links[at + at + np.uint64(1)]
                    x = group[np.uint64(offsets[j] + np.uint32(link & mask))]
                    to = np.uint32(link >> shift) + np.uint32(x > thresholds[at + at])
                    change |= to ^ node[j]
                    node[j] = to
            moved = change != 0
        for j in range(min(TOGETHER, n_rows - first)):
            leaves[first + j] = node[j]


@inner_kernel
def _find_leaves_one_by_one(thresholds, links, shift, missing_right, rows, d, n_rows, leaves):
    """Set leaves[i] to the leaf of row i in one tree; values may be missing."""
    shift, one = links.dtype.type(shift), links.dtype.type(1)
    mask = (one << shift) - one
    for first in range(n_rows):
        before, node = np.uint32(1), np.uint32(0)
        while node != before:
            before = node
            at = np.uint64(node)
            link = links[at + at + np.uint64(1)]
            x = rows[np.uint64(first * d) + np.uint64(link & mask)]
            right = np.uint32(x > thresholds[at + at])
            if x != x:
                right = np.uint32(missing_right[at])
            node = np.uint32(link >> shift) + right
        leaves[first] = node


@allocating_kernel
def add_leaves(block_rows, state, trees, table, values, in_rows, missing, finite, out):
    """Set each row of ``out`` to the sum of what stands at its leaves, as a member of a team.

    The trees are added in their order, the first is copied.

    Parameters
    ----------
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    trees : Compact
    table : IN (n_nodes * width,) int64 or float64, ``width`` numbers a node
    values : IN (n_rows * n_features,) the rows one after the other, or the columns
    in_rows : bool, which of the two
    missing : bool, whether X may hold NaN; if not, it goes anywhere
    finite : OUT (n_blocks,) of X's type, 0 if all numbers of a block are finite, else NaN
    out : OUT (n_rows * width,) of the type of ``table``
    """
    width = table.size // trees.missing_right.size
    n_rows = out.size // width
    d = values.size // n_rows
    node = np.empty(TOGETHER, np.uint32)
    offsets = np.empty(TOGETHER, np.uint32)
    leaves = np.empty(min(block_rows, n_rows), np.uint32)
    copied = np.empty(0 if in_rows else min(block_rows, n_rows) * d, values.dtype)
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_rows:
            return
        stop = min(start + block_rows, n_rows)
        if in_rows:
            rows = values[start * d : stop * d]
        else:
            _copy_rows(values, n_rows, d, start, stop, copied)
            rows = copied[: (stop - start) * d]
        finite[block] = _sum_of_zeros(rows, 0, (stop - start) * d)
        for tree in range(trees.roots.size):
            root = trees.roots[tree]
            thresholds, links = trees.thresholds[2 * root :], trees.links[2 * root :]
            if missing or stop - start < _FEW_ROWS:
                _find_leaves_one_by_one(
                    thresholds, links, trees.shift, trees.missing_right[root:], rows, d,
                    stop - start, leaves,
                )  # fmt: skip
            else:
                _find_leaves(
                    thresholds, links, trees.shift, rows, d, stop - start, node, offsets, leaves
                )
            for i in range(stop - start):
                source, target = (root + leaves[i]) * width, (start + i) * width
                if tree == 0:
                    for k in range(width):
                        out[target + k] = table[source + k]
                else:
                    for k in range(width):
                        out[target + k] += table[source + k]
