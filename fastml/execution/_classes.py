"""The classes of targets that are read some at a time."""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from ..core.classes import check_classes, count_classes, first_of_classes, number_classes
from ..core.validation import Array
from ..data import Part, Table
from ._engine import sum_over

_BLOCK_ROWS = 1 << 16
#: Bytes a row takes while its class is numbered: the number, whether it is none of the classes, and
#: the target as int64 for so short a while that threads seldom do that at once.
NUMBERED_BYTES = 8


class Classes(NamedTuple):
    """Sorted classes, the first row of each, and how many rows each has: zeros if not counted."""

    values: Array
    rows: Array
    counts: Array


class ClassesPass:
    """Finds the classes of some targets.

    Parameters
    ----------
    counted : bool, default=True
        Whether it matters how many rows each has.
    """

    def __init__(self, counted: bool = True) -> None:
        self._counted = counted

    def statistics(self, part: Part, model: Any) -> Classes:
        """Return the classes of a piece."""
        y = np.asarray(part.y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        check_classes(y)
        # Narrow numbers are widened, a block at a time: that may be as many bytes as X is read in.
        width = _BLOCK_ROWS if y.dtype.itemsize < 8 else len(y)
        starts = range(0, len(y), width)
        found = [self._of_some(y[at : at + width], part.start + at) for at in starts]
        return reduce(self.merge, found)

    def _of_some(self, y: Array, start: int) -> Classes:
        if self._counted:
            values, rows, counts = count_classes(y)
        else:
            values, rows = first_of_classes(y)
            counts = np.zeros(len(values), np.int64)
        return Classes(values, start + rows, counts)

    def merge(self, a: Classes, b: Classes) -> Classes:
        """Return the classes of both; rows of the first come first."""
        values, at, inverse = np.unique(
            np.concatenate([a.values, b.values]), return_index=True, return_inverse=True
        )
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, inverse, np.concatenate([a.counts, b.counts]))
        return Classes(values, np.concatenate([a.rows, b.rows])[at], counts)

    def finish(self, statistics: Classes, model: Any) -> Classes:
        """Return the classes of all targets."""
        return statistics


def numbers_of(y: Array, classes: Array) -> Array:
    """Return the numbers of the classes of targets, all of which must be known."""
    _, numbers = number_classes(np.asarray(y).reshape(len(y)), classes)
    if (numbers < 0).any():
        raise ValueError("y changed while it was in use: it holds a class it did not.")
    return numbers


class NumberedPass:
    """A pass over rows whose targets are classes: it is given their numbers, and all weights.

    Parameters
    ----------
    fit : Pass
    classes : ndarray (n_classes,)
    class_weights : ndarray (n_classes,) of float64, default=None
        What the weights of rows are multiplied with.
    """

    def __init__(self, fit: Any, classes: Array, class_weights: Array | None = None) -> None:
        self._fit, self._classes, self._class_weights = fit, classes, class_weights
        self.merge, self.finish = fit.merge, fit.finish

    def statistics(self, part: Part, model: Any) -> Any:
        """Return what the pass says of a piece."""
        numbers, weights = numbers_of(part.y, self._classes), part.weights
        if self._class_weights is not None:
            of_class = self._class_weights[numbers]
            weights = weights * of_class if weights.size else of_class
        return self._fit.statistics(part._replace(y=numbers, weights=weights), model)


def class_totals(table: Table, classes: Array) -> Array:
    """Return the weight of each class: summed in the order of the rows, as ``bincount`` does."""
    assert table.y is not None
    assert table.weights is not None
    own: Array = np.arange(len(classes))
    totals: Array = np.zeros(len(classes))
    for start in range(0, table.n_rows, _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, table.n_rows)
        numbers = numbers_of(table.y.read(start, stop), classes)
        weights = table.weights.read(start, stop).astype(np.float64)
        totals = np.bincount(
            np.concatenate([own, numbers]), weights=np.concatenate([totals, weights])
        )
    return totals


def find_classes(table: Table, counted: bool = True) -> Classes:
    """Return the classes of a table's targets, see ClassesPass."""
    if table.y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    if table.y.ndim != 1 and table.y.shape[1] != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {table.y.shape} instead.")
    return sum_over(Table(None, table.y), _BLOCK_ROWS, ClassesPass(counted)).total()
