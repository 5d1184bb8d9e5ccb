"""Stable partition: rows in two groups, each in the order it had."""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel

# Places are unsigned: the compiler would otherwise ask at every access whether one counts from the
# end, and no longer see that accesses follow each other.
_ONE = np.uint64(1)


@inner_kernel
def partition_list(items, mask, goes_left, spare):
    """Move the items that go left to the front, without a branch.

    Parameters
    ----------
    items : IN/OUT (n,) uint32
    mask : uint32, which bits of an item index ``goes_left``
    goes_left : IN (n_ids,) uint8, 0 or 1
    spare : OUT, at least n elements
    """
    front, behind = np.uint64(0), np.uint64(0)
    for i in range(np.uint64(items.size)):
        item = items[i]
        left = np.uint64(goes_left[np.uint64(item & mask)])
        items[front] = item
        spare[behind] = item
        front += left
        behind += _ONE - left
    for i in range(behind):
        items[front + i] = spare[i]


@inner_kernel
def sort_pairs(values, ids, count, spare_values, spare_ids):
    """Sort values, and ids with them: stable, by insertion in runs of 16, then by merging.

    Parameters
    ----------
    values : IN/OUT, at least ``count`` numbers, none of them NaN
    ids : IN/OUT, as many
    spare_values, spare_ids : OUT, as many
    """
    for start in range(0, count, 16):
        for i in range(start + 1, min(start + 16, count)):
            value, number = values[i], ids[i]
            j = i
            while j > start and values[j - 1] > value:
                values[j] = values[j - 1]
                ids[j] = ids[j - 1]
                j -= 1
            values[j] = value
            ids[j] = number
    width = 16
    while width < count:
        for start in range(0, count, 2 * width):
            middle = min(start + width, count)
            stop = min(start + 2 * width, count)
            if middle == stop or values[middle - 1] <= values[middle]:
                continue
            for i in range(start, middle):
                spare_values[i] = values[i]
                spare_ids[i] = ids[i]
            i, j, to = start, middle, start
            while i < middle and j < stop:
                if values[j] < spare_values[i]:
                    values[to] = values[j]
                    ids[to] = ids[j]
                    j += 1
                else:
                    values[to] = spare_values[i]
                    ids[to] = spare_ids[i]
                    i += 1
                to += 1
            while i < middle:
                values[to] = spare_values[i]
                ids[to] = spare_ids[i]
                i += 1
                to += 1
        width *= 2
