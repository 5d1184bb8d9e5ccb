"""Naive Bayes of categories: how often each occurs in each class, and what rows add up to.

A table has for every feature p, from ``starts[p]`` on, a number for each category and class: that
of category v and class c at ``starts[p] + v * n_classes + c``.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, kernel
from ..machine.team import finish_ticket, take_ticket


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


@kernel
def category_scores(X, table, starts, biases, ticket_rows, state, likelihoods):
    """Add up the numbers of each row's categories, feature by feature, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features) int64, not negative
    table : IN flat float64; of every feature the last category stands for all that are not known
    starts : IN (n_features + 1,) int64, see above
    biases : IN (n_classes,) float64, added at the end
    ticket_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    likelihoods : OUT (n_samples, n_classes) float64
    """
    n_samples, n_features = X.shape
    n_classes = biases.size
    while True:
        start = take_ticket(state) * ticket_rows
        if start >= n_samples:
            return
        for i in range(start, min(start + ticket_rows, n_samples)):
            for c in range(n_classes):
                likelihoods[i, c] = 0.0
            for p in range(n_features):
                last = starts[p + 1] - n_classes
                value = X[i, p]
                at = starts[p] + value * n_classes
                if value < 0 or value > last or at > last:
                    at = last
                for c in range(n_classes):
                    likelihoods[i, c] += table[at + c]
            for c in range(n_classes):
                likelihoods[i, c] += biases[c]
        finish_ticket(state)
