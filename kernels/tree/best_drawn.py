"""The best split of a node that draws the features it looks at: they are sorted for it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import inner_kernel
from .best_split import Best, is_better, keep, range_of, settle
from .criterion import add_row, score
from .drawn import PLACE_MASK, extent, sort_keys, take_keys
from .draws import draw_one
from .order import NO_RANK
from .scans import (
    ANY,
    CLASSES_BY_ID,
    HALF,
    LOW,
    TWO_WEIGHTED,
    doubtful,
    scan_any,
    score_rows,
    top_score,
)


class DrawnNode(NamedTuple):
    """A node about to be split.

    start, stop : int, where its ids are
    walk : int, how lists are walked
    total : (size,) int64
    features : (n,) int32, all of them; the first ``most`` are those drawn
    most : int, how many it looks at: more are drawn only until a split is found
    key : uint64, for draws
    """

    start: Any
    stop: Any
    walk: int
    total: Any
    features: Any
    most: int
    key: Any


@inner_kernel
def _take_rows(ids, work):
    """Have ready what the rows of a node add, in the order of its ids."""
    drawing, scan = work.drawing, work.scan
    for i in range(np.uint64(ids.size)):
        number = np.uint64(ids[i])
        work.rows[i] = drawing.rows[number]
        scan.amounts[i] = drawing.amounts[number]
        scan.row_weights[i] = drawing.weights[number]


@inner_kernel
def _left_of_two(targets, walk, rows, keys, low, memory, out):
    """Set out to the statistics of the rows whose key is ``low``, and return how many there are."""
    for k in range(targets.size):
        out[k] = 0
    count = np.int64(0)
    if walk == TWO_WEIGHTED:
        both = np.int64(0)
        for i in range(np.uint64(keys.size)):
            taken = np.int64(keys[i] == low)
            both += taken * memory.amounts[i]
            count += taken
        out[1] = both >> HALF
        out[0] = (both & LOW) - out[1]
    elif walk == CLASSES_BY_ID:
        for i in range(np.uint64(keys.size)):
            taken = np.int64(keys[i] == low)
            out[np.uint64(memory.amounts[i])] += taken * memory.row_weights[i]
            count += taken
    else:
        for i in range(np.uint64(keys.size)):
            if keys[i] == low:
                add_row(targets, np.int64(rows[i]), out)
                count += 1
        return count
    if targets.weights.size > 0:
        out[targets.size - 1] = count
    return count


@inner_kernel
def find_drawn_split(targets, limits, ranks, node, work):
    """Return the best split of a node, a Best, its position the largest rank on the left.

    A feature of two values is not sorted: there is one way to part its rows.

    Parameters
    ----------
    ranks : Ranks
    node : DrawnNode
    work : Workspace
    """
    drawing, scan, inside = work.drawing, work.scan, work.scratch.inside
    n = node.stop - node.start
    ids = drawing.ids[node.start : node.stop]
    first, stop = range_of(limits, n)
    best = Best(-np.inf, np.int64(-1), np.int64(-1), np.int64(-1), np.int64(0))
    top, looked, ready = 0.0, 0, False
    take_keys(ranks, ids, node.features[: node.most], drawing.keys)
    for j in range(node.features.size):
        if j >= node.most and (best.feature >= 0 or top > 0.0):
            break
        if j >= node.most:
            draw_one(node.key, node.features, j)
            take_keys(ranks, ids, node.features[j : j + 1], drawing.keys[j:])
        looked = j + 1
        f = np.int64(node.features[j])
        keys = drawing.keys[j, :n]
        low, high = extent(keys)
        work.tops[j] = 0.0
        if low == high or first >= stop:
            continue
        if not ready:
            _take_rows(ids, work)
            ready = True
        value, cut, side = -np.inf, np.int64(low), 0
        if high - low == 1 and limits.min_weight_leaf <= 0.0:
            last = _left_of_two(targets, node.walk, work.rows, keys, low, scan, inside) - 1
            if first <= last < stop:
                value = score(targets, inside, node.total)
        else:
            items = work.lists[j, :n]
            sort_keys(keys, low, high, drawing.sorting, items)
            if node.walk != ANY and high != NO_RANK:
                score_rows(targets, node.walk, items, node.total, scan)
                work.tops[j] = top_score(scan, first, stop)
                top = max(top, work.tops[j])
                continue
            value, at, side = scan_any(
                targets, limits, work.rows, items, node.total, scan, inside
            )  # fmt: skip
            if at >= 0:
                cut = np.int64(keys[np.uint64(items[at] & PLACE_MASK)])
        if is_better(targets, node.total, value, f, cut, best, work.scratch):
            best = keep(value, f, j, cut, side, work.scratch)
        if node.walk == TWO_WEIGHTED or node.walk == CLASSES_BY_ID:  # by the same formula
            top = max(top, value)
    if top == 0.0:
        return best
    least = doubtful(targets, node.walk, node.total, n, top)
    for j in range(looked):
        if work.tops[j] >= least:
            items, keys = work.lists[j, :n], drawing.keys[j, :n]
            best = settle(targets, limits, work.rows, items, keys, node, j, least, best, work)
    return best
