"""What mini-batches are drawn from: an array, or rows that are not all there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.validation import Array
from ..data import Table
from ..execution import Plan, room, set_features
from ._base import to_be_seen
from ._batches import row_drawer
from ._plusplus import moderate_weights
from ._sparse import in_memory, labels_of_all, take_rows, variance_of
from ._table_draws import Chances
from ._table_fit import Scaled, label_table, look_at, spread_rows

#: Weights that are read at once.
_CHUNK = 1 << 16


class ArraySource:
    """Rows of an array, or sparse ones that are too many to be an array.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) or SparseRows
    weights : ndarray (n_samples,) of float64, or (0,) for weights of one

    Attributes
    ----------
    exponent : int, weights are 2**exponent times those that count here
    """

    def __init__(self, X: Any, weights: Array) -> None:
        self.X = X
        self.weights, self.exponent = moderate_weights(weights)
        self.shape, self.dtype = X.shape, X.dtype

    def __len__(self) -> int:
        return len(self.X)

    @property
    def given(self) -> Any:
        """X as callbacks may look at it."""
        return to_be_seen(self.X)

    def take(self, rows: Array | slice) -> tuple[Array, Array]:
        """Return rows by number, or all, and their weights, (0,) for weights of one."""
        X = in_memory(self.X) if isinstance(rows, slice) else self.X[rows]
        return X, self.weights[rows] if self.weights.size else self.weights

    def fill(self, rows: Array, batch: Array) -> None:
        """Write rows by number."""
        take_rows(self.X, rows, batch)

    def variance(self) -> float:
        """Return the mean of the features' variances."""
        return variance_of(self.X)

    def drawer(self, random_state: np.random.RandomState) -> Callable[[int], Array]:
        """Return a function that draws rows, with chances proportional to their weights."""
        running = np.cumsum(self.weights)
        return row_drawer(len(self), running, random_state)

    def total_weight(self) -> float:
        """Return the sum of the weights."""
        return float(self.weights.sum()) if self.weights.size else float(len(self))

    def labels(self, points: Array) -> tuple[Array, float]:
        """Return the nearest centre of every row, and the inertia."""
        return labels_of_all(self.X, points, self.weights)


class TableSource:
    """Rows of a table: what :class:`ArraySource` does, to the bit.

    Parameters
    ----------
    estimator : MiniBatchKMeans
    table : Table
    """

    def __init__(self, estimator: Any, table: Table) -> None:
        self.given = table.X
        table = table.of_floats().for_many_passes()
        set_features(estimator, table.X)
        self.shape, self.dtype = table.X.shape, table.X.dtype
        seen = look_at(table, type(estimator).__name__, bool(estimator.tol))
        self.exponent, self._variance = seen.exponent, seen.variance
        if self.exponent:
            weights = Scaled(table.weights.astype(np.float64), -self.exponent)  # type: ignore[union-attr]
            table = Table(table.X, table.y, weights)
            table.seen = True
        self._table = table.settled()

    def __len__(self) -> int:
        return self._table.n_rows

    def take(self, rows: Array | slice) -> tuple[Array, Array]:
        """Return rows by number, or all, and their weights, (0,) for weights of one."""
        X, weights = self._table.X, self._table.weights
        found = np.asarray(X) if isinstance(rows, slice) else X[rows]
        return found, np.empty(0) if weights is None else np.asarray(weights[rows], np.float64)

    def fill(self, rows: Array, batch: Array) -> None:
        """Write rows by number."""
        batch[...] = self._table.X[rows]

    def variance(self) -> float:
        """Return the mean of the features' variances."""
        return self._variance

    def drawer(self, random_state: np.random.RandomState) -> Callable[[int], Array]:
        """Return a function that draws rows, with chances proportional to their weights."""
        weights = self._table.weights
        if weights is None:
            return row_drawer(len(self), np.empty(0), random_state)
        running, carry = room((len(self),), np.float64), np.zeros(1)
        for start in range(0, len(self), _CHUNK):
            some = weights.read(start, min(start + _CHUNK, len(self))).astype(np.float64)
            running[start : start + len(some)] = np.cumsum(np.append(carry, some))[1:]
            carry = running[start + len(some) - 1 : start + len(some)]
        return row_drawer(len(self), running, random_state)

    def total_weight(self) -> float:
        """Return the sum of the weights."""
        return Chances(self._table).sum

    def labels(self, points: Array) -> tuple[Array, float]:
        """Return the nearest centre of every row, and the inertia."""
        found, labels = label_table(self._table, points)
        return labels, found.inertia


Source = ArraySource | TableSource


def plan_of(estimator: Any, X: Any) -> Plan:
    """Return what a fit of blocks does with rows."""
    n_samples, d = X.shape
    passes = [
        ("extremes and variance", 2 if estimator.tol else 1),
        ("batches of rows drawn one by one, of so many rows in all", estimator.max_iter),
    ]
    results = 4 * n_samples if estimator.compute_labels else 0
    if estimator.compute_labels:
        passes.append(("labels", 1))
    return Plan(passes, spread_rows(d), 8 * estimator.n_clusters * (d + 2), False, results)
