"""The rows of a small node in the order of each feature, packed in 32 bits a row.

An item is rank << 16 | class << 12 | id: equal values have equal ranks, the id is the row's place
in the node.  Missing values come last and have the rank MISSING.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel
from ..ops.partition import sort_pairs

#: Most rows of a small node, and the parts of an item.
SMALL_ROWS = 2048
ID_MASK = np.uint32(0xFFF)
CLASS_SHIFT, RANK_SHIFT = np.uint32(12), np.uint32(16)
MISSING = np.uint32(0xFFFF)
#: As many classes fit between rank and id.
PACKED_CLASSES = 16
_FEW = 64


@inner_kernel
def _sort_by_code(keys, ids, count, n_codes, other_keys, other_ids, counters):
    """Sort codes and ids with them: stable, by their low byte, then by their high one."""
    for shift in range(0, 16, 8):
        if shift > 0 and n_codes <= 256:
            return
        for i in range(256):
            counters[i] = 0
        for i in range(count):
            counters[(keys[i] >> shift) & 255] += 1
        place = 0
        for i in range(256):
            held = counters[i]
            counters[i] = place
            place += held
        for i in range(count):
            digit = (keys[i] >> shift) & 255
            to = counters[digit]
            counters[digit] = to + 1
            other_keys[to] = keys[i]
            other_ids[to] = ids[i]
        for i in range(count):
            keys[i] = other_keys[i]
            ids[i] = other_ids[i]


@inner_kernel
def sort_feature(table, f, rows, mixed, local_classes, memory, out):
    """Fill the list of one feature.

    Parameters
    ----------
    f : int64
    rows : IN (count,) int32, at most SMALL_ROWS
    mixed : bool, whether codes of this feature stand for more than one value
    local_classes : IN (count,) int32, below PACKED_CLASSES
    memory : SortMemory
    out : OUT (count,) uint32

    Returns
    -------
    constant : bool
    """
    keys, ids, other_keys, other_ids, counters, values, other_values = memory
    total = rows.size
    hole = table.missing[f]
    count, behind = 0, total
    for i in range(total):
        code = np.int32(table.codes[rows[i], f])
        if code == hole:
            behind -= 1
            ids[behind] = i
        else:
            keys[count] = code
            ids[count] = i
            count += 1
    if count < _FEW or mixed:
        few = count < _FEW
        if not few:
            _sort_by_code(keys, ids, count, table.n_codes[f], other_keys, other_ids, counters)
        for i in range(count):
            at = np.int64(rows[ids[i]]) * table.row_step + f * table.column_step
            values[i] = table.values[at]
        if few:
            sort_pairs(values, ids, count, other_values, other_ids)
        else:
            start = 0
            while start < count:
                stop = start + 1
                while stop < count and keys[stop] == keys[start]:
                    stop += 1
                if stop - start > 1:
                    sort_pairs(values[start:], ids[start:], stop - start, other_values, other_ids)
                start = stop
        rank = np.uint32(0)
        for i in range(count):
            if i > 0 and values[i] != values[i - 1]:
                rank += np.uint32(1)
            item = np.uint32(ids[i]) | (np.uint32(local_classes[ids[i]]) << CLASS_SHIFT)
            out[i] = item | (rank << RANK_SHIFT)
    else:
        _sort_by_code(keys, ids, count, table.n_codes[f], other_keys, other_ids, counters)
        rank = np.uint32(0)
        for i in range(count):
            if i > 0 and keys[i] != keys[i - 1]:
                rank += np.uint32(1)
            item = np.uint32(ids[i]) | (np.uint32(local_classes[ids[i]]) << CLASS_SHIFT)
            out[i] = item | (rank << RANK_SHIFT)
    for i in range(count, total):
        item = np.uint32(ids[i]) | (np.uint32(local_classes[ids[i]]) << CLASS_SHIFT)
        out[i] = item | (MISSING << RANK_SHIFT)
    return (out[0] >> RANK_SHIFT) == (out[total - 1] >> RANK_SHIFT)
