"""Values to codes: small integers in the order of the values."""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel
from ..machine.team import take_ticket

#: Rows a ticket.
BLOCK_ROWS = 1024


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
    found = np.empty(BLOCK_ROWS, np.int32)
    while True:
        start = take_ticket(state) * BLOCK_ROWS
        if start >= n_rows:
            return
        count = min(BLOCK_ROWS, n_rows - start)
        for f in range(n_features):
            first = start * table.row_step + f * table.column_step
            for i in range(count):
                block[i] = table.values[first + i * table.row_step]
                found[i] = 0
            row = cuts[f]
            step = steps[f]
            while step > 0:
                for i in range(count):
                    found[i] += step if row[found[i] + step - 1] < block[i] else 0
                step >>= 1
            odd = False
            for i in range(count):
                odd |= row[found[i]] != block[i]
                table.codes[start + i, f] = found[i]
            if odd:
                for i in range(count):
                    value = block[i]
                    if value != value:
                        table.codes[start + i, f] = table.missing[f]
                    elif row[found[i]] != value:
                        table.mixed[f, found[i]] = 1
