"""Checks at the door, in scikit-learn's wording; what passes may go to a kernel."""

from __future__ import annotations

from math import isfinite
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_array

from .threads import new_state, run_team, team_size

Array = NDArray[Any]

#: Elements a ticket of the search for numbers that are not finite.
_ELEMENTS_A_TICKET = 1 << 17
#: Below, a product of NumPy's is sooner done than a kernel is called; either long before
#: scikit-learn's test, which comes where they cannot say.
_FEW_ELEMENTS = 1 << 13
#: Weights of more or less than this together may overflow or vanish where rows are multiplied by
#: them.
_MOST_WEIGHT, _LEAST_WEIGHT = 2.0**1000, 2.0**-900
#: In either byte order.
_SINGLE = frozenset(np.dtype(order + kind) for order in "<>" for kind in ("f4", "f2"))


def common_dtype(*arrays: ArrayLike) -> type[np.floating[Any]]:
    """Return float32 if every array is float32 (or smaller floats), else float64."""
    for array in arrays:
        kind = array.dtype if type(array) is np.ndarray else np.asarray(array).dtype
        if kind not in _SINGLE:
            return np.float64
    return np.float32


def is_plain(X: Any, dtype: Any, ndim: int = 2) -> TypeGuard[Array]:
    """Say whether X is just what kernels take, but for numbers that are not finite.

    A NumPy array of this type and dimension, not empty, in C order, aligned, writable.
    scikit-learn's checks cost 10 to 50 microseconds an array, as much as thousands of rows;
    of such an array they would find nothing else to say.
    """
    # Each attribute of an array that is asked for takes longer than a function call.
    if type(X) is not np.ndarray:
        return False
    kind, shape = X.dtype, X.shape
    same = kind is dtype or kind == dtype  # the first saves one row a call
    return same and len(shape) == ndim and 0 not in shape and X.flags.carray


class _Alias:
    """The memory of an array under NumPy's array interface, as memory that may be written."""

    def __init__(self, X: Array) -> None:
        self.owner = X
        interface = X.__array_interface__  # a new one each time
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def readable(X: Array) -> Array:
    """Return X, or an alias of it that may be written, though kernels never write their inputs.

    Numba would compile every kernel once more for read-only arrays: for each memory map.  What
    is not aligned to its items, which kernels count in, is copied.
    """
    if not X.flags.aligned:
        X = np.array(X, order="C")
    if X.flags.writeable and type(X) is np.ndarray:
        return X
    return np.asarray(_Alias(X))


def contiguous(X: Array) -> Array:
    """Return X as by :func:`readable`, copied if it is neither in C nor in Fortran order."""
    if not (X.flags.c_contiguous or X.flags.f_contiguous):
        X = np.ascontiguousarray(X)
    return readable(X)


def check_finite(X: Array, name: str = "X", estimator: str | None = None) -> None:
    """Raise ValueError, as scikit-learn does, if an array of floats holds NaN or infinity."""
    if X.size < _FEW_ELEMENTS and X.dtype.kind == "f" and isfinite(np.vdot(X, X)):
        return  # as in is_finite; a call more would show in the time of one row
    if X.dtype.kind in "biu":
        return
    if X.size >= _FEW_ELEMENTS and X.dtype.isnative and X.itemsize in (4, 8):
        flat = X.T if X.flags.f_contiguous else X
        if flat.flags.c_contiguous and all_finite(readable(flat).reshape(-1)):
            return
    with np.errstate(over="ignore", invalid="ignore"):  # its sum of finite numbers may overflow
        assert_all_finite(X, estimator_name=estimator, input_name=name)


def check_weight_sum(weights: Any) -> None:
    """Raise ValueError if sums over rows would overflow or vanish for their weights alone."""
    if weights is None or (weights := np.asarray(weights)).dtype.kind not in "biuf":
        return  # which others refuse
    if weights.ndim == 0:
        check_finite(weights, "sample_weight")  # a number for all rows, which others do not check
    with np.errstate(over="ignore", invalid="ignore"):
        total = weights.sum(dtype=np.float64)
    if total > _MOST_WEIGHT and np.isfinite(weights).all():
        raise ValueError(f"sample_weight adds up to {total:g}: scale it to smaller numbers.")
    if 0 < total < _LEAST_WEIGHT and (weights >= 0).all():
        raise ValueError(f"sample_weight adds up to {total:g}: scale it to larger numbers.")


def is_finite(x: Array) -> bool:
    """Say whether an array of floats is finite, soonest where it is small."""
    # Where the sum of squares is, all are; of large arrays it would wake the threads of BLAS.
    squares = isfinite(np.vdot(x, x)) if x.size < _FEW_ELEMENTS else False
    return squares or bool(np.isfinite(x).all())


def all_finite(x: Array) -> bool:
    """Say whether a contiguous float32 or float64 vector is finite."""
    from ..kernels.ops import finite

    sums = np.empty(-(-x.size // _ELEMENTS_A_TICKET), x.dtype)
    members = min(team_size(0.1 * _ELEMENTS_A_TICKET * len(sums)), len(sums))
    run_team(finite.all_finite, members, _ELEMENTS_A_TICKET, new_state(), x, sums)
    return not sums.any()


def shape_of(X: Any) -> tuple[int, ...]:
    """Return the shape of what may only know how to become an array, which NumPy asks for more."""
    shape = getattr(X, "shape", None)
    return shape if isinstance(shape, tuple) else np.asarray(X).shape


def check_compressed(X: Any, name: str = "X") -> None:
    """Raise ValueError if entries of a compressed sparse matrix lie outside of it.

    SciPy takes what it is given, and anybody may write into its arrays: kernels would follow.
    """
    n_vectors, n_places = X.shape if X.format == "csr" else X.shape[::-1]
    starts, places = X.indptr, X.indices
    good = starts.shape == (n_vectors + 1,) and starts[0] == 0 and places.ndim == 1
    good = good and X.data.ndim == 1 and starts[-1] <= min(len(places), len(X.data))
    good = good and (starts[1:] >= starts[:-1]).all()
    used = places[: starts[-1]]
    if not good or (len(used) and not (used.min() >= 0 and used.max() < n_places)):
        raise ValueError(f"{name} is a damaged sparse matrix: entries lie outside of {X.shape}.")


def is_sparse(X: Any) -> bool:
    """Say whether X is a sparse matrix or array of SciPy, or a frame of nothing but sparse columns.

    Of such a frame scikit-learn's checks make a sparse matrix.
    """
    if type(X) is np.ndarray:
        return False
    from scipy.sparse import issparse

    return bool(issparse(X)) or (hasattr(X, "iloc") and X.ndim == 2 and hasattr(X, "sparse"))


def check_sparse(X: Any, name: str = "X") -> None:
    """Raise ValueError if X is a sparse matrix whose entries lie outside of it.

    Before anything else is done with it: SciPy's own conversions follow wild indices to the end.
    """
    from scipy.sparse import issparse

    if not issparse(X) or X.ndim != 2:
        return
    if X.format in ("csr", "csc"):
        check_compressed(X, name)
    elif X.format == "coo" and X.nnz:
        # Not X.coords, which SciPy has from 1.13 on.
        for places, size in zip((X.row, X.col), X.shape, strict=True):
            if len(places) != len(X.data) or not (places.min() >= 0 and places.max() < size):
                raise ValueError(
                    f"{name} is a damaged sparse matrix: entries lie outside of {X.shape}."
                )


def matrix(X: ArrayLike, name: str, dtype: type[np.floating[Any]], *, finite: bool = True) -> Array:
    """Return X as a finite native float matrix, copied only where type or byte order ask."""
    if is_plain(X, dtype):
        if finite:
            check_finite(X, name)
        return X
    checked: Array = check_array(X, dtype=dtype, input_name=name, ensure_all_finite=False)
    if finite:
        check_finite(checked, name)
    return readable(checked)


def vector(x: ArrayLike, name: str, dtype: type[np.floating[Any]]) -> Array:
    """Return x as a finite, contiguous native float vector."""
    if is_plain(x, dtype, ndim=1):
        check_finite(x, name)
        return x
    checked: Array = check_array(x, dtype=dtype, ensure_2d=False, input_name=name)
    if checked.ndim != 1:
        raise ValueError(f"Expected 1D array, got {checked.ndim}D array instead for {name}.")
    return readable(np.ascontiguousarray(checked))


def output(out: Array | None, shape: tuple[int, ...], dtype: Any, *, name: str = "out") -> Array:
    """Return ``out`` after checking it, or a new array.

    A plain array over the memory of ``out`` where that is of another kind: a matrix, whose
    ``reshape`` has two dimensions always, say.

    Raises
    ------
    TypeError
        If ``out`` is not an array.
    ValueError
        If its shape or dtype is not what the result needs, or it is read-only.
    """
    dtype = np.dtype(dtype)
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name} must be a numpy.ndarray, got {type(out).__name__} instead.")
    if out.shape != shape:
        raise ValueError(f"{name} has shape {out.shape}, expected {shape}.")
    if out.dtype != dtype:
        raise ValueError(f"{name} has dtype {out.dtype}, expected {dtype}.")
    if not out.flags.writeable:
        raise ValueError(f"{name} is read-only.")
    return np.asarray(out)


def takes_results(out: Array) -> bool:
    """Say whether a kernel may write an output where it is; if not, the result is copied there."""
    return out.flags.c_contiguous and out.flags.aligned
