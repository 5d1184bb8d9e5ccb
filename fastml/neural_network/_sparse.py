"""Samples of sparse rows that are too many to be an array: some are written out at a time."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import validate_data

from ..core.estimator import samples, samples_and_targets
from ..core.validation import Array, check_sparse, is_sparse
from ..data import SparseRows, array_if_few, sparse_samples
from ..kernels.neural_network.bundles import Samples, require

#: Bytes of rows that are written out for one call of the compiled steps.
_BYTES_A_CALL = 8 << 20


class SparseSamples(Samples):
    """What a network learns from where X is :class:`SparseRows`."""

    @classmethod
    def checked(cls, X: SparseRows, Y: Any, weights: Any = None) -> Self:
        """Return the bundle; None for ``weights`` is 1 for every sample."""
        weights = np.empty(0, X.dtype) if weights is None else weights
        require(Y, "Y", X.dtype, (len(X), None))
        require(weights, "weights", X.dtype, (len(X) if weights.size else 0,))
        return cls(X, Y, weights)

    def of(self, rows: Any) -> Self:
        """Return some of the samples."""
        return type(self)(self.X.some(rows), self.Y[rows], self.weights_of(rows))


def checked_samples(X: Any, Y: Array, weights: Array | None) -> Samples:
    """Return the bundle of what a network learns from.

    Parameters
    ----------
    X : ndarray or SparseRows
    """
    kind = SparseSamples if isinstance(X, SparseRows) else Samples
    return kind.checked(X, Y, weights)


def as_arrays(samples: Samples, rows: Array) -> tuple[Samples, Array]:
    """Return samples with X as an array, and the numbers that ``rows`` have there."""
    if not isinstance(samples, SparseSamples):
        return samples, rows
    some = Samples.checked(samples.X[rows], samples.Y[rows], samples.weights_of(rows))
    return some, np.arange(len(rows))


def rows_a_call(samples: Samples) -> int:
    """Return how many samples a call of the compiled steps may have."""
    if not isinstance(samples, SparseSamples):
        return len(samples.X)
    return max(1, int(_BYTES_A_CALL // (samples.X.shape[1] * samples.X.dtype.itemsize)))


def checked_rows(
    estimator: Any, X: Any, dtype: Any, reset: bool = False, finite: bool = True
) -> Any:
    """Return X as by :func:`core.estimator.samples`, or :class:`SparseRows`."""
    if type(X) is not np.ndarray and is_sparse(X):  # the first saves one row a call
        return sparse_samples(estimator, X, dtype=dtype, reset=reset)
    return samples(estimator, X, dtype=dtype, reset=reset, finite=finite)


def checked_rows_and_targets(
    estimator: Any, X: Any, y: Any, *, reset: bool, dtype: Any, y_numeric: bool = False
) -> tuple[Any, Array]:
    """Return what :func:`core.estimator.samples_and_targets` does, X maybe :class:`SparseRows`."""
    if not is_sparse(X):
        return samples_and_targets(estimator, X, y, reset=reset, dtype=dtype, y_numeric=y_numeric)
    check_sparse(X)
    kinds = list(dtype) if isinstance(dtype, tuple) else dtype
    rows, targets = validate_data(
        estimator, X, y, accept_sparse="csr", multi_output=True, y_numeric=y_numeric, reset=reset,
        dtype=kinds,
    )  # fmt: skip
    return array_if_few(SparseRows(rows)), targets


def described(X: Any, name: str) -> dict[str, Array]:
    """Return the arrays X consists of, by names."""
    if not isinstance(X, SparseRows):
        return {name: X}
    matrix = X.matrix
    return {
        name: matrix.data,
        f"columns of {name}": matrix.indices,
        f"rows of {name}": matrix.indptr,
    }
