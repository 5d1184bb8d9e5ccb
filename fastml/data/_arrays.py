"""Sources that are cut like arrays: arrays, memory maps, h5py, zarr, Dask, sequences."""

from __future__ import annotations

import mmap
import os
from _thread import allocate_lock
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ._blocks import Array, Blocks
from ._stamp import Stamp, Token


def package_of(thing: Any) -> str:
    """Return the package a thing's class comes from."""
    return str(type(thing).__module__).partition(".")[0]


def check_dtype(dtype: Any, name: str, *, numbers: bool = True) -> None:
    """Raise ValueError unless a type is of numbers, or, for targets, of something to compare."""
    if dtype.kind not in ("biuf" if numbers else "biufOSUT"):
        raise ValueError(f"{name} has dtype {dtype}, expected real numbers.")


class Sliced(Blocks):
    """Anything with ``shape``, ``dtype`` and ``[a:b]``.

    Parameters
    ----------
    source : array-like
    name : str
    dtype : dtype, default=None
        That of the source by default.
    opener : (callable, tuple), default=None
        How another process opens it; pickling the source by default.
    columns : list of str, default=None
    stamp : Stamp, default=None
        Of the file the source reads, which must stay what it is.
    """

    def __init__(
        self,
        source: Any,
        name: str = "X",
        dtype: DTypeLike | None = None,
        opener: tuple[Callable[..., Blocks], tuple[Any, ...]] | None = None,
        columns: list[str] | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        shape = tuple(source.shape)
        if len(shape) not in (1, 2):
            raise ValueError(f"{name} has shape {shape}, expected rows: one or two dimensions.")
        check_dtype(np.dtype(source.dtype), name, numbers=len(shape) == 2)
        native = np.dtype(source.dtype).newbyteorder("=")
        super().__init__(shape, native if dtype is None else dtype, name, columns)
        self.source, self._opener = source, opener
        package = package_of(source)
        self._in_memory = isinstance(source, np.ndarray)
        self.readers = 2 if self._in_memory or package == "zarr" else 1
        self.slow, self.raw = not self._in_memory, self._in_memory
        #: HDF5 reads one at a time.
        self._lock = allocate_lock() if package == "h5py" else nullcontext()
        self._stamp = _stamp_of(source) if stamp is None else stamp

    def _read(self, start: int, stop: int, out: Array) -> None:
        if self._stamp is not None and not self._in_memory:  # a map is seen in place as well
            self._stamp.check()
        with self._lock, np.errstate(over="ignore"):
            rows = self.source[start:stop]
            if hasattr(rows, "compute"):
                from dask.local import get_sync  # by its name it warns where a cluster is at hand

                rows = rows.compute(scheduler=get_sync)
            rows = np.asarray(rows)
            if rows.shape != out.shape:
                raise OSError(
                    f"{self.name} gave rows of shape {rows.shape} for [{start}, {stop}), expected "
                    f"{out.shape}: did it change?"
                )
            out[...] = rows

    def view(self, start: int, stop: int) -> Array | None:
        source = self.source
        plain = self._in_memory and source.dtype == self.dtype and source.flags.aligned
        return np.asarray(source)[start:stop] if plain else None

    def prefetch(self, start: int, stop: int) -> None:
        memory = getattr(self.source, "_mmap", None)
        if memory is None or not len(self) or not hasattr(mmap, "MADV_WILLNEED"):
            return
        row = self.source.strides[0]
        if row <= 0 or id(self.source.base) != id(memory):
            return  # a part of another map, or its rows in reverse
        offset = self.source.offset % mmap.ALLOCATIONGRANULARITY
        first = (offset + start * row) // mmap.PAGESIZE * mmap.PAGESIZE
        length = min(offset + stop * row, len(memory)) - first
        if length > 0:
            memory.madvise(mmap.MADV_WILLNEED, first, length)

    def spec(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        source, token = self.source, None if self._stamp is None else self._stamp.token
        if self._opener is not None:
            return self._opener
        if isinstance(source, np.memmap) and source.filename and source.base is not None:
            order = "C" if source.flags.c_contiguous else "F"
            whole = type(source.base).__name__ == "mmap"  # not a part of another map
            if whole and (source.flags.c_contiguous or source.flags.f_contiguous):
                where = (str(source.filename), source.dtype, source.shape, source.offset, order)
                return _mapped, (where, self.name, self.dtype, self.columns, token)
        if package_of(source) == "h5py":
            return _hdf5, (source.file.filename, source.name, self.dtype, self.columns, token)
        return Sliced, (source, self.name, self.dtype, None, self.columns)

    @property
    def cheap_cuts(self) -> tuple[int, ...]:
        chunks = getattr(self.source, "chunks", None)
        if not chunks:
            return ()
        if isinstance(chunks[0], tuple):  # Dask: the length of each
            return tuple(int(cut) for cut in np.cumsum(chunks[0])[:-1])
        return tuple(range(int(chunks[0]), len(self), int(chunks[0])))


def _stamp_of(source: Any) -> Stamp | None:
    """Return the stamp of the file an array is mapped from, or that h5py reads and does not write.

    None if there is no such file.
    """
    with suppress(OSError):
        if isinstance(source, np.memmap) and source.filename:
            return Stamp(str(source.filename))
        if package_of(source) == "h5py" and source.file.mode == "r":
            return Stamp(source.file.filename)
    return None


def _mapped(
    where: Any, name: str, dtype: Any, columns: list[str] | None, token: Token | None
) -> Blocks:
    path, stored, shape, offset, order = where
    stamp = Stamp(path, token)
    rows = np.memmap(path, stored, "r", offset, shape, order)
    return Sliced(rows, name, dtype, None, columns, stamp)


def _hdf5(
    path: str, dataset: str, dtype: Any, columns: list[str] | None, token: Token | None
) -> Blocks:
    found = open_hdf5(path, dataset, token)
    found.dtype, found.columns = np.dtype(dtype), columns
    return found


def open_hdf5(path: str, dataset: str, token: Token | None = None) -> Blocks:
    """Return a dataset of an HDF5 file.

    Parameters
    ----------
    path, dataset : str
    token : tuple, default=None
        See Stamp.
    """
    h5py = needed("h5py", "hdf5")
    stamp = Stamp(path, token)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise OSError(f"{path} is not an HDF5 file that can be read: {error}") from error
    name = f"{path}::{dataset}"
    if dataset not in file or not isinstance(file[dataset], h5py.Dataset):
        found: list[str] = []
        file.visititems(
            lambda key, item: found.append(key) if isinstance(item, h5py.Dataset) else None
        )
        raise ValueError(f"{path} has no dataset {dataset!r}, it has {found}.")
    return Sliced(file[dataset], name, stamp=stamp)


def open_zarr(path: str, member: str, token: Token | None = None) -> Blocks:
    """Return a zarr array, or one of a group.

    Parameters
    ----------
    path, member : str
    token : tuple, default=None
        See Stamp.
    """
    zarr = needed("zarr", "zarr")
    name = f"{path}::{member}" if member else path
    found = zarr.open(path, mode="r")
    if member:
        if member not in found:
            raise ValueError(f"{path} has no array {member!r}, it has {sorted(found.keys())}.")
        found = found[member]
    if not hasattr(found, "dtype"):
        raise ValueError(f"{path} is a group: name one of {sorted(found.keys())} after '::'.")
    # Chunks that are not there are zeros to zarr: what tells is the file that describes them.
    described = [os.path.join(path, member, file) for file in ("zarr.json", ".zarray")]
    stamp = Stamp(next(filter(os.path.exists, described), path), token)
    return Sliced(found, name, opener=(open_zarr, (path, member, stamp.token)), stamp=stamp)


def needed(module: str, extra: str) -> Any:
    """Return an optional module, or say how to install it."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module} is needed to read this: pip install 'fastml-kernels[{extra}]'."
        ) from error


class Sequence(Blocks):
    """Anything with ``len`` and ``[a:b]`` that gives rows, and no shape: LightGBM's sequences.

    Parameters
    ----------
    source : sequence
    name : str
    """

    slow = True

    def __init__(self, source: Any, name: str = "sequence") -> None:
        n_rows = len(source)
        first = np.asarray(source[0:1]) if n_rows else np.empty((0, 0))
        if first.ndim != 2:
            raise ValueError(f"{name}[0:1] has shape {first.shape}, expected (1, n_features).")
        check_dtype(first.dtype, name)
        super().__init__((n_rows, first.shape[1]), first.dtype.newbyteorder("="), name)
        self._source = source
        self._batch = int(getattr(source, "batch_size", 0) or 4096)
        self._lock = allocate_lock()

    def _read(self, start: int, stop: int, out: Array) -> None:
        with self._lock:
            for first in range(start, stop, self._batch):
                last = min(first + self._batch, stop)
                rows = np.asarray(self._source[first:last])
                if rows.shape != (last - first, self.shape[1]):
                    raise ValueError(
                        f"{self.name}[{first}:{last}] has shape {rows.shape}, expected "
                        f"{(last - first, self.shape[1])}."
                    )
                check_dtype(rows.dtype, f"{self.name}[{first}:{last}]")
                out[first - start : last - start] = rows

    def spec(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        return Sequence, (self._source, self.name)
