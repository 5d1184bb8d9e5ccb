"""The rows of a node in the order of a feature, where a node looks at a few features only.

To part the lists of all features at every split, as nodes that look at all do, would cost more than
reading those few.  So the lists of the root stand as they are, and a node is the ids of its rows.
Their order is read off: a bit is set at the place each has in the root's list, and bits are visited
from the lowest to the highest.

An item is rank << 16 | id, the missing values last, as in :mod:`.sorted_lists`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import inner_kernel
from ..tile import lowest_bit
from .sorted_lists import MISSING, RANK_SHIFT

#: Most rows of a root: an id more says that a row is not of it.
MOST_LISTED = 0xFFFE
#: Bits of ids in items.
PICKED_MASK = np.uint32(0xFFFF)
#: Places of a list that one word of bits about words tells of.
_TOLD = 4096
_ONE, _SIX, _LAST = np.int64(1), np.int64(6), np.int64(63)
_ONE_ROW = np.uint32(1)


class Picking(NamedTuple):
    """What reads orders off.

    places : (n_features, most + 1) uint16, where in the list of a feature each id is
    ids : (most,) uint32, those of a node side by side
    rows : (most,) int32, the rows ids stand for, where they are not those of the caller
    words : (n_words,) int64, a bit for each place of a list, all zero when not in use
    local : (n,) uint16, the id of each row of a root, or in a small root of each id of a large one
    """

    places: Any
    ids: Any
    rows: Any
    words: Any
    local: Any


@inner_kernel
def pick(items, places, ids, words, out):
    """Write the items of some ids in the order of a list.

    Parameters
    ----------
    items : IN (n_listed,) uint32, the list
    places : IN uint16, where each id is in it
    ids : IN (n,) uint32
    words : IN/OUT, all zero
    out : OUT (n,) uint32
    """
    to, seen = np.uint64(0), np.int64(0)
    if items.size <= _TOLD:
        for i in range(np.uint64(ids.size)):
            place = np.int64(places[np.uint64(ids[i])])
            word = place >> _SIX
            words[np.uint64(word)] |= _ONE << (place & _LAST)
            seen |= _ONE << word
        while seen != 0:
            word = lowest_bit(seen)
            seen &= seen - _ONE
            bits = words[np.uint64(word)]
            words[np.uint64(word)] = 0
            while bits != 0:
                out[to] = items[np.uint64((word << _SIX) + lowest_bit(bits))]
                bits &= bits - _ONE
                to += np.uint64(1)
        return
    for i in range(np.uint64(ids.size)):
        place = np.int64(places[np.uint64(ids[i])])
        words[np.uint64(place >> _SIX)] |= _ONE << (place & _LAST)
    for number in range((items.size >> 6) + 1):
        bits, first = words[np.uint64(number)], np.int64(number) << _SIX
        words[np.uint64(number)] = 0
        while bits != 0:
            out[to] = items[np.uint64(first + lowest_bit(bits))]
            bits &= bits - _ONE
            to += np.uint64(1)


@inner_kernel
def set_places(items, places):
    """Set where each id of a list is."""
    for i in range(np.uint64(items.size)):
        places[np.uint64(items[i] & PICKED_MASK)] = i


@inner_kernel
def list_ordered(table, f, n_rows, local, items, places):
    """Make a root's list from the order of the whole table.

    Parameters
    ----------
    n_rows : int, of the root
    local : IN (n_samples,) uint16, ids, ``n_rows`` for what is not of the root
    items : OUT (n_rows + 1,) uint32; places : OUT (n_rows + 1,) uint16: one is more than there are
    """
    outside = np.uint16(n_rows)
    rank, risen, to = np.uint32(0), np.uint32(0), np.uint64(0)
    for i in range(np.uint64(table.known[f])):
        element = table.order[f, i]
        risen |= element & _ONE_ROW
        number = local[np.uint64(element >> _ONE_ROW)]
        within = np.uint32(number != outside)
        rank += risen & within
        risen &= within ^ _ONE_ROW
        items[to] = (rank << RANK_SHIFT) | np.uint32(number)
        places[np.uint64(number)] = to
        to += np.uint64(within)
    for i in range(table.known[f], table.order.shape[1]):
        number = local[np.uint64(table.order[f, i] >> _ONE_ROW)]
        items[to] = (MISSING << RANK_SHIFT) | np.uint32(number)
        places[np.uint64(number)] = to
        to += np.uint64(number != outside)


@inner_kernel
def begin_picking(table, rows, work):
    """Make all lists of a root whose table has been ordered."""
    picking = work.picking
    for i in range(picking.local.size):
        picking.local[i] = rows.size
    for i in range(rows.size):
        picking.local[rows[i]] = i
        picking.ids[i] = i
    work.stack.n_active[0] = table.order.shape[0]
    for f in range(table.order.shape[0]):
        list_ordered(table, f, rows.size, picking.local, work.lists[f], picking.places[f])


@inner_kernel
def hand_down(rows, start, stop, n_listed, work, small):
    """Make a small node a root with lists of its own, which are shorter.

    Parameters
    ----------
    rows : IN, those of the large root
    start, stop : int, where the node is among its ids
    n_listed : int, rows of the large root
    work, small : Workspace, of the large root; of the small one, OUT
    """
    ids, new = work.picking.ids[start:stop], small.picking
    for i in range(ids.size):
        new.local[ids[i]] = i
        new.rows[i] = rows[ids[i]]
        new.ids[i] = i
    small.stack.n_active[0] = new.places.shape[0]
    for f in range(new.places.shape[0]):
        items = small.lists[f, : ids.size]
        pick(work.lists[f, :n_listed], work.picking.places[f], ids, work.picking.words, items)
        for i in range(np.uint64(items.size)):
            number = new.local[np.uint64(items[i] & PICKED_MASK)]
            items[i] = (items[i] & ~PICKED_MASK) | np.uint32(number)
            new.places[f, np.uint64(number)] = i
