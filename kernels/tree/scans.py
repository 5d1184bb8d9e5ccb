"""One walk over a small node's list: the best split of one feature.

Where targets allow it the walk is a few loops the processor takes several rows at a time in, which
leave a score after every row.  Scores are exact or wrong by a known margin: what lies within it of
the best is decided from the integers, by :mod:`fastml.kernels.tree.subtree`.

Scores are not negative, so as integers their bits have the same order; 0 stands for no split.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import inlined_kernel, inner_kernel
from .criterion import add_row, better, decided, score
from .level import allowed
from .problem import GINI, SQUARED_ERROR
from .sorted_lists import CLASS_SHIFT, MISSING, PACKED_CLASSES, RANK_SHIFT

#: How a small node's lists are walked: by any criterion; two classes of weight 1; two classes with
#: weights; up to 16 classes; the same with the class by id, as items picked do not hold it; squared
#: error.
ANY, TWO, TWO_WEIGHTED, CLASSES, CLASSES_BY_ID, SQUARES = range(6)
_MOST_WEIGHT = 1 << 30
_CLASS_MASK = np.uint32(PACKED_CLASSES - 1)
HALF = np.int64(32)
LOW = np.int64(0xFFFFFFFF)
#: The largest of the whole numbers that stand for targets, and of all those of a node together.
_LARGEST, _LARGEST_SUM = 2.0**50, 2.0**62
_RELATIVE = 4e-12


class ScanMemory(NamedTuple):
    """Memory of a walk.

    weights, first, second : (most,) int64, sums up to a row, one element a row of the list
    scores : (most,) float64
    amounts, row_weights : (most,) int64, what a row adds, by its id: see :func:`take_amounts`
    tally : (PACKED_CLASSES,) int64
    left, lacking : (size,) int64
    work : (WORK_ROWS, WIDE) int64
    id_mask : uint32, which bits of an item are the id
    """

    weights: Any
    first: Any
    second: Any
    scores: Any
    amounts: Any
    row_weights: Any
    tally: Any
    left: Any
    lacking: Any
    work: Any
    id_mask: Any


@inner_kernel
def walk_of(targets, limits, total, picked):
    """Return how the lists of a small node are walked, whose items hold the class unless picked."""
    if limits.min_weight_leaf > 0.0:
        return ANY
    if targets.criterion == SQUARED_ERROR:
        return SQUARES if total[0] < _MOST_WEIGHT else ANY
    if targets.criterion != GINI or targets.n_classes > PACKED_CLASSES:
        return ANY
    weight = 0.0
    plain = True
    for k in range(targets.n_classes):
        weight += float(total[k])
        plain = plain and targets.factors[k] == 1
    if weight >= float(_MOST_WEIGHT):
        return ANY
    if targets.n_classes == 2:
        return TWO if plain and targets.weights.size == 0 and not picked else TWO_WEIGHTED
    if not plain:
        return ANY
    return CLASSES_BY_ID if picked else CLASSES


@inner_kernel
def take_amounts(targets, walk, rows, total, memory):
    """Set what the rows of a small node add.

    TWO_WEIGHTED: the weight, and 2**32 times it for the second class.  CLASSES_BY_ID: the class.
    SQUARES: weight * (y - c),
    c near the mean, in units that make the largest 2**50, or less of more than 4096 rows, whose sum
    must not overflow: rounded by less than 1, since the parts of y - c are exact.

    Parameters
    ----------
    rows : IN (n,) int32
    total : IN (size,) int64, their statistics
    memory : ScanMemory, OUT amounts and row_weights
    """
    unit = targets.weights.size == 0
    for i in range(rows.size):
        memory.row_weights[i] = 1 if unit else targets.weights[rows[i]]
    if walk == TWO_WEIGHTED:
        for i in range(rows.size):
            weight = memory.row_weights[i]
            memory.amounts[i] = weight + ((weight << HALF) if targets.classes[rows[i]] else 0)
    if walk == CLASSES_BY_ID:
        for i in range(rows.size):
            memory.amounts[i] = targets.classes[rows[i]]
    if walk != SQUARES:
        return
    high, low = total[1] // total[0], total[2] // total[0]
    largest = 0.0
    for i in range(rows.size):
        a = float(targets.sums[rows[i], 0] - high) * targets.limb
        b = float(targets.sums[rows[i], 1] - low)
        largest = max(largest, (abs(a) + abs(b)) * float(memory.row_weights[i]))
    most = _LARGEST
    while most * float(rows.size) > _LARGEST_SUM:
        most *= 0.5
    scale = most / largest if largest > 0.0 else 0.0
    for i in range(rows.size):
        a = float(targets.sums[rows[i], 0] - high) * targets.limb
        b = float(targets.sums[rows[i], 1] - low)
        memory.amounts[i] = np.int64(np.rint((a + b) * float(memory.row_weights[i]) * scale))


@inner_kernel
def _two(items, total, memory):
    n = items.size
    ones = np.int64(0)
    for i in range(n):
        ones += np.int64((items[i] >> CLASS_SHIFT) & np.uint32(1))
        memory.first[i] = ones
    whole, total_one = float(n), float(total[1])
    for i in range(n - 1):
        a1 = float(memory.first[i])
        w = float(i + 1)
        a0 = w - a1
        b1 = total_one - a1
        v = whole - w
        b0 = v - b1
        value = ((a0 * a0 + a1 * a1) * v + (b0 * b0 + b1 * b1) * w) / (w * v)
        memory.scores[i] = value if (items[i] ^ items[i + 1]) > np.uint32(0xFFFF) else 0.0


@inner_kernel
def _two_weighted(factors, items, total, amounts, id_mask, first, scores):
    n = items.size
    both = np.int64(0)
    for i in range(n):
        both += amounts[np.uint64(items[i] & id_mask)]
        first[i] = both
    f0, f1 = float(factors[0]), float(factors[1])
    total_zero, total_one = total[0], total[1]
    for i in range(n - 1):
        ones = first[i] >> HALF
        zeros = (first[i] & LOW) - ones
        a0, a1 = float(zeros) * f0, float(ones) * f1
        b0, b1 = float(total_zero - zeros) * f0, float(total_one - ones) * f1
        w, v = a0 + a1, b0 + b1
        value = ((a0 * a0 + a1 * a1) * v + (b0 * b0 + b1 * b1) * w) / (w * v)
        scores[i] = value if (items[i] ^ items[i + 1]) > np.uint32(0xFFFF) else 0.0


@inner_kernel
def _class_of(item, by_id, memory):
    if by_id:
        return np.uint64(memory.amounts[np.uint64(item & memory.id_mask)])
    return np.uint64((item >> CLASS_SHIFT) & _CLASS_MASK)


@inner_kernel
def _classes(targets, by_id, items, total, memory):
    """Sums of squares on the left as rows are added; (T - L)**2 = T**2 - 2TL + L**2 on the right.

    All of it in integers, below 2**62.
    """
    n = items.size
    tally = memory.tally
    squares, mixed, weight, whole, all_squares = (
        np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0),
    )  # fmt: skip
    for j in range(targets.n_classes):
        tally[j] = 0
        whole += total[j]
        all_squares += total[j] * total[j]
    if targets.weights.size == 0:
        for i in range(n):
            k = _class_of(items[i], by_id, memory)
            squares += 2 * tally[k] + 1
            mixed += total[k]
            tally[k] += 1
            memory.first[i] = squares
            memory.second[i] = mixed
            memory.weights[i] = i + 1
    else:
        for i in range(n):
            k = _class_of(items[i], by_id, memory)
            row = memory.row_weights[np.uint64(items[i] & memory.id_mask)]
            squares += row * (2 * tally[k] + row)
            mixed += row * total[k]
            tally[k] += row
            weight += row
            memory.first[i] = squares
            memory.second[i] = mixed
            memory.weights[i] = weight
    for i in range(n - 1):
        w, v = float(memory.weights[i]), float(whole - memory.weights[i])
        left = float(memory.first[i])
        right = float(all_squares - 2 * memory.second[i] + memory.first[i])
        value = (left * v + right * w) / (w * v)
        memory.scores[i] = value if (items[i] ^ items[i + 1]) > np.uint32(0xFFFF) else 0.0


@inner_kernel
def _squares(targets, items, memory):
    """Scores less their constant: S**2 W / (w v), S the sum about the node's mean; and 1 besides.

    The 1 is far below the margin.
    """
    n = items.size
    amount, weight = np.int64(0), np.int64(0)
    for i in range(n):
        amount += memory.amounts[np.uint64(items[i] & memory.id_mask)]
        memory.first[i] = amount
    if targets.weights.size == 0:
        weight = np.int64(n)
        for i in range(n):
            memory.weights[i] = i + 1
    else:
        for i in range(n):
            weight += memory.row_weights[np.uint64(items[i] & memory.id_mask)]
            memory.weights[i] = weight
    whole = float(weight)
    mean = float(amount) / whole
    for i in range(n - 1):
        w = float(memory.weights[i])
        apart = float(memory.first[i]) - mean * w
        value = apart * apart * whole / (w * (whole - w)) + 1.0
        memory.scores[i] = value if (items[i] ^ items[i + 1]) > np.uint32(0xFFFF) else 0.0


@inlined_kernel
def score_rows(targets, walk, items, total, memory):
    """Leave in ``memory.scores`` the score of a split after every row but the last.

    Parameters
    ----------
    walk : int, not ANY
    items : IN (n,) uint32, the list, without missing values
    total : IN (size,) int64, statistics of the node
    memory : ScanMemory
    """
    if walk == TWO:
        _two(items, total, memory)
    elif walk == TWO_WEIGHTED:
        _two_weighted(
            targets.factors, items, total, memory.amounts, memory.id_mask, memory.first,
            memory.scores,
        )  # fmt: skip
    elif walk == CLASSES:
        _classes(targets, False, items, total, memory)
    elif walk == CLASSES_BY_ID:
        _classes(targets, True, items, total, memory)
    else:
        _squares(targets, items, memory)


@inner_kernel
def add_rows(targets, walk, rows, items, done, last, memory, left):
    """Add the rows of a list from ``done`` to ``last`` to the statistics left of them.

    Of two classes :func:`score_rows` has left the sums behind.
    """
    if walk == TWO_WEIGHTED:
        left[1] = memory.first[last] >> HALF
        left[0] = (memory.first[last] & LOW) - left[1]
        if targets.weights.size > 0:
            left[2] = last + 1
        return
    for i in range(done, last + 1):
        add_row(targets, np.int64(rows[np.int64(items[i] & memory.id_mask)]), left)


@inner_kernel
def top_score(memory, first, stop):
    """Return the largest score after rows [first, stop), 0 if there is no split."""
    bits = memory.scores.view(np.int64)
    top = np.int64(0)
    for i in range(np.uint64(first), np.uint64(stop)):  # unsigned: see ops.partition
        top = max(top, bits[i])
    bits[stop] = top  # behind the scores in use
    return memory.scores[stop]


@inner_kernel
def doubtful(targets, walk, total, n, top):
    """Return the score from which on a split may be the best, if ``top`` is the largest score.

    SQUARES.  n amounts, each wrong by less than 1 and at most 2**50, make a sum about the mean that
    is wrong by D = 4 n: n for the amounts, n 2**51 2**-53 for each of three roundings.  Since
    w v / W >= 1/2, a score g is wrong by 2 D sqrt(2 g) + 2 D**2 and its own rounding.
    """
    if walk == SQUARES:
        wrong = 4.0 * float(n)
        margin = 2.0 * wrong * math.sqrt(2.0 * top) + 2.0 * wrong * wrong + 1e-14 * top
        return max(top - 2.0 * margin, 0.5)
    return top if decided(targets, total) else top * (1.0 - _RELATIVE)


@inner_kernel
def scan_any(targets, limits, rows, items, total, memory, out):
    """Return the best split by any criterion, with missing values on the right, then on the left.

    Parameters
    ----------
    rows : IN, the rows the list's ids stand for
    items : IN (n,) uint32, the list
    total : IN (size,) int64, statistics of the node
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
        add_row(targets, np.int64(rows[np.int64(items[i] & memory.id_mask)]), lacking)
    best, position, where = -np.inf, -1, 0
    for side in range(2 if known < n else 1):
        for k in range(size):
            left[k] = lacking[k] if side == 1 else 0
        stop = known if known < n and side == 0 else known - 1
        for i in range(stop):
            add_row(targets, np.int64(rows[np.int64(items[i] & memory.id_mask)]), left)
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
