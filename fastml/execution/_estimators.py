"""What estimators do at the door where X is blocks: names of features, predictions in chunks."""

from __future__ import annotations

import copy
import functools
import tempfile
import weakref
from _thread import allocate_lock
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..core.memory import memory_limit
from ..core.passes import Piece
from ..core.readers import read_ahead, ring
from ..core.validation import Array
from ..data import Blocks, Table, as_table, is_blocks
from ._engine import BUFFERS, piece_bytes

#: Rows of the first call, which tells how large results are.
_FIRST_ROWS = 4096
#: A file for what rows carry grows by as much as it has, from the least of these bytes on to the
#: most; arrays in it begin at lines of the cache.
_LEAST_GROWTH, _MOST_GROWTH, _LINE = 1 << 22, 1 << 28, 64
#: What files for such arrays are filled with before they are used.
_ZEROS = bytes(1 << 20)

Method = TypeVar("Method", bound=Callable[..., Any])


def set_features(estimator: Any, X: Blocks) -> None:
    """Set ``n_features_in_`` and, where the columns have names, ``feature_names_in_``."""
    estimator.n_features_in_ = X.shape[1]
    if X.columns is None:
        vars(estimator).pop("feature_names_in_", None)
    else:
        estimator.feature_names_in_ = np.array(X.columns, object)


def check_features(estimator: Any, X: Blocks) -> None:
    """Raise ValueError unless X has the features the estimator was fitted with."""
    expected = getattr(estimator, "n_features_in_", X.shape[1])
    if X.shape[1] != expected:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting {expected} "
            "features as input."
        )
    names = vars(estimator).get("feature_names_in_")
    if names is not None and X.columns is not None and list(names) != X.columns:
        raise ValueError(
            "The feature names should match those that were passed during fit.\n"
            f"{X.name} has {X.columns}, expected {list(names)}."
        )


def room(shape: tuple[int, ...], dtype: Any, *, brief: bool = False) -> Array:
    """Return an array for results: in a file without a name where it would break the limit.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype, of numbers where ``brief``
    brief : bool
        Whether it is dropped before the fit ends: its memory then goes back to the system at once,
        where NumPy's might stay with the process.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    limit = memory_limit()
    if limit is None or size <= limit // 8 or np.dtype(dtype).hasobject:
        return ring(1, size)[0].view(dtype).reshape(shape) if brief else np.empty(shape, dtype)
    return in_file(shape, dtype)


def in_file(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array of zeros in a file without a name: memory the system can write out."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    with tempfile.TemporaryFile(prefix="fastml-") as file:
        _fill(file, max(size, 1))
        return np.asarray(np.memmap(file, dtype, "r+", 0, shape))


def _fill(file: Any, n_bytes: int) -> None:
    """Write zeros where a file is at.

    A full disk is then an error, where a mapped page that has no place ends the process; and
    pages that are there are mapped many at a time.
    """
    for left in range(n_bytes, 0, -len(_ZEROS)):
        file.write(_ZEROS[:left])
    file.flush()


class FileRoom:
    """Room for what pieces keep of their rows, in a file without a name."""

    def __init__(self) -> None:
        self._lock, self._left = allocate_lock(), np.empty(0, np.uint8)
        self._file: Any = None
        self._size = 0

    def take(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an array nobody else has."""
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        whole = -(-size // _LINE) * _LINE
        with self._lock:
            if len(self._left) < whole:
                self._left = self._more(whole)
            found, self._left = self._left[:size], self._left[whole:]
        return np.asarray(found.view(dtype).reshape(shape))

    def _more(self, needed: int) -> Array:
        """Have the file grow, and return what was added: few maps, however many arrays."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="fastml-")  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        growth = max(needed, _LEAST_GROWTH, min(self._size, _MOST_GROWTH))
        growth = -(-growth // len(_ZEROS)) * len(_ZEROS)
        _fill(self._file, growth)
        self._size += growth
        start = self._size - growth
        return np.asarray(np.memmap(self._file, np.uint8, "r+", start, (growth,)))


def room_in(state: dict[str, Any], shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array for what a piece keeps of its rows: in a file, if there is not the memory."""
    files = state.get("spill")
    return files.take(shape, dtype) if files else np.empty(shape, dtype)


def keep_in(state: dict[str, Any], name: str, array: Array) -> None:
    """Have a piece keep an array under a name until another pass over it."""
    if not state.get("spill"):
        state[name] = array
        return
    if name not in state:
        state[name] = room_in(state, array.shape, array.dtype)
    state[name][...] = array


def in_chunks(table: Table, call: Callable[[Array], Any]) -> Any:
    """Return what a function gives for all rows of X, called with some at a time.

    Parameters
    ----------
    table : Table
    call : callable
        Takes rows; what it gives for a row, one array or a tuple of them, does not depend on the
        others.
    """
    n_rows, stop = table.n_rows, min(_FIRST_ROWS, table.n_rows)
    first = call(table.read(Piece(0, 1, 0, stop)).X)
    several = isinstance(first, tuple)
    some = [np.asarray(array) for array in (first if several else (first,))]
    found = [room((n_rows, *array.shape[1:]), array.dtype) for array in some]
    # Now it is known how much there is of a row.
    row_bytes = table.row_bytes + sum(array.nbytes for array in some) // max(1, stop)
    _write(found, 0, some)
    rows = max(1, piece_bytes() // row_bytes)
    starts = range(stop, n_rows, rows)
    pieces = [Piece(0, 1, start, min(start + rows, n_rows)) for start in starts]
    buffers: list[Any] = [None]
    if table.X.view(0, 0) is None:
        buffers = ring(BUFFERS, min(rows, n_rows) * table.row_bytes)
    for part in read_ahead(pieces, table.read, buffers, table.readers):
        result = call(part.X)
        _write(found, part.start, result if several else (result,))
    return tuple(found) if several else found[0]


def _write(out: list[Array], start: int, some: Any) -> None:
    for array, part in zip(out, some, strict=True):
        array[start : start + len(part)] = part


_NOT_GIVEN: Any = object()


def over_blocks(method: Method) -> Method:
    """Have a method that maps the rows of X take blocks, too."""

    @functools.wraps(method)
    def mapped(self: Any, X: Any = _NOT_GIVEN, *args: Any, **options: Any) -> Any:
        if type(X) is np.ndarray and not args and not options:  # one row a call, most of all
            return method(self, X)
        if X is _NOT_GIVEN:  # which the method may allow
            return method(self, *args, **options)
        if type(X) is np.ndarray or not is_blocks(X):
            return method(self, X, *args, **options)
        return map_blocks(lambda plain, rows: method(plain, rows, *args, **options), self, X)

    return mapped  # type: ignore[return-value]


def map_blocks(method: Callable[..., Any], estimator: Any, X: Any) -> Any:
    """Return what a method gives for blocks, called with some of the rows at a time."""
    table = as_table(X)
    check_features(estimator, table.X)
    plain = copy.copy(estimator)  # what it was when the call began, and without names to compare
    vars(plain).pop("feature_names_in_", None)
    return in_chunks(table, lambda rows: method(plain, rows))
