"""Samples of rows: runs of rows that follow each other, evenly far apart.

Of a file only the runs are read, each long enough to be worth the way there.  There are enough
runs that rows which are sorted are all met in proportion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..core.passes import Piece
from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..data import Part
from ..kernels.ops.sample import copy_one_in

#: Runs are single rows of what has fewer numbers than this: it is read quickly as a whole.
_LEAST_NUMBERS = 1 << 23
#: A run is about so many bytes of float32, if there are so many runs for every coefficient: rows
#: that follow each other may be much alike.
_RUN_BYTES, _RUNS_A_COLUMN = 1 << 16, 60
#: Rows that are copied with one ticket.
_ROWS_COPIED = 1024


class Runs(NamedTuple):
    """Which rows a sample has: the first ``length`` of every ``stride``."""

    length: int
    stride: int

    @classmethod
    def of(cls, n_rows: int, n_features: int, step: int) -> Runs:
        """Return the runs of a sample of one row in ``step``.

        Examples
        --------
        >>> Runs.of(2_000_000, 16, 16)
        Runs(length=64, stride=1024)
        >>> Runs.of(1000, 16, 5)
        Runs(length=1, stride=5)
        """
        if n_rows * n_features < _LEAST_NUMBERS:
            return cls(1, step)
        fewest = _RUNS_A_COLUMN * (n_features + 1)
        most = min(_RUN_BYTES // (4 * n_features), n_rows // (step * fewest))
        length = 1 << (max(1, most).bit_length() - 1)
        return cls(length, length * step)

    def place(self, row: int) -> int:
        """Return how many rows of the sample come before a row."""
        run, within = divmod(row, self.stride)
        return run * self.length + min(within, self.length)

    def within(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of rows of the sample among rows [start, stop)."""
        for first in range(start - start % self.stride, stop, self.stride):
            begin, end = max(first, start), min(first + self.length, stop)
            if begin < end:
                yield begin, end

    def of_array(self, X: Array) -> Array:
        """Return a copy of the rows of the sample, of a matrix or a vector."""
        if X.ndim == 1:
            return self.of_array(X[:, None])[:, 0]
        n_rows, n_features = X.shape
        out = np.empty((self.place(n_rows), n_features), X.dtype)
        if self.length == 1:
            members = min(team_size(50 * len(out) + out.size), -(-len(out) // _ROWS_COPIED))
            run_team(copy_one_in, members, X, self.stride, _ROWS_COPIED, new_state(), out)
            return out
        whole = n_rows // self.stride
        a_row, a_column = X.strides
        shape, strides = (whole, self.length, n_features), (self.stride * a_row, a_row, a_column)
        runs = as_strided(X, shape, strides, writeable=False)
        out[: whole * self.length].reshape(shape)[...] = runs
        out[whole * self.length :] = X[whole * self.stride :][: self.length]
        return out


class Sample(NamedTuple):
    """Some of the rows, their class numbers and weights, (0,) for weights of one."""

    X: Array
    target: Array
    weights: Array


class SamplePass:
    """Takes the rows of a sample.

    Parameters
    ----------
    runs : Runs
    out : Sample
        Where rows are written, by whom it is in the memory of.
    """

    def __init__(self, runs: Runs, out: Sample | None) -> None:
        self._runs, self._out = runs, out

    def __getstate__(self) -> dict[str, Any]:
        return {"_runs": self._runs, "_out": None}

    def ranges(self, piece: Piece) -> list[tuple[int, int]]:
        """Return the ranges of rows of a piece that are looked at."""
        return list(self._runs.within(piece.start, piece.stop))

    def statistics(self, part: Part, model: Any) -> list[tuple[int, Sample]]:
        """Return the rows of those ranges with the place of the first, or write them."""
        at, found = self._runs.place(part.start), Sample(part.X, part.y, part.weights)
        if self._out is None:
            return [(at, Sample(*(np.array(array) for array in found)))]
        self._write(at, found)
        return []

    def _write(self, at: int, found: Sample) -> None:
        assert self._out is not None
        for out, array in zip(self._out, found, strict=True):
            out[at : at + len(array)] = array

    def merge(self, a: list[Any], b: list[Any]) -> list[Any]:
        """Return the rows of both."""
        return a + b

    def finish(self, statistics: list[Any], model: Any) -> Sample:
        """Return all rows that were taken."""
        assert self._out is not None
        for at, found in statistics:
            self._write(at, found)
        return self._out
