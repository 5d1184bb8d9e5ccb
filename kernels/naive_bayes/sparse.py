"""Naive Bayes of compressed sparse rows: counts of the classes, scores of the rows.

Sums are float64, in the order of the rows and of the entries within a row.  What an index points to
is looked at before it is touched: whoever else holds the matrix may write to it meanwhile.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket
from ..tile import fill, lanes, load, prefetch, store

#: So many entries ahead the weights are asked for.
_ENTRIES_AHEAD = 32
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
def ask_for(weights, indices, at):
    """Ask for the weights of an entry's feature; of no entry, for nothing."""
    if at < indices.size:
        for c in range(0, weights.shape[1], 8):
            prefetch(weights, np.int64(indices[at]), c)


@inner_kernel
def add_entries(data, indices, first, last, weights, c, sums):
    """Write the sums of the entries [first, last) times the weights of four vectors of classes.

    From class c on; past the last vector, that again.
    """
    n_columns = weights.shape[1]
    width = lanes(weights)
    flat = weights.reshape(-1)
    c1 = min(c + width, n_columns - width)
    c2 = min(c + 2 * width, n_columns - width)
    c3 = min(c + 3 * width, n_columns - width)
    sum0 = fill(weights, 0.0, 1, 1)
    sum1 = fill(weights, 0.0, 1, 1)
    sum2 = fill(weights, 0.0, 1, 1)
    sum3 = fill(weights, 0.0, 1, 1)
    for at in range(first, last):
        p = np.int64(indices[at])
        if c == 0:
            ask_for(weights, indices, at + _ENTRIES_AHEAD)
        if 0 <= p < weights.shape[0]:
            value = np.float64(data[at])
            sum0 = sum0 + load(flat, p * n_columns + c, 0, 1, 1) * value
            sum1 = sum1 + load(flat, p * n_columns + c1, 0, 1, 1) * value
            sum2 = sum2 + load(flat, p * n_columns + c2, 0, 1, 1) * value
            sum3 = sum3 + load(flat, p * n_columns + c3, 0, 1, 1) * value
    store(sums, c, 0, sum0)
    store(sums, c1, 0, sum1)
    store(sums, c2, 0, sum2)
    store(sums, c3, 0, sum3)


@allocating_kernel
def sparse_scores(data, indices, indptr, weights, biases, block_rows, state, likelihoods, labels):
    """Score sparse rows against all classes in the order of their entries, as a member of a team.

    Parameters
    ----------
    data, indices, indptr : IN a matrix of compressed sparse rows
    weights : IN (n_features, n_columns) float64, see ``gather_classes``: whole vectors of classes
    biases : IN (n_classes,) float64
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    likelihoods : OUT (n_samples, n_classes) float64, or (0, n_classes) where not wanted
    labels : OUT (n_samples,) int32, the first class of the largest, or of NaN where one is; or (0,)
    """
    n_samples = indptr.size - 1
    n_columns = weights.shape[1]
    found = np.empty(n_columns)
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        for at in range(np.int64(indptr[start]), np.int64(indptr[start]) + _ENTRIES_AHEAD):
            ask_for(weights, indices, at)
        for i in range(start, min(start + block_rows, n_samples)):
            for c in range(0, n_columns, 4 * lanes(weights)):
                add_entries(
                    data, indices, np.int64(indptr[i]), np.int64(indptr[i + 1]), weights, c, found
                )
            label, largest = np.int32(0), -np.inf
            for c in range(biases.size):
                score = found[c] + biases[c]
                if likelihoods.shape[0] > 0:
                    likelihoods[i, c] = score
                if not score <= largest and largest == largest:  # NaN is taken, and kept
                    label, largest = np.int32(c), score
            if labels.size > 0:
                labels[i] = label
        finish_ticket(state)
