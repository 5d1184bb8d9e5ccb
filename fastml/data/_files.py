"""Raw rows in files: ``.npy``."""

from __future__ import annotations

import os
import weakref
from _thread import allocate_lock
from collections.abc import Callable
from typing import Any

import numpy as np

from ._arrays import check_dtype
from ._blocks import Array, Blocks
from ._stamp import Stamp, Token

#: Bytes asked for at once: a file that is not cached is there sooner than if pieces are.
_ASKED_BYTES = 1 << 20


class Npy(Blocks):
    """Rows of an ``.npy`` file, read where they are wanted.

    Parameters
    ----------
    path : str
    token : tuple, default=None
        See Stamp.
    """

    readers = 2

    def __init__(self, path: str, token: Token | None = None) -> None:
        self._stamp = Stamp(path, token)
        file = open(path, "rb")  # noqa: SIM115
        weakref.finalize(self, file.close)
        self._file = file
        try:
            version = np.lib.format.read_magic(file)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, stored = read(file)
        except (ValueError, KeyError) as error:
            raise ValueError(f"{path} is not an .npy file that can be read: {error}") from error
        if len(shape) not in (1, 2):
            raise ValueError(f"{path} has shape {shape}, expected one or two dimensions.")
        check_dtype(stored, path)
        super().__init__(shape, stored.newbyteorder("="), path)
        self._stored = stored
        self._by_column = fortran and len(shape) == 2
        self.raw = not self._by_column and hasattr(os, "preadv")
        self._offset = self._file.tell()
        self._lock = allocate_lock()
        has = os.fstat(self._file.fileno()).st_size
        if has < self._offset + self.nbytes:
            raise OSError(
                f"{path} is cut short: it has {has} bytes, expected {self._offset + self.nbytes}."
            )

    def _fill(self, offset: int, out: Array) -> None:
        """Read bytes into a contiguous array."""
        flat: Any = out.reshape(-1).view(np.uint8)
        buffer = memoryview(flat)
        while len(buffer):
            if hasattr(os, "preadv"):
                count = os.preadv(self._file.fileno(), [buffer[:_ASKED_BYTES]], offset)
            else:
                with self._lock:
                    self._file.seek(offset)
                    count = self._file.readinto(buffer) or 0
            if not count:
                raise OSError(f"{self.name} ended early: it became shorter while it was in use.")
            offset, buffer = offset + count, buffer[count:]

    def _read(self, start: int, stop: int, out: Array) -> None:
        self._stamp.check()
        if self._by_column:
            column = np.empty(stop - start, self._stored)
            for j in range(self.shape[1]):
                at = (j * len(self) + start) * self._stored.itemsize
                self._fill(self._offset + at, column)
                out[:, j] = column
            return
        as_stored = self._stored == out.dtype and self._stored.isnative
        rows = out if as_stored and out.flags.c_contiguous else np.empty(out.shape, self._stored)
        width = int(np.prod(self.shape[1:], dtype=np.int64)) * self._stored.itemsize
        self._fill(self._offset + start * width, rows)
        if rows is not out:
            out[...] = rows

    def spec(self) -> tuple[Callable[..., Blocks], tuple[Any, ...]]:
        return Npy, (self.name, self._stamp.token)
