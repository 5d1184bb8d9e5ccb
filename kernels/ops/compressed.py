"""Rows of a compressed sparse matrix, written out."""

from __future__ import annotations

import numpy as np

from ..machine.jit import kernel
from ..machine.team import take_ticket


@kernel
def dense_rows(data, indices, indptr, rows, block_rows, state, out):
    """Write sparse rows with their zeros, as a member of a team; entries of one place are added.

    What an index points to is looked at before it is touched: whoever else holds the matrix may
    write to it meanwhile.

    Parameters
    ----------
    data, indices : IN (n_entries,)
    indptr : IN (n_samples + 1,) int64, where each row's entries begin; nobody else's
    rows : IN (n_rows,) int64, row numbers
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    out : OUT (n_rows, n_features)
    """
    while True:
        start = take_ticket(state) * block_rows
        if start >= rows.size:
            return
        for i in range(start, min(start + block_rows, rows.size)):
            row = out[i]
            row[:] = 0
            for at in range(indptr[rows[i]], indptr[rows[i] + 1]):
                p = np.int64(indices[at])
                if 0 <= p < row.size:
                    row[p] += data[at]
