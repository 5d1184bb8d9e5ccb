"""Naive Bayes over pieces of rows, wherever they lie: the same bits as in memory."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.passes import TreeSum
from ..core.threads import get_num_threads
from ..core.validation import Array
from ..data import Part, Table
from ..execution import find_classes, numbers_of, sum_over
from ..kernels.naive_bayes.moments import Moments
from ._counting import comparable, counted, kind
from ._moments import (
    RunningMoments,
    block_rows,
    blocks_a_ticket,
    find_moments,
    heaviest_rows,
    known,
    merge,
)

#: Targets and weights that are looked at at a time.
_ROWS_LOOKED_AT = 1 << 16


class MomentsPass:
    """Finds the moments of classes.

    Parameters
    ----------
    classes : ndarray (n_classes,) or None
        The classes; None for all rows as one class, each weighing one.
    origins : ndarray (n_classes, n_features) of float64
        What the means are distances from.
    """

    def __init__(self, classes: Array | None, origins: Array) -> None:
        self._classes, self._origins = classes, origins

    def statistics(self, part: Part, model: Any) -> Moments:
        """Return the moments of the classes within a piece."""
        if self._classes is None:
            numbers, weights = np.zeros(len(part.X), np.int32), np.empty(0)
        else:
            numbers, weights = numbers_of(part.y, self._classes), part.weights
        alone = get_num_threads() == 1
        width = part.n_blocks if alone else blocks_a_ticket(part.n_blocks)
        tree = TreeSum(merge)
        for i, found in enumerate(find_moments(part.X, numbers, weights, self._origins, width)):
            tree.add(i * width, width, found)
        return tree.total()

    def merge(self, a: Moments, b: Moments) -> Moments:
        """Return the moments of two groups of rows; those of the second are overwritten."""
        return merge(a, b)

    def finish(self, statistics: Moments, model: Any) -> Moments:
        """Return the moments of all rows."""
        return statistics


class Heaviest(NamedTuple):
    """The largest weight in each class and the first row that has it."""

    weights: Array
    rows: Array


class HeaviestPass:
    """Finds the heaviest row of each class.

    Parameters
    ----------
    classes : ndarray (n_classes,)
    """

    def __init__(self, classes: Array) -> None:
        self._classes = classes

    def statistics(self, part: Part, model: Any) -> Heaviest:
        """Return the heaviest rows of a piece."""
        numbers = numbers_of(part.y, self._classes)
        weights, rows = heaviest_rows(numbers, part.weights, len(self._classes))
        return Heaviest(weights, part.start + rows)

    def merge(self, a: Heaviest, b: Heaviest) -> Heaviest:
        """Return the heaviest rows of both; of equal ones the first."""
        heavier = b.weights > a.weights
        return Heaviest(np.where(heavier, b.weights, a.weights), np.where(heavier, b.rows, a.rows))

    def finish(self, statistics: Heaviest, model: Any) -> Heaviest:
        """Return the heaviest rows of all."""
        return statistics


def moments_of(table: Table, name: str) -> tuple[Array, RunningMoments]:
    """Return the classes of a table and the moments of their rows.

    Parameters
    ----------
    table : Table of floats
    name : str, the estimator
    """
    n_features = table.X.shape[1]
    classes, rows, _ = find_classes(table, counted=False)
    weighted = table.weights is not None
    if weighted:
        targets = Table(None, table.y, table.weights)
        heaviest = sum_over(targets, _ROWS_LOOKED_AT, HeaviestPass(classes)).total()
        rows = heaviest.rows
    origins = table.X[rows].astype(np.float64)
    if weighted:
        origins[heaviest.weights == 0] = np.nan
    rows_a_block = block_rows(n_features, len(classes))
    fit = MomentsPass(classes, known(origins))
    nodes = sum_over(table, rows_a_block, fit, check=name if weighted else None)
    running = RunningMoments(len(classes), n_features)
    running.take(origins, nodes, table.n_rows)
    if not weighted and not all(np.isfinite(found).all() for found in running.total()):
        sum_over(table, rows_a_block, fit, check=name)  # which says where
    if weighted:
        first = table.X.read(0, 1).astype(np.float64)
        nodes = sum_over(Table(table.X), block_rows(n_features, 1), MomentsPass(None, first))
        together = RunningMoments(1, n_features)
        together.take(first, nodes, table.n_rows)
        running.take_together(together)
    return classes, running


class Counts(NamedTuple):
    """Sums of the rows of each class, flat, and whether a number was negative."""

    totals: Array
    negative: bool


class CountsPass:
    """Sums the features of each class.

    Parameters
    ----------
    classes : ndarray (n_classes,)
    threshold : float, see ``_counting.counted``
    """

    def __init__(self, classes: Array, threshold: float) -> None:
        self._classes, self._threshold = classes, threshold

    def statistics(self, part: Part, model: Any) -> Counts:
        """Return the sums of a piece."""
        sums, weights, negative = counted(
            kind(part.X), numbers_of(part.y, self._classes), part.weights, len(self._classes),
            comparable(self._threshold, part.X.dtype),
        )  # fmt: skip
        return Counts(np.column_stack([sums, weights]), negative)

    def merge(self, a: Counts, b: Counts) -> Counts:
        """Return the sums of both."""
        return Counts(a.totals + b.totals, a.negative or b.negative)

    def finish(self, statistics: Counts, model: Any) -> Counts:
        """Return the sums of all rows."""
        return statistics


def counts_of(table: Table, threshold: float, name: str) -> tuple[Array, Array, Array, bool]:
    """Return classes, the sums of their rows, their weights, and whether a number was negative."""
    classes = find_classes(table, counted=False).values
    rows = block_rows(table.X.shape[1], len(classes))
    found = sum_over(table, rows, CountsPass(classes, threshold), check=name).total()
    return classes, found.totals[:, :-1], found.totals[:, -1], found.negative
