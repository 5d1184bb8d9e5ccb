"""The rows of a small node in the order of each feature, packed in 32 bits a row.

An item is rank << 16 | class << 12 | id: equal values have equal ranks, larger ones larger ranks;
the id is the row's place in the node, and takes all lower bits where there are no classes.  Missing
values come last and have the rank MISSING.  Rows of equal values are in any order: splits lie
between values only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import inner_kernel
from ..ops.partition import sort_pairs

#: Most rows of a small node, of classes and of values: of more, lists leave the caches.
SMALL_ROWS = 4096, 16384
#: The parts of an item; an id beside a class, and without.
ID_MASK, WHOLE_ID_MASK = np.uint32(0xFFF), np.uint32(0xFFFF)
CLASS_SHIFT, RANK_SHIFT = np.uint32(12), np.uint32(16)
MISSING = np.uint32(0xFFFF)
#: As many classes fit between rank and id.
PACKED_CLASSES = 16
#: So few rows are sorted by insertion, and values by so many moves a row.
_FEW, _MOVES = 40, 4
#: With so many codes a row, values are read only where codes are equal.
_CODES_A_ROW = 4
_ONE = np.uint32(1)
_BYTE, _NEXT_BYTE = np.uint32(0xFF), np.uint32(8)


class SortMemory(NamedTuple):
    """What sorting needs: one element a row of the largest node.

    items : (most,) uint32
    values, other_values : (most,) of the samples' type
    counters : (512,) uint32
    id_mask : uint32, which bits of an item are the id
    """

    items: Any
    values: Any
    other_values: Any
    counters: Any
    id_mask: Any


@inner_kernel
def _insert(items, count):
    """Sort a few items."""
    for i in range(np.uint64(1), np.uint64(count)):
        item = items[i]
        j = np.int64(i)
        while j > 0 and items[np.uint64(j - 1)] > item:
            items[np.uint64(j)] = items[np.uint64(j - 1)]
            j -= 1
        items[np.uint64(j)] = item


@inner_kernel
def _scatter(items, count, shift, counters, out):
    """Write items to ``out`` in the order of a byte; each value's counter is where it begins."""
    for i in range(np.uint64(count)):
        digit = np.uint64((items[i] >> shift) & _BYTE)
        to = counters[digit]
        counters[digit] = to + _ONE
        out[np.uint64(to)] = items[i]


@inner_kernel
def _sort_by_rank(items, count, two_bytes, memory):
    """Sort items by their upper half, byte by byte."""
    counters, spare = memory.counters, memory.items
    for i in range(np.uint64(512)):
        counters[i] = 0
    high = np.uint64(256)
    for i in range(np.uint64(count)):
        rank = items[i] >> RANK_SHIFT
        counters[np.uint64(rank & _BYTE)] += _ONE
        counters[high + np.uint64(rank >> _NEXT_BYTE)] += _ONE
    for first in range(0, 512, 256):
        place = np.uint32(0)
        for i in range(np.uint64(first), np.uint64(first + 256)):
            held = counters[i]
            counters[i] = place
            place += held
    _scatter(items, count, RANK_SHIFT, counters, spare)
    if two_bytes:
        _scatter(spare, count, RANK_SHIFT + _NEXT_BYTE, counters[256:], items)
    else:
        for i in range(np.uint64(count)):
            items[i] = spare[i]


@inner_kernel
def _take_values(table, f, rows, items, id_mask, values):
    """Set the value of each item."""
    for i in range(np.uint64(items.size)):
        row = np.int64(rows[np.uint64(items[i] & id_mask)])
        values[i] = table.values[np.uint64(row * table.row_step + f * table.column_step)]


@inner_kernel
def sort_by_value(items, values, memory):
    """Sort items that are nearly in order by value: by insertion, while they move little."""
    moves = np.int64(0)
    for i in range(1, items.size):
        value, item = values[np.uint64(i)], items[np.uint64(i)]
        j = i
        while j > 0 and values[np.uint64(j - 1)] > value:
            values[np.uint64(j)] = values[np.uint64(j - 1)]
            items[np.uint64(j)] = items[np.uint64(j - 1)]
            j -= 1
        values[np.uint64(j)] = value
        items[np.uint64(j)] = item
        moves += i - j
        if moves > _MOVES * items.size:
            sort_pairs(values, items, items.size, memory.other_values, memory.items)
            return


@inner_kernel
def _rank_anew(items, values, rank):
    """Give items the ranks from ``rank`` on by their values, and return the last one."""
    rest = (_ONE << RANK_SHIFT) - _ONE
    for i in range(np.uint64(items.size)):
        if i > 0:
            rank += np.uint32(values[i] != values[i - np.uint64(1)])
        items[i] = (items[i] & rest) | (rank << RANK_SHIFT)
    return rank


@inner_kernel
def _sort_runs(table, f, rows, items, memory):
    """Sort items in the order of their codes by value, where codes are seldom equal."""
    n = items.size
    rank = np.uint32(0)
    rest = (_ONE << RANK_SHIFT) - _ONE
    start = np.int64(0)
    while start < n:
        code = items[np.uint64(start)] >> RANK_SHIFT
        stop = start + 1
        while stop < n and items[np.uint64(stop)] >> RANK_SHIFT == code:
            stop += 1
        if stop == start + 1:
            items[np.uint64(start)] = (items[np.uint64(start)] & rest) | (rank << RANK_SHIFT)
        else:
            run = items[start:stop]
            values = memory.values[: stop - start]
            _take_values(table, f, rows, run, memory.id_mask, values)
            sort_by_value(run, values, memory)
            rank = _rank_anew(run, values, rank)
        rank += _ONE
        start = stop


@inner_kernel
def _list_two(table, f, rows, local_classes, spare, out):
    """Fill the list of a feature whose codes are 0 and 1; return whether there are no others."""
    column, one = np.uint64(f), np.uint64(1)
    front, behind, seen = np.uint64(0), np.uint64(0), np.uint16(0)
    for i in range(np.uint64(rows.size)):
        item = (np.uint32(local_classes[i]) << CLASS_SHIFT) | np.uint32(i)
        code = table.codes[np.uint64(rows[i]), column]
        seen |= code
        out[front] = item
        spare[behind] = item | (_ONE << RANK_SHIFT)
        front += one - np.uint64(code & one)
        behind += np.uint64(code & one)
    for i in range(behind):
        out[front + i] = spare[i]
    return seen <= 1


@inner_kernel
def sort_feature(table, f, rows, mixed, local_classes, memory, out):
    """Fill the list of one feature.

    Parameters
    ----------
    f : int64
    rows : IN (count,) int32, at most ``SMALL_ROWS``
    mixed : bool, whether codes of this feature stand for more than one value
    local_classes : IN (count,) int32, below PACKED_CLASSES, or 0 where there are none
    memory : SortMemory
    out : OUT (count,) uint32

    Returns
    -------
    constant : bool
    """
    total = np.uint64(rows.size)
    # Two values have a third code, of what exceeds them.
    if (
        table.n_codes[f] == 3
        and table.missing[f] < 0
        and not mixed
        and _list_two(table, f, rows, local_classes, memory.items, out)
    ):
        return (out[0] >> RANK_SHIFT) == (out[rows.size - 1] >> RANK_SHIFT)
    hole, column = np.int64(table.missing[f]), np.uint64(f)
    count, behind = np.uint64(0), total
    one = np.uint64(1)
    for i in range(total):
        code = table.codes[np.uint64(rows[i]), column]
        item = (np.uint32(local_classes[i]) << CLASS_SHIFT) | np.uint32(i)
        if np.int64(code) == hole:
            behind -= one
            out[behind] = item | (MISSING << RANK_SHIFT)
        else:
            out[count] = item | (np.uint32(code) << RANK_SHIFT)
            count += one
    known = np.int64(count)
    if known <= _FEW:
        _insert(out, known)
    else:
        _sort_by_rank(out, known, table.n_codes[f] > 256, memory)
    if mixed and known * _CODES_A_ROW < table.n_codes[f]:
        _sort_runs(table, f, rows, out[:known], memory)
    elif mixed:
        _take_values(table, f, rows, out[:known], memory.id_mask, memory.values)
        sort_by_value(out[:known], memory.values, memory)
        _rank_anew(out[:known], memory.values, np.uint32(0))
    return (out[0] >> RANK_SHIFT) == (out[rows.size - 1] >> RANK_SHIFT)
