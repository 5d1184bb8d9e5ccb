"""The rows of a node by a feature, where nodes look at a few features only.

To sort every feature and part all lists at every split, as nodes that look at all do, would cost
more than reading those few.  So a node is the ids of its rows, and the values of a feature are
gathered from a table of ranks: numbers in the order of the values, the same for equal ones.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, inner_kernel
from ..tile import prefetch
from .order import NO_RANK
from .sorted_lists import MISSING, RANK_SHIFT, SortMemory, sort_by_value

#: Most rows of a root: places in a node take 16 bits.
MOST_DRAWN = 0xFFFE
#: Bits of an item that say where in the node its row is.
PLACE_MASK = np.uint32(0xFFFF)
#: So few rows are sorted without buckets, others with so many at most.
_FEW_SORTED, _MOST_BUCKETS = 24, 4096
#: Rows that are asked for before they are needed.
_AHEAD = np.uint64(12)
#: Elements behind those in use, for whole vectors.
SPARE = 32
_ONE = np.uint32(1)


class Ranks(NamedTuple):
    """The ranks of ids by each feature: one of the two holds some.

    wide : (n_ids, at least n_features) uint32
    narrow : (n_ids, at least n_features) uint16, nothing missing
    """

    wide: Any
    narrow: Any


class Drawing(NamedTuple):
    """What nodes that draw features need; a slot is a feature a node looks at.

    ids : (most,) uint32, the rows of a node side by side
    rows : (n_ids,) int32, the row of the table an id stands for
    own : (most, n_features) uint32, ranks of the rows of a root, where the table has none
    keys : (n_features, most + SPARE) uint32, by slot, the ranks in the node at hand
    amounts, weights : (n_ids,) int64, what an id adds, and its weight
    sorting : SortMemory, its values uint32
    """

    ids: Any
    rows: Any
    own: Any
    keys: Any
    amounts: Any
    weights: Any
    sorting: SortMemory


@allocating_inner_kernel
def new_drawing(table, most):
    """Return a member's memory for roots of ``most`` rows at most."""
    d = table.codes.shape[1]
    n_ranked = max(table.ranks.shape[0], table.narrow_ranks.shape[0])
    ranked = n_ranked > 0
    n_ids = n_ranked if ranked else most
    return Drawing(
        np.empty(most, np.uint32), np.empty(n_ids, np.int32),
        np.empty((1 if ranked else most, d), np.uint32), np.empty((d, most + SPARE), np.uint32),
        np.empty(n_ids, np.int64), np.empty(n_ids, np.int64),
        SortMemory(
            np.empty(most, np.uint32), np.empty(most, np.uint32), np.empty(most, np.uint32),
            np.empty(_MOST_BUCKETS + 2, np.uint32), PLACE_MASK,
        ),
    )  # fmt: skip


@inner_kernel
def _gather(ranks, ids, features, keys):
    last_column = ranks.shape[1] - 1
    lines = last_column * ranks.itemsize >= 64
    n, last = np.uint64(ids.size), np.uint64(ids.size - 1)
    for i in range(n):
        ahead = np.int64(ids[min(i + _AHEAD, last)])
        prefetch(ranks, ahead, 0)
        if lines:
            prefetch(ranks, ahead, last_column)
        row = np.uint64(ids[i])
        for j in range(np.uint64(features.size)):
            keys[j, i] = ranks[row, np.uint64(features[j])]


@inner_kernel
def take_keys(ranks, ids, features, keys):
    """Set the ranks of some ids by some features: all of a row at once, as it is on a line or two.

    Parameters
    ----------
    ranks : Ranks, IN
    ids : IN (n,) uint32
    features : IN (n_slots,) int32
    keys : OUT (n_slots, at least n) uint32
    """
    if ranks.narrow.shape[0] > 0:
        _gather(ranks.narrow, ids, features, keys)
    else:
        _gather(ranks.wide, ids, features, keys)


@inner_kernel
def extent(keys):
    """Return the smallest and the largest rank."""
    low, high = NO_RANK, np.uint32(0)
    for i in range(np.uint64(keys.size)):
        low = min(low, keys[i])
        high = max(high, keys[i])
    return low, high


@inner_kernel
def _into_buckets(keys, low, high, places, values, counters):
    """Write keys to ``values`` and where they stand to ``places``, nearly in order."""
    shift, n = np.uint32(0), keys.size
    n_buckets = min(n, _MOST_BUCKETS)
    while np.int64((high - low) >> shift) >= n_buckets:
        shift += _ONE
    last = np.int64((high - low) >> shift) + 1  # of what is missing
    for i in range(np.uint64(last + 1)):
        counters[i] = 0
    for i in range(np.uint64(n)):
        bucket = np.uint64((keys[i] - low) >> shift) if keys[i] <= high else np.uint64(last)
        counters[bucket] += _ONE
    begin = np.uint32(0)
    for i in range(np.uint64(last + 1)):
        held = counters[i]
        counters[i] = begin
        begin += held
    for i in range(np.uint64(n)):
        bucket = np.uint64((keys[i] - low) >> shift) if keys[i] <= high else np.uint64(last)
        to = np.uint64(counters[bucket])
        counters[bucket] += _ONE
        values[to] = keys[i]
        places[to] = i


@inner_kernel
def sort_keys(keys, low, high, sorting, items):
    """Make the list of a node by a feature: items rank << 16 | place, the missing ones last.

    Parameters
    ----------
    keys : IN (n,) uint32
    low, high : uint32, the smallest and the largest of them
    sorting : SortMemory
    items : OUT (n,) uint32
    """
    n = np.int64(keys.size)
    values = sorting.values[:n]
    if high == NO_RANK:
        high = low
        for i in range(np.uint64(n)):
            if keys[i] != NO_RANK:
                high = max(high, keys[i])
    if n <= _FEW_SORTED:
        for i in range(np.uint64(n)):
            values[i] = keys[i]
            items[i] = i
    else:
        _into_buckets(keys, low, high, items, values, sorting.counters)
    sort_by_value(items, values, sorting)
    rank, before = np.uint32(0), values[0]
    for i in range(np.uint64(n)):
        rank += np.uint32(values[i] != before)
        before = values[i]
        items[i] |= (MISSING if before == NO_RANK else rank) << RANK_SHIFT
