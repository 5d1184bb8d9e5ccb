"""The best split of a node by two classes, where it looks at a few features: nothing is sorted.

What a row adds is one whole number, its *part*: 1, its weight, and its weight if it is of the
second class, side by side.  So is a sum of them, as long as none of the three overflows.

- Of few rows every one is compared with every other: a vector at a time, that is less than to sort.
- Of more, parts are added up in bins of the feature's ranks, which leaves the splits between bins.
  Those inside a bin are looked at where a bound says that one may be the best: gini is convex in
  the sums on the left, so inside a bin it is at most what it is at the corners of the box between
  the sums before the bin and behind it.  Two corners are the edges; the others are bounds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, inner_kernel
from ..tile import (
    as_floats,
    broadcast,
    fill,
    lane_maximum,
    lanes,
    load,
    lowest_bit,
    mask_bits,
    select,
    select_less,
    store,
    widen,
)
from .best_split import Best, is_better, keep, range_of
from .criterion import score
from .drawn import PLACE_MASK, SPARE, extent, take_keys
from .draws import draw_one
from .order import NO_RANK
from .scans import TWO_WEIGHTED, doubtful
from .sorted_lists import SortMemory, sort_by_value

#: Nodes of so few rows try a split after every row, others count them in bins: so many at most.
FEW_ROWS, MOST_BINS = 96, 2048
#: Bits of a weight in a part, and in one of few rows: nodes weigh less than that.  Above two
#: weights 17 bits are left for rows, of which a root has fewer than 2**16, and 7 for few rows.
BITS, FEW_BITS = 23, 12
#: A bin has so many rows on average, but for a factor of two; so many bins at least.
_ROWS_A_BIN, _LEAST_BINS = 4, 16
#: The feature of a split that could not be found here.
NOT_COUNTED = -2
_LAST_KEY = np.uint32(0x7FFFFFFF)
_HALF, _LOW = np.int64(32), np.int64(0xFFFFFFFF)


class Counting(NamedTuple):
    """Memory of a member; a slot is a feature a node looks at.

    amounts : (n_ids,) int64, parts by id
    parts : (most,) int64, of the node at hand; few_parts : (FEW_ROWS,) int32, the same for few
    few_sums : (n_features, FEW_ROWS + SPARE) int32, by slot, sums up to each of few rows
    bins : (n_features, MOST_BINS + SPARE) int64, by slot, sums before each bin
    scores : as ``bins``, float64, of the splits after each row or bin
    shapes : (n_features, 3) int64, by slot, where bins begin, the shift, how many; 0 for few rows
    tops : (n_features,) float64, by slot, the best score
    alive : (MOST_BINS + SPARE,) uint8, whether a bin is looked into
    places : (most,) uint32, of rows in such bins; sorting : SortMemory, its values uint32
    """

    amounts: Any
    parts: Any
    few_parts: Any
    few_sums: Any
    bins: Any
    scores: Any
    shapes: Any
    tops: Any
    alive: Any
    places: Any
    sorting: SortMemory


@allocating_inner_kernel
def new_counting(d, most, n_ids):
    """Return memory for roots of ``most`` rows at most."""
    few = FEW_ROWS + SPARE
    return Counting(
        np.empty(n_ids, np.int64), np.empty(most, np.int64), np.empty(few, np.int32),
        np.empty((d, few), np.int32),
        np.empty((d, MOST_BINS + SPARE), np.int64), np.empty((d, MOST_BINS + SPARE), np.float64),
        np.empty((d, 3), np.int64), np.empty(d, np.float64), np.empty(MOST_BINS + SPARE, np.uint8),
        np.empty(most, np.uint32),
        SortMemory(
            np.empty(most, np.uint32), np.empty(most, np.uint32), np.empty(most, np.uint32),
            np.empty(1, np.uint32), PLACE_MASK,
        ),
    )  # fmt: skip


class CountedNode(NamedTuple):
    """A node about to be split.

    total : (size,) int64
    features : (n,) int32, all of them; the first ``most`` are those drawn
    most : int, how many it looks at: more are drawn only until a split is found
    key : uint64, for draws
    """

    total: Any
    features: Any
    most: int
    key: Any


@inner_kernel
def part_of(weight, is_second):
    """Return the part of a row."""
    of_second = weight if is_second else np.int64(0)
    return (np.int64(1) << np.int64(2 * BITS)) | (weight << np.int64(BITS)) | of_second


@inner_kernel
def _unpack(part, bits, out):
    """Write a sum of parts as statistics."""
    mask = (np.int64(1) << np.int64(bits)) - np.int64(1)
    out[1] = part & mask
    out[0] = ((part >> np.int64(bits)) & mask) - out[1]
    if out.size > 2:
        out[2] = part >> np.int64(2 * bits)


@inner_kernel
def _weights_of(parts, bits):
    """Return the weights of the two classes, given sums of parts: tiles of int64, of float64."""
    mask = np.int64((1 << bits) - 1)
    ones = parts & mask
    return as_floats(((parts >> np.int64(bits)) & mask) - ones), as_floats(ones)


@inner_kernel
def _scores_of(factors, total, zeros, ones):
    """Return the scores of splits with these weights on the left, tiles of float64."""
    f0, f1 = float(factors[0]), float(factors[1])
    a0, a1 = zeros * f0, ones * f1
    b0, b1 = (zeros * -1.0 + float(total[0])) * f0, (ones * -1.0 + float(total[1])) * f1
    w, v = a0 + a1, b0 + b1
    return ((a0 * a0 + a1 * a1) * v + (b0 * b0 + b1 * b1) * w) / (w * v)


@inner_kernel
def _score_tile(factors, total, least, n, bits, parts):
    """Return the scores of splits with these sums on the left, 0 where a side has too few rows."""
    zeros, ones = _weights_of(parts, bits)
    found = _scores_of(factors, total, zeros, ones)
    rows = parts >> np.int64(2 * bits)
    return select((rows >= np.int64(least)) & (rows <= np.int64(n - least)), found, 0.0)


@inner_kernel
def _try_few(factors, total, least, n, keys, parts, sums, scores):
    """Set the sums up to each of few rows, and the scores of the splits; return the largest.

    Parameters
    ----------
    least : int, rows either side must keep; n : int, of the node
    keys : IN (n + SPARE,) int32; parts : IN (n,) int32
    sums : OUT (n + SPARE,) int32; scores : OUT (n + SPARE,) float64
    """
    width = lanes(keys)
    if n <= width:
        here, so_far = load(keys, 0, 0, 1, 1), fill(keys, 0, 1, 1)
        for j in range(n):
            more = so_far + broadcast(parts, j, 0, 1, 1)
            so_far = select(broadcast(keys, j, 0, 1, 1) <= here, more, so_far)
        store(sums, 0, 0, so_far)
        found = _score_tile(factors, total, least, n, FEW_BITS, widen(so_far))
        store(scores, 0, 0, found)
        return lane_maximum(found)
    top = fill(scores, 0.0, 4, 1)
    for first in range(0, n, 2 * width):
        both, sums_so_far = load(keys, first, 0, 2, 1), fill(keys, 0, 2, 1)
        for j in range(n):
            added = sums_so_far + broadcast(parts, j, 0, 2, 1)
            sums_so_far = select(broadcast(keys, j, 0, 2, 1) <= both, added, sums_so_far)
        store(sums, first, 0, sums_so_far)
        values = _score_tile(factors, total, least, n, FEW_BITS, widen(sums_so_far))
        store(scores, first, 0, values)
        top = select_less(top, values, values, top)
    return lane_maximum(top)


@inner_kernel
def _count_in_bins(keys, low, high, parts, bins):
    """Set the sums before each bin; return by how much ranks are shifted, and how many bins.

    Parameters
    ----------
    keys : IN (n,) uint32; low, high : the smallest and the largest
    parts : IN (n,) int64
    bins : OUT (MOST_BINS + SPARE,) int64; behind the last stands the sum of all, for whole vectors
    """
    n = keys.size
    extent, shift = np.int64(high - low), np.uint32(0)
    most = min(max(n // _ROWS_A_BIN, _LEAST_BINS), MOST_BINS)
    if extent >= min(2 * n, MOST_BINS):
        while (extent >> np.int64(shift)) >= most:
            shift += np.uint32(1)
    n_bins = (extent >> np.int64(shift)) + 1
    end = np.uint64(n_bins + 1)
    for i in range(end):
        bins[i] = 0
    behind = bins[1:]
    for i in range(np.uint64(n)):
        behind[np.uint64((keys[i] - low) >> shift)] += parts[i]
    so_far = np.int64(0)
    for i in range(np.uint64(1), end):
        so_far += bins[i]
        bins[i] = so_far
    for i in range(end, end + np.uint64(lanes(bins))):
        bins[i] = so_far
    return np.int64(shift), n_bins


@inner_kernel
def _score_bins(factors, total, least, n, n_bins, bins, scores):
    """Set the scores of the splits behind each bin, and return the largest."""
    top = fill(scores, 0.0, 1, 1)
    for first in range(0, n_bins, lanes(scores)):
        parts = load(bins, first + 1, 0, 1, 1)
        found = _score_tile(factors, total, least, n, BITS, parts)
        store(scores, first, 0, found)
        top = select_less(top, found, found, top)
    return lane_maximum(top)


@inner_kernel
def _find_alive(factors, total, n_bins, bins, least, alive):
    """Set which bins may have a split of a score of ``least`` inside; return whether there are any.

    Where a side is empty at a corner, its score is no number: then the other corner is an edge
    of at least that score.
    """
    any_alive = False
    for first in range(0, n_bins, lanes(bins)):
        before, behind = load(bins, first, 0, 1, 1), load(bins, first + 1, 0, 1, 1)
        a_zeros, a_ones = _weights_of(before, BITS)
        b_zeros, b_ones = _weights_of(behind, BITS)
        good = _scores_of(factors, total, b_zeros, a_ones) >= least
        good = good | (_scores_of(factors, total, a_zeros, b_ones) >= least)
        several = ((behind - before) >> np.int64(2 * BITS)) > np.int64(1)
        bits = mask_bits(good & several)
        if bits != 0 and not any_alive:
            any_alive = True
            for i in range(n_bins):
                alive[i] = 0
        while bits != 0:
            alive[first + lowest_bit(bits)] = 1
            bits &= bits - 1
    return any_alive


@inner_kernel
def _collect_alive(keys, low, shift, alive, values, places):
    """Write the ranks of rows in bins that are alive, and where they stand; return how many."""
    count, by = np.uint64(0), np.uint32(shift)
    for i in range(np.uint64(keys.size)):
        values[count] = keys[i]
        places[count] = i
        count += np.uint64(alive[np.uint64((keys[i] - low) >> by)])
    return np.int64(count)


@inner_kernel
def _settle_few(targets, node, slot, keys, least, best, counting, scratch):
    """Return the best of the best so far and the splits of scores from ``least`` on."""
    f = np.int64(node.features[slot])
    for i in range(keys.size):
        if counting.scores[slot, i] < least:
            continue
        _unpack(np.int64(counting.few_sums[slot, i]), FEW_BITS, scratch.inside)
        value = score(targets, scratch.inside, node.total)
        cut = np.int64(keys[i])
        if is_better(targets, node.total, value, f, cut, best, scratch):
            best = keep(value, f, slot, cut, 0, scratch)
    return best


@inner_kernel
def _settle_edges(targets, node, slot, least, best, counting, scratch):
    """Return the best of the best so far and splits between bins of scores from ``least`` on."""
    f = np.int64(node.features[slot])
    low, shift = counting.shapes[slot, 0], counting.shapes[slot, 1]
    for i in range(counting.shapes[slot, 2]):
        if counting.scores[slot, i] < least:
            continue
        _unpack(counting.bins[slot, i + 1], BITS, scratch.inside)
        value, cut = score(targets, scratch.inside, node.total), low + ((i + 1) << shift) - 1
        if is_better(targets, node.total, value, f, cut, best, scratch):
            best = keep(value, f, slot, cut, 0, scratch)
    return best


@inner_kernel
def _look_inside(targets, limits, node, slot, keys, least, best, counting, scratch):
    """Return the best of the best so far and the splits inside bins that are alive."""
    f, n, sorting = np.int64(node.features[slot]), keys.size, counting.sorting
    low, shift = np.uint32(counting.shapes[slot, 0]), counting.shapes[slot, 1]
    bins = counting.bins[slot]
    count = _collect_alive(keys, low, shift, counting.alive, sorting.values, counting.places)
    values, places = sorting.values[:count], counting.places[:count]
    sort_by_value(places, values, sorting)
    first, stop = range_of(limits, n)
    number, so_far = np.int64(-1), np.int64(0)
    for i in range(count):
        held = np.int64((values[i] - low) >> np.uint32(shift))
        if held != number:
            number, so_far = held, bins[held]
        so_far += counting.parts[np.uint64(places[i])]
        rows = (so_far >> np.int64(2 * BITS)) - 1
        if (i + 1 < count and values[i + 1] == values[i]) or rows < first or rows >= stop:
            continue
        _unpack(so_far, BITS, scratch.inside)
        value, cut = score(targets, scratch.inside, node.total), np.int64(values[i])
        if value >= least and is_better(targets, node.total, value, f, cut, best, scratch):
            best = keep(value, f, slot, cut, 0, scratch)
    return best


@inner_kernel
def _take_parts(amounts, ids, few, parts, few_parts):
    """Set the parts of a node's rows."""
    if few:
        mask, shift = np.int64((1 << FEW_BITS) - 1), np.int64(FEW_BITS)
        for i in range(np.uint64(ids.size)):
            part = amounts[np.uint64(ids[i])]
            weight = (part >> np.int64(BITS)) & mask
            few_parts[i] = np.int32((((np.int64(1) << shift) | weight) << shift) | (part & mask))
        return
    for i in range(np.uint64(ids.size)):
        parts[i] = amounts[np.uint64(ids[i])]


@inner_kernel
def find_counted_split(targets, limits, node, ranks, ids, keys, counting, scratch):
    """Return the best split of a node, a Best: its position is the largest rank on the left.

    Parameters
    ----------
    node : CountedNode
    ranks : Ranks, IN
    ids : IN (n,) uint32, its rows
    keys : OUT (n_features, most + SPARE) uint32, by slot, their ranks
    counting : Counting; scratch : Scratch

    Returns
    -------
    best : Best, its feature NOT_COUNTED if there are missing values, or if all splits that leave
        enough on both sides are inside bins
    """
    n, total, tops, shapes = ids.size, node.total, counting.tops, counting.shapes
    factors = targets.factors
    first, _ = range_of(limits, n)
    weight = total[0] + total[1]
    few = n <= FEW_ROWS and weight < 1 << FEW_BITS
    best = Best(-np.inf, np.int64(-1), np.int64(-1), np.int64(-1), np.int64(0))
    unable = Best(-np.inf, np.int64(NOT_COUNTED), np.int64(-1), np.int64(-1), np.int64(0))
    if weight >= 1 << BITS:
        return unable
    _take_parts(counting.amounts, ids, few, counting.parts, counting.few_parts)
    take_keys(ranks, ids, node.features[: node.most], keys)
    top, top_slot, looked = 0.0, 0, 0
    for j in range(node.features.size):
        if j >= node.most and top > 0.0:
            break
        if j >= node.most:
            draw_one(node.key, node.features, j)
            take_keys(ranks, ids, node.features[j : j + 1], keys[j:])
        looked = j + 1
        own = keys[j, :n]
        low, high = extent(own)
        tops[j] = 0.0
        if high == NO_RANK:
            return unable
        if low == high:
            continue
        if few:
            for i in range(n, n + SPARE):
                keys[j, i] = _LAST_KEY
            tops[j] = _try_few(
                factors, total, first + 1, n, keys[j].view(np.int32), counting.few_parts,
                counting.few_sums[j], counting.scores[j],
            )  # fmt: skip
        else:
            bins = counting.bins[j]
            shift, n_bins = _count_in_bins(own, low, high, counting.parts, bins)
            shapes[j, 0], shapes[j, 1], shapes[j, 2] = np.int64(low), shift, n_bins
            tops[j] = _score_bins(
                factors, total, first + 1, n, n_bins, bins, counting.scores[j]
            )  # fmt: skip
            if tops[j] == 0.0:
                return unable
        if tops[j] > top:
            top, top_slot = tops[j], j
    if top == 0.0:
        return best
    for turn in range(looked + 1):
        # The feature that looks best comes first: less of the others is then in doubt.
        j = top_slot if turn == 0 else turn - 1
        if tops[j] == 0.0 or (turn > 0 and j == top_slot):
            continue
        least = doubtful(targets, TWO_WEIGHTED, total, n, max(top, best.score))
        if few:
            if tops[j] >= least:
                best = _settle_few(targets, node, j, keys[j, :n], least, best, counting, scratch)
            continue
        if tops[j] >= least:
            best = _settle_edges(targets, node, j, least, best, counting, scratch)
        if shapes[j, 1] > 0 and _find_alive(
            factors, total, shapes[j, 2], counting.bins[j], least, counting.alive
        ):
            best = _look_inside(
                targets, limits, node, j, keys[j, :n], least, best, counting, scratch
            )  # fmt: skip
    return best
