"""Rows written once to a raw file, for sources that are slow, or that come only once."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np

from ._arrays import Sliced
from ._blocks import Array, Blocks
from ._sparse import SparseRows

#: Bytes written at once.
_CHUNK_BYTES = 1 << 23


class Cached(Sliced):
    """Rows in a file of our own, mapped to memory, that nobody else can see or shorten.

    Parameters
    ----------
    rows : ndarray, mapped
    name : str, of the source
    source : Blocks or None, from which another process reads
    columns : list of str or None
    """

    def __init__(
        self, rows: Array, name: str, source: Blocks | None, columns: list[str] | None
    ) -> None:
        super().__init__(rows, name, None, None, columns)
        self._source = source

    def spec(self) -> Any:
        if self._source is None:
            raise TypeError(
                f"{self.name} was read once, into a file of this process: other processes cannot "
                "read it. Write it to a file and give its path."
            )
        return self._source.spec()


class Writer:
    """Writes batches of rows to a cache file.

    Parameters
    ----------
    width : tuple of int, the shape of a row
    dtype : dtype
    name : str, of the source
    folder : str or None, where; the system's folder for temporary files by default
    """

    def __init__(self, width: tuple[int, ...], dtype: Any, name: str, folder: str | None) -> None:
        self._width, self._dtype, self._name, self._folder = width, np.dtype(dtype), name, folder
        # Without a name where the system can: nothing is left behind, whatever happens.
        self._file = tempfile.TemporaryFile(dir=folder, prefix="fastml-")  # noqa: SIM115
        self._count = 0

    def add(self, batch: Array) -> None:
        """Write rows."""
        with np.errstate(over="ignore"):  # infinity is looked for later
            rows = np.ascontiguousarray(batch, self._dtype)
        if rows.shape[1:] != self._width:
            raise ValueError(
                f"{self._name} gave a block of rows of shape {rows.shape[1:]} after one of "
                f"{self._width}."
            )
        flat: Any = rows.reshape(-1).view(np.uint8)
        try:
            self._file.write(flat)
        except OSError as error:
            where = self._folder or tempfile.gettempdir()
            raise OSError(
                f"The rows of {self._name} could not be written to {where}: {error.strerror}. "
                "Choose another folder by cache='folder', or cache=False."
            ) from error
        self._count += len(rows)

    def finish(self, source: Blocks | None = None, columns: list[str] | None = None) -> Cached:
        """Return what was written; ``source`` is where another process reads it."""
        shape = (self._count, *self._width)
        with self._file as file:
            file.flush()
            empty = 0 in shape
            rows = np.empty(shape, self._dtype) if empty else self._mapped(file, shape)
        return Cached(rows, self._name, source, columns)

    def _mapped(self, file: Any, shape: tuple[int, ...]) -> Array:
        return np.memmap(file, self._dtype, "r", 0, shape)


class Offset(Blocks):
    """A range of the rows of a source, under the numbers they have there.

    Parameters
    ----------
    base : Blocks
        The range alone.
    start : int
        Its first row's number.
    n_rows : int
        How many rows the source has.
    """

    def __init__(self, base: Blocks, start: int, n_rows: int) -> None:
        super().__init__((n_rows, *base.shape[1:]), base.dtype, base.name, base.columns)
        self.readers, self.raw, self._base, self._start = base.readers, base.raw, base, start

    def _read(self, start: int, stop: int, out: Array) -> None:
        self._base.read(start - self._start, stop - self._start, out)

    def view(self, start: int, stop: int) -> Array | None:
        if start == stop:
            return self._base.view(0, 0)
        return self._base.view(start - self._start, stop - self._start)

    def prefetch(self, start: int, stop: int) -> None:
        self._base.prefetch(start - self._start, stop - self._start)

    def spec(self) -> Any:
        return Offset, (self._base, self._start, len(self))


class Range(Blocks):
    """A range of the rows of a source, by numbers of their own.

    Parameters
    ----------
    base : Blocks
    start, stop : int
    """

    def __init__(self, base: Blocks, start: int, stop: int) -> None:
        super().__init__((stop - start, *base.shape[1:]), base.dtype, base.name, base.columns)
        self.readers, self.slow, self.forward = base.readers, base.slow, base.forward
        self.raw, self._base, self._start = base.raw, base, start

    def _read(self, start: int, stop: int, out: Array) -> None:
        self._base.read(start + self._start, stop + self._start, out)

    def view(self, start: int, stop: int) -> Array | None:
        return self._base.view(start + self._start, stop + self._start)

    def prefetch(self, start: int, stop: int) -> None:
        self._base.prefetch(start + self._start, stop + self._start)

    def some(self, start: int, stop: int) -> Blocks:
        """Return what :func:`some_rows` does."""
        first, last = start + self._start, stop + self._start
        return Range(some_rows(self._base, first, last), self._start, self._start + len(self))

    def spec(self) -> Any:
        return Range, (self._base, self._start, self._start + len(self))


def some_rows(source: Blocks, start: int, stop: int) -> Blocks:
    """Return a source of which only these rows will be read: an array's others need not be sent."""
    if isinstance(source, Range):
        return source.some(start, stop)
    if isinstance(source, SparseRows):
        return Offset(source.some(slice(start, stop)), start, len(source))
    array = getattr(source, "source", None)
    if isinstance(source, Cached) or not isinstance(array, np.ndarray):
        return source
    if isinstance(array, np.memmap) and array.filename:
        return source
    part = Sliced(np.ascontiguousarray(array[start:stop]), source.name, source.dtype)
    part.columns = source.columns
    return Offset(part, start, len(source))


def cached(
    source: Blocks, folder: str | None = None, start: int = 0, stop: int | None = None
) -> Blocks:
    """Return a range of a source from a cache file, unless reading it is as fast."""
    stop = len(source) if stop is None else stop
    if not source.slow or source.dtype.hasobject:
        return source
    return _written(source, folder, start, stop)


def mapped(source: Blocks, folder: str | None = None) -> Array:
    """Return all rows of a source as an array: where they lie, or mapped from a cache file.

    Somebody may shorten a file that is read; nobody can shorten ours.
    """
    rows = source.view(0, len(source))
    if rows is None:
        rows = _written(source, folder, 0, len(source)).view(0, len(source))
    return np.asarray(rows)


def _written(source: Blocks, folder: str | None, start: int, stop: int) -> Blocks:
    """Return a range of a source from a cache file."""
    row = max(1, source.nbytes // max(1, len(source)))
    step = max(1, _CHUNK_BYTES // row)
    writer = Writer(source.shape[1:], source.dtype, source.name, folder)
    for first in range(start, stop, step):
        writer.add(source.read(first, min(first + step, stop)))
    whole = stop - start == len(source)
    found = writer.finish(source if whole else None, source.columns)
    return found if whole else Offset(found, start, len(source))
