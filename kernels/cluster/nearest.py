"""Nearest centroid that is never wrong.

The nearest of k centres maximises the score s_j = x.c_j - |c_j|^2 / 2: a dense layer with
bias -|c_j|^2 / 2 and the largest column as its epilogue.  Rows and centres are first moved
by one common vector near the data, so coordinates around 1e6 lose nothing.

Scores round.  The tile keeps the runner-up too; where it is closer than the bound proved in
``ops.certify``, the row is decided again as the reference decides: float64, direct differences
summed in feature order, lowest index on ties.  So every label equals the reference's, whatever
the element type, block, thread count or instruction set.

A row with NaN or infinity fails the comparison with its margin and so is caught in the
same place; there is no second pass over the data to look for them.
"""

from __future__ import annotations

from typing import Any

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_ticket
from ..ops.certify import NOT_FINITE, decide_again, needed_lead
from ..ops.exact import nearest_point
from ..ops.pack import FEW_FEATURES, consecutive_rows, rows_per_block
from ..ops.scratch import copy_elements
from ..tile import any_not_greater, store, store_indices
from .assigned import assigned_work, write_distances
from .centers import Centers, centers_of, with_transposed
from .scores import panel_work, score_consecutive, score_few_features

#: Rows a member decides in float64 before it transposes centres that were not: for fewer, writing
#: them takes longer than it saves.
_DECIDED_BEFORE = 8


@kernel
def nearest_of_few(X, points, labels):
    """Label a few rows as the reference does; preparing the centres would take longer.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    points : IN (n_clusters, n_features)
    labels : OUT (n_samples,) int32

    Returns
    -------
    int : the number of rows, or NOT_FINITE if one holds NaN or infinity
    """
    for i in range(X.shape[0]):
        nearest = nearest_point(X, i, points)
        if nearest < 0:
            return NOT_FINITE
        labels[i] = nearest
    return X.shape[0]


def _label_rows_by(score: Any) -> Any:
    """Make the function that labels rows by one way to score: with all ways in one loop, what they
    leave in registers would go through memory.
    """

    @inner_kernel
    def label_rows(X, start, stop, centers, work, labels):
        """Write the nearest centre of rows [start, stop); return how many were decided in float64.

        Parameters
        ----------
        X : IN (n_samples, n_features)
        centers : IN Centers
        work : OUT PanelWork
        labels : OUT (n_samples,) int32

        Returns
        -------
        int : the count, or NOT_FINITE as soon as a row holds NaN or infinity
        """
        panel, rows = work.panel, work.rows
        height = rows_per_block(X)
        decided = 0
        for first in range(start, stop, height):
            count = min(height, stop - first)
            norms, best, index, second = score(X, first, stop - 1, rows, centers, panel)
            if count == height:
                store_indices(labels, first, index)
            else:
                store_indices(work.labels, 0, index)
                copy_elements(work.labels, 0, count, labels, first)
            needed = needed_lead(norms, centers.margin)
            lead = best - second
            if any_not_greater(lead, needed):
                # The panel is done with: its first rows hold the leads and what they need.
                store(panel, 0, 0, lead)
                store(panel, height, 0, needed)
                consecutive_rows(first, stop - 1, rows)
                again = decide_again(
                    X, rows, 0, count, centers.points, centers.transposed, panel, work.distances,
                    labels, first,
                )  # fmt: skip
                if again < 0:
                    return NOT_FINITE
                decided += again
        return decided

    return label_rows


_label_rows, _label_few_features = map(_label_rows_by, (score_consecutive, score_few_features))


@inner_kernel
def _label_some(X, start, stop, centers, work, labels):
    """Label rows [start, stop), as ``label_rows`` does, by the way their width asks for."""
    if centers.pitch == 0 and X.shape[1] <= FEW_FEATURES:
        return _label_few_features(X, start, stop, centers, work, labels)
    return _label_rows(X, start, stop, centers, work, labels)


@allocating_kernel
def label_alone(X, centers, labels):
    """Label every row with its nearest centre on the calling thread: too few to be shared.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    centers : IN tuple of what Centers hold: Python hands over a named one ten times as slowly
    labels : OUT (n_samples,) int32

    Returns
    -------
    int : rows decided in float64, or NOT_FINITE if one holds NaN or infinity
    """
    points, shift, shifted, transposed, half_norms, margin, pitch = centers
    prepared = Centers(points, shift, shifted, transposed, half_norms, margin, pitch)
    work = panel_work(X, points.shape[0])
    return _label_some(X, 0, X.shape[0], prepared, work, labels)


@allocating_kernel
def label_by_points(X, points, pitch, labels):
    """Do as :func:`label_alone`, with centres that were not prepared: they are here.

    Parameters
    ----------
    points : IN (n_clusters, n_features)
    pitch : int, see ``scores.pitch_of``
    """
    centers = centers_of(points, pitch)
    work = panel_work(X, centers.points.shape[0])
    return _label_some(X, 0, X.shape[0], centers, work, labels)


@allocating_kernel
def nearest_centroid(X, centers, block_rows, state, labels, distances, decisions):
    """Label every row with its nearest centre, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    centers : IN Centers; where they are not transposed, a member does so once it needs it
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    labels : OUT (n_samples,) int32
    distances : OUT (n_samples,) of X's type, Euclidean, or (0,) where they are not wanted
    decisions : OUT (n_blocks,) int64, rows decided in float64, or NOT_FINITE
    """
    n_samples = X.shape[0]
    work = panel_work(X, centers.points.shape[0])
    decided = 0
    while True:
        block = take_ticket(state)
        start = block * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        decisions[block] = _label_some(X, start, stop, centers, work, labels)
        decided += decisions[block]
        if decided >= _DECIDED_BEFORE and centers.transposed.shape[1] == 0:
            centers = with_transposed(centers)
        if distances.size > 0 and decisions[block] >= 0:
            write_distances(X, start, stop, centers.points, labels, assigned_work(X), distances)
        finish_ticket(state)
