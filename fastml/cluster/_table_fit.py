"""K-means of rows that are not all there: the same bits as in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core.passes import tree_sum
from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, check_finite
from ..data import Blocks, Part, Table
from ..execution import Passes, check_features, room
from ..kernels.cluster import lloyd
from ..kernels.ops import moments
from ._bundles import block_rows
from ._lloyd import Clustering, Reason, raise_if_not_finite
from ._nearest import measured, rows_measured, write_labels
from ._passes import Carried, FarthestPass, LloydModel, LloydPass, lloyd_models
from ._plusplus import moderate_exponent, moderate_factor, too_far_apart
from ._spherical import to_unit_length, unit_rows


def rows_of(part: Part) -> tuple[Array, Array]:
    """Return the samples of a part, and their weights."""
    return part.X, part.weights


class Scaled(Blocks):
    """Rows of a source times a power of two.

    Parameters
    ----------
    base : Blocks
    exponent : int
    """

    def __init__(self, base: Blocks, exponent: int) -> None:
        super().__init__(base.shape, base.dtype, base.name, base.columns)
        self._base, self._exponent = base, exponent
        self.readers, self.forward, self.raw = base.readers, base.forward, base.raw

    def _read(self, start: int, stop: int, out: Array) -> None:
        rows = self._base.view(start, stop)
        rows = self._base.read(start, stop) if rows is None else rows
        np.ldexp(rows, self._exponent, out=out)

    def prefetch(self, start: int, stop: int) -> None:
        self._base.prefetch(start, stop)

    def spec(self) -> Any:
        return Scaled, (self._base, self._exponent)


def moderate_table(table: Table, largest: float) -> Table:
    """Return a table whose rows are as ``_plusplus.moderate_samples`` makes them."""
    rows = table.X
    if too_far_apart(rows, largest):
        rows = rows.astype(np.float64)
    elif exponent := moderate_exponent(largest, rows.dtype):
        rows = Scaled(rows, -exponent)
    return table if rows is table.X else Table(rows, table.y, table.weights)


class UnitRows(Blocks):
    """Rows of a source at unit length.

    Parameters
    ----------
    base : Blocks of floats
    """

    def __init__(self, base: Blocks) -> None:
        super().__init__(base.shape, base.dtype, base.name, base.columns)
        self._base = base
        self.readers, self.forward, self.raw = base.readers, base.forward, base.raw

    def _read(self, start: int, stop: int, out: Array) -> None:
        rows = self._base.view(start, stop)
        out[...] = self._base.read(start, stop) if rows is None else rows
        check_finite(out)
        to_unit_length(out)

    def prefetch(self, start: int, stop: int) -> None:
        self._base.prefetch(start, stop)

    def _gather(self, rows: Array) -> Array:
        found = self._base[rows]
        check_finite(found)
        return unit_rows(found)

    def spec(self) -> Any:
        return UnitRows, (self._base,)


def at_unit_length(table: Table) -> Table:
    """Return a table of floats with the rows of X at unit length."""
    return Table(UnitRows(table.X), table.y, table.weights)


class Spread(NamedTuple):
    """Sums of deviations, the extremes, and the largest weight, of some rows."""

    sums: Array
    least: float
    most: float
    weight: float


class SpreadPass:
    """Sums deviations from a vector, or their squares."""

    def __init__(self, power: int) -> None:
        self._power = power

    def statistics(self, part: Part, model: Array) -> Spread:
        """Return the sums of a piece."""
        X = part.X
        rows = spread_rows(X.shape[1])
        sums = np.empty((-(-len(X) // rows), X.shape[1]))
        members = min(team_size(X.size), len(sums))
        run_team(moments.sum_deviations, members, X, model, self._power, rows, new_state(), sums)
        weight = float(part.weights.max()) if part.weights.size else 1.0
        with np.errstate(over="ignore", invalid="ignore"):
            return Spread(tree_sum(sums), float(X.min()), float(X.max()), weight)

    def merge(self, a: Spread, b: Spread) -> Spread:
        """Return the sums of both."""
        with np.errstate(over="ignore", invalid="ignore"):
            sums = a.sums + b.sums
        return Spread(sums, min(a.least, b.least), max(a.most, b.most), max(a.weight, b.weight))

    def finish(self, statistics: Spread, model: Any) -> Any:
        """Return the sums of all rows."""
        return statistics


def spread_rows(n_features: int) -> int:
    """Return the rows of a block of the sums."""
    return max(64, 100_000 // n_features)


class Seen(NamedTuple):
    """What the first passes tell of a table.

    variance : float, the mean of the features' variances
    largest : float, the largest absolute number
    exponent : int, weights divided by 2 to this power are moderate
    """

    variance: float
    largest: float
    exponent: int


#: Of a table nobody has looked at.
UNSEEN = Seen(0.0, 0.0, 0)


def look_at(table: Table, name: str, variance: bool) -> Seen:
    """Return what is to be known of a table before it is clustered.

    Parameters
    ----------
    table : Table of floats
    name : str
        The estimator, whose X must be finite.
    variance : bool
        Whether the variance is needed.
    """
    d = table.X.shape[1]
    passes = Passes(table, spread_rows(d), name)
    found: Any = passes.run(SpreadPass(1), np.zeros(d))
    spread = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        if variance:
            center = found.sums / table.n_rows
            squares: Any = passes.run(SpreadPass(2), center)
            spread = float(tree_sum(squares.sums / table.n_rows) / d)
    exponent = 0 if table.weights is None else moderate_factor(found.weight)
    return Seen(spread, max(found.most, -found.least), exponent)


class Labels(NamedTuple):
    """Labels of some rows, by the first one, with what they come to."""

    inertia: float
    counts: Array
    scored: int
    decided: int
    chunks: list[tuple[int, Array]]


class LabelsPass:
    """Labels rows, and measures them.

    Parameters
    ----------
    out : ndarray (n_samples,) of int32
        Where labels are written, by whom it is in the memory of.
    kept : bool, default=True
        Whether labels are wanted at all.
    carried : Carried, default=None
        What rows carry of the run that found the centres: few have to be compared with all.
    """

    def __init__(
        self, out: Array | None, kept: bool = True, carried: Carried | None = None
    ) -> None:
        self._out, self._kept, self._carried = out, kept, carried

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_out": None}

    def statistics(self, part: Part, model: Array) -> Labels:
        """Return the labels of a piece."""
        known, states = None, part.state.get("earlier")
        if self._carried is not None and states:
            known = self._carried.labels(part.X, part.start, states)
        if known is None:
            labels = np.empty(len(part.X), np.int32)
            scored, decided = len(labels), write_labels(part.X, model, labels)
        else:
            labels, scored, decided = known
        if decided < 0:
            check_finite(part.X)
        inertias = measured(part.X, model, labels, part.weights)
        counts = np.bincount(labels, minlength=len(model))
        with np.errstate(over="ignore", invalid="ignore"):
            inertia = float(tree_sum(inertias))
        chunks = []
        if self._out is not None:
            self._out[part.start : part.stop] = labels
        elif self._kept:
            chunks.append((part.start, labels.astype(np.min_scalar_type(len(model) - 1))))
        return Labels(inertia, counts, scored, decided, chunks)

    def merge(self, a: Labels, b: Labels) -> Labels:
        """Return the labels of both."""
        with np.errstate(over="ignore", invalid="ignore"):
            inertia = a.inertia + b.inertia
        return Labels(
            inertia, a.counts + b.counts, a.scored + b.scored, a.decided + b.decided,
            a.chunks + b.chunks,
        )  # fmt: skip

    def finish(self, statistics: Labels, model: Any) -> Any:
        """Return the labels of all rows."""
        if self._out is not None:
            for start, labels in statistics.chunks:
                self._out[start : start + len(labels)] = labels
        return statistics


def label_table(
    table: Table, points: Array, carried: Carried | None = None, earlier: Passes | None = None
) -> tuple[Labels, Array]:
    """Return what the labels of a table come to, and the labels.

    Parameters
    ----------
    table : Table
    points : ndarray (n_clusters, n_features)
    carried : Carried, default=None
        See LabelsPass.
    earlier : Passes, default=None
        Of the run that rows carry something of.
    """
    labels = room((table.n_rows,), np.int32)
    passes = Passes(table, rows_measured(table.X.shape[1]), earlier=earlier)
    found: Any = passes.run(LabelsPass(labels, carried=carried), points)
    return found, labels


def inertia_of(estimator: Any, table: Table) -> float:
    """Return the inertia of a table with the centres of a fitted estimator."""
    points = estimator._fitted_centers.points
    table = table.astype(points.dtype)
    check_features(estimator, table.X)
    if estimator._spherical:
        table = at_unit_length(table)
    passes = Passes(table, rows_measured(table.X.shape[1]), type(estimator).__name__)
    return float(passes.run(LabelsPass(None, kept=False), points).inertia)


class TableRun:
    """One run of Lloyd's algorithm from given centres.

    Parameters
    ----------
    table : Table of moderate weights
    passes : Passes
        In blocks of ``block_rows``.
    max_iter, tol, bounded, spherical
        See :class:`._lloyd.LloydRun`.
    """

    def __init__(
        self,
        table: Table,
        passes: Passes,
        max_iter: int,
        tol: float,
        bounded: bool,
        spherical: bool,
    ) -> None:
        self._table, self._passes, self._bounded = table, passes, bounded
        self._fits = LloydPass(rows_of, max_iter, tol, bounded, spherical), FarthestPass(rows_of)
        self._stamp = 1

    @classmethod
    def of(cls, table: Table, n_clusters: int, check: str, **options: Any) -> TableRun:
        """Return runs over a table, of the estimator of this name."""
        passes = Passes(table, block_rows(table.X.shape[1], n_clusters), check)
        return cls(table, passes, **options)

    def models(self, points: Array) -> Iterator[LloydModel]:
        """Yield the model after every pass from these centres on."""
        for model in lloyd_models(points, self._fits, self._passes.run, self._stamp):
            self._stamp = model.stamp + 1
            yield model

    def finish(self, model: LloydModel) -> Clustering:
        """Return the result, its labels those of its centres."""
        carried = Carried(self._fits[0], model) if self._bounded else None
        found, labels = label_table(self._table, model.points, carried, self._passes)
        if not np.isfinite(found.inertia):
            raise_if_not_finite(Reason.OVERFLOW)
        return Clustering(
            labels=labels,
            centers=model.points,
            inertia=found.inertia,
            n_iter=model.n_iter,
            n_decided=int(model.control[lloyd.DECIDED]) + found.decided,
            n_scored=int(model.control[lloyd.SCORED]) + found.scored,
        )
