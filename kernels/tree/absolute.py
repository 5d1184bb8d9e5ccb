"""Absolute error: the best split of nodes whose rows are listed in the order of every feature.

The absolute error of some rows is the sum of w |y - m|, m a weighted median of theirs.  Medians are
no sums, so nothing is counted here: for every feature all rows of a node, linked in the order of
their targets, are taken out one by one, from the last value down and then from the first up.
To take a row out of such a list moves the median to a neighbour, so every split on the way costs a
few steps, without a search.

Targets are whole numbers of two parts, ``high * 2**bits + low``, and so are errors: sums and
differences are exact in each part, and two errors are compared as they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, allocating_kernel, inlined_kernel, inner_kernel
from ..machine.team import take_ticket
from ..tile import prefetch
from .ordered import LARGER, known_rows

#: The score of no split.
NO_SPLIT = np.int64(1) << np.int64(62)
#: Of more rows those to be taken out soon are asked for: they are far apart in memory.
_FAR, _AHEAD = 1 << 14, 24


class Found(NamedTuple):
    """The best split of a node by some of its features, OUT: arrays of one element for each.

    errors : (n, 2) int64, of both children together: high and low, the latter from 0 to 2**bits - 1
    features : (n,) int64, -1 for no split
    positions : (n,) int64, the last row on the left of those whose value is known
    sides : (n,) uint8, 1 where missing values go left
    """

    errors: Any
    features: Any
    positions: Any
    sides: Any


class Walk(NamedTuple):
    """Memory of a member: of each row of a node.

    links : (most + 2, 2) int32, the rows before and after it in the order of targets, from 1 on
    places : (most,) int32, where the rows of a feature's list are in that order
    high, low : (2, most) int64, errors of what is left after a row is taken out, from either end
    """

    links: Any
    places: Any
    high: Any
    low: Any


@allocating_inner_kernel
def new_walk(most):
    """Return memory for nodes of so many rows at most."""
    return Walk(
        np.empty((most + 2, 2), np.int32), np.empty(most, np.int32),
        np.empty((2, most), np.int64), np.empty((2, most), np.int64),
    )  # fmt: skip


@inner_kernel
def _link(links, n):
    """Put n rows in order; 0 and n + 1 are the ends."""
    for p in range(n + 2):
        links[p, 0] = p - 1
        links[p, 1] = p + 1


@inner_kernel
def _take_out(links, p):
    before, after = np.int64(links[p, 0]), np.int64(links[p, 1])
    links[before, 1] = after
    links[after, 0] = before


@inner_kernel
def _walk_even(links, targets, p, lower, upper, high, low):
    """Take row p out of an even number; return the one in the middle and the error of the rest.

    The error is the sum of the upper half less that of the lower half.
    """
    _take_out(links, p)
    below = p <= lower
    middle = upper if below else lower
    sign = np.int64(1) if below else np.int64(-1)
    high += sign * (targets[p, 0] - targets[middle, 0])
    low += sign * (targets[p, 1] - targets[middle, 1])
    return middle, high, low


@inner_kernel
def _walk_odd(links, targets, p, middle, high, low):
    """Take row p out of an odd number; return the two in the middle and the error of the rest."""
    _take_out(links, p)
    sign = np.int64(-1) if p > middle else np.int64(1)
    high += sign * (targets[p, 0] - targets[middle, 0])
    low += sign * (targets[p, 1] - targets[middle, 1])
    before, after = np.int64(links[middle, 0]), np.int64(links[middle, 1])
    lower = middle if p < middle else before
    upper = middle if p > middle else after
    return lower, upper, high, low


@inner_kernel
def _walk(targets, error, begin, step, memory, n, side):
    """Take out all rows of a list but one, each of weight 1.

    Parameters
    ----------
    targets : IN (n + 1, 2) int64, in order, from 1 on
    error : IN (2,) int64, of all rows
    begin, step : int, the first row taken out, and 1 or -1
    memory : Walk
    side : int, which errors are filled: those of what is left after the row at this place was
        taken out
    """
    links, places = memory.links, memory.places
    out_high, out_low = memory.high[side], memory.low[side]
    _link(links, n)
    high, low = error[0], error[1]
    at, middle = np.int64(begin), np.int64((n + 1) // 2)
    left, far = n, n > _FAR
    if n % 2 == 0:
        p = np.int64(places[at])
        middle, high, low = _walk_even(links, targets, p, middle, middle + 1, high, low)
        out_high[at], out_low[at] = high, low
        at += step
        left -= 1
    while left > 1:
        if far and left > _AHEAD:
            for k in range(2):
                soon = np.int64(places[at + (_AHEAD - 2 + k) * step])
                prefetch(links, soon, 0)
                prefetch(targets, soon, 0)
        p = np.int64(places[at])
        lower, upper, high, low = _walk_odd(links, targets, p, middle, high, low)
        out_high[at], out_low[at] = high, low
        at += step
        p = np.int64(places[at])
        middle, high, low = _walk_even(links, targets, p, lower, upper, high, low)
        out_high[at], out_low[at] = high, low
        at += step
        left -= 2


@inner_kernel
def _walk_weighted(level, node, begin, step, memory, side):
    """Do what :func:`_walk` does for rows with weights.

    A heavy row moves the median past as many light ones.
    """
    links, places = memory.links, memory.places
    out_high, out_low = memory.high[side], memory.low[side]
    start, n = level.starts[node], level.stops[node] - level.starts[node]
    targets, weights = level.targets[start : start + n + 1], level.weights[start : start + n + 1]
    _link(links, n)
    at, middle = np.int64(begin), level.middles[node]
    total, below = level.totals[node], level.below[node, 0]
    low_high, low_low = level.below[node, 1], level.below[node, 2]
    up_high, up_low = level.above[node, 0], level.above[node, 1]
    for _ in range(n - 1):
        p = np.int64(places[at])
        weight = weights[p]
        _take_out(links, p)
        total -= weight
        if p < middle:
            below -= weight
            low_high -= weight * targets[p, 0]
            low_low -= weight * targets[p, 1]
        elif p > middle:
            up_high -= weight * targets[p, 0]
            up_low -= weight * targets[p, 1]
        elif links[p, 1] <= n:
            middle = np.int64(links[p, 1])
            up_high -= weights[middle] * targets[middle, 0]
            up_low -= weights[middle] * targets[middle, 1]
        else:
            middle = np.int64(links[p, 0])
            below -= weights[middle]
            low_high -= weights[middle] * targets[middle, 0]
            low_low -= weights[middle] * targets[middle, 1]
        while 2 * below > total:
            up_high += weights[middle] * targets[middle, 0]
            up_low += weights[middle] * targets[middle, 1]
            middle = np.int64(links[middle, 0])
            below -= weights[middle]
            low_high -= weights[middle] * targets[middle, 0]
            low_low -= weights[middle] * targets[middle, 1]
        while 2 * (below + weights[middle]) < total:
            below += weights[middle]
            low_high += weights[middle] * targets[middle, 0]
            low_low += weights[middle] * targets[middle, 1]
            middle = np.int64(links[middle, 1])
            up_high -= weights[middle] * targets[middle, 0]
            up_low -= weights[middle] * targets[middle, 1]
        more = 2 * below + weights[middle] - total  # below, more than above
        out_high[at] = up_high - low_high + more * targets[middle, 0]
        out_low[at] = up_low - low_low + more * targets[middle, 1]
        at += step


@inner_kernel
def _least_error(items, shift, first, stop, bits, memory):
    """Return the least error of splits after rows [first, stop), and the first place of it.

    Before the rows of the list came ``shift`` others.
    """
    mask = (np.int64(1) << bits) - np.int64(1)
    best_high, best_low, position = NO_SPLIT, np.int64(0), np.int64(-1)
    for i in range(first, stop):
        high = memory.high[0, i + 1] + memory.high[1, i]
        low = memory.low[0, i + 1] + memory.low[1, i]
        high += low >> bits
        if high <= best_high and items[i + 1 - shift] & LARGER:
            low &= mask
            if high < best_high or low < best_low:
                best_high, best_low, position = high, low, np.int64(i)
    return best_high, best_low, position


@inner_kernel
def _enough(level, node, n, limits, memory, first, stop):
    """Return the part of rows [first, stop) after which both sides have the weight they need."""
    if level.weights.size == 0:
        least = np.int64(np.ceil(limits.min_weight_leaf))
        return max(first, least - 1), min(stop, n - least)
    weights = level.weights[level.starts[node] :]
    left, total = np.int64(0), level.totals[node]
    for i in range(n):
        left += weights[np.uint64(memory.places[i])]
        if float(left) < limits.min_weight_leaf:
            first = max(first, i + 1)
        if float(total - left) < limits.min_weight_leaf:
            return first, min(stop, i)
    return first, stop


@inlined_kernel
def _search_order(level, limits, node, items, shift, memory):
    """Return the least error of splits of a node, and the place of the first.

    Rows are taken in the order of memory's places, which are those of the list but for ``shift``
    others before them, of which no split parts any.
    """
    start, stop = level.starts[node], level.stops[node]
    n = stop - start
    least = max(limits.min_samples_leaf, 1)
    first, last = max(least - 1, shift), n - least
    if limits.min_weight_leaf > 0.0:
        first, last = _enough(level, node, n, limits, memory, first, last)
    if first >= last:
        return NO_SPLIT, np.int64(0), np.int64(-1)
    if level.weights.size > 0:
        _walk_weighted(level, node, n - 1, -1, memory, 0)
        _walk_weighted(level, node, 0, 1, memory, 1)
    else:
        targets = level.targets[start : stop + 1]
        _walk(targets, level.errors[node], n - 1, -1, memory, n, 0)
        _walk(targets, level.errors[node], 0, 1, memory, n, 1)
    return _least_error(items, shift, first, last, level.bits, memory)


@inlined_kernel
def _search_feature(lists, level, limits, node, f, memory):
    """Return the least error of splits of a node by one feature, the place of the first and a side.

    Missing values are on the right (side 0) unless that is worse.
    """
    start, stop = level.starts[node], level.stops[node]
    n = stop - start
    items = lists.items[f, start:stop]
    larger = np.uint32(0)
    for i in range(1, n):
        larger |= items[i]
    if not larger & LARGER:
        return NO_SPLIT, np.int64(0), np.int64(-1), np.int64(0)
    for i in range(n):
        memory.places[i] = level.ranks[np.uint64(items[i] & ~LARGER)]
    high, low, position = _search_order(level, limits, node, items, np.int64(0), memory)
    lacking = n - known_rows(lists, f, start, stop)
    if lacking == 0:
        return high, low, position, np.int64(0)
    for i in range(n):
        item = items[i - lacking if i >= lacking else n - lacking + i]
        memory.places[i] = level.ranks[np.uint64(item & ~LARGER)]
    other_high, other_low, other = _search_order(level, limits, node, items, lacking, memory)
    if other_high < high or (other_high == high and other_low < low):
        return other_high, other_low, other - lacking, np.int64(1)
    return high, low, position, np.int64(0)


@inner_kernel
def search_node(lists, level, limits, node, features, memory, at, found):
    """Leave the best split of a node by some features at a place of what is found."""
    best_high, best_low, side = NO_SPLIT, np.int64(0), np.int64(0)
    feature, position = np.int64(-1), np.int64(-1)
    for j in range(features.size):
        f = np.int64(features[j])
        high, low, where, way = _search_feature(lists, level, limits, node, f, memory)
        closer = high < best_high or (high == best_high and low < best_low)
        same = high == best_high and low == best_low
        if where >= 0 and (closer or (same and f < feature)):
            best_high, best_low, feature, position, side = high, low, f, where, way
    found.errors[at, 0], found.errors[at, 1] = best_high, best_low
    found.features[at], found.positions[at], found.sides[at] = feature, position, side


@allocating_kernel
def search(state, lists, level, limits, jobs, orders, found):
    """Look for the best split of nodes by some features each, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    lists : Lists; level : Level; limits : Limits
    jobs : IN (n_jobs, 5) int64, one a ticket: nodes [first, stop) of the level, the features
        [slot, slot_stop) of their orders, and where in ``found`` the first node is
    orders : IN (n_nodes or 1, n_features) int32, the features of each node in order, or of all
    found : Found, OUT
    """
    most = np.int64(1)
    for i in range(level.starts.size):
        most = max(most, level.stops[i] - level.starts[i])
    memory = new_walk(most)
    while True:
        ticket = take_ticket(state)
        if ticket >= jobs.shape[0]:
            return
        job = jobs[ticket]
        for node in range(job[0], job[1]):
            if level.searched[node]:
                order = orders[node if orders.shape[0] > 1 else 0, job[2] : job[3]]
                at = job[4] + node - job[0]
                search_node(lists, level, limits, node, order, memory, at, found)
