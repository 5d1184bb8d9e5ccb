"""Rows that need not be in memory: the protocol every source follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..core.memory import in_words, memory_limit

Array = NDArray[Any]

#: Rows asked for by number are read a range of about so many bytes at a time; where less than one
#: in so many rows of a range is wanted, one by one.
_GATHERED_BYTES, _MOST_BETWEEN = 1 << 20, 100


class Blocks:
    """Rows of numbers that are read when they are needed, some at a time.

    What :func:`fastml.blocks` returns; estimators take it in the place of an array.  A source of
    another kind is a subclass with ``_read`` and ``spec``.

    Parameters
    ----------
    shape : tuple of int
        (n_samples, n_features), or (n_samples,) for targets and weights.
    dtype : dtype
        Type of the numbers that are read.
    name : str
        What errors call the source: a path where there is one.
    columns : list of str or None, default=None
        Names of the features.

    Attributes
    ----------
    readers : int
        Threads that may read at once with profit.
    slow : bool
        Whether reading costs more than a copy, so that many passes are worth a cache file.
    forward : bool
        Whether reading backwards costs more.
    raw : bool
        Whether reading is little more than a copy, from memory or a file of raw rows, for any
        number of threads at once: whoever computes may as well read.
    cache_folder : str or None
        Where such a file goes; the system's folder for temporary files by default.
    """

    readers: int = 1
    slow: bool = False
    forward: bool = False
    raw: bool = False
    cache_folder: str | None = None

    def __init__(
        self, shape: tuple[int, ...], dtype: DTypeLike, name: str, columns: list[str] | None = None
    ) -> None:
        self.shape, self.dtype, self.name = tuple(map(int, shape)), np.dtype(dtype), name
        self.columns = columns

    # --- what a source provides ----------------------------------------------------------------

    def _read(self, start: int, stop: int, out: Array) -> None:
        """Write rows [start, stop), of which there are some, to ``out``."""
        raise NotImplementedError

    def spec(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        """Return a function and its arguments, to be pickled, that open the source again.

        Returns
        -------
        function, arguments : callable and tuple
        """
        raise NotImplementedError

    def view(self, start: int, stop: int) -> Array | None:
        """Return rows where they lie in memory, or None if they have to be read.

        Parameters
        ----------
        start, stop : int
            Rows.

        Returns
        -------
        rows : ndarray or None
        """
        return None

    def prefetch(self, start: int, stop: int) -> None:
        """Have the system fetch rows that will be wanted soon, if it can.

        Parameters
        ----------
        start, stop : int
            Rows.
        """

    @property
    def cheap_cuts(self) -> tuple[int, ...]:
        """Rows at which reading begins at no extra cost; none if anywhere is as well."""
        return ()

    # --- what everybody may use ----------------------------------------------------------------

    def read(self, start: int, stop: int, out: Array | None = None) -> Array:
        """Return rows [start, stop); several threads may ask at once.

        Parameters
        ----------
        start, stop : int
            Rows, within the shape.
        out : ndarray (stop - start, ...), default=None
            Where to write them; a new array by default.

        Returns
        -------
        out : ndarray

        Raises
        ------
        ValueError
            If there are no such rows, or what is read is no number; the source is named.
        OSError
            If a file cannot be read or is no longer what it was.
        """
        if not 0 <= start <= stop <= len(self):
            raise ValueError(f"{self.name} has no rows [{start}, {stop}): it has {len(self)}.")
        shape = (stop - start, *self.shape[1:])
        if out is None:
            out = np.empty(shape, self.dtype)
        elif out.shape != shape or out.dtype != self.dtype:
            raise ValueError(
                f"out must be {self.dtype} of shape {shape}, got {out.dtype} of {out.shape}."
            )
        if stop > start:
            self._read(start, stop, out)
        return out

    def astype(self, dtype: DTypeLike) -> Blocks:
        """Return the same rows in another type.

        Parameters
        ----------
        dtype : dtype
            The type.

        Returns
        -------
        blocks : Blocks
        """
        return self if self.dtype == np.dtype(dtype) else Converted(self, dtype)

    def explain(self, model: Any) -> None:
        """Print what a fit of ``model`` would read, and the memory it would take.

        Parameters
        ----------
        model : estimator
            With the parameters of the fit.
        """
        from importlib import import_module

        import_module("fastml.execution").explain(self, model)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of dimensions: 2, or 1 for targets and weights."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of all rows in memory."""
        return self.size * self.dtype.itemsize

    def __getitem__(self, rows: slice | Array) -> Array:
        if isinstance(rows, np.ndarray) and rows.dtype.kind in "iu" and rows.ndim == 1:
            return self._gather(rows)
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise TypeError("Blocks are cut by X[a:b], without a step, or by numbers of rows.")
        start, stop, _ = rows.indices(len(self))
        return self.read(start, max(start, stop))

    def _gather(self, rows: Array) -> Array:
        """Return rows by number: what is between them is read, too, where it is little."""
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        width = max(1, _GATHERED_BYTES * len(self) // max(1, self.nbytes))
        at = 0
        while at < len(rows):
            first = int(ordered[at])
            end = int(np.searchsorted(ordered, first + width))
            last = int(ordered[end - 1]) + 1
            if last - first > _MOST_BETWEEN * (end - at):
                end, last = at + 1, first + 1
            found[order[at:end]] = self.read(first, last)[ordered[at:end] - first]
            at = end
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return all rows in memory, if they fit: what fits without passes work on."""
        limit = memory_limit()
        if limit is not None and self.nbytes > limit:
            raise ValueError(
                f"{self.name} would take {in_words(self.nbytes)} of memory as an array, above the "
                f"limit of {in_words(limit)}: this needs all rows at once."
            )
        rows = self.read(0, len(self))
        return rows if dtype is None else rows.astype(dtype, copy=False)

    def __reduce__(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        return self.spec()

    def __repr__(self) -> str:
        return f"<Blocks {self.shape} of {self.dtype} from {self.name}>"


class Converted(Blocks):
    """Rows of another source in another type."""

    def __init__(self, base: Blocks, dtype: DTypeLike) -> None:
        super().__init__(base.shape, dtype, base.name, base.columns)
        self._base, self.forward = base, base.forward
        self.readers, self.slow, self.raw = base.readers, base.slow, base.raw

    def _read(self, start: int, stop: int, out: Array) -> None:
        with np.errstate(over="ignore"):  # infinity is looked for later
            out[...] = self._base.read(start, stop)

    def prefetch(self, start: int, stop: int) -> None:
        self._base.prefetch(start, stop)

    def spec(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        return Converted, (self._base, self.dtype)

    @property
    def cheap_cuts(self) -> tuple[int, ...]:
        return self._base.cheap_cuts


class Selected(Blocks):
    """Some columns of a source of whole rows.

    Parameters
    ----------
    base : Blocks (n_samples, n_columns)
    numbers : list of int, or an int for a single column as a vector
    dtype : dtype, default=None
        That of the source by default.
    """

    def __init__(
        self, base: Blocks, numbers: list[int] | int, dtype: DTypeLike | None = None
    ) -> None:
        one = isinstance(numbers, int)
        listed: list[int] = [numbers] if isinstance(numbers, int) else list(numbers)
        for number in listed:
            if not 0 <= number < base.shape[1]:
                raise ValueError(f"{base.name} has {base.shape[1]} columns, none is {number}.")
        names = None if base.columns is None else [base.columns[i] for i in listed]
        shape = (len(base),) if one else (len(base), len(listed))
        super().__init__(shape, base.dtype if dtype is None else dtype, base.name, names)
        self.base, self.numbers = base, numbers
        self.readers, self.slow, self.forward = base.readers, base.slow, base.forward
        self.raw = base.raw
        first, count = listed[0] if listed else 0, len(listed)
        #: A range of columns is a view, others are gathered.
        self._picked: Any = slice(first, first + count)
        if listed != list(range(first, first + count)):
            self._picked = np.array(listed)
        if one:
            self._picked = first

    def take(self, rows: Array, out: Array) -> None:
        """Write the columns of rows of the source."""
        with np.errstate(over="ignore"):
            out[...] = rows[:, self._picked]

    def _read(self, start: int, stop: int, out: Array) -> None:
        rows = self.base.view(start, stop)
        self.take(self.base.read(start, stop) if rows is None else rows, out)

    def prefetch(self, start: int, stop: int) -> None:
        self.base.prefetch(start, stop)

    def view(self, start: int, stop: int) -> Array | None:
        whole = isinstance(self._picked, slice) and self._picked == slice(0, self.base.shape[1])
        return self.base.view(start, stop) if whole and self.dtype == self.base.dtype else None

    def spec(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        return Selected, (self.base, self.numbers, self.dtype)

    @property
    def cheap_cuts(self) -> tuple[int, ...]:
        return self.base.cheap_cuts


class Joined(Blocks):
    """Sources one after the other, of the same columns.

    Parameters
    ----------
    parts : list of Blocks
    """

    def __init__(self, parts: list[Blocks]) -> None:
        first = parts[0]
        for part in parts[1:]:
            if part.shape[1:] != first.shape[1:]:
                raise ValueError(
                    f"{part.name} has rows of shape {part.shape[1:]}, {first.name} of "
                    f"{first.shape[1:]}."
                )
            if part.columns != first.columns:
                raise ValueError(
                    f"The columns of {part.name} are {part.columns}, those of {first.name} are "
                    f"{first.columns}: name the columns to choose their order."
                )
        dtype = np.result_type(*(part.dtype for part in parts))
        shape = (sum(map(len, parts)), *first.shape[1:])
        name = first.name if len(parts) == 1 else f"{first.name} and {len(parts) - 1} more"
        super().__init__(shape, dtype, name, first.columns)
        self.parts = [part.astype(dtype) for part in parts]
        self._starts = np.cumsum([0, *map(len, parts)])
        self.readers = min(part.readers for part in parts)
        self.slow = any(part.slow for part in parts)
        self.forward = any(part.forward for part in parts)
        self.raw = all(part.raw for part in parts)

    def _ranges(self, start: int, stop: int) -> Iterator[tuple[Blocks, int, int, int]]:
        """Yield sources, the ranges of their rows, and the row each range begins at."""
        at = int(np.searchsorted(self._starts, start, side="right")) - 1
        row = start
        while row < stop:
            last = min(int(self._starts[at + 1]), stop)
            if last > row:
                offset = int(self._starts[at])
                yield self.parts[at], row - offset, last - offset, row
            row, at = last, at + 1

    def _read(self, start: int, stop: int, out: Array) -> None:
        for part, first, last, row in self._ranges(start, stop):
            part.read(first, last, out[row - start : row - start + last - first])

    def prefetch(self, start: int, stop: int) -> None:
        for part, first, last, _ in self._ranges(start, stop):
            part.prefetch(first, last)

    def spec(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        return Joined, (self.parts,)

    @property
    def cheap_cuts(self) -> tuple[int, ...]:
        cuts = set(map(int, self._starts[1:-1]))
        for start, part in zip(self._starts[:-1], self.parts, strict=True):
            cuts |= {int(start) + cut for cut in part.cheap_cuts}
        return tuple(sorted(cuts))
