"""Draws of rows with chances as their weights, as NumPy makes them, but not from one array."""

from __future__ import annotations

import numpy as np

from ..core.validation import Array
from ..data import Table

#: Chances that are looked at together.
_CHUNK = 1 << 16


class Chances:
    """Rows to draw, as ``RandomState.choice`` draws them with ``p = weights / weights.sum()``.

    Parameters
    ----------
    table : Table
        Of moderate weights.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.n_weighing = table.n_rows
        self.sum = float(table.n_rows)
        if table.weights is not None:
            self.n_weighing = 0
            self.sum = self._pairwise(0, table.n_rows)

    def weights(self, start: int, stop: int) -> Array:
        """Return the weights of rows, (0,) if they are all one."""
        if self._table.weights is None:
            return np.empty(0)
        return np.asarray(self._table.weights.read(start, stop), np.float64)

    def _pairwise(self, start: int, stop: int) -> float:
        """Return the sum NumPy gives: of halves, the first of a multiple of eight."""
        count = stop - start
        if count <= _CHUNK:
            weights = self.weights(start, stop)
            self.n_weighing += int(np.count_nonzero(weights))
            return float(weights.sum())
        half = count // 2
        half -= half % 8
        return self._pairwise(start, start + half) + self._pairwise(start + half, stop)

    def _running(self, start: int, carry: float, without: Array) -> Array:
        """Return the running total of the chances of a chunk."""
        stop = min(start + _CHUNK, self._table.n_rows)
        chances = np.empty(stop - start + 1)
        chances[0] = carry
        chances[1:] = 1.0 if self._table.weights is None else self.weights(start, stop)
        chances[1:] /= self.sum
        here = without[(without >= start) & (without < stop)]
        chances[here - start + 1] = 0
        return np.cumsum(chances)[1:]

    def _find(self, uniforms: Array, without: Array) -> Array:
        """Return the rows at which the running share of the chances passes each number."""
        starts = range(0, self._table.n_rows, _CHUNK)
        total = 0.0
        for start in starts:
            total = float(self._running(start, total, without)[-1])
        found = np.zeros(len(uniforms), np.int64)
        carry = 0.0
        for start in starts:
            running = self._running(start, carry, without)
            carry = float(running[-1])
            running /= total
            found += running.searchsorted(uniforms, side="right")
        return found

    def one(self, random_state: np.random.RandomState) -> int:
        """Return a row."""
        nothing = np.empty(0, np.int64)
        return int(self._find(np.array([random_state.random_sample()]), nothing)[0])

    def different(self, count: int, random_state: np.random.RandomState) -> Array:
        """Return different rows."""
        found = np.empty(0, np.int64)
        while len(found) < count:
            new = self._find(random_state.random_sample(count - len(found)), found)
            _, first = np.unique(new, return_index=True)
            found = np.append(found, new[np.sort(first)])
        return found
