"""X, targets and weights together, cut into pieces of a grid."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import DTypeLike

from ..core.passes import Grid, Piece
from ..core.validation import check_finite, readable
from ._arrays import Sliced, package_of
from ._blocks import Array, Blocks, Selected
from ._cache import Range, cached, some_rows
from ._sparse import SparseRows

#: Weights of one.
ALL_ONES = np.empty(0)


class Part(NamedTuple):
    """A piece, see :class:`fastml.core.passes.Piece`, with its rows.

    first, n_blocks, start, stop : int
    X : ndarray (n_rows, n_features)
    y : ndarray (n_rows, ...) or None
    weights : ndarray (n_rows,) of float64, or (0,) for weights of one
    state : dict
        What a pass knows of these rows from earlier passes, and may forget.
    """

    first: int
    n_blocks: int
    start: int
    stop: int
    X: Array
    y: Any
    weights: Array
    state: dict[str, Any]


class Table:
    """Rows of X with their targets and weights.

    Parameters
    ----------
    X : Blocks (n_samples, n_features), or None where only targets are read
    y : Blocks (n_samples, ...) or None
    weights : Blocks (n_samples,) or None

    Raises
    ------
    ValueError
        If they have different numbers of rows.
    """

    def __init__(
        self, X: Blocks | None, y: Blocks | None = None, weights: Blocks | None = None
    ) -> None:
        self.X: Any = X
        self.y, self.weights = y, weights
        self.parts: list[Blocks] = [part for part in (X, y, weights) if part is not None]
        counts = [len(part) for part in self.parts]
        if len(set(counts)) != 1:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {counts}"
            )
        self.n_rows = counts[0]
        #: Whether the rows of X were seen to be finite.
        self.seen = False
        #: How many passes have been made over them.
        self.passes = 0
        #: Buffers that were used in a pass, for the next.
        self.rooms: list[Array] = []
        #: Whether slow sources are worth a cache file, and for which rows.
        self.many, self.read_by = False, (0, self.n_rows)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in memory."""
        width = [int(np.prod(p.shape[1:], dtype=np.int64)) * p.dtype.itemsize for p in self.parts]
        return max(1, sum(width))

    @property
    def piece_bytes(self) -> int:
        """Bytes of a row in a piece: X, and of targets and weights what has to be read."""
        others = [p for p in (self.y, self.weights) if p is not None and p.view(0, 0) is None]
        width = [int(np.prod(p.shape[1:], dtype=np.int64)) * p.dtype.itemsize for p in others]
        return self.buffer_bytes + sum(width)

    @property
    def buffer_bytes(self) -> int:
        """Bytes of a row of X, which is read into buffers."""
        return 0 if self.X is None else int(self.X.shape[1]) * int(self.X.dtype.itemsize)

    @property
    def readers(self) -> int:
        """Threads that may read at once with profit."""
        return min(part.readers for part in self.parts)

    @property
    def any_order(self) -> bool:
        """Whether pieces may be read in any order at no cost."""
        return not any(part.forward for part in self.parts)

    @property
    def raw(self) -> bool:
        """Whether whoever computes may as well read, see ``Blocks``."""
        return all(part.raw for part in self.parts)

    @property
    def in_place(self) -> bool:
        """Whether X is used where it lies in memory."""
        return self.X is not None and self.X.view(0, 0) is not None

    def astype(self, dtype: DTypeLike) -> Table:
        """Return the table with X in another type."""
        if self.X.dtype == np.dtype(dtype):
            return self
        return Table(self.X.astype(dtype), self.y, self.weights)

    def of_floats(self) -> Table:
        """Return the table with X in float32 if it is, else in float64."""
        return self.astype(np.float32 if self.X.dtype == np.float32 else np.float64)

    def for_many_passes(self) -> Table:
        """Return the table, its slow sources to be written to cache files by who reads them."""
        found = Table(self.X, self.y, self.weights)
        found.seen, found.many, found.read_by = self.seen, True, self.read_by
        return found

    def cut(self, start: int, stop: int) -> Table:
        """Return the table for one who reads rows [start, stop) only, to be sent elsewhere."""
        found = Table(*(p and some_rows(p, start, stop) for p in (self.X, self.y, self.weights)))
        found.seen, found.many, found.read_by = self.seen, self.many, (start, stop)
        return found

    def range(self, start: int, stop: int) -> Table:
        """Return rows [start, stop) as a table of their own."""
        parts = (p and Range(p, start, stop) for p in (self.X, self.y, self.weights))
        found = Table(*parts)
        found.seen, found.rooms = self.seen, self.rooms
        return found

    def settled(self) -> Table:
        """Return the table as it is read: the same one each time, after what precedes passes."""
        if self.many:
            self.many = False
            for name in ("X", "y", "weights"):
                part = getattr(self, name)
                setattr(self, name, part and cached(part, part.cache_folder, *self.read_by))
            self.parts = [part for part in (self.X, self.y, self.weights) if part is not None]
        return self

    def targets(self) -> Table:
        """Return the table without X."""
        return Table(None, self.y, self.weights)

    def pieces(self, grid: Grid, most_blocks: int) -> list[Piece]:
        """Return the pieces of a grid."""
        return list(grid.pieces(self.n_rows, most_blocks))

    def read(
        self, piece: Piece, buffer: Array | None = None, *, check: str | None = None,
        state: dict[str, Any] | None = None,
    ) -> Part:  # fmt: skip
        """Return the rows of a piece.

        Parameters
        ----------
        piece : Piece
        buffer : ndarray of uint8, default=None
            Where X may be written.
        check : str, default=None
            The name of an estimator; X must then be finite.
        state : dict, default=None
            What is known of these rows.
        """
        shared: dict[int, Array] = {}
        X = self._read(self.X, piece, shared, buffer)
        y = self._read(self.y, piece, shared)
        weights = self._read(self.weights, piece, shared)
        if X is not None and check is not None:
            try:
                check_finite(X, "X", check)
            except ValueError as error:
                raise ValueError(self._where(X, piece, str(error))) from None
        weights = ALL_ONES if weights is None else self._checked_weights(weights, piece)
        return Part(*piece, X, y, weights, {} if state is None else state)  # type: ignore[arg-type]

    def _read(
        self, part: Blocks | None, piece: Piece, shared: dict[int, Array],
        buffer: Array | None = None,
    ) -> Array | None:  # fmt: skip
        if part is None:
            return None
        _, _, start, stop = piece
        rows = part.view(start, stop)
        if rows is not None:
            return readable(rows)
        out = None
        if buffer is not None:
            shape = (stop - start, *part.shape[1:])
            size = int(np.prod(shape, dtype=np.int64)) * part.dtype.itemsize
            if size <= buffer.size:
                out = buffer[:size].view(part.dtype).reshape(shape)
        if isinstance(part, Selected) and len(self.parts) > 1:  # whole rows are read once
            whole = shared.get(id(part.base))
            if whole is None:
                whole = part.base.view(start, stop)
                whole = part.base.read(start, stop) if whole is None else whole
                shared[id(part.base)] = whole
            if out is None:
                out = np.empty((stop - start, *part.shape[1:]), part.dtype)
            part.take(whole, out)
            return out
        return part.read(start, stop, out)

    def _checked_weights(self, weights: Array, piece: Piece) -> Array:
        checked = np.array(weights, np.float64, order="C").reshape(-1)
        check_finite(checked, "sample_weight")
        if len(checked) and checked.min() < 0:
            row = piece.start + int((checked < 0).argmax())
            raise ValueError(
                f"Negative values in data passed to `sample_weight`: row {row} of "
                f"{self.weights and self.weights.name}."
            )
        return checked

    def _where(self, X: Array, piece: Piece, message: str) -> str:
        """Return an error's message with the first place it is about."""
        row, column = np.argwhere(~np.isfinite(X))[0]
        names = self.X.columns
        what = f"column {int(column) if names is None else repr(names[column])}"
        first, _, rest = message.partition("\n")
        place = f"{first} The first is in row {piece.start + row}, {what} of {self.X.name}."
        return f"{place}\n{rest}" if rest else place


def is_blocks(X: Any) -> bool:
    """Say whether X is read some rows at a time rather than an array in memory."""
    if type(X) is np.ndarray:
        return False
    return isinstance(X, Blocks) or package_of(X) in ("h5py", "zarr", "dask", "dask_expr")


def as_blocks(rows: Any, name: str) -> Blocks:
    """Return rows as blocks, arrays among them."""
    if isinstance(rows, Blocks):
        return rows
    from ._open import blocks

    if is_blocks(rows):
        found: Blocks = blocks(rows)
        return found
    if scipy.sparse.issparse(rows):
        return SparseRows(rows, name)
    return Sliced(np.asarray(rows), name)


def as_table(X: Any, y: Any = None, sample_weight: Any = None) -> Table:
    """Return X, targets and weights as a table.

    Raises
    ------
    ValueError
        If X has no two dimensions or no rows, or lengths differ.
    """
    found = as_blocks(X, "X")
    if found.ndim != 2:
        raise ValueError(f"Expected 2D array, got {found.ndim}D array instead: {found!r}.")
    if not len(found):
        raise ValueError(
            f"Found array with 0 sample(s) (shape={found.shape}) while a minimum of 1 is required."
        )
    if not found.shape[1]:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={found.shape}) while a minimum of 1 is required."
        )
    targets = None if y is None else as_blocks(y, "y")
    if sample_weight is None or np.ndim(sample_weight) or isinstance(sample_weight, Blocks):
        weights = None if sample_weight is None else as_blocks(sample_weight, "sample_weight")
    else:
        weights = Sliced(np.full(len(found), float(sample_weight)), "sample_weight")
    if weights is not None and weights.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar")
    return Table(found, targets, weights)
