"""Rows of a logistic fit that are not all there."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import compute_class_weight

from ..core.passes import Pass
from ..core.validation import Array
from ..data import Blocks, Table
from ..execution import (
    NumberedPass,
    Passes,
    Plan,
    class_totals,
    find_classes,
    numbers_of,
    room,
    set_features,
)
from ..kernels.ops.gram import BLOCK_ROWS
from ..kernels.ops.strips import columns_of
from ._logistic_fit import longest_step
from ._logistic_passes import Sample, SamplePass, Samples, WeightPass
from ._moments import first_rows

ONE_CLASS = (
    "This solver needs samples of at least 2 classes in the data, but the data contains only one "
    "class: {!r}"
)


#: Bytes a row takes while steps are found, of two classes: numbers, probabilities, slopes.
_TEMPORARY = 36


class TableRows:
    """Rows of a table, for passes to go over; see ``_objective.Rows``.

    Parameters
    ----------
    table : Table of floats
    classes : ndarray (n_classes,)
    class_weights : ndarray (n_classes,) or None
    name : str
        The estimator, whose X must be finite.
    """

    def __init__(
        self, table: Table, classes: Array, class_weights: Array | None, name: str
    ) -> None:
        self._table, self._classes, self._class_weights = table, classes, class_weights
        self._weighted = class_weights is not None or table.weights is not None
        self.shape, self.dtype = table.X.shape, table.X.dtype
        self.weight = float(len(table.X))
        if self._weighted:
            self.weight = self._over(Passes(table.targets(), BLOCK_ROWS), WeightPass())
        self._passes = Passes(table, BLOCK_ROWS, name)

    def _over(self, passes: Passes, fit: Any, model: Any = None) -> Any:
        return passes.run(NumberedPass(fit, self._classes, self._class_weights), model)

    def total(self, fit: Pass[Any, Any], model: Any = None) -> Any:
        """Make one pass over all rows."""
        return self._over(self._passes, fit, model)

    def first(self) -> tuple[Array, Array | None]:
        """Return the first rows that count."""
        table, stop = self._table, min(BLOCK_ROWS, self.shape[0])
        weights = None
        if self._weighted:
            weights = np.ones(stop)
            if table.weights is not None:
                weights *= table.weights.read(0, stop)
            if self._class_weights is not None:
                assert table.y is not None
                weights *= self._class_weights[numbers_of(table.y.read(0, stop), self._classes)]
        return np.asarray(table.X[first_rows(weights)]), None

    def sampled(self, step: int) -> Samples:
        """Return one row in ``step``: in a file where it would break the limit."""
        count = -(-self.shape[0] // step)
        weights = np.empty(0)
        if self._weighted:
            weights = room((count,), np.float64, brief=True)
        X = room((count, self.shape[1]), self.dtype, brief=True)
        out = Sample(X, room((count,), np.int32, brief=True), weights)
        return Samples(*self.total(SamplePass(step, out)))


def rows_of(estimator: Any, table: Table) -> tuple[Array, TableRows]:
    """Return the classes of a table and its rows."""
    set_features(estimator, table.X)
    found = find_classes(table)
    classes, weights = found.values, None
    if len(classes) < 2:
        raise ValueError(ONE_CLASS.format(classes[0]))
    if estimator.class_weight is not None:
        totals = found.counts if table.weights is None else class_totals(table, classes)
        weights = compute_class_weight(
            estimator.class_weight, classes=classes, y=classes, sample_weight=totals
        )
    table = table.of_floats().for_many_passes()
    return classes, TableRows(table, classes, weights, type(estimator).__name__)


def plan_of(X: Blocks, max_iter: int) -> Plan:
    """Return what a fit of blocks does with rows; statistics are those of two classes."""
    width = columns_of(X.shape[1] + 1)
    passes = [("classes", 1), ("a sample of the rows", 1), ("steps", max_iter)]
    number = 4 if X.dtype == np.float32 else 8
    sample = len(X) // longest_step(len(X)) * (number * X.shape[1] + 4)
    return Plan(
        passes, BLOCK_ROWS, 8 * (1 + width + width * width), sample=sample, temporary=_TEMPORARY
    )
