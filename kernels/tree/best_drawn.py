"""The best split of a node that draws the features it looks at: they are sorted for it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import inner_kernel
from .best_split import Best, is_better, keep, range_of, settle
from .drawn import PLACE_MASK, extent, sort_keys, take_keys
from .draws import draw_one
from .order import NO_RANK
from .scans import ANY, doubtful, scan_any, score_rows, top_score


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
def _make_list(node, slot, low, high, work):
    """Sort the rows of a node by the feature of a slot, and have ready what they add."""
    drawing, scan = work.drawing, work.scan
    n = node.stop - node.start
    ids = drawing.ids[node.start : node.stop]
    for i in range(np.uint64(n)):
        number = np.uint64(ids[i])
        work.rows[i] = drawing.rows[number]
        scan.amounts[i] = drawing.amounts[number]
        scan.row_weights[i] = drawing.weights[number]
    sort_keys(drawing.keys[slot, :n], low, high, drawing.sorting, work.lists[slot, :n])


@inner_kernel
def find_drawn_split(targets, limits, ranks, node, work):
    """Return the best split of a node, a Best, its position the largest rank on the left.

    Parameters
    ----------
    ranks : Ranks
    node : DrawnNode
    work : Workspace
    """
    drawing, scratch = work.drawing, work.scratch
    n = node.stop - node.start
    ids = drawing.ids[node.start : node.stop]
    first, stop = range_of(limits, n)
    best = Best(-np.inf, np.int64(-1), np.int64(-1), np.int64(-1), np.int64(0))
    top, looked = 0.0, 0
    take_keys(ranks, ids, node.features[: node.most], drawing.keys)
    for j in range(node.features.size):
        if j >= node.most and (best.feature >= 0 or top > 0.0):
            break
        if j >= node.most:
            draw_one(node.key, node.features, j)
            take_keys(ranks, ids, node.features[j : j + 1], drawing.keys[j:])
        looked = j + 1
        f = np.int64(node.features[j])
        low, high = extent(drawing.keys[j, :n])
        work.tops[j] = 0.0
        if low == high or first >= stop:
            continue
        _make_list(node, j, low, high, work)
        items = work.lists[j, :n]
        if node.walk != ANY and high != NO_RANK:
            score_rows(targets, node.walk, items, node.total, work.scan)
            work.tops[j] = top_score(work.scan, first, stop)
            top = max(top, work.tops[j])
            continue
        value, at, side = scan_any(
            targets, limits, work.rows, items, node.total, work.scan, scratch.inside
        )
        if at >= 0:
            cut = np.int64(drawing.keys[j, np.uint64(items[at] & PLACE_MASK)])
            if is_better(targets, node.total, value, f, cut, best, scratch):
                best = keep(value, f, j, cut, side, scratch)
    if top == 0.0:
        return best
    least = doubtful(targets, node.walk, node.total, n, top)
    for j in range(looked):
        if work.tops[j] >= least:
            items, keys = work.lists[j, :n], drawing.keys[j, :n]
            best = settle(targets, limits, work.rows, items, keys, node, j, least, best, work)
    return best
