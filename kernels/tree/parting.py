"""A small node's rows in two: what goes left, in lists or as ids."""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel
from ..ops.partition import partition_list
from ..tile import prefetch
from .order import NO_RANK
from .refine import middle
from .sorted_lists import MISSING, RANK_SHIFT

_LOW = np.uint64(0xFFFFFFFF)


@inner_kernel
def mark_left(items, position, lacking_left, id_mask, goes_left):
    """Set goes_left for all ids of a list split after ``position``; return how many do."""
    known = items.size
    while known > 0 and items[known - 1] >> RANK_SHIFT == MISSING:
        known -= 1
    n_left = position + 1
    for i in range(n_left):
        goes_left[np.uint64(items[i] & id_mask)] = 1
    for i in range(n_left, known):
        goes_left[np.uint64(items[i] & id_mask)] = 0
    for i in range(known, items.size):
        goes_left[np.uint64(items[i] & id_mask)] = lacking_left
    return n_left + (items.size - known if lacking_left else 0)


@inner_kernel
def raw_value(table, row, f):
    """Return a value in float64."""
    return float(table.values[np.int64(row) * table.row_step + f * table.column_step])


@inner_kernel
def leaf_of(table, row, base, grown):
    """Return the leaf of a row in a small tree, counted from its root.

    Parameters
    ----------
    base : int, where the nodes of the tree begin
    grown : subtree.Grown
    """
    node = np.int64(0)
    while grown.features[base + node] >= 0:
        at = base + node
        value = raw_value(table, row, np.int64(grown.features[at]))
        left = value <= grown.thresholds[at]
        if np.isnan(value):
            left = grown.sides[at] == 1
        node = node + 1 if left else np.int64(grown.rights[at])
    return node


@inner_kernel
def ask_for_value(table, row, f):
    """Ask for the memory of a value."""
    values = table.values.reshape(1, table.values.size)
    prefetch(values, 0, np.int64(row) * table.row_step + f * table.column_step)


@inner_kernel
def varying(node, work, out):
    """Write the features that vary in a node, and return how many do."""
    count = np.int64(0)
    for j in range(node.features.size):
        f = np.int64(node.features[j])
        if work.lists[f, node.start] >> RANK_SHIFT != work.lists[f, node.stop - 1] >> RANK_SHIFT:
            out[count] = f
            count += 1
    return count


@inner_kernel
def part_lists(table, rows, node, split, features, work):
    """Part the lists of a node by its split.

    Parameters
    ----------
    split : Best
    features : IN (n,) int32, whose lists are parted

    Returns
    -------
    threshold : float
    side : int, where missing values go
    n_left : int
    """
    feature, position, side = split.feature, split.position, split.side
    id_mask = work.scan.id_mask
    items = work.lists[feature, node.start : node.stop]
    last = items[position]
    after = items[min(position + 1, items.size - 1)]
    bounded = position + 1 < items.size and after >> RANK_SHIFT != MISSING
    last, after = rows[np.uint64(last & id_mask)], rows[np.uint64(after & id_mask)]
    ask_for_value(table, last, feature)
    ask_for_value(table, after, feature)
    n_left = mark_left(items, position, side == 1, id_mask, work.goes_left)
    if side == 0 and items[items.size - 1] >> RANK_SHIFT != MISSING:
        side = 1 if n_left > items.size - n_left else 0
    for j in range(features.size):
        part = work.lists[np.int64(features[j]), node.start : node.stop]
        partition_list(part, id_mask, work.goes_left, work.spare)
    threshold = np.inf
    if bounded:
        threshold = middle(raw_value(table, last, feature), raw_value(table, after, feature))
    return threshold, side, n_left


@inner_kernel
def _neighbours(keys, cut):
    """Return the largest key up to ``cut``, the smallest above and the largest of all."""
    last, after, highest = np.uint32(0), NO_RANK, np.uint32(0)
    for i in range(np.uint64(keys.size)):
        key = keys[i]
        last = max(last, key if key <= cut else np.uint32(0))
        after = min(after, NO_RANK if key <= cut else key)
        highest = max(highest, key)
    return last, after, highest


@inner_kernel
def _part_ids(ids, keys, cut, side, spare):
    """Move ids of keys up to ``cut`` to the front, and those of missing ones if ``side`` is 1.

    Returns
    -------
    n_left : int
    pair : uint64, ids of the largest key up to ``cut`` and of the smallest above, all ones for none
    highest : uint32, the largest key
    """
    last, after, highest = _neighbours(keys, cut)
    front, behind, one = np.uint64(0), np.uint64(0), np.uint64(1)
    lower, upper = np.uint32(0), NO_RANK
    lacking = np.uint64(side == 1 and highest == NO_RANK)
    for i in range(np.uint64(ids.size)):
        number, key = ids[i], keys[i]
        lower = number if key == last else lower
        upper = number if key == after else upper
        left = np.uint64(key <= cut)
        if lacking:
            left |= np.uint64(key == NO_RANK)
        ids[front] = number
        spare[behind] = number
        front += left
        behind += one - left
    for i in range(behind):
        ids[front + i] = spare[i]
    upper = NO_RANK if after == NO_RANK else upper
    return np.int64(front), (np.uint64(lower) << np.uint64(32)) | np.uint64(upper), highest


@inner_kernel
def part_drawn(ids, keys, split, spare):
    """Part the ids of a node by its split.

    Parameters
    ----------
    ids, keys : (n,) uint32, of the node, and their ranks
    split : Best
    spare : OUT uint32, at least n elements

    Returns
    -------
    pair : int64, the ids of the rows the threshold is between, the upper one NOTHING for none
    side : int, where missing values go
    n_left : int
    """
    side, n = split.side, ids.size
    cut = np.uint32(split.position)
    n_left, pair, highest = _part_ids(ids, keys, cut, side, spare)
    if side == 0 and highest != NO_RANK:
        side = 1 if n_left > n - n_left else 0
    return np.int64(pair), side, n_left


@inner_kernel
def set_thresholds(table, rows, features, thresholds):
    """Set the thresholds of some nodes where :func:`part_drawn` has left what they are between.

    All at once, so that one read of X need not wait for the one before.

    Parameters
    ----------
    rows : IN int32, the row an id stands for
    features : IN (n_nodes,) int32, negative for leaves, which are left alone
    thresholds : IN/OUT (n_nodes,) float64, the bits of pairs
    """
    pairs = thresholds.view(np.int64)
    for i in range(features.size):
        if features[i] < 0:
            continue
        f, pair = np.int64(features[i]), np.uint64(pairs[i])
        upper = pair & _LOW
        if upper == _LOW:
            thresholds[i] = np.inf
            continue
        below, above = rows[pair >> np.uint64(32)], rows[upper]
        thresholds[i] = middle(raw_value(table, below, f), raw_value(table, above, f))
