"""K-means as passes over pieces of rows, wherever they lie: the same bits as in memory.

What a row carries from one iteration to the next is a function of the row and the model: its
label is the nearest of the centres the labels stand for, unless it was given to an empty
cluster.  So a piece is computed from its rows and the model alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from ..core.passes import Piece
from ..core.validation import Array
from ..execution import room_in
from ..kernels.cluster import lloyd
from ..kernels.cluster.centers import Centers
from ..kernels.cluster.gains import DECIDED_ROWS, SCORED_ROWS, Plan, Sums
from ._bundles import check_array, lloyd_moves, lloyd_plan, prepared_centers
from ._lloyd import LloydRun, Reason, farthest_rows, raise_if_not_finite
from ._nearest import squared_distances, write_labels

State = dict[str, Any]
#: Rows whose limits are looked at before those of all others.
_LOOK_FIRST = 256
_ALL_ONES = np.empty(0)
#: Reads a piece: its samples, and their weights, (0,) for weights of one.
Read = Callable[[Any], tuple[Array, Array]]


class LloydModel(NamedTuple):
    """Where a run stands between two passes; never changed.

    points : ndarray (n_clusters, n_features), the centres
    standing : ndarray or None, the centres that the labels are for; None before the first pass
    moved_rows, moved_labels : ndarray of int64 and int32, rows given to empty clusters
    totals, peaks : ndarray, see ``gains.Sums``
    control : ndarray, see ``lloyd.STOP``
    spent : ndarray (n_clusters,), what clusters spent of the rows' limits, see ``bounds``
    stamp : int, changes whenever labels do: those a row carries with it are of this model
    """

    points: Array
    standing: Array | None
    moved_rows: Array
    moved_labels: Array
    totals: Array
    peaks: Array
    control: Array
    spent: Array
    stamp: int

    @classmethod
    def start(cls, points: Array, stamp: int = 0) -> LloydModel:
        """Return the model before the first pass; stamps of a run do not come again."""
        k, d = points.shape
        control = np.zeros(lloyd.CONTROL_SIZE, np.int64)
        control[lloyd.EVERY_ROW] = 1
        nothing = np.empty(0, np.int64), np.empty(0, np.int32)
        sums = np.zeros((k, d + 2)), np.zeros(k)
        return cls(points.copy(), None, *nothing, *sums, control, np.zeros(k), stamp)

    @property
    def n_iter(self) -> int:
        """Iterations done."""
        return int(self.control[lloyd.ITERATIONS])

    @property
    def reason(self) -> Reason:
        """Why to stop, if there is a reason."""
        return Reason(int(self.control[lloyd.STOP]))

    @property
    def scores(self) -> bool:
        """Whether the next pass looks for labels."""
        return bool(self.control[lloyd.KEEP_LABELS] == 0)

    def carried(self, X: Array, piece: Any, state: State) -> tuple[Array, Array]:
        """Return the labels the rows of a piece stand with, and their limits.

        They are taken out of the state, which does not know them any more until :func:`keep`.
        """
        stamp, labels, limits = state.pop("lloyd", (None, None, None))
        if stamp != self.stamp:  # the first pass, or what was known is lost
            if labels is None:
                labels = room_in(state, (len(X),), np.int32)
                limits = room_in(state, (len(X),), np.float32)
            labels[...], limits[...] = 0, -np.inf
            if self.standing is not None:
                write_labels(X, self.standing, labels)
        here = (self.moved_rows >= piece.start) & (self.moved_rows < piece.stop)
        rows = self.moved_rows[here] - piece.start
        labels[rows], limits[rows] = self.moved_labels[here], -np.inf
        return labels, limits


def keep(state: State, model: LloydModel, labels: Array, limits: Array) -> None:
    """Have the rows of a piece carry their labels and limits to the next pass."""
    state["lloyd"] = model.stamp + model.scores, labels, limits


class Gains(NamedTuple):
    """What clusters gain from some rows, and the tally: see ``gains.Sums``."""

    gains: Array
    tally: Array


class LloydPass:
    """One iteration, or the part of one that has to look at all rows.

    Parameters
    ----------
    read : callable, see Read
    max_iter : int
    tol : float
    bounded : bool, default=True
        Whether bounds spare rows that cannot change.
    spherical : bool, default=False
        Whether centres are kept at unit length.
    """

    def __init__(
        self, read: Read, max_iter: int, tol: float, bounded: bool = True, spherical: bool = False
    ) -> None:
        self._read, self._max_iter, self._tol = read, max_iter, tol
        self._bounded, self._spherical = bounded, spherical
        self._prepared: tuple[LloydModel, bool, Centers] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_prepared": None}

    def _centers(self, X: Array, model: LloydModel) -> Centers:
        """Return the centres, prepared once a pass: those who share it only read them."""
        rows_as_they_lie = X.strides[1] == X.itemsize
        found = self._prepared
        if found is None or found[0] is not model or found[1] != rows_as_they_lie:
            found = model, rows_as_they_lie, prepared_centers(model.points.copy(), X)
            self._prepared = found
        return found[2]

    def statistics(self, piece: Piece, model: LloydModel) -> Gains:
        """Return what clusters gain from the rows of a piece."""
        X, weights = self._read(piece)
        state = getattr(piece, "state", {})
        labels, limits = model.carried(X, piece, state)
        run = self._run(X, weights, model, labels, limits)
        found = Gains(*run.gains(model.control))
        keep(state, model, labels, limits)
        return found

    def _run(
        self, X: Array, weights: Array, model: LloydModel, labels: Array, limits: Array
    ) -> LloydRun:
        return LloydRun(
            X, self._centers(X, model), sample_weight=weights, max_iter=self._max_iter,
            tol=self._tol, bounded=self._bounded, labels=labels, limits=limits,
            spent=model.spent.copy(),
        )  # fmt: skip

    def relabel(self, X: Array, model: LloydModel, labels: Array, limits: Array) -> tuple[int, int]:
        """Bring labels up to date with the centres.

        Return how many rows were compared with all of them, and how many float64 decided.

        Parameters
        ----------
        X : ndarray (n_samples, n_features)
        model : LloydModel
        labels, limits : ndarray of int32 and float32, changed in place
        """
        run = self._run(X, _ALL_ONES, model, labels, limits)
        _, tally = run.gains(np.zeros(lloyd.CONTROL_SIZE, np.int64))
        return int(tally[SCORED_ROWS]), int(tally[DECIDED_ROWS])

    def without_rows(self, piece: Piece, state: State, model: LloydModel) -> Gains | None:
        """Return the gains of a piece none of whose rows can change, or None to look at them."""
        if not self._bounded or model.control[lloyd.EVERY_ROW] or not model.scores:
            return None
        stamp, labels, limits = state.get("lloyd", (None, None, None))
        if stamp != model.stamp or len(model.moved_rows):
            return None
        for rows in (slice(_LOOK_FIRST), slice(_LOOK_FIRST, None)):
            if not (limits[rows] > model.spent[labels[rows]]).all():
                return None
        keep(state, model, labels, limits)
        k, d = model.points.shape
        return Gains(np.zeros(k * (d + 2)), np.zeros(3, np.int64))

    def merge(self, a: Gains, b: Gains) -> Gains:
        """Return what clusters gain from both; in the memory of the first."""
        a.gains[...] += b.gains
        a.tally[...] += b.tally
        return a

    def finish(self, statistics: Gains, model: LloydModel) -> LloydModel:
        """Return the model with the centres moved."""
        points, control = model.points.copy(), model.control.copy()
        (k, d), plan = points.shape, self._plan(points)
        totals, peaks = model.totals.copy(), model.peaks.copy()
        check_array("gains", statistics.gains, (k * (d + 2),), np.float64)
        sums = Sums(
            statistics.gains.reshape(1, -1).copy(), np.ones((k, 1), np.bool_), totals, peaks,
            statistics.tally.reshape(1, 3).copy(),
        )  # fmt: skip
        moves = lloyd_moves(points, model.spent.copy())
        lloyd.finish_pass(
            prepared_centers(points), sums, moves, control, plan, np.empty(1, np.bool_)
        )
        raise_if_not_finite(Reason(int(control[lloyd.STOP])))
        after = model._replace(
            points=points, totals=totals, peaks=peaks, control=control, spent=moves.spent
        )
        if not model.scores:
            return after
        nothing = np.empty(0, np.int64), np.empty(0, np.int32)
        return after._replace(
            standing=model.points, moved_rows=nothing[0], moved_labels=nothing[1],
            stamp=model.stamp + 1,
        )  # fmt: skip

    def _plan(self, points: Array) -> Plan:
        one_row = np.empty((1, points.shape[1]), points.dtype)
        return lloyd_plan(
            one_row, len(points), max_iter=self._max_iter, tol=self._tol,
            bounded=self._bounded, spherical=self._spherical,
        )  # fmt: skip


class Carried:
    """What rows carry of a run that has ended, whichever pieces they are asked for in.

    Parameters
    ----------
    fit : LloydPass, the run's
    model : LloydModel, where it ended
    """

    def __init__(self, fit: LloydPass, model: LloydModel) -> None:
        self._fit, self._model = fit, model

    def labels(
        self, X: Array, start: int, states: list[tuple[int, State]]
    ) -> tuple[Array, int, int] | None:
        """Return the labels of rows from ``start`` on, and what ``relabel`` does.

        None if most of them carry nothing, or nothing of this model.

        Parameters
        ----------
        X : ndarray (n_samples, n_features)
        start : int
        states : list of (int, dict), the first rows of pieces, in order, and what those keep
        """
        if len(self._model.moved_rows):
            return None
        labels, limits = np.zeros(len(X), np.int32), np.full(len(X), -np.inf, np.float32)
        n_known, stop = 0, start + len(X)
        after = max(0, bisect_right(states, start, key=itemgetter(0)) - 1)
        for first, state in states[after:]:
            if first >= stop:
                break
            stamp, known, until = state.get("lloyd", (None, _ALL_ONES, _ALL_ONES))
            a, b = max(first, start), min(first + len(known), stop)
            if stamp == self._model.stamp and a < b:
                labels[a - start : b - start] = known[a - first : b - first]
                limits[a - start : b - start] = until[a - first : b - first]
                n_known += b - a
        if 2 * n_known < len(X):
            return None
        if n_known == len(X) and self._model.reason is Reason.CONVERGED:
            return labels, 0, 0
        return labels, *self._fit.relabel(X, self._model, labels, limits)


class FarthestRows(NamedTuple):
    """The rows farthest from their centres, the farthest first, and how many are wanted."""

    distances: Array
    rows: Array
    wanted: int


class FarthestPass:
    """Finds rows for empty clusters: the farthest first, the lowest row on equal distances.

    Parameters
    ----------
    read : callable, see Read
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    def statistics(self, piece: Piece, model: LloydModel) -> FarthestRows:
        """Return the farthest rows of a piece, one for each empty cluster where it has so many."""
        X, _ = self._read(piece)
        state = getattr(piece, "state", {})
        labels, limits = model.carried(X, piece, state)
        distances = squared_distances(X, model.points, labels)
        state["lloyd"] = model.stamp, labels, limits
        count = int((model.totals[:, -1] == 0).sum())
        rows = farthest_rows(distances, min(count, len(distances)))
        return FarthestRows(distances[rows], rows + piece.start, count)

    def merge(self, a: FarthestRows, b: FarthestRows) -> FarthestRows:
        """Return the farthest of both."""
        distances, rows = np.append(a.distances, b.distances), np.append(a.rows, b.rows)
        order = np.lexsort((rows, -distances))
        order = order[: a.wanted]
        return FarthestRows(distances[order], rows[order], a.wanted)

    def finish(self, statistics: FarthestRows, model: LloydModel) -> LloydModel:
        """Return the model with these rows in the empty clusters."""
        control = model.control.copy()
        empty = np.flatnonzero(model.totals[:, -1] == 0)
        for name in (lloyd.EVERY_ROW, lloyd.KEEP_LABELS, lloyd.ALLOW_EMPTY):
            control[name] = 1
        control[lloyd.STOP] = Reason.GOING
        if not statistics.distances[0] > 0:  # every row sits on its centre
            return model._replace(control=control)
        control[lloyd.CHANGED] += len(empty)
        return model._replace(
            moved_rows=statistics.rows[: len(empty)],
            moved_labels=empty.astype(np.int32),
            control=control,
        )


def lloyd_models(
    points: Array,
    fits: tuple[LloydPass, FarthestPass],
    run: Callable[[Any, LloydModel], LloydModel],
    stamp: int = 0,
) -> Iterator[LloydModel]:
    """Yield the model after every pass, until there is a reason to stop.

    Parameters
    ----------
    points : ndarray (n_clusters, n_features), the centres to start from
    fits : LloydPass and FarthestPass
    run : callable
        Makes a pass: takes one of the two and a model, returns the next model.
    stamp : int
        Of the first model.
    """
    model = LloydModel.start(points, stamp)
    while model.reason in (Reason.GOING, Reason.EMPTY_CLUSTER):
        model = run(fits[model.reason is Reason.EMPTY_CLUSTER], model)
        yield model
