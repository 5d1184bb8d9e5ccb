"""Scores that are linear in the features: multinomial, complement and Bernoulli naive Bayes.

The score of row x and class c is b_c + sum over p of x_p W_cp.  Labels are those of float64 sums in
the order of the features (``reference.naive_bayes.linear_joint_log_likelihood``).  A dense product
adds in the same order, but fuses products and sums; both sides are within
g (sum |x_p| m_p + |b|) of the exact value, with m_p = max over c of |W_cp|, u = 2^-53 and
g = 1.01 (d + 3) u (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, section
3.1).  Where the best leads by less than both may be off, the row is decided again.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros
from ..tile import M, broadcast, load, multiply_add, store

#: What ``decisions`` holds for a block in which a row was not finite.
NOT_FINITE = -1


@inner_kernel
def widen_rows(X, first, last, threshold, rows):
    """Copy rows first, first + 1, ..., repeating ``last``, as float64.

    Parameters
    ----------
    threshold : float, what is above becomes 1 and the rest 0; NaN to copy the numbers as they are
    rows : OUT (rows, n_features) float64

    Returns
    -------
    finite, positive : bool, whether all numbers are finite; whether none is negative
    """
    total = 0.0
    positive = True
    for i in range(rows.shape[0]):
        row = min(first + i, last)
        if threshold == threshold:
            for p in range(rows.shape[1]):
                value = np.float64(X[row, p])
                rows[i, p] = 1.0 if value > threshold else 0.0
                total += value * 0.0
        else:
            for p in range(rows.shape[1]):
                value = np.float64(X[row, p])
                rows[i, p] = value
                positive = positive and not value < 0.0
                total += value * 0.0
    return total == 0.0, positive


@inner_kernel
def panel_scores(panel, weights, biases, n_columns, scores):
    """Score a packed panel: four columns at a time stay in registers.

    Parameters
    ----------
    panel : IN (n_features, rows) flat float64
    weights : IN (n_features * n_columns,) flat, feature by feature; n_columns a multiple of 4
    biases : IN (n_columns,)
    scores : OUT (n_columns, rows) flat
    """
    height = rows_per_block(panel)
    n_features = weights.size // n_columns
    for c in range(0, n_columns, 4):
        sum0 = broadcast(biases, c, 0, M, 1)
        sum1 = broadcast(biases, c + 1, 0, M, 1)
        sum2 = broadcast(biases, c + 2, 0, M, 1)
        sum3 = broadcast(biases, c + 3, 0, M, 1)
        for p in range(n_features):
            x = load(panel, p * height, 0, M, 1)
            at = p * n_columns + c
            sum0 = multiply_add(x, broadcast(weights, at, 0, M, 1), sum0)
            sum1 = multiply_add(x, broadcast(weights, at + 1, 0, M, 1), sum1)
            sum2 = multiply_add(x, broadcast(weights, at + 2, 0, M, 1), sum2)
            sum3 = multiply_add(x, broadcast(weights, at + 3, 0, M, 1), sum3)
        store(scores, c * height, 0, sum0)
        store(scores, (c + 1) * height, 0, sum1)
        store(scores, (c + 2) * height, 0, sum2)
        store(scores, (c + 3) * height, 0, sum3)


@inner_kernel
def decide_exactly(row, weights, biases, n_columns, n_classes):
    """Return the class of the highest score of one row by the definition, the lowest on ties."""
    label, best = 0, -np.inf
    for c in range(n_classes):
        score = 0.0
        for p in range(row.size):
            score += row[p] * weights[p * n_columns + c]
        score += biases[c]
        if score > best or c == 0:
            label, best = c, score
    return label


@allocating_kernel
def linear_scores(
    X, weights, biases, n_classes, threshold, block_rows, state, likelihoods, labels, decisions
):
    """Score all rows against all classes, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features) of any type of numbers
    weights : IN (n_features * n_columns,) flat, feature by feature: W of the classes, then m of the
        module's bound, then zeros up to a multiple of 4
    biases : IN (n_columns,)
    n_classes : int
    threshold : float, see ``widen_rows``
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    likelihoods : OUT (n_samples, n_classes) float64, or (0, n_classes) where not wanted
    labels : OUT (n_samples,) int32, or (0,) where not wanted
    decisions : OUT (n_tickets,) int64, rows decided again, or NOT_FINITE
    """
    n_samples, n_features = X.shape
    n_columns = biases.size
    height = rows_per_block(weights)
    wide = np.empty((height, n_features))
    rows = np.empty(height, np.int64)
    panel = aligned_zeros(weights, panel_size(wide))
    scores = aligned_zeros(weights, n_columns * height)
    largest = 0.0
    for c in range(n_classes):
        if abs(biases[c]) < np.inf:
            largest = max(largest, abs(biases[c]))
    error = 1.01 * (n_features + 3) * 2.0**-53
    while True:
        ticket = take_ticket(state)
        start = ticket * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        decided = 0
        for first in range(start, stop, height):
            count = min(height, stop - first)
            finite, positive = widen_rows(X, first, stop - 1, threshold, wide)
            if not finite:
                decided = NOT_FINITE
                break
            pack_panel(wide, 0, height - 1, rows, panel, 0)
            panel_scores(panel, weights, biases, n_columns, scores)
            if likelihoods.shape[0] > 0:
                for i in range(count):
                    for c in range(n_classes):
                        likelihoods[first + i, c] = scores[c * height + i]
            if labels.size > 0:
                for i in range(count):
                    label, best, second = 0, scores[i], -np.inf
                    for c in range(1, n_classes):
                        score = scores[c * height + i]
                        if score > best:
                            label, best, second = c, score, best
                        elif score > second:
                            second = score
                    margin = 4.0 * error * (abs(scores[n_classes * height + i]) + largest)
                    sure = positive and best - second > margin  # m bounds no negative sum
                    if not (sure or n_classes == 1):
                        label = decide_exactly(wide[i], weights, biases, n_columns, n_classes)
                        decided += 1
                    labels[first + i] = label
        decisions[ticket] = decided
        finish_ticket(state)


@allocating_kernel
def sparse_scores(data, indices, indptr, weights, biases, block_rows, state, likelihoods):
    """Score sparse rows against all classes in the order of their entries, as a member of a team.

    Parameters
    ----------
    data, indices, indptr : IN a matrix of compressed sparse rows
    weights : IN (n_features, n_classes) float64
    biases : IN (n_classes,) float64
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    likelihoods : OUT (n_samples, n_classes) float64
    """
    n_samples = likelihoods.shape[0]
    sums = np.empty(biases.size)
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        for i in range(start, min(start + block_rows, n_samples)):
            sums[:] = 0.0
            for at in range(indptr[i], indptr[i + 1]):
                value = np.float64(data[at])
                row = weights[indices[at]]
                for c in range(sums.size):
                    sums[c] += value * row[c]
            for c in range(sums.size):
                likelihoods[i, c] = sums[c] + biases[c]
        finish_ticket(state)
