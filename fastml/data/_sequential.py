"""Sources that are read from some row on, one batch after the other."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ._arrays import check_dtype
from ._blocks import Array, Blocks


class Sequential(Blocks):
    """Rows that come in batches; reading on is cheap, going elsewhere begins anew."""

    slow = forward = True

    def __init__(
        self, shape: tuple[int, ...], dtype: DTypeLike, name: str, columns: list[str] | None = None
    ) -> None:
        super().__init__(shape, dtype, name, columns)
        self._lock = allocate_lock()
        self._batches: Iterator[Array] | None = None
        self._rest = np.empty((0, *self.shape[1:]), self.dtype)
        self._row = 0  # of the first of the rest

    def _batches_from(self, start: int) -> tuple[int, Iterator[Array]]:
        """Return batches that begin at or before a row, and the row they begin at."""
        raise NotImplementedError

    def _read(self, start: int, stop: int, out: Array) -> None:
        with self._lock:
            if self._batches is None or not self._near(start):
                self._row, self._batches = self._batches_from(start)
                self._rest = self._rest[:0]
            try:
                self._copy(start, stop, out)
            except BaseException:
                self._batches = None
                raise

    def _near(self, start: int) -> bool:
        """Say whether reading on leads to a row no later than beginning anew."""
        cuts = self.cheap_cuts
        at = cuts[int(np.searchsorted(cuts, start, side="right")) - 1] if cuts else 0
        return start >= self._row and (not cuts or at <= self._row + len(self._rest) or at > start)

    def _copy(self, start: int, stop: int, out: Array) -> None:
        assert self._batches is not None
        row = start
        while row < stop:
            end = self._row + len(self._rest)
            if row < end:
                last = min(end, stop)
                out[row - start : last - start] = self._rest[row - self._row : last - self._row]
                row = last
                continue
            batch = next(self._batches, None)
            if batch is None:
                raise OSError(f"{self.name} ended after {end} rows, expected {len(self)}.")
            self._row, self._rest = end, batch


def as_rows(batch: Any, name: str) -> Array:
    """Return a batch of a stream, an array or a table, as a matrix of numbers."""
    if hasattr(batch, "__arrow_c_array__") or hasattr(batch, "__arrow_c_stream__"):
        from ._tables import table_rows

        return table_rows(batch, name)
    rows = np.asarray(batch)
    if rows.ndim != 2:
        raise ValueError(f"{name} gave a block of shape {rows.shape}, expected two dimensions.")
    check_dtype(rows.dtype, f"a block of {name}")
    return rows


class Factory(Sequential):
    """Batches of a function that can be called again and again.

    Parameters
    ----------
    make : callable
        Returns an iterable of matrices, the same at every call.
    name : str
    rows : int, default=None
        How many rows there are; counted by default, which takes a pass.
    """

    def __init__(
        self, make: Callable[[], Iterable[Any]], name: str = "factory", rows: int | None = None
    ) -> None:
        first: Array | None = None
        count = 0
        for batch in make():
            found = as_rows(batch, name)
            first = found if first is None else first
            count += len(found)
            if rows is not None:
                count = rows
                break
        if first is None:
            raise ValueError(f"{name} gave no blocks.")
        dtype = first.dtype.newbyteorder("=")
        super().__init__((count, first.shape[1]), dtype, name)
        self._make = make

    def _batches_from(self, start: int) -> tuple[int, Iterator[Array]]:
        return 0, (self._checked_batch(batch) for batch in self._make())

    def _checked_batch(self, batch: Any) -> Array:
        rows = as_rows(batch, self.name)
        if rows.shape[1] != self.shape[1]:
            raise ValueError(
                f"{self.name} gave a block of {rows.shape[1]} columns after one of {self.shape[1]}."
            )
        return rows

    def spec(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        return Factory, (self._make, self.name, len(self))
