"""K-means as passes over pieces of rows, wherever they lie: the same bits as in memory.

What a row carries from one iteration to the next is a function of the row and the model: its
label is the nearest of the centres the labels stand for, unless it was given to an empty
cluster.  So a piece is computed from its rows and the model alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..core.passes import Grid, Piece, run_pass
from ..core.validation import Array
from ..kernels.cluster import lloyd
from ..kernels.cluster.gains import Plan, Sums
from ._bundles import block_rows, check_array, lloyd_moves, lloyd_plan, prepared_centers
from ._lloyd import LloydRun, Reason, farthest_rows, raise_if_not_finite
from ._nearest import squared_distances, write_labels

#: Reads a piece: its samples, and their weights, (0,) for weights of one.
Read = Callable[[Piece], tuple[Array, Array]]


class LloydModel(NamedTuple):
    """Where a run stands between two passes; never changed.

    points : ndarray (n_clusters, n_features), the centres
    standing : ndarray or None, the centres that the labels are for; None before the first pass
    moved_rows, moved_labels : ndarray of int64 and int32, rows given to empty clusters
    totals, peaks : ndarray, see ``gains.Sums``
    control : ndarray, see ``lloyd.STOP``
    """

    points: Array
    standing: Array | None
    moved_rows: Array
    moved_labels: Array
    totals: Array
    peaks: Array
    control: Array

    @classmethod
    def start(cls, points: Array) -> LloydModel:
        """Return the model before the first pass."""
        k, d = points.shape
        control = np.zeros(lloyd.CONTROL_SIZE, np.int64)
        control[lloyd.EVERY_ROW] = 1
        nothing = np.empty(0, np.int64), np.empty(0, np.int32)
        return cls(points.copy(), None, *nothing, np.zeros((k, d + 2)), np.zeros(k), control)

    @property
    def n_iter(self) -> int:
        """Iterations done."""
        return int(self.control[lloyd.ITERATIONS])

    @property
    def reason(self) -> Reason:
        """Why to stop, if there is a reason."""
        return Reason(int(self.control[lloyd.STOP]))

    def labels(self, X: Array, piece: Piece) -> Array:
        """Return the labels the rows of a piece stand with."""
        labels = np.zeros(len(X), np.int32)
        if self.standing is not None:
            write_labels(X, prepared_centers(self.standing), labels)
        here = (self.moved_rows >= piece.start) & (self.moved_rows < piece.stop)
        labels[self.moved_rows[here] - piece.start] = self.moved_labels[here]
        return labels


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
    """

    def __init__(self, read: Read, max_iter: int, tol: float) -> None:
        self._read, self._max_iter, self._tol = read, max_iter, tol

    def statistics(self, piece: Piece, model: LloydModel) -> Gains:
        """Return what clusters gain from the rows of a piece."""
        X, weights = self._read(piece)
        run = LloydRun(
            X, model.points.copy(), sample_weight=weights, max_iter=self._max_iter, tol=self._tol,
            labels=model.labels(X, piece),
        )  # fmt: skip
        return Gains(*run.gains(model.control))

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
        scored = control[lloyd.KEEP_LABELS] == 0
        lloyd.finish_pass(
            prepared_centers(points),
            sums,
            lloyd_moves(points),
            control,
            plan,
            np.empty(1, np.bool_),
        )
        raise_if_not_finite(Reason(int(control[lloyd.STOP])))
        if not scored:
            return model._replace(points=points, totals=totals, peaks=peaks, control=control)
        nothing = np.empty(0, np.int64), np.empty(0, np.int32)
        return LloydModel(points, model.points, *nothing, totals, peaks, control)

    def _plan(self, points: Array) -> Plan:
        one_row = np.empty((1, points.shape[1]), points.dtype)
        return lloyd_plan(
            one_row, len(points), max_iter=self._max_iter, tol=self._tol, bounded=True,
            spherical=False,
        )  # fmt: skip


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
        distances = squared_distances(X, model.points, model.labels(X, piece))
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


def lloyd_by_passes(
    read: Read, n_rows: int, points: Array, *, max_iter: int, tol: float, most_blocks: int = 1 << 62
) -> LloydModel:
    """Run Lloyd's algorithm over pieces of rows until there is a reason to stop.

    Parameters
    ----------
    read : callable, see Read
    n_rows : int
    points : ndarray (n_clusters, n_features), the centres to start from
    max_iter : int
    tol : float
    most_blocks : int, default: no limit
        Reduction blocks of a piece at most; no bit depends on it.
    """
    grid = Grid(block_rows(points.shape[1], len(points)))
    model = LloydModel.start(points)
    lloyd_pass, farthest_pass = LloydPass(read, max_iter, tol), FarthestPass(read)
    while model.reason in (Reason.GOING, Reason.EMPTY_CLUSTER):
        pieces = grid.pieces(n_rows, most_blocks)
        if model.reason is Reason.EMPTY_CLUSTER:
            model = run_pass(farthest_pass, pieces, model)
        else:
            model = run_pass(lloyd_pass, pieces, model)
    return model
