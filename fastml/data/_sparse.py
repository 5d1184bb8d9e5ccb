"""Compressed sparse rows as a source: some megabytes of them are written out at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from ..core.threads import new_state, run_team, team_size
from ..core.validation import check_sparse, readable
from ..kernels.ops import compressed
from ._blocks import Array, Blocks

#: Sparse rows that take no more than this with their zeros are an array for the time of a call:
#: as much as the buffers through which more of them are read.
FEW_BYTES = 32 << 20
#: Bytes a ticket writes.
_BYTES_A_TICKET = 1 << 18


class SparseRows(Blocks):
    """Rows of a sparse matrix.

    Parameters
    ----------
    matrix : sparse matrix or array (n_samples, n_features)
    name : str

    Raises
    ------
    ValueError
        If it is damaged or holds something else than real numbers.
    """

    def __init__(self, matrix: Any, name: str = "X") -> None:
        if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
            raise ValueError(f"{name} is {matrix.ndim}-D of {matrix.dtype}, expected real rows.")
        check_sparse(matrix, name)
        rows = matrix.tocsr()
        single = rows.dtype == np.float32
        super().__init__(rows.shape, np.float32 if single else np.float64, name)
        self.matrix = rows.astype(self.dtype, copy=False)
        self._data = readable(np.ascontiguousarray(self.matrix.data))
        self._indices = readable(np.ascontiguousarray(self.matrix.indices))
        self._starts = np.array(self.matrix.indptr, np.int64)

    def _read(self, start: int, stop: int, out: Array) -> None:
        self.take(np.arange(start, stop), out)

    def _gather(self, rows: Array) -> Array:
        """Return rows by number."""
        out = np.empty((len(rows), self.shape[1]), self.dtype)
        self.take(rows, out)
        return out

    def take(self, rows: Array, out: Array) -> None:
        """Write rows by number.

        Parameters
        ----------
        rows : ndarray (n_rows,) of int
        out : ndarray (n_rows, n_features), written

        Raises
        ------
        IndexError
            If there are no such rows.
        """
        rows = np.ascontiguousarray(rows, np.int64)
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"{self.name} has rows 0 to {len(self) - 1}.")
        room = out if out.flags.carray else np.empty(out.shape, out.dtype)
        at_once = max(1, _BYTES_A_TICKET // max(1, self.shape[1] * self.dtype.itemsize))
        nanoseconds = room.nbytes / 10 + 2.0 * len(self._data) * len(rows) / len(self)
        run_team(
            compressed.dense_rows, min(team_size(nanoseconds), -(-len(rows) // at_once)),
            self._data, self._indices, self._starts, rows, at_once, new_state(), room,
        )  # fmt: skip
        if room is not out:
            out[...] = room

    def astype(self, dtype: Any) -> Blocks:
        """Return the same rows in another type."""
        if np.dtype(dtype) not in (np.float32, np.float64):
            return super().astype(dtype)
        with np.errstate(over="ignore"):  # infinity is looked for later
            return SparseRows(self.matrix.astype(dtype, copy=False), self.name)

    def some(self, rows: Any) -> SparseRows:
        """Return a source of some of the rows."""
        return SparseRows(self.matrix[rows], self.name)

    def spec(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        return SparseRows, (self.matrix, self.name)


def array_if_few(rows: SparseRows) -> Any:
    """Return rows as an array if they are few, else as they are."""
    return rows.read(0, len(rows)) if rows.nbytes <= FEW_BYTES else rows


def sparse_samples(
    estimator: Any, X: Any, *, reset: bool = False, dtype: Any = (np.float64, np.float32)
) -> Any:
    """Return sparse X checked as the samples of ``estimator``: an array if it is small.

    Parameters
    ----------
    estimator : estimator
    X : sparse matrix or array, or frame of sparse columns
    reset : bool, whether X decides the number of features
    dtype : dtype or tuple of them, to keep

    Returns
    -------
    X : ndarray or SparseRows (n_samples, n_features)

    Raises
    ------
    TypeError, ValueError
        On bad input, in scikit-learn's words.
    """
    check_sparse(X)
    kinds = list(dtype) if isinstance(dtype, tuple) else dtype
    checked = validate_data(estimator, X, accept_sparse="csr", reset=reset, dtype=kinds)
    return array_if_few(SparseRows(checked))
