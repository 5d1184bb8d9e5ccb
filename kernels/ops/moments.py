"""Sums of rows: by label, and of squares around a vector.

Within a block rows are added one by one, in float64; blocks are added over the tree of
:mod:`.sums`.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import inner_kernel, kernel
from ..machine.team import take_ticket


@inner_kernel
def add_row(X, row, weight, total):
    """Add a row, times ``weight``, to a total; a negative weight takes it away.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    total : IN/OUT (n_features + 2,) float64: the sum, the weight, and the number of rows whose
        weight is not zero
    """
    n_features = X.shape[1]
    for p in range(n_features):
        total[p] += weight * np.float64(X[row, p])
    total[n_features] += weight
    if weight > 0.0:
        total[n_features + 1] += 1.0
    elif weight < 0.0:
        total[n_features + 1] -= 1.0


@inner_kernel
def touch(totals, touched, label):
    """Set the total of a label to zero the first time it is met.

    Parameters
    ----------
    totals : OUT (n_labels, n_features + 2) float64
    touched : IN/OUT (n_labels,) bool
    """
    if not touched[label]:
        touched[label] = True
        for p in range(totals.shape[1]):
            totals[label, p] = 0.0


@kernel
def sum_deviations(X, center, power, block_rows, state, sums):
    """Sum the deviations of rows from a vector, block by block, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features), any strides
    center : IN (n_features,) float64
    power : int, 1 for the deviations, 2 for their squares
    block_rows : int, rows of a block
    state : IN/OUT the team's state, zero at the start
    sums : OUT (n_blocks, n_features) float64
    """
    n_samples, n_features = X.shape
    by_row = X.strides[0] >= X.strides[1]  # only the order of looking: each sum is in row order
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        for p in range(n_features):
            sums[block, p] = 0.0
        if by_row:
            for i in range(start, stop):
                for p in range(n_features):
                    deviation = np.float64(X[i, p]) - center[p]
                    sums[block, p] += deviation * deviation if power == 2 else deviation
        else:
            for p in range(n_features):
                total = 0.0
                for i in range(start, stop):
                    deviation = np.float64(X[i, p]) - center[p]
                    total += deviation * deviation if power == 2 else deviation
                sums[block, p] = total
