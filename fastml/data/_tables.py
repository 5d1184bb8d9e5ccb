"""Sources of named columns: Parquet files, and whatever exports Arrow's C stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ._arrays import Sliced, needed
from ._blocks import Array, Blocks
from ._cache import Writer
from ._sequential import Sequential
from ._stamp import Stamp, Token

#: Rows of a batch: of few columns no more than what a pass reads at once.
_BATCH_ROWS, _BATCH_BYTES = 1 << 16, 1 << 22


def _arrow() -> Any:
    return needed("pyarrow", "parquet")


def column_dtype(field: Any, name: str, *, numbers: bool) -> Any:
    """Return the type of a column, which must be of numbers unless it is a target.

    Parameters
    ----------
    field : pyarrow.Field
    name : str, of the source
    numbers : bool
    """
    types = _arrow().types
    kind = field.type
    if types.is_boolean(kind):
        return np.dtype(np.bool_)
    if types.is_integer(kind) or types.is_floating(kind):
        return np.dtype(kind.to_pandas_dtype())
    if not numbers:
        return np.dtype(object)
    raise ValueError(f"column {field.name!r} of {name} is {kind}, expected numbers.")


def column_values(column: Any, name: str, row: int) -> Array:
    """Return the values of a column of a table, none of which may be missing.

    Parameters
    ----------
    column : pyarrow.ChunkedArray or Array
    name : str, the column and its source
    row : int, the first row's number, for the error
    """
    if column.null_count:
        first = row + int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise ValueError(
            f"{name} holds {column.null_count} missing values, the first in row {first}."
        )
    return np.asarray(column.to_numpy(zero_copy_only=False))


def fill_rows(table: Any, names: Sequence[str], out: Array, name: str, row: int) -> None:
    """Write columns of a table or batch to a matrix, or the only one to a vector."""
    with np.errstate(over="ignore"):
        for j, column in enumerate(names):
            values = column_values(table.column(column), f"column {column!r} of {name}", row)
            if out.ndim == 1:
                out[...] = values
            else:
                out[:, j] = values


def table_rows(batch: Any, name: str) -> Array:
    """Return a table or batch of numbers as a matrix."""
    pa = _arrow()
    if hasattr(batch, "__arrow_c_array__"):
        batch = pa.record_batch(batch)
    table = pa.table(batch)
    found = [column_dtype(field, name, numbers=True) for field in table.schema]
    out = np.empty((table.num_rows, len(found)), np.result_type(*found))
    fill_rows(table, table.column_names, out, name, 0)
    return out


def schema_shape(
    schema: Any, columns: list[str] | None, name: str, *, target: bool
) -> tuple[list[str], Any]:
    """Return the columns to read and the type of their numbers.

    Parameters
    ----------
    schema : pyarrow.Schema
    columns : list of str or None, all by default
    target : bool, whether they may be other things than numbers
    """
    names = list(schema.names) if columns is None else list(columns)
    for column in names:
        if schema.names.count(column) != 1:
            found = "no" if column not in schema.names else "more than one"
            raise ValueError(f"{name} has {found} column {column!r}, it has {schema.names}.")
    if not names:
        raise ValueError(f"{name} has no columns to read.")
    kinds = [column_dtype(schema.field(c), name, numbers=not target) for c in names]
    return names, np.result_type(*kinds)


class Parquet(Sequential):
    """Columns of a Parquet file.

    Parameters
    ----------
    path : str
    columns : list of str or None, default=None
        All by default.
    dtype : dtype, default=None
        The narrowest that holds all columns, by default.
    vector : bool, default=False
        Whether the only column is read as a vector.
    target : bool, default=False
        Whether columns may be other things than numbers.
    token : tuple, default=None
        See Stamp.
    """

    def __init__(
        self,
        path: str,
        columns: list[str] | None = None,
        dtype: DTypeLike | None = None,
        vector: bool = False,
        target: bool = False,
        token: Token | None = None,
    ) -> None:
        pq = needed("pyarrow.parquet", "parquet")
        self._stamp = Stamp(path, token)
        try:
            # What is not yet decoded stays in the file, and nothing is read before it is asked for.
            self._file = pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
        except (OSError, _arrow().ArrowException) as error:
            raise ValueError(f"{path} is not a Parquet file that can be read: {error}") from error
        names, found = schema_shape(self._file.schema_arrow, columns, path, target=target)
        rows = self._file.metadata.num_rows
        shape = (rows,) if vector else (rows, len(names))
        super().__init__(shape, found if dtype is None else dtype, path, names)
        groups = [
            self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)
        ]
        self._starts = np.cumsum([0, *groups])
        self._arguments = (path, columns, dtype, vector, target, self._stamp.token)

    @property
    def cheap_cuts(self) -> tuple[int, ...]:
        return tuple(int(start) for start in self._starts[:-1])

    def _read(self, start: int, stop: int, out: Array) -> None:
        self._stamp.check()
        super()._read(start, stop, out)

    def _batches_from(self, start: int) -> tuple[int, Iterator[Array]]:
        group = int(np.searchsorted(self._starts, start, side="right")) - 1
        return int(self._starts[group]), self._batches_of(group)

    def _batches_of(self, group: int) -> Iterator[Array]:
        assert self.columns is not None
        width = max(1, len(self.columns)) * self.dtype.itemsize
        rows = min(_BATCH_ROWS, max(1024, _BATCH_BYTES // width))
        row = int(self._starts[group])
        batches = self._file.iter_batches(
            rows, range(group, self._file.num_row_groups), self.columns
        )
        while True:
            self._stamp.check()
            try:
                batch = next(batches, None)
            except (OSError, _arrow().ArrowException) as error:
                raise OSError(f"{self.name} cannot be read: {error}") from error
            if batch is None:
                return
            out = np.empty((len(batch), *self.shape[1:]), self.dtype)
            fill_rows(batch, self.columns, out, self.name, row)
            row += len(batch)
            yield out

    def spec(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        return Parquet, self._arguments


class Table(Blocks):
    """Columns of an Arrow table in memory.

    Parameters
    ----------
    table : object with ``__arrow_c_stream__``
        That can be asked again.
    columns, dtype, vector, target
        As of :class:`Parquet`.
    """

    readers = 2

    def __init__(
        self,
        table: Any,
        columns: list[str] | None = None,
        dtype: DTypeLike | None = None,
        vector: bool = False,
        target: bool = False,
    ) -> None:
        self._table = _arrow().table(table)
        name = type(table).__name__
        names, found = schema_shape(self._table.schema, columns, name, target=target)
        rows = self._table.num_rows
        shape = (rows,) if vector else (rows, len(names))
        super().__init__(shape, found if dtype is None else dtype, name, names)
        self._options = (columns, dtype, vector, target)

    def _read(self, start: int, stop: int, out: Array) -> None:
        assert self.columns is not None
        part = self._table.slice(start, stop - start)
        fill_rows(part, self.columns, out, self.name, start)

    def spec(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        return Table, (self._table, *self._options)


class Taker:
    """Keeps columns of batches that come only once: numbers in a file, others in memory.

    Parameters
    ----------
    schema : pyarrow.Schema
    wanted : tuple
        Columns, type, whether a vector, whether anything goes.
    name : str
        Of the source.
    folder : str or None
    """

    def __init__(self, schema: Any, wanted: Any, name: str, folder: str | None) -> None:
        columns, dtype, self._vector, target = wanted
        self._columns, found = schema_shape(schema, columns, name, target=target)
        self._dtype = np.dtype(found if dtype is None else dtype)
        self._name, width = name, () if self._vector else (len(self._columns),)
        self._kept: list[Array] = []
        self._writer = None
        if not self._dtype.hasobject:
            self._writer = Writer(width, self._dtype, name, folder)

    def add(self, batch: Any, row: int) -> None:
        """Take rows, of which the first is the ``row``-th."""
        width = () if self._vector else (len(self._columns),)
        rows = np.empty((len(batch), *width), self._dtype)
        fill_rows(batch, self._columns, rows, self._name, row)
        if self._writer is None:
            self._kept.append(rows)
        else:
            self._writer.add(rows)

    def finish(self) -> Blocks:
        """Return the rows."""
        if self._writer is not None:
            return self._writer.finish(None, self._columns)
        return Sliced(np.concatenate(self._kept), self._name)
