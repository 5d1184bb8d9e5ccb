"""Values to codes: small integers in the order of the values."""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket

#: Rows a ticket.
BLOCK_ROWS = 1024


@inner_kernel
def _search(cuts, step, block, found, count):
    """Set ``found`` to how many cuts are below each value, all values a step at a time."""
    while step > 0:
        ahead, stride = np.uint32(step - 1), np.uint32(step)
        for i in range(count):
            below = cuts[np.uint64(found[i] + ahead)] < block[i]
            found[i] += stride * np.uint32(below)
        step >>= 1


@inner_kernel
def _store(cuts, block, found, count, out):
    """Store codes and return whether a value is not its cut."""
    odd = np.uint32(0)
    for i in range(count):
        odd |= np.uint32(cuts[np.uint64(found[i])] != block[i])
    for i in range(count):
        out[i] = found[i]
    return odd > 0


@inner_kernel
def _mark(cuts, block, found, count, mixed):
    """Mark the codes of values that differ from their cut; others mark an unused last place."""
    last = np.uint64(mixed.size - 1)
    for i in range(count):
        k = np.uint64(found[i])
        mixed[k if cuts[k] != block[i] else last] = 1


@allocating_kernel
def encode(state, table, cuts, steps):
    """Give every value the number of the first cut that is not below it, as a member of a team.

    Parameters
    ----------
    state : IN/OUT the team's state, zero at the start
    table : Table; OUT its codes, and where a code stands for more than its cut, ``mixed``
    cuts : IN (n_features, width) of the values' type, ascending, the last ones infinite; codes
        are at most width - 1, so the last one must be
    steps : IN (n_features,) int64, a power of two above half the number of finite cuts
    """
    n_rows, n_features = table.codes.shape
    block = np.empty(BLOCK_ROWS, table.values.dtype)
    found = np.empty(BLOCK_ROWS, np.uint32)
    while True:
        start = take_ticket(state) * BLOCK_ROWS
        if start >= n_rows:
            return
        count = min(BLOCK_ROWS, n_rows - start)
        for f in range(n_features):
            first = start * table.row_step + f * table.column_step
            for i in range(count):
                block[i] = table.values[first + i * table.row_step]
                found[i] = np.uint32(0)
            row = cuts[f]
            _search(row, steps[f], block, found, count)
            odd = _store(row, block, found, count, table.codes[start : start + count, f])
            if odd:
                _mark(row, block, found, count, table.mixed[f])
                if table.missing[f] >= 0:
                    for i in range(count):
                        if block[i] != block[i]:
                            table.codes[start + i, f] = table.missing[f]
