"""The loop of k-means: assign, move, until nothing moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from ..core.checkpoint import restore_arrays
from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.cluster import lloyd
from ..kernels.cluster.centers import Centers
from ._bundles import lloyd_moves, lloyd_plan, lloyd_rows, lloyd_sums, prepared_centers
from ._nearest import squared_distances, weighted_inertia

#: Return to the interpreter about this often where there is a budget of time; and so many
#: iterations go to a call where there is none: teams see to it that interrupts are seen.
_CALL_SECONDS, _MANY_STEPS = 0.3, 1000
#: Runs have so many passes over the rows at least, nearly always: the work that may be shared.
_PASSES = 4
#: Work of less nanoseconds that nobody shares is one ticket: it could be interrupted after all.
_SHORT = 50_000_000


class Reason(IntEnum):
    """Why the kernel returned."""

    GOING = lloyd.GOING
    CONVERGED = lloyd.CONVERGED
    WITHIN_TOLERANCE = lloyd.WITHIN_TOLERANCE
    EMPTY_CLUSTER = lloyd.EMPTY_CLUSTER
    LAST_ITERATION = lloyd.LAST_ITERATION
    OVERFLOW = lloyd.OVERFLOW
    NOT_FINITE = lloyd.NOT_FINITE
    NO_LABEL = lloyd.NO_LABEL


@dataclass(frozen=True)
class Clustering:
    """What one run of k-means found.

    ``n_decided`` counts the rows float64 had to decide, ``n_scored`` those compared with every
    centre: in all iterations, where sums were verified, and for the labels of the last centres.
    """

    labels: Array
    centers: Array
    inertia: float
    n_iter: int
    n_decided: int
    n_scored: int

    def attributes(self, weight_exponent: int) -> dict[str, Any]:
        """Return the fitted attributes of an estimator.

        Parameters
        ----------
        weight_exponent : int
            Weights were divided by 2 to this power.
        """
        with np.errstate(over="ignore"):
            inertia = float(np.ldexp(self.inertia, weight_exponent))
        return {
            "cluster_centers_": self.centers,
            "labels_": self.labels,
            "inertia_": inertia,
            "n_iter_": self.n_iter,
            "n_decided_": self.n_decided,
            "n_scored_": self.n_scored,
        }


def farthest_rows(distances: Array, count: int) -> Array:
    """Return the rows of the largest distances, the farthest first, the lowest row on ties."""
    least = np.partition(distances, len(distances) - count)[len(distances) - count]
    rows = np.flatnonzero(distances >= least)
    return rows[np.argsort(-distances[rows], kind="stable")][:count]


def raise_if_not_finite(reason: Reason) -> None:
    """Raise ValueError for numbers a run cannot go on with."""
    if reason is Reason.NOT_FINITE:
        raise ValueError("Input X contains NaN or infinity.")
    if reason is Reason.NO_LABEL:
        raise ValueError("labels must be from 0 to n_clusters - 1.")
    if reason is Reason.OVERFLOW:
        raise ValueError(
            "Squared distances between X and the centers overflow float64. Scale X, or the "
            "initial centers, to smaller numbers."
        )


class LloydRun:
    """One run of Lloyd's algorithm from given centres, a few iterations at a time.

    Parameters
    ----------
    X : ndarray (n_samples, n_features)
    points : ndarray (n_clusters, n_features), C-contiguous, of X's type: the centres; changed in
        place.  Or Centers, prepared for rows like X, which :meth:`gains` leaves as they are.
    sample_weight : ndarray (n_samples,) of float64, or (0,) for weights of one
    max_iter : int
    tol : float
        Stop when the squared moves of all centres together are not above it.
    bounded : bool, default=True
        Whether bounds spare rows that cannot change.
    spherical : bool, default=False
        Whether centres are kept at unit length.
    labels : ndarray (n_samples,) of int32, default=None
        The labels before; changed in place.
    limits : ndarray (n_samples,) of float32, default=None
        When rows must be scored again, changed in place; all must be by default.
    spent : ndarray (n_clusters,) of float64, default=None
        What clusters have spent of that; nothing by default.
    """

    def __init__(
        self,
        X: Array,
        points: Array | Centers,
        *,
        sample_weight: Array,
        max_iter: int,
        tol: float,
        bounded: bool = True,
        spherical: bool = False,
        labels: Array | None = None,
        limits: Array | None = None,
        spent: Array | None = None,
    ) -> None:
        centers = points if isinstance(points, Centers) else prepared_centers(points, X)
        points = centers.points
        (n_samples, n_features), n_clusters = X.shape, len(points)
        nanoseconds = n_samples * n_features * (n_clusters + 8) / 30
        members = team_size(_PASSES * nanoseconds)
        self._plan = lloyd_plan(
            X, n_clusters, max_iter=max_iter, tol=tol, bounded=bounded, spherical=spherical,
            one_ticket=members == 1 and nanoseconds < _SHORT,
        )  # fmt: skip
        self._rows = lloyd_rows(X, sample_weight, points, labels, limits)
        self._centers = centers
        self._sums = lloyd_sums(n_samples, points, self._plan)
        self._moves = lloyd_moves(points, spent)
        self._control = np.zeros(lloyd.CONTROL_SIZE, np.int64)
        self._control[lloyd.EVERY_ROW] = 1
        self._members = min(members, len(self._sums.tally))

    @property
    def n_iter(self) -> int:
        """Iterations done."""
        return int(self._control[lloyd.ITERATIONS])

    @property
    def reason(self) -> Reason:
        """Why the run stopped."""
        return Reason(int(self._control[lloyd.STOP]))

    @property
    def squared_moves(self) -> float:
        """The squared moves of all centres together, in the last iteration."""
        return float((self._moves.moves**2).sum())

    def advance(self, n_steps: int) -> Reason:
        """Run at most ``n_steps`` iterations, or with 0 only bring the labels up to date."""
        run_team(
            lloyd.lloyd, self._members,
            self._rows, self._centers, self._sums, self._moves, self._control, self._plan,
            n_steps, new_state(),
        )  # fmt: skip
        raise_if_not_finite(self.reason)
        return self.reason

    def gains(self, control: Array) -> tuple[Array, Array]:
        """Return what clusters gain from these rows, and the tally, and leave the centres.

        Parameters
        ----------
        control : ndarray, which rows are scored and summed
        """
        for name in (lloyd.EVERY_ROW, lloyd.KEEP_LABELS):
            self._control[name] = control[name]
        run_team(
            lloyd.lloyd, self._members,
            self._rows, self._centers, self._sums, self._moves, self._control, self._plan,
            0, new_state(),
        )  # fmt: skip
        lloyd.gains_of_all(self._sums, np.empty(len(self._sums.tally), np.bool_))
        return self._sums.gains[0].copy(), self._sums.tally.sum(axis=0)

    def relocate_empty(self) -> None:
        """Give each empty cluster one of the rows farthest from their centres.

        The iteration that came upon them is not finished: the next one has these labels, sums
        all rows and moves the centres.
        """
        X, points, labels = self._rows.X, self._centers.points, self._rows.labels
        empty = np.flatnonzero(self._sums.totals[:, -1] == 0)
        distances = squared_distances(X, points, labels)
        if distances.max() > 0:  # else every row sits on its centre: there is nothing better
            rows = farthest_rows(distances, len(empty))
            labels[rows] = empty
            self._rows.limits[rows] = -np.inf
            self._control[lloyd.CHANGED] += len(rows)
        for name in (lloyd.EVERY_ROW, lloyd.KEEP_LABELS, lloyd.ALLOW_EMPTY):
            self._control[name] = 1
        self._control[lloyd.STOP] = Reason.GOING

    def so_far(self) -> Clustering:
        """Return the centres as they are, with the labels that led to them."""
        rows, points, control = self._rows, self._centers.points, self._control
        return Clustering(
            labels=rows.labels,
            centers=points,
            inertia=weighted_inertia(rows.X, points, rows.labels, rows.sample_weight),
            n_iter=self.n_iter,
            n_decided=int(control[lloyd.DECIDED]),
            n_scored=int(control[lloyd.SCORED]),
        )

    def arrays(self) -> dict[str, Array]:
        """Return all that the next iterations depend on."""
        rows, sums = self._rows, self._sums
        return {
            **self._centers._asdict(),
            "pitch": np.array(self._centers.pitch),
            **self._moves._asdict(),
            "labels": rows.labels,
            "limits": rows.limits,
            "totals": sums.totals,
            "peaks": sums.peaks,
            "control": self._control,
        }

    def restore(self, saved: Mapping[str, Array]) -> None:
        """Go on from the arrays of another run, which had the centres this one began with.

        Raises
        ------
        ValueError
            If one is missing, or of another shape or type.
        """
        target = self.arrays()
        if saved["pitch"] != self._centers.pitch:  # X lay in memory another way, so centres did
            for name in Centers._fields:
                del target[name]
        restore_arrays(target, saved)

    def finish(self) -> Clustering:
        """Return the result, its labels those of its centres."""
        if self.reason is not Reason.CONVERGED:
            for name in (lloyd.STOP, lloyd.EVERY_ROW, lloyd.KEEP_LABELS):
                self._control[name] = 0
            self.advance(0)
        found = self.so_far()
        if not np.isfinite(found.inertia):
            raise_if_not_finite(Reason.OVERFLOW)
        return found


def advance_until(
    run: LloydRun, deadline: float = np.inf, after: Callable[[LloydRun], bool] | None = None
) -> bool:
    """Advance a run until it stops; return whether to stop everything.

    Parameters
    ----------
    deadline : float
        Value of ``time.monotonic`` at which to stop, with the best so far.
    after : callable
        Called after every single iteration; a true result stops.  Without it, several
        iterations go to a call of the kernel.
    """
    endless = after is None and deadline == np.inf
    n_steps = _MANY_STEPS if endless else 1
    while run.reason is Reason.GOING:
        started, before = time.monotonic(), run.n_iter
        reason = run.advance(n_steps)
        if reason is Reason.EMPTY_CLUSTER:
            run.relocate_empty()
            continue
        if run.n_iter == before:  # sums are verified: no iteration of its own
            continue
        seconds = (time.monotonic() - started) / n_steps
        stop = after is not None and after(run)
        if reason is not Reason.GOING:
            return stop
        if stop or time.monotonic() >= deadline:
            return True
        if after is None and not endless:
            left = min(_CALL_SECONDS, deadline - time.monotonic())
            n_steps = max(1, min(int(left / max(seconds, 1e-6)), _MANY_STEPS))
    return False  # it had stopped before
