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
    heavy_rows,
    known,
    merge,
)


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


class HeavyRowsPass:
    """Finds a row of each class, see ``_moments.heavy_rows``.

    Parameters
    ----------
    classes : ndarray (n_classes,)
    height : int, rows of a block
    """

    def __init__(self, classes: Array, height: int) -> None:
        self._classes, self._height = classes, height

    def statistics(self, part: Part, model: Any) -> Array:
        """Return the rows of a piece, which begins with a block."""
        numbers = numbers_of(part.y, self._classes)
        rows = heavy_rows(numbers, part.weights, len(self._classes), self._height)
        return np.where(rows < 0, rows, part.start + rows)

    def merge(self, a: Array, b: Array) -> Array:
        """Return the rows of both; those of the first come first."""
        return np.where(a < 0, b, a)

    def finish(self, statistics: Array, model: Any) -> Array:
        """Return the rows of all."""
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
    rows_a_block = block_rows(n_features, len(classes))
    if weighted:
        targets = Table(None, table.y, table.weights)
        fit: Any = HeavyRowsPass(classes, rows_a_block)
        rows = sum_over(targets, rows_a_block, fit).total()
    origins = table.X[np.maximum(rows, 0)].astype(np.float64)
    origins[rows < 0] = np.nan
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
