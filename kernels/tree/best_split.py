"""The best split of a small node, over its features.

First the best score of every feature; then, of the features and rows that may be the best, what the
integers say.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import inlined_kernel, inner_kernel
from .criterion import better, score
from .scans import ANY, add_rows, doubtful, scan_any, score_rows, top_score
from .sorted_lists import MISSING, RANK_SHIFT


class Node(NamedTuple):
    """A node about to be split.

    start, stop : int, where it is in the lists
    walk : int, how lists are walked
    total : (size,) int64
    features : (n,) int32, those that may vary
    """

    start: Any
    stop: Any
    walk: int
    total: Any
    features: Any


class Best(NamedTuple):
    """The best split so far: its statistics on the left are in ``scratch.best``.

    score : float, -inf for none
    feature : int, -1 for none; slot : int, where it is among the node's
    position : int, the last row of the list on the left, or the largest rank there
    side : 1 where missing values go left
    """

    score: Any
    feature: Any
    slot: Any
    position: Any
    side: Any


@inlined_kernel
def is_better(targets, total, value, f, position, best, scratch):
    """Whether a split by feature f, its statistics in ``scratch.inside``, beats the best so far."""
    if best.feature < 0:
        return value > -np.inf
    verdict = better(targets, total, value, scratch.inside, best.score, scratch.best, scratch.work)
    if verdict == 0:
        return f < best.feature or (f == best.feature and position < best.position)
    return verdict > 0


@inner_kernel
def keep(value, f, slot, position, side, scratch):
    """Return a split as the best so far."""
    for k in range(scratch.best.size):
        scratch.best[k] = scratch.inside[k]
    return Best(value, f, np.int64(slot), np.int64(position), np.int64(side))


@inner_kernel
def range_of(limits, n):
    """Return after which rows [first, stop) of n a split leaves enough on both sides."""
    least = max(limits.min_samples_leaf, 1)
    return least - 1, n - least


@inlined_kernel
def settle(targets, limits, rows, items, keys, node, slot, least, best, work):
    """Return the best of the best so far and a list's splits of scores from ``least`` on.

    Parameters
    ----------
    rows : IN, the rows the list's ids stand for
    items : IN (n,) uint32, the list
    keys : IN (n,) uint32, the rank of each id: a split's position is then the largest on the left;
        or empty, and it is the last row there
    """
    f, n = np.int64(node.features[slot]), node.stop - node.start
    first, stop = range_of(limits, n)
    score_rows(targets, node.walk, items, node.total, work.scan)
    left = work.scratch.inside
    for k in range(targets.size):
        left[k] = 0
    done = np.int64(0)
    for i in range(first, stop):
        if work.scan.scores[i] < least:
            continue
        add_rows(targets, node.walk, rows, items, done, i, work.scan, left)
        done = np.int64(i + 1)
        value = score(targets, left, node.total)
        cut = np.int64(i)
        if keys.size > 0:
            cut = np.int64(keys[np.uint64(items[i] & work.scan.id_mask)])
        if is_better(targets, node.total, value, f, cut, best, work.scratch):
            best = keep(value, f, slot, cut, 0, work.scratch)
    return best


@inlined_kernel
def find_split(targets, limits, rows, node, work):
    """Return the best split of a node, a Best.

    Parameters
    ----------
    rows : IN, the rows the lists' ids stand for
    node : Node
    work : Workspace, its lists ready
    """
    n = node.stop - node.start
    first, stop = range_of(limits, n)
    best = Best(-np.inf, np.int64(-1), np.int64(-1), np.int64(-1), np.int64(0))
    top = 0.0
    for j in range(node.features.size):
        f = np.int64(node.features[j])
        items = work.lists[f, node.start : node.stop]
        work.tops[j] = 0.0
        if items[0] >> RANK_SHIFT == items[n - 1] >> RANK_SHIFT or first >= stop:
            continue
        if node.walk != ANY and items[n - 1] >> RANK_SHIFT != MISSING:
            score_rows(targets, node.walk, items, node.total, work.scan)
            work.tops[j] = top_score(work.scan, first, stop)
            top = max(top, work.tops[j])
            continue
        value, at, side = scan_any(
            targets, limits, rows, items, node.total, work.scan, work.scratch.inside
        )
        if at >= 0 and is_better(targets, node.total, value, f, at, best, work.scratch):
            best = keep(value, f, j, at, side, work.scratch)
    if top == 0.0:
        return best
    least = doubtful(targets, node.walk, node.total, n, top)
    for j in range(node.features.size):
        if work.tops[j] >= least:
            items = work.lists[np.int64(node.features[j]), node.start : node.stop]
            keys = work.spare[:0]
            best = settle(targets, limits, rows, items, keys, node, j, least, best, work)
    return best
