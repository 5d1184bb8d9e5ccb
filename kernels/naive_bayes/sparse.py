"""Naive Bayes of compressed sparse rows: counts of the classes, scores of the rows.

Sums are float64, in the order of the rows and of the entries within a row.  What an index points to
is looked at before it is touched: whoever else holds the matrix may write to it meanwhile.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket
from ..tile import fill, lanes, load, prefetch, store

#: Vectors of classes whose sums stay in registers.
_WIDE = 4
#: Features whose weights stay in the first-level cache while they are gathered.
_GATHERED = 64


@kernel
def sparse_class_counts(data, indices, indptr, order, starts, sample_weight, state, counts):
    """Add the sparse rows of each class to its counts, as a member of a team: one ticket a class.

    Parameters
    ----------
    data, indices, indptr : IN a matrix of compressed sparse rows
    order : IN (n_samples,) int64, the rows by class, within a class in their order
    starts : IN (n_classes + 1,) int64, where each class's rows begin in ``order``
    sample_weight : IN (n_samples,) float64, or (0,) for weights of one
    state : IN/OUT the team's state, zero at the start
    counts : IN/OUT (n_classes, n_features) float64
    """
    while True:
        c = take_ticket(state)
        if c >= counts.shape[0]:
            return
        of_class = counts[c]
        for k in range(starts[c], starts[c + 1]):
            row = order[k]
            weight = sample_weight[row] if sample_weight.size > 0 else 1.0
            for at in range(indptr[row], indptr[row + 1]):
                p = np.int64(indices[at])
                if 0 <= p < of_class.size:
                    of_class[p] += weight * np.float64(data[at])
        finish_ticket(state)


@kernel
def gather_classes(W, block_features, state, weights, finite):
    """Write the weights of all classes feature by feature, as a member of a team.

    Parameters
    ----------
    W : IN (n_classes, n_features) float64
    block_features : int, features a ticket
    state : IN/OUT the team's state, zero at the start
    weights : OUT (n_features, n_columns) float64, n_columns >= n_classes; padded with zeros
    finite : OUT (n_tickets,) bool, whether all weights of its features are finite
    """
    n_classes, n_features = W.shape
    while True:
        ticket = take_ticket(state)
        start = ticket * block_features
        if start >= n_features:
            return
        stop = min(start + block_features, n_features)
        good = True
        for first in range(start, stop, _GATHERED):
            for c in range(n_classes):
                for p in range(first, min(first + _GATHERED, stop)):
                    value = W[c, p]
                    good &= value - value == 0.0
                    weights[p, c] = value
        for p in range(start, stop):
            for c in range(n_classes, weights.shape[1]):
                weights[p, c] = 0.0
        finite[ticket] = good
        finish_ticket(state)


@inner_kernel
def add_wide(data, indices, first, last, weights, c, sums):
    """Write the sums of the entries [first, last) times the weights of some classes from c on."""
    n_columns = weights.shape[1]
    flat = weights.reshape(-1)
    total = fill(weights, 0.0, _WIDE, 1)
    for at in range(first, last):
        p = np.int64(indices[at])
        if 0 <= p < weights.shape[0]:
            total = total + load(flat, p * n_columns + c, 0, _WIDE, 1) * np.float64(data[at])
    store(sums, c, 0, total)


@inner_kernel
def add_narrow(data, indices, first, last, weights, c, sums):
    """Write what :func:`add_wide` does, of a single vector of classes."""
    n_columns = weights.shape[1]
    flat = weights.reshape(-1)
    total = fill(weights, 0.0, 1, 1)
    for at in range(first, last):
        p = np.int64(indices[at])
        if 0 <= p < weights.shape[0]:
            total = total + load(flat, p * n_columns + c, 0, 1, 1) * np.float64(data[at])
    store(sums, c, 0, total)


@allocating_kernel
def sparse_scores(data, indices, indptr, weights, biases, block_rows, state, likelihoods):
    """Score sparse rows against all classes in the order of their entries, as a member of a team.

    Parameters
    ----------
    data, indices, indptr : IN a matrix of compressed sparse rows
    weights : IN (n_features, n_columns) float64, see ``gather_classes``: whole vectors of classes
    biases : IN (n_classes,) float64
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    likelihoods : OUT (n_samples, n_classes) float64
    """
    n_samples = likelihoods.shape[0]
    n_columns = weights.shape[1]
    width = lanes(weights)
    found = np.empty(n_columns)
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        for i in range(start, min(start + block_rows, n_samples)):
            first, last = np.int64(indptr[i]), np.int64(indptr[i + 1])
            for at in range(first, last):
                for c in range(0, n_columns, 8):
                    prefetch(weights, np.int64(indices[at]), c)
            c = 0
            while c + _WIDE * width <= n_columns:
                add_wide(data, indices, first, last, weights, c, found)
                c += _WIDE * width
            while c < n_columns:
                add_narrow(data, indices, first, last, weights, c, found)
                c += width
            for c in range(biases.size):
                likelihoods[i, c] = found[c] + biases[c]
        finish_ticket(state)
