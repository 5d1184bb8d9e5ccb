"""Which leaf each row ends in, and what stands there.

Rows are read once, a block at a time, into keys: whole numbers in the order of the values, whose
comparison is added to the number of a node in one step.  Whether the values are finite is seen on
the way.  Where few of many features are asked for, keys are made of those alone.

Siblings are neighbours and a leaf is its own left child below the largest of thresholds, so a step
is ``node = child + (x > threshold)`` without a branch.  Eight rows go down together, their nodes in
registers, which hides the wait for memory: at first as many levels as rows go on average, then a
few at a time, and after each time those that have arrived leave the list.  A node is 8 bytes where
X is float32 and its parts fit, else 16.  Orders of the nodes that keep more of a way on a line
of the cache gained nothing, nor would vectors: to gather takes longer than to load.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..tile import lanes

#: Rows that go down together; so few go one after the other.
TOGETHER, _FEW_ROWS = 8, 4
#: How many levels they go down, but for one, before it is asked again who has arrived.
_LEVELS = 5
#: The key of a value that is missing.
_MISSING = 0


class Compact(NamedTuple):
    """Trees made for prediction; ``fastml.tree._predictor`` makes and checks it.

    Node i of a tree that begins at ``root`` is number v = root + i of all.

    nodes : (n_nodes,) or (2 * n_nodes,) uint64, one or two words a node.  The lower half of one,
        or the first of two, is the key of the threshold, of a leaf the largest there is.  Above it
        stand the feature, in 8 or 32 bits, and the left child, in 24 or 32, counted from the root;
        the right one is next
    features : the same memory, as uint8 or uint32
    missing_right : (n_nodes,) uint8, 1 where missing values go right
    roots : (n_trees,) int64, where each tree begins
    levels : (n_trees,) int64, how many a row goes down at first, but for one
    """

    nodes: Any
    features: Any
    missing_right: Any
    roots: Any
    levels: Any


@inner_kernel
def _largest_of_run(values, n, step, single, keys):
    """Set every ``step``-th key to that of a value; return the largest of their magnitudes."""
    number, place = values.dtype.type, np.uint64(0)
    infinity = number(0x7F800000 if single else 0x7FF0000000000000)
    sign = number(np.uint64(1) << np.uint64(31 if single else 63))
    largest = number(0)
    for i in range(n):
        bits = values[i]
        magnitude = number(bits & ~sign)
        largest = max(largest, magnitude)
        key = number(bits ^ (~number(0) if bits & sign else sign))
        keys[place] = number(_MISSING) if magnitude > infinity else key
        place += np.uint64(step)
    return largest


@inner_kernel
def _read_keys(values, in_rows, n_rows, d, start, stop, nodes, keys):
    """Set ``keys`` to those of some rows, one after the other; return whether all are finite.

    ``values`` are the bits of floating-point numbers, of which the negative ones are in the
    opposite order.
    """
    single = lanes(values) > lanes(nodes)
    infinity = values.dtype.type(0x7F800000 if single else 0x7FF0000000000000)
    if in_rows:
        return _largest_of_run(values[start * d :], (stop - start) * d, 1, single, keys) < infinity
    good = True
    for p in range(d):
        column = values[p * n_rows + start :]
        good &= _largest_of_run(column, stop - start, d, single, keys[p:]) < infinity
    return good


@inner_kernel
def _are_finite(values, nodes):
    """Whether all values are finite, given their bits."""
    number, largest = values.dtype.type, values.dtype.type(0)
    single = lanes(values) > lanes(nodes)
    infinity = number(0x7F800000 if single else 0x7FF0000000000000)
    sign = number(np.uint64(1) << np.uint64(31 if single else 63))
    for i in range(values.size):
        largest = max(largest, number(values[i] & ~sign))
    return largest < infinity


@inner_kernel
def _is_small(nodes, features):
    """Whether a node is one word: a constant to the compiler."""
    return lanes(features) == 8 * lanes(nodes)


@inner_kernel
def _feature(nodes, features, node):
    """Return the feature a node asks for."""
    if _is_small(nodes, features):
        return np.uint64(features[np.uint64(8) * node + np.uint64(4)])
    return np.uint64(features[np.uint64(4) * node + np.uint64(2)])


@inner_kernel
def _exceeds(x, word, single):
    """Whether a value, given as its bits, is above the threshold of a key in a word."""
    if single:
        bits = np.int32(x)
        key = np.uint32(bits ^ ((bits >> np.int32(31)) | np.int32(-0x80000000)))
        return key > np.uint32(word)
    wide = np.int64(x)
    return np.uint64(wide ^ ((wide >> np.int64(63)) | np.int64(-0x8000000000000000))) > word


@inner_kernel
def _below(nodes, features, keys, row, node):
    """Return the node below another where a row goes, whose keys begin at ``row``.

    ``keys`` may be the bits of values, as signed integers.
    """
    key = keys.dtype.type
    x = keys[row + _feature(nodes, features, node)]
    if _is_small(nodes, features):
        word = nodes[node]
        child = word >> np.uint64(40)
    else:
        word = nodes[np.uint64(2) * node]
        child = nodes[np.uint64(2) * node + np.uint64(1)] >> np.uint64(32)
    if key(-1) > 0:  # the compiler knows
        return child + np.uint64(x > key(word))
    return child + np.uint64(_exceeds(x, word, lanes(keys) > lanes(nodes)))


@inner_kernel
def _four_below(nodes, features, keys, rows, at):
    """Return where four rows go."""
    return (
        _below(nodes, features, keys, rows[0], at[0]),
        _below(nodes, features, keys, rows[1], at[1]),
        _below(nodes, features, keys, rows[2], at[2]),
        _below(nodes, features, keys, rows[3], at[3]),
    )


@inner_kernel
def _four_of(numbers, first, step):
    """Return four numbers of a list, times ``step``."""
    i = np.uint64(first)
    return (
        np.uint64(numbers[i]) * step,
        np.uint64(numbers[i + np.uint64(1)]) * step,
        np.uint64(numbers[i + np.uint64(2)]) * step,
        np.uint64(numbers[i + np.uint64(3)]) * step,
    )


@inner_kernel
def _note(active, at, first, before, after, count, leaves):
    """Write down where four rows of the list are; return how many are kept: those that move."""
    for j in range(4):
        row = active[first + j]
        leaves[np.uint64(row)] = after[j]
        active[count] = row
        at[count] = after[j]
        count += np.uint64(after[j] != before[j])
    return count


@inner_kernel
def _find_leaves(nodes, features, keys, d, n_rows, levels, active, at, leaves):
    """Set leaves[i] to the leaf of row i in one tree; values that are missing go left.

    ``active`` lists the rows that have not arrived and ``at`` the nodes where they are, with room
    for some more: the first of the list is repeated.
    """
    width, one = np.uint64(d), np.uint64(1)
    for i in range(n_rows):
        active[i] = i
        at[i] = 0
    left = n_rows
    while left > 0:
        count = np.uint64(0)
        end = -(-left // TOGETHER) * TOGETHER
        for i in range(left, end):
            active[i] = active[0]
            at[i] = at[0]
        for first in range(0, end, TOGETHER):
            rows, more_rows = _four_of(active, first, width), _four_of(active, first + 4, width)
            here, more = _four_of(at, first, one), _four_of(at, first + 4, one)
            for _ in range(levels):
                here = _four_below(nodes, features, keys, rows, here)
                more = _four_below(nodes, features, keys, more_rows, more)
            below = _four_below(nodes, features, keys, rows, here)
            count = _note(active, at, first, here, below, count, leaves)
            below = _four_below(nodes, features, keys, more_rows, more)
            count = _note(active, at, first + 4, more, below, count, leaves)
        left = np.int64(count)
        levels = _LEVELS


@inner_kernel
def _find_leaves_one_by_one(nodes, features, missing_right, keys, d, n_rows, leaves):
    """Set leaves[i] to the leaf of row i in one tree; values may be missing."""
    for i in range(n_rows):
        row = np.uint64(i * d)
        before, node = np.uint64(1), np.uint64(0)
        while node != before:
            before = node
            node = _below(nodes, features, keys, row, before)
            if keys[row + _feature(nodes, features, before)] == _MISSING:
                node += np.uint64(missing_right[before])
        leaves[i] = node


@inner_kernel
def _copy(table, width, leaves, n_rows, out):
    """Set ``out`` to what stands at the leaves of some rows."""
    step = np.uint64(width)
    for i in range(n_rows):
        source, target = np.uint64(leaves[i]) * step, np.uint64(i) * step
        for k in range(width):
            out[target + np.uint64(k)] = table[source + np.uint64(k)]


@inner_kernel
def _add(table, width, leaves, n_rows, out):
    """Add what stands at the leaves of some rows to ``out``."""
    step = np.uint64(width)
    for i in range(n_rows):
        source, target = np.uint64(leaves[i]) * step, np.uint64(i) * step
        if width == 2:  # as most forests have it; a loop would take longer than its work
            out[target] += table[source]
            out[target + np.uint64(1)] += table[source + np.uint64(1)]
        else:
            for k in range(width):
                out[target + np.uint64(k)] += table[source + np.uint64(k)]


@allocating_kernel
def add_leaves(
    block_rows, state, nodes, features, missing_right, roots, levels, table, values, in_rows,
    signed, missing, finite, out,
):  # fmt: skip
    """Set each row of ``out`` to the sum of what stands at its leaves, as a member of a team.

    The trees are added in their order, the first is copied.

    Parameters
    ----------
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    nodes, features, missing_right, roots, levels : those of Compact, one by one, which for one row
        is faster than a tuple
    table : IN (n_nodes * width,) int64 or float64, ``width`` numbers a node
    values : IN (n_rows * n_features,) uint32 or uint64, the bits of the rows one after the other,
        or of the columns
    in_rows : bool, which of the two
    signed : IN the same as int32 or int64, of rows, if keys are made on the way, where few of many
        features are asked for and nothing is missing; else empty
    missing : bool, whether X may hold NaN; if not, it goes anywhere
    finite : OUT (n_blocks,) bool, whether all numbers of a block are finite
    out : OUT (n_rows * width,) of the type of ``table``
    """
    trees = Compact(nodes, features, missing_right, roots, levels)
    n_nodes = trees.missing_right.size
    width = table.size // n_nodes
    n_rows = out.size // width
    d = values.size // n_rows
    height = min(block_rows, n_rows)
    direct = signed.size > 0
    keys = np.empty(0 if direct else height * d, values.dtype)
    active, at = np.empty(height + TOGETHER, np.uint32), np.empty(height + TOGETHER, np.uint32)
    leaves = np.empty(height, np.uint32)
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_rows:
            return
        stop = min(start + block_rows, n_rows)
        if direct:
            good = _are_finite(values[start * d : stop * d], trees.nodes)
        else:
            good = _read_keys(values, in_rows, n_rows, d, start, stop, trees.nodes, keys)
        finite[block] = good
        count = stop - start
        for tree in range(trees.roots.size):
            root = trees.roots[tree]
            own = trees.nodes[root * (trees.nodes.size // n_nodes) :]
            asked = trees.features[root * (trees.features.size // n_nodes) :]
            down = trees.levels[tree]
            if direct:
                rows = signed[start * d :]
                _find_leaves(own, asked, rows, d, count, down, active, at, leaves)
            elif count < _FEW_ROWS or (missing and not good):
                _find_leaves_one_by_one(
                    own, asked, trees.missing_right[root:], keys, d, count, leaves
                )
            else:
                _find_leaves(own, asked, keys, d, count, down, active, at, leaves)
            there, here = table[root * width :], out[start * width :]
            if tree == 0:
                _copy(there, width, leaves, count, here)
            else:
                _add(there, width, leaves, count, here)
