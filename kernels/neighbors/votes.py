"""What neighbours say: votes for classes and means of targets, added in the order they come in.

The neighbours of query i are elements ``starts[i]`` to ``starts[i + 1]`` of flat arrays: as many
for each query, or those within a radius.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket

#: Queries of a ticket.
BATCH = 256
#: Instead of a class: nobody votes; a row is of no class that was named.
NOBODY, UNKNOWN = -1, -2


@kernel
def invert_distances(distances, starts, state, weights):
    """Write the inverse of every distance, as a member of a team.

    Where a neighbour is so near that its inverse is infinite, such neighbours weigh one and the
    others of the query nothing.

    Parameters
    ----------
    distances : IN (n_found,) float64
    starts : IN (n_queries + 1,) int64
    state : IN/OUT the team's state, zero at the start
    weights : OUT (n_found,) float64; may be ``distances``
    """
    n_queries = starts.size - 1
    while True:
        first = take_ticket(state) * BATCH
        if first >= n_queries:
            return
        for i in range(first, min(first + BATCH, n_queries)):
            same = False
            for at in range(starts[i], starts[i + 1]):
                weights[at] = 1.0 / distances[at]
                same |= weights[at] == np.inf
            if same:
                for at in range(starts[i], starts[i + 1]):
                    weights[at] = 1.0 if weights[at] == np.inf else 0.0
        finish_ticket(state)


@inner_kernel
def weight_of(weights, at):
    """Return the weight of a neighbour: one where there are no weights."""
    return weights[at] if weights.size > 0 else 1.0


@allocating_kernel
def vote(indices, weights, starts, classes, n_classes, state, labels, shares):
    """Count the votes for every class, as a member of a team.

    Parameters
    ----------
    indices : IN (n_found,) int64, rows
    weights : IN (n_found,) float64, or (0,) for votes of one
    starts : IN (n_queries + 1,) int64
    classes : IN (n_samples,) int64, the classes of the rows, from 0 to n_classes - 1
    n_classes : int
    state : IN/OUT the team's state, zero at the start
    labels : OUT (n_queries,) int64, the class with the most votes, of equals the first; NOBODY
        where no class has a vote, UNKNOWN where a row has another class
    shares : OUT (n_queries, n_classes) float64, votes over their sum, or as they are where that is
        zero; (0, 0) if they are not wanted
    """
    n_queries = starts.size - 1
    votes = np.empty(n_classes)
    while True:
        first = take_ticket(state) * BATCH
        if first >= n_queries:
            return
        for i in range(first, min(first + BATCH, n_queries)):
            votes[:] = 0.0
            known, some = True, False
            for at in range(starts[i], starts[i + 1]):
                c = classes[indices[at]]
                if 0 <= c < n_classes:
                    votes[c] += weight_of(weights, at)
                else:
                    known = False
            best, total = 0, 0.0
            for c in range(n_classes):
                total += votes[c]
                some |= votes[c] != 0.0
                if votes[c] > votes[best]:
                    best = c
            labels[i] = UNKNOWN if not known else best if some else NOBODY
            if shares.size > 0:
                for c in range(n_classes):
                    shares[i, c] = votes[c] if total == 0.0 else votes[c] / total
        finish_ticket(state)


@kernel
def average(indices, weights, starts, targets, state, means):
    """Write the weighted means of targets, as a member of a team.

    Parameters
    ----------
    indices : IN (n_found,) int64, rows
    weights : IN (n_found,) float64, or (0,) for weights of one
    starts : IN (n_queries + 1,) int64
    targets : IN (n_samples, n_outputs) float64
    state : IN/OUT the team's state, zero at the start
    means : OUT (n_queries, n_outputs) float64; NaN without a neighbour, or where weights
        add to zero
    """
    n_queries, n_outputs = means.shape
    while True:
        first = take_ticket(state) * BATCH
        if first >= n_queries:
            return
        for i in range(first, min(first + BATCH, n_queries)):
            for j in range(n_outputs):
                means[i, j] = 0.0
            total = 0.0
            for at in range(starts[i], starts[i + 1]):
                weight, row = weight_of(weights, at), indices[at]
                total += weight
                for j in range(n_outputs):
                    means[i, j] += weight * targets[row, j]
            for j in range(n_outputs):
                means[i, j] /= total
        finish_ticket(state)
