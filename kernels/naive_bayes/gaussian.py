"""Gaussian naive Bayes: log-likelihoods of rows, and labels that float64 decides.

The joint log-likelihood of row x and class c is k_c - sum over p of ((x_p - theta_cp) s_cp)^2 with
s = 1 / sqrt(2 var) and k_c the logarithms that do not depend on x.  Differences come first: the
expanded square would cancel.  All of it is float64, also for float32 rows, which costs little where
memory is the limit.

Labels are those of the definition, with its divisions, summed in feature order
(``reference.naive_bayes``).  With S the sum and u = 2^-53, each term of S is off by at most 8u of
itself here and 4u there (a difference, a factor rounded three times and squared; a difference, a
square and a quotient), and d additions add d u; so both are within g (S + |k|) of the exact value,
g = 1.01 (d + 12) u.  As S = k - jll grows where jll falls, no class whose computed likelihood is
at most ``second`` can exceed second + g (|second| + 2 max |k|).  Where the best leads by less than
both sides may be off, the row is decided again by the definition; lowest class on ties.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros
from ..tile import M, broadcast, fill, load, multiply_add, store

#: What ``decisions`` holds for a block in which a row was not finite.
NOT_FINITE = -1
#: Classes scored at a time: their sums stay in registers.
_CLASSES = 4


class Gaussians(NamedTuple):
    """One Gaussian a class and feature, as kernels take them.

    theta, variance : (n_classes, n_features) float64
    scale : (n_classes, n_features) float64, 1 / sqrt(2 variance)
    constants : (n_classes,) float64, log prior - sum of log(2 pi variance) / 2
    """

    theta: Any
    variance: Any
    scale: Any
    constants: Any


@inner_kernel
def class_squares(panel, theta, scale, c, sums):
    """Write the sums of the squared scaled deviations of a panel's rows from four classes.

    Parameters
    ----------
    panel : IN (n_features, rows) flat float64
    theta, scale : IN (n_classes * n_features,) flat
    c : int, the first class; past the last one, it again
    sums : OUT (4, rows) flat
    """
    height = rows_per_block(panel)
    n_features = theta.shape[1]
    last = theta.shape[0] - 1
    c1, c2, c3 = min(c + 1, last), min(c + 2, last), min(c + 3, last)
    flat_theta, flat_scale = theta.reshape(-1), scale.reshape(-1)
    sum0 = fill(panel, 0.0, M, 1)
    sum1 = fill(panel, 0.0, M, 1)
    sum2 = fill(panel, 0.0, M, 1)
    sum3 = fill(panel, 0.0, M, 1)
    for p in range(n_features):
        x = load(panel, p * height, 0, M, 1)
        at = c * n_features + p
        z = (x - broadcast(flat_theta, at, 0, M, 1)) * broadcast(flat_scale, at, 0, M, 1)
        sum0 = multiply_add(z, z, sum0)
        at = c1 * n_features + p
        z = (x - broadcast(flat_theta, at, 0, M, 1)) * broadcast(flat_scale, at, 0, M, 1)
        sum1 = multiply_add(z, z, sum1)
        at = c2 * n_features + p
        z = (x - broadcast(flat_theta, at, 0, M, 1)) * broadcast(flat_scale, at, 0, M, 1)
        sum2 = multiply_add(z, z, sum2)
        at = c3 * n_features + p
        z = (x - broadcast(flat_theta, at, 0, M, 1)) * broadcast(flat_scale, at, 0, M, 1)
        sum3 = multiply_add(z, z, sum3)
    store(sums, 0, 0, sum0)
    store(sums, height, 0, sum1)
    store(sums, 2 * height, 0, sum2)
    store(sums, 3 * height, 0, sum3)


@inner_kernel
def exact_likelihood(X, row, model, c):
    """Return the joint log-likelihood of one row and class as the reference computes it."""
    total = 0.0
    for p in range(X.shape[1]):
        gap = np.float64(X[row, p]) - model.theta[c, p]
        total += gap * gap / model.variance[c, p]
    return model.constants[c] - 0.5 * total


@inner_kernel
def decide_exactly(X, row, model):
    """Return the likeliest class of one row by the definition, the lowest on ties."""
    label = 0
    best = exact_likelihood(X, row, model, 0)
    for c in range(1, model.constants.size):
        likelihood = exact_likelihood(X, row, model, c)
        if likelihood > best:
            label, best = c, likelihood
    return label


@inner_kernel
def widen_rows(X, first, last, rows):
    """Copy rows first, first + 1, ..., repeating ``last``, as float64; say if all are finite."""
    total = 0.0
    for i in range(rows.shape[0]):
        row = min(first + i, last)
        for p in range(rows.shape[1]):
            value = np.float64(X[row, p])
            rows[i, p] = value
            total += value * 0.0
    return total == 0.0


@allocating_kernel
def joint_log_likelihood(
    X, theta, variance, scale, constants, block_rows, state, likelihoods, labels, decisions
):
    """Score all rows against all classes, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    theta, variance, scale, constants : IN, see ``Gaussians``
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    likelihoods : OUT (n_samples, n_classes) float64, or (0, n_classes) where not wanted
    labels : OUT (n_samples,) int32, or (0,) where not wanted
    decisions : OUT (n_tickets,) int64, rows decided by the definition, or NOT_FINITE
    """
    model = Gaussians(theta, variance, scale, constants)
    n_samples, n_features = X.shape
    n_classes = constants.size
    height = rows_per_block(theta)
    wide = np.empty((height, n_features))
    rows = np.empty(height, np.int64)
    panel = aligned_zeros(theta, panel_size(theta))
    sums = aligned_zeros(theta, _CLASSES * height)
    scores = np.empty((n_classes, height))
    largest = 0.0
    for c in range(n_classes):
        if abs(constants[c]) < np.inf:
            largest = max(largest, abs(constants[c]))
    error = 1.01 * (n_features + 12) * 2.0**-53
    while True:
        ticket = take_ticket(state)
        start = ticket * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        decided = 0
        for first in range(start, stop, height):
            count = min(height, stop - first)
            if not widen_rows(X, first, stop - 1, wide):
                decided = NOT_FINITE
                break
            pack_panel(wide, 0, height - 1, rows, panel, 0)
            for c in range(0, n_classes, _CLASSES):
                class_squares(panel, theta, scale, c, sums)
                for j in range(min(_CLASSES, n_classes - c)):
                    for i in range(height):
                        scores[c + j, i] = constants[c + j] - sums[j * height + i]
            if likelihoods.shape[0] > 0:
                for i in range(count):
                    for c in range(n_classes):
                        likelihoods[first + i, c] = scores[c, i]
            if labels.size > 0:
                decided += label_panel(X, first, count, model, scores, error, largest, labels)
        decisions[ticket] = decided
        finish_ticket(state)


@inner_kernel
def label_panel(X, first, count, model, scores, error, largest, labels):
    """Label the rows of a panel from their scores; return how many the definition decided.

    Parameters
    ----------
    scores : IN (n_classes, rows) float64
    error : float, g of the module's bound
    largest : float, the largest absolute value of the constants
    labels : OUT (n_samples,) int32
    """
    decided = 0
    for i in range(count):
        label, best, second = 0, scores[0, i], -np.inf
        for c in range(1, scores.shape[0]):
            score = scores[c, i]
            if score > best:
                label, best, second = c, score, best
            elif score > second:
                second = score
        margin = 2.0 * error * (abs(best) + abs(second) + 4.0 * largest)
        if not (best - second > margin or second == -np.inf):
            label = decide_exactly(X, first + i, model)
            decided += 1
        labels[first + i] = label
    return decided
