"""What naive Bayes counts: weighted sums of the features of each class.

Sums are float64 over the fixed tree of ``ops.sums``; of whole numbers they are exact.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.sums import add_block, take_total


class Counted(NamedTuple):
    """The rows to count.

    X : (n_samples, n_features), of any type of numbers
    classes : (n_samples,) int32, the number of each row's class
    sample_weight : (n_samples,) float64, or (0,) for weights of one
    threshold : float, what is above counts 1 and the rest 0; NaN where numbers count as they are
    """

    X: Any
    classes: Any
    sample_weight: Any
    threshold: Any


@inner_kernel
def block_counts(rows, start, stop, partial):
    """Sum the rows [start, stop) of each class, times their weights; say if none is negative.

    Parameters
    ----------
    rows : IN Counted
    partial : OUT (n_classes * (n_features + 1),) float64: each class's sums, then its weight
    """
    X = rows.X
    n_features = X.shape[1]
    partial[:] = 0.0
    below = False
    for i in range(start, stop):
        at = np.int64(rows.classes[i]) * (n_features + 1)
        sums = partial[at : at + n_features + 1]
        weight = rows.sample_weight[i] if rows.sample_weight.size > 0 else 1.0
        if rows.threshold == rows.threshold:
            for p in range(n_features):
                sums[p] += weight if X[i, p] > rows.threshold else 0.0
        else:
            for p in range(n_features):
                value = X[i, p]
                below |= value < 0
                sums[p] += weight * np.float64(value)
        sums[n_features] += weight
    return not below


@allocating_kernel
def class_counts(
    X, classes, sample_weight, threshold, block_rows, ticket_blocks, n_levels, state, totals, signs
):
    """Sum the rows of each class, as a member of a team.

    Parameters
    ----------
    X, classes, sample_weight, threshold : IN, see ``Counted``
    block_rows : int, rows of a block
    ticket_blocks : int, blocks a ticket, a power of two: an aligned range
    n_levels : int, ``sums.levels_for(ticket_blocks)``
    state : IN/OUT the team's state, zero at the start
    totals : OUT (n_tickets, n_classes * (n_features + 1)) float64, see ``block_counts``
    signs : OUT (n_tickets,) bool, whether a number that counted was negative
    """
    rows = Counted(X, classes, sample_weight, threshold)
    n_samples = X.shape[0]
    partial, total = np.empty(totals.shape[1]), np.empty(totals.shape[1])
    levels = np.empty((n_levels, partial.size))
    held = np.zeros(n_levels, np.bool_)
    n_blocks = (n_samples + block_rows - 1) // block_rows
    while True:
        ticket = take_ticket(state)
        first = ticket * ticket_blocks
        if first >= n_blocks:
            return
        negative = False
        for number in range(min(ticket_blocks, n_blocks - first)):
            start = (first + number) * block_rows
            stop = min(start + block_rows, n_samples)
            negative = not block_counts(rows, start, stop, partial) or negative
            add_block(number, True, partial, levels, held)
        take_total(levels, held, total)
        for i in range(total.size):  # neighbours in ``totals`` would share cache lines
            totals[ticket, i] = total[i]
        signs[ticket] = negative
        finish_ticket(state)
