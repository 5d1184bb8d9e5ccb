"""The loop of k-means: assign, move, until nothing moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import normalize

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.cluster import lloyd
from ._nearest import PreparedCenters, rows_per_ticket

#: Return to the interpreter about this often, for interrupts, callbacks and budgets of time.
_CALL_SECONDS = 0.3
#: Clusters of one ticket move about this many numbers.
_NUMBERS_A_GROUP = 4096


@dataclass(frozen=True)
class Clustering:
    """What one run of k-means found.

    ``decided`` counts the rows float64 had to decide, ``scored`` those compared with every
    centre, over all iterations.
    """

    labels: Array
    centers: Array
    inertia: float
    n_iter: int
    decided: int
    scored: int


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


class Run:
    """One run of Lloyd's algorithm from given centres, a few iterations at a time.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), finite
    centers : ndarray (n_clusters, n_features), C-contiguous, of X's type; changed in place
    sample_weight : ndarray (n_samples,) of float64, or (0,) for weights of one
    tol : float
        Stop when the squared moves of all centres together are not above it.
    bounded : bool
        Whether bounds spare rows that cannot change.
    spherical : bool
        Whether centres are kept at unit length.
    """

    def __init__(
        self,
        X: Array,
        centers: Array,
        *,
        sample_weight: Array,
        max_iter: int,
        tol: float,
        bounded: bool = True,
        spherical: bool = False,
    ) -> None:
        (n_samples, n_features), n_clusters = X.shape, len(centers)
        self.X, self.centers, self.sample_weight = X, centers, sample_weight
        self.max_iter, self.tol = max_iter, tol
        # Each block carries a sum per cluster: 8 rows a cluster or more keep that memory
        # below that of the data.  The size follows from the shape, never from the threads.
        rows = max(rows_per_ticket(n_features, n_clusters), 8 * n_clusters, n_samples // 256)
        self.block_rows = -(-rows // 64) * 64
        self.group = max(1, _NUMBERS_A_GROUP // n_features)
        blocks = -(-n_samples // self.block_rows)
        self.members = min(team_size(n_samples * n_features * (n_clusters + 8) / 30), blocks)
        self.labels = np.zeros(n_samples, np.int32)
        self.previous = np.empty_like(centers)
        self.limits = np.empty(n_samples, np.float32)
        self.spent, self.moves, self.norms = (np.zeros(n_clusters) for _ in range(3))
        self.noted = np.zeros((blocks, 3), np.int64)
        self.block_sums = np.empty((blocks, n_clusters, n_features))
        self.block_weights = np.empty((blocks, n_clusters))
        self.sums, self.weights = np.empty((n_clusters, n_features)), np.empty(n_clusters)
        self.control = np.zeros(lloyd.CONTROL_SIZE, np.int64)
        self.control[lloyd.BOUNDED] = bounded
        self.control[lloyd.SPHERICAL] = spherical
        self.scored = 0
        self.forget()

    def forget(self) -> None:
        """Prepare for centres that have nothing to do with those before."""
        self.prepared = PreparedCenters.of(self.centers)
        self.limits.fill(-np.inf)
        self.control[lloyd.FRESH] = 1
        self.control[lloyd.STOP] = lloyd.GOING

    @property
    def n_iter(self) -> int:
        """Iterations done."""
        return int(self.control[lloyd.ITERATIONS])

    def advance(self, n_steps: int, *, update: bool = True) -> int:
        """Run at most ``n_steps`` iterations; return why the kernel stopped."""
        run_team(
            lloyd.lloyd, self.members,
            self.X, self.sample_weight, self.block_rows, self.group, n_steps, self.max_iter,
            update, self.tol, new_state(), self.centers, self.previous,
            *self.prepared[1:], self.labels, self.limits, self.spent, self.moves,
            self.norms, self.noted, self.block_sums, self.block_weights, self.sums, self.weights,
            self.control,
        )  # fmt: skip
        self.scored += int(self.control[lloyd.SCORED])
        return int(self.control[lloyd.STOP])

    def relocate_empty(self) -> bool:
        """Move each empty cluster to one of the rows farthest from their centres.

        As scikit-learn does: the row leaves the sums of the cluster it was in.  Return whether
        there is anything left to do.
        """
        empty = np.flatnonzero(self.weights == 0)
        distances = squared_distances(self.X, self.previous, self.labels)
        nowhere_better = bool(distances.max() == 0)  # every row sits on its centre
        if not nowhere_better:
            farthest = np.argpartition(distances, -len(empty))[: -len(empty) - 1 : -1]
            for cluster, row in zip(empty, farthest, strict=True):
                weight = self.sample_weight[row] if self.sample_weight.size else 1.0
                label = self.labels[row]
                self.sums[label] -= self.X[row] * weight
                left = self.weights[label] - weight
                # What is left of a cluster that gives its last row away is rounding.
                self.weights[label] = left if left > 1e-12 * self.weights[label] else 0.0
                self.sums[cluster] = self.X[row] * weight
                self.weights[cluster] = weight
            occupied = self.weights > 0
            self.centers[occupied] = self.sums[occupied] / self.weights[occupied, None]
            if self.control[lloyd.SPHERICAL]:
                normalize(self.centers, copy=False)
        self.forget()
        if nowhere_better and (self.moves**2).sum() <= self.tol:
            self.control[lloyd.STOP] = lloyd.WITHIN_TOLERANCE
        return bool(self.control[lloyd.STOP] == lloyd.GOING) and self.n_iter < self.max_iter

    def so_far(self) -> Clustering:
        """Return the centres as they are, with the labels that led to them."""
        distances = squared_distances(self.X, self.centers, self.labels)
        weights = self.sample_weight
        inertia = float(distances @ weights if weights.size else distances.sum())
        decided = int(self.control[lloyd.DECIDED])
        return Clustering(self.labels, self.centers, inertia, self.n_iter, decided, self.scored)

    def finish(self) -> Clustering:
        """Return the result, its labels those of its centres."""
        if self.control[lloyd.STOP] != lloyd.CONVERGED:
            self.control[lloyd.STOP] = lloyd.GOING
            self.advance(1, update=False)
        return self.so_far()


def advance_until(
    run: Run, deadline: float = np.inf, after: Callable[[Run], bool] | None = None
) -> bool:
    """Advance a run until it stops; return whether to stop everything.

    Parameters
    ----------
    deadline : float
        Value of ``time.perf_counter`` at which to stop, with the best so far.
    after : callable
        Called after every single iteration; a true result stops.  Without it, several
        iterations go to a call of the kernel.
    """
    n_steps = 1
    while True:
        started = time.perf_counter()
        reason = run.advance(n_steps)
        seconds = (time.perf_counter() - started) / n_steps
        stop = after is not None and after(run)
        if reason == lloyd.EMPTY_CLUSTER:
            if not run.relocate_empty():
                return stop
        elif reason != lloyd.GOING:
            return stop
        if stop or time.perf_counter() >= deadline:
            return True
        if after is None:
            left = min(_CALL_SECONDS, deadline - time.perf_counter())
            n_steps = int(np.clip(left / max(seconds, 1e-6), 1, 1000))
