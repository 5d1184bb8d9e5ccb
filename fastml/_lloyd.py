"""The loop of k-means: assign, move, until nothing moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._nearest import PreparedCenters, assign, rows_per_ticket
from ._threads import new_state, run_team, team_size
from ._validation import Array
from .kernels import lloyd


@dataclass(frozen=True)
class Clustering:
    """What one run of k-means found."""

    labels: Array
    centers: Array
    inertia: float
    n_iter: int
    decided: int


def squared_distances(X: Array, centers: Array, labels: Array) -> Array:
    """Return every row's squared distance to the centre it is labelled with, in float64."""
    n_samples, n_features = X.shape
    distances = np.empty(n_samples)
    run_team(
        lloyd.squared_distances,
        team_size(n_samples * n_features),
        X, centers, labels, max(64, 100_000 // n_features), new_state(), distances,
    )  # fmt: skip
    return distances


class _Step:
    """Assignment and sums over fixed blocks, with their working memory."""

    def __init__(self, X: Array, sample_weight: Array, n_clusters: int) -> None:
        n_samples, n_features = X.shape
        self.X, self.sample_weight = X, sample_weight
        # Each block carries a sum per cluster: 8 rows a cluster or more keep that memory
        # below that of the data.  The size follows from the shape, never from the threads.
        rows = max(rows_per_ticket(n_features, n_clusters), 8 * n_clusters, n_samples // 256)
        self.block_rows = -(-rows // 64) * 64
        blocks = -(-n_samples // self.block_rows)
        self.members = min(team_size(n_samples * n_features * (n_clusters + 8) / 30), blocks)
        self.changed = np.empty(blocks, np.int64)
        self.decisions = np.zeros(blocks, np.int64)
        self.block_sums = np.empty((blocks, n_clusters, n_features))
        self.block_weights = np.empty((blocks, n_clusters))
        self.sums = np.empty((n_clusters, n_features))
        self.weights = np.empty(n_clusters)

    def __call__(self, centers: Array, labels: Array) -> int:
        """Update ``labels`` and the sums; return how many labels changed."""
        run_team(
            lloyd.assign_and_sum, self.members,
            self.X, self.sample_weight, *PreparedCenters.of(centers).arrays(), self.block_rows,
            new_state(), labels, self.changed, self.decisions, self.block_sums,
            self.block_weights,
        )  # fmt: skip
        lloyd.total_sums(self.block_sums, self.block_weights, self.sums, self.weights)
        return int(self.changed.sum())


def _relocate_empty(step: _Step, centers: Array, labels: Array) -> None:
    """Move each empty cluster to one of the rows farthest from their centres.

    As scikit-learn does: the row leaves the sums of the cluster it was in.
    """
    empty = np.flatnonzero(step.weights == 0)
    if not len(empty):
        return
    distances = squared_distances(step.X, centers, labels)
    if distances.max() == 0:  # every row sits on its centre: nowhere better to go
        return
    farthest = np.argpartition(distances, -len(empty))[: -len(empty) - 1 : -1]
    for cluster, row in zip(empty, farthest, strict=True):
        weight = step.sample_weight[row] if step.sample_weight.size else 1.0
        step.sums[labels[row]] -= step.X[row] * weight
        step.weights[labels[row]] -= weight
        step.sums[cluster] = step.X[row] * weight
        step.weights[cluster] = weight


def kmeans(
    X: Array, centers: Array, *, sample_weight: Array, max_iter: int, tol: float
) -> Clustering:
    """Run Lloyd's algorithm from given centres.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), finite
    centers : ndarray (n_clusters, n_features), C-contiguous, of X's type
    sample_weight : ndarray (n_samples,) or (0,)
    tol : float
        Stop when the squared move of all centres together is not above it.
    """
    n_clusters = len(centers)
    step = _Step(X, sample_weight, n_clusters)
    labels = np.full(len(X), -1, np.int32)
    decided, iteration, strict = 0, 0, False
    while iteration < max_iter:
        iteration += 1
        changed = step(centers, labels)
        decided += int(step.decisions.sum())
        _relocate_empty(step, centers, labels)
        occupied = step.weights > 0
        moved = centers.copy()
        moved[occupied] = step.sums[occupied] / step.weights[occupied, None]
        shift = float(((moved.astype(np.float64) - centers) ** 2).sum())
        centers = moved
        if changed == 0:
            strict = True
            break
        if shift <= tol:
            break
    if not strict:  # so that labels are those of the centres returned
        decided += assign(X, PreparedCenters.of(centers), labels)
    distances = squared_distances(X, centers, labels)
    inertia = float(distances @ sample_weight if sample_weight.size else distances.sum())
    return Clustering(labels, centers, inertia, iteration, decided)
