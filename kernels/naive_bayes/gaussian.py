"""Gaussian naive Bayes: log-likelihoods of rows, and the definition of their labels.

The joint log-likelihood of row x and class c is k_c - sum over p of ((x_p - theta_cp) s_cp)^2 with
s = 1 / sqrt(2 var) and k_c the logarithms that do not depend on x.  Differences come first: the
expanded square would cancel.  All of it is float64, also for float32 rows, which costs little where
memory is the limit.

Labels (:mod:`.likeliest`) are those of the definition, with its divisions, summed in feature order
(``reference.naive_bayes``), the lowest class on ties.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros
from ..tile import VECTORS, broadcast, fill, load, multiply_add, store

#: What ``decisions`` holds for a block in which a row was not finite, or its squares were not.
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
    sum0 = fill(panel, 0.0, VECTORS, 1)
    sum1 = fill(panel, 0.0, VECTORS, 1)
    sum2 = fill(panel, 0.0, VECTORS, 1)
    sum3 = fill(panel, 0.0, VECTORS, 1)
    for p in range(n_features):
        x = load(panel, p * height, 0, VECTORS, 1)
        at = c * n_features + p
        z = x - broadcast(flat_theta, at, 0, VECTORS, 1)
        z = z * broadcast(flat_scale, at, 0, VECTORS, 1)
        sum0 = multiply_add(z, z, sum0)
        at = c1 * n_features + p
        z = x - broadcast(flat_theta, at, 0, VECTORS, 1)
        z = z * broadcast(flat_scale, at, 0, VECTORS, 1)
        sum1 = multiply_add(z, z, sum1)
        at = c2 * n_features + p
        z = x - broadcast(flat_theta, at, 0, VECTORS, 1)
        z = z * broadcast(flat_scale, at, 0, VECTORS, 1)
        sum2 = multiply_add(z, z, sum2)
        at = c3 * n_features + p
        z = x - broadcast(flat_theta, at, 0, VECTORS, 1)
        z = z * broadcast(flat_scale, at, 0, VECTORS, 1)
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
    """Return the likeliest class of one row by the definition, the lowest on ties.

    ``NOT_FINITE`` if no class has a finite likelihood.
    """
    label, best = NOT_FINITE, -np.inf
    for c in range(model.constants.size):
        likelihood = exact_likelihood(X, row, model, c)
        if likelihood > best:
            label, best = c, likelihood
    return label


@inner_kernel
def widen_rows(X, first, last, rows):
    """Copy rows first, first + 1, ..., repeating ``last``, as float64."""
    for i in range(rows.shape[0]):
        row = min(first + i, last)
        for p in range(rows.shape[1]):
            rows[i, p] = np.float64(X[row, p])


@allocating_kernel
def joint_log_likelihood(X, theta, variance, scale, constants, block_rows, state, likelihoods):
    """Score all rows against all classes, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features), finite
    theta, variance, scale, constants : IN, see ``Gaussians``
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    likelihoods : OUT (n_samples, n_classes) float64
    """
    n_samples, n_features = X.shape
    n_classes = constants.size
    height = rows_per_block(theta)
    wide = np.empty((height, n_features))
    rows = np.empty(height, np.int64)
    panel = aligned_zeros(theta, panel_size(theta))
    sums = aligned_zeros(theta, _CLASSES * height)
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        for first in range(start, stop, height):
            widen_rows(X, first, stop - 1, wide)
            pack_panel(wide, 0, height - 1, rows, panel, 0)
            for c in range(0, n_classes, _CLASSES):
                class_squares(panel, theta, scale, c, sums)
                for j in range(min(_CLASSES, n_classes - c)):
                    for i in range(min(height, stop - first)):
                        score = constants[c + j] - sums[j * height + i]
                        likelihoods[first + i, c + j] = score
        finish_ticket(state)
