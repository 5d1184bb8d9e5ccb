"""Naive Bayes of categories: how often each occurs in each class, and what rows add up to.

Counts have for every feature p, from ``starts[p]`` on, a number for each category and class: that
of category v and class c at ``starts[p] + v * n_classes + c``.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.scratch import aligned_zeros
from ..tile import fill, lanes, load, store


@allocating_kernel
def category_counts(
    X, classes, sample_weight, starts, n_classes, ticket_rows, state, totals, unknown
):
    """Add up the weights of the categories of each class, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features) int64
    classes : IN (n_samples,) int32, the number of each row's class
    sample_weight : IN (n_samples,) float64, or (0,) for weights of one
    starts : IN (n_features + 1,) int64, see above
    n_classes : int
    ticket_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    totals : OUT (n_tickets, starts[-1]) float64
    unknown : OUT (n_tickets,) bool, whether there was a category that has no place in the table
    """
    n_samples, n_features = X.shape
    counts = np.empty(starts[n_features])
    while True:
        ticket = take_ticket(state)
        start = ticket * ticket_rows
        if start >= n_samples:
            return
        counts[:] = 0.0
        lost = False
        for i in range(start, min(start + ticket_rows, n_samples)):
            c = np.int64(classes[i])
            weight = sample_weight[i] if sample_weight.size > 0 else 1.0
            for p in range(n_features):
                at = X[i, p] * n_classes + c + starts[p]
                if X[i, p] >= 0 and at < starts[p + 1]:
                    counts[at] += weight
                else:
                    lost = True
        for i in range(counts.size):  # neighbours in ``totals`` would share cache lines
            totals[ticket, i] = counts[i]
        unknown[ticket] = lost
        finish_ticket(state)


@inner_kernel
def add_categories(row, table, starts, c, sums):
    """Write the sums of what a table has for a row's categories, of a vector of classes from c on.

    Parameters
    ----------
    row : IN (n_features,) int64
    table, starts : IN see ``category_scores``
    sums : OUT (n_columns,) flat
    """
    n_columns = table.shape[1]
    flat = table.reshape(-1)
    total = fill(table, 0.0, 1, 1)
    for p in range(row.size):
        last = np.uint64(starts[p + 1] - starts[p] - 1)
        category = np.int64(min(np.uint64(row[p]), last))  # of a negative one, the last
        total = total + load(flat, (starts[p] + category) * n_columns + c, 0, 1, 1)
    store(sums, c, 0, total)


@allocating_kernel
def category_scores(X, table, starts, biases, ticket_rows, state, likelihoods, labels):
    """Add up the numbers of each row's categories, feature by feature, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features) int64
    table : IN (n_categories, n_columns) float64, n_columns >= n_classes: whole vectors of classes;
        of every feature the last category stands for all that are not known
    starts : IN (n_features + 1,) int64, where each feature's categories begin
    biases : IN (n_classes,) float64, added at the end
    ticket_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    likelihoods : OUT (n_samples, n_classes) float64, or (0, n_classes) where not wanted
    labels : OUT (n_samples,) int32, the first class of the largest, or of NaN where one is; or (0,)
    """
    n_samples = X.shape[0]
    n_classes, n_columns = biases.size, table.shape[1]
    sums = aligned_zeros(table, n_columns)
    while True:
        start = take_ticket(state) * ticket_rows
        if start >= n_samples:
            return
        for i in range(start, min(start + ticket_rows, n_samples)):
            for c in range(0, n_columns, lanes(table)):
                add_categories(X[i], table, starts, c, sums)
            label, largest = np.int32(0), -np.inf
            for c in range(n_classes):
                score = sums[c] + biases[c]
                if likelihoods.shape[0] > 0:
                    likelihoods[i, c] = score
                if not score <= largest and largest == largest:  # NaN is taken, and kept
                    label, largest = np.int32(c), score
            if labels.size > 0:
                labels[i] = label
        finish_ticket(state)
