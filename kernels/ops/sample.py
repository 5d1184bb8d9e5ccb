"""Rows far apart, copied."""

from __future__ import annotations

from ..machine.jit import kernel
from ..machine.team import take_ticket
from ..tile import prefetch

#: Rows asked for ahead: of rows far apart nothing else tells the processor which come next.
_AHEAD = 16


@kernel
def copy_one_in(X, step, block_rows, state, out):
    """Copy row 0, ``step``, 2 ``step`` and so on, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features), any strides
    step : int, above 0
    block_rows : int, rows of a ticket
    state : IN/OUT the team's state, zero at the start
    out : OUT (n_rows, n_features), (n_rows - 1) * step < n_samples
    """
    n_rows = min(out.shape[0], (X.shape[0] + step - 1) // step)
    n_features = min(X.shape[1], out.shape[1])
    line = max(1, 64 // X.itemsize)
    while True:
        first = take_ticket(state) * block_rows
        if first >= n_rows:
            return
        for i in range(first, min(first + block_rows, n_rows)):
            for p in range(0, n_features + line - 1, line):
                prefetch(X, (i + _AHEAD) * step, p)
            for p in range(n_features):
                out[i, p] = X[i * step, p]
