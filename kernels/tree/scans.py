"""One walk over a small node's list: the best split of one feature."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import inner_kernel
from .criterion import add_row, better, score
from .level import allowed
from .sorted_lists import CLASS_SHIFT, ID_MASK, MISSING, RANK_SHIFT


class ScanMemory(NamedTuple):
    """Memory of a walk: counts and scores of its rows, statistics, numbers for comparisons."""

    counts: Any
    scores: Any
    left: Any
    lacking: Any
    work: Any


@inner_kernel
def scan_two_classes(items, n_zero, n_one, min_leaf, least, memory):
    """Return the best score by gini of rows of weight 1 in two classes, and after which row.

    Three loops without a branch each: the counts on the left, the scores, their maximum.  Scores
    are not negative, so as integers their bits have the same order.

    Parameters
    ----------
    items : IN (n,) uint32, the list; n at most 2048, which makes the order of scores exact
    n_zero, n_one : int64, rows of each class
    min_leaf : int
    least : float, a score below it need not be found
    memory : ScanMemory

    Returns
    -------
    score : float, -inf if there is no split
    position : int, -1 if there is none, or none of ``least``
    """
    n = items.size
    counts, scores = memory.counts, memory.scores
    ones = np.int32(0)
    for i in range(n):
        ones += np.int32((items[i] >> CLASS_SHIFT) & np.uint32(1))
        counts[i] = ones
    total, total_one = float(n), float(n_one)
    for i in range(n - 1):
        a1 = float(counts[i])
        w = float(i + 1)
        a0 = w - a1
        b1 = total_one - a1
        v = total - w
        b0 = v - b1
        value = ((a0 * a0 + a1 * a1) * v + (b0 * b0 + b1 * b1) * w) / (w * v)
        scores[i] = value if (items[i] ^ items[i + 1]) > np.uint32(0xFFFF) else 0.0
    bits = scores.view(np.int64)
    top = np.int64(0)
    first, stop = max(min_leaf, 1) - 1, n - max(min_leaf, 1)
    for i in range(first, stop):
        top = max(top, bits[i])
    if top == 0:
        return -np.inf, -1
    position = -1
    limit = np.int64(0)
    if least > 0.0:
        scores[n - 1] = least
        limit = bits[n - 1]
    if top >= limit:
        for i in range(first, stop):
            if bits[i] == top:
                position = i
                break
        return scores[position], position
    return -np.inf, -1


@inner_kernel
def scan_any(targets, limits, rows, items, total, least, memory, out):
    """Return the best split by any criterion, with missing values on the right, then on the left.

    Parameters
    ----------
    rows : IN, the rows the list's ids stand for
    items : IN (n,) uint32, the list
    total : IN (size,) int64, statistics of the node
    least : float
    memory : ScanMemory
    out : OUT (size,) int64, statistics on the left

    Returns
    -------
    score, position, side : -1 for no position if there is no split
    """
    n = items.size
    size = targets.size
    left, lacking = memory.left, memory.lacking
    known = n
    while known > 0 and items[known - 1] >> RANK_SHIFT == MISSING:
        known -= 1
    for k in range(size):
        lacking[k] = 0
    for i in range(known, n):
        add_row(targets, np.int64(rows[np.int64(items[i] & ID_MASK)]), lacking)
    best, position, where = -np.inf, -1, 0
    for side in range(2 if known < n else 1):
        for k in range(size):
            left[k] = lacking[k] if side == 1 else 0
        stop = known if known < n and side == 0 else known - 1
        for i in range(stop):
            add_row(targets, np.int64(rows[np.int64(items[i] & ID_MASK)]), left)
            if i + 1 < n and items[i] >> RANK_SHIFT == items[i + 1] >> RANK_SHIFT:
                continue
            if not allowed(targets, limits, total, left):
                continue
            value = score(targets, left, total)
            if value > -np.inf and better(targets, total, value, left, best, out, memory.work) > 0:
                best, position, where = value, i, side
                for k in range(size):
                    out[k] = left[k]
    return best, position, where
