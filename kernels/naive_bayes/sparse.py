"""Naive Bayes of compressed sparse rows: counts of the classes, scores of the rows.

Sums are float64, in the order of the rows and of the entries within a row.  What an index points to
is looked at before it is touched: whoever else holds the matrix may write to it meanwhile.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.scratch import aligned_zeros
from ..tile import fill, lane_maximum, lane_sum, lanes, load, prefetch, store

#: So many entries ahead the weights are asked for, where they are more than caches nearby hold.
_ENTRIES_AHEAD, _NEAR = 32, 1 << 12
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


def _scores_of(vectors: int) -> Any:
    """Make the function that finds a row's scores of ``vectors`` vectors of classes."""

    @inner_kernel
    def find(data, indices, first, last, model, c, ahead, scores):
        """Write the scores from class c on; return the largest, and 0 if all are finite, else NaN.

        Parameters
        ----------
        data, indices : IN of a matrix of compressed sparse rows; the row's entries [first, last)
        model : (weights, biases), IN, see :func:`sparse_scores`
        ahead : int, the weights of the entry so much farther on are asked for; 0 for none
        scores : OUT (n_columns,) float64
        """
        weights, biases = model
        n_columns = weights.shape[1]
        flat = weights.reshape(-1)
        total = fill(weights, 0.0, vectors, 1)
        for at in range(first, last):
            p = np.int64(indices[at])
            if ahead > 0:
                ask_for(weights, indices, at + ahead)
            if 0 <= p < weights.shape[0]:
                of_feature = load(flat, p * n_columns + c, 0, vectors, 1)
                total = total + of_feature * np.float64(data[at])
        total = total + load(biases, c, 0, vectors, 1)
        store(scores, c, 0, total)
        return lane_maximum(total), lane_sum(total * 0.0)

    return find


_one, _two, _three, _four, _six, _eight = (_scores_of(vectors) for vectors in (1, 2, 3, 4, 6, 8))


def padded_classes(n_classes: int, lanes_: int) -> int:
    """Return the columns of weights: classes in so many vectors as there are functions for."""
    vectors = -(-n_classes // lanes_)
    return (vectors + (vectors % 8 in (5, 7))) * lanes_


@inner_kernel
def _find_scores(data, indices, first, last, model, ahead, scores):
    """Write a row's scores; return the largest, and 0 if all are finite, else NaN."""
    n_columns, width = scores.size, lanes(scores)
    largest, wrong, c = -np.inf, 0.0, 0
    while c < n_columns:
        left = (n_columns - c) // width
        if left >= 8:
            found, bad = _eight(data, indices, first, last, model, c, ahead, scores)
        elif left == 6:
            found, bad = _six(data, indices, first, last, model, c, ahead, scores)
        elif left == 4:
            found, bad = _four(data, indices, first, last, model, c, ahead, scores)
        elif left == 3:
            found, bad = _three(data, indices, first, last, model, c, ahead, scores)
        elif left == 2:
            found, bad = _two(data, indices, first, last, model, c, ahead, scores)
        else:
            found, bad = _one(data, indices, first, last, model, c, ahead, scores)
            left = 1
        c += min(left, 8) * width
        largest, wrong, ahead = max(largest, found), wrong + bad, 0
    return largest, wrong


@inner_kernel
def _first_of_largest(scores, n_classes):
    """Return the first class of the largest score, or the first of NaN where one is."""
    label, largest = 0, -np.inf
    for c in range(n_classes):
        if not scores[c] <= largest and largest == largest:  # NaN is taken, and kept
            label, largest = c, scores[c]
    return label


@allocating_kernel
def sparse_scores(data, indices, indptr, weights, biases, block_rows, state, likelihoods, labels):
    """Score sparse rows against all classes in the order of their entries, as a member of a team.

    Parameters
    ----------
    data, indices, indptr : IN a matrix of compressed sparse rows
    weights : IN (n_features, n_columns) float64, see ``gather_classes`` and ``padded_classes``
    biases : IN (n_columns,) float64; of columns that pad the least number there is
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    likelihoods : OUT (n_samples, n_classes) float64, or (0, n_classes) where not wanted
    labels : OUT (n_samples,) int32, the first class of the largest, or of NaN where one is; or (0,)
    """
    n_samples, n_classes = indptr.size - 1, likelihoods.shape[1]
    ahead = _ENTRIES_AHEAD if weights.size > _NEAR else 0
    scores = aligned_zeros(weights, weights.shape[1])
    model = (weights, biases)
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        for at in range(np.int64(indptr[start]), np.int64(indptr[start]) + ahead):
            ask_for(weights, indices, at)
        for i in range(start, min(start + block_rows, n_samples)):
            first, last = np.int64(indptr[i]), np.int64(indptr[i + 1])
            largest, wrong = _find_scores(data, indices, first, last, model, ahead, scores)
            if likelihoods.shape[0] > 0:
                for c in range(n_classes):
                    likelihoods[i, c] = scores[c]
            if labels.size > 0:
                label = 0
                if wrong == 0.0:  # without a branch for every class that is larger
                    while scores[label] != largest:
                        label += 1
                else:
                    label = _first_of_largest(scores, n_classes)
                labels[i] = label
        finish_ticket(state)
