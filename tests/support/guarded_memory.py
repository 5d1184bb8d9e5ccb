"""Memory between pages that may not be touched, for every NumPy array and kernel's workspace.

Each block lies in pages of its own, at their very end or very start, between two pages without
any access, and leaves the process's memory when it is freed: one element read or written outside
an array, or after its end of life, is a segmentation fault.  What ``numpy.empty`` gives is full of
NaN, so results that rest on what was never written show.

Two doors lead to it: NumPy's own for allocators (NEP 49), and the name under which compiled code
finds Numba's.  Linux only.
"""

from __future__ import annotations

import ctypes
import mmap

import llvmlite.binding
import numba
import numpy as np
from numba import cfunc, types
from numba.core.runtime import _nrt_python

PAGE = mmap.PAGESIZE
_READ_WRITE, _PRIVATE, _NOWHERE = 3, 0x22, -1

_mmap = types.ExternalFunction(
    "mmap",
    types.int64(types.int64, types.int64, types.int32, types.int32, types.int32, types.int64),
)
_munmap = types.ExternalFunction("munmap", types.int32(types.int64, types.int64))
_mprotect = types.ExternalFunction("mprotect", types.int32(types.int64, types.int64, types.int32))

#: Read at each allocation: whether blocks start at a page's edge, or end at one; and their number.
_settings = np.zeros(2, np.int64)
_SETTINGS = _settings.ctypes.data


@numba.extending.intrinsic
def _pointer(typing, address):
    def codegen(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.voidptr(types.int64), codegen


@numba.extending.intrinsic
def _address(typing, pointer):
    def codegen(context, builder, signature, arguments):
        return builder.ptrtoint(arguments[0], context.get_value_type(signature.return_type))

    return types.int64(types.voidptr), codegen


@numba.njit
def _words(at):
    return numba.carray(_pointer(at), 2, np.int64)


@numba.njit
def _bytes(at, size):
    return numba.carray(_pointer(at), size, np.uint8)


# A block is [note of its size | closed page | the pages it has | closed page].


@numba.njit
def _new(size, fill):
    size = max(size, 1)
    pages = (size + PAGE - 1) // PAGE
    total = (pages + 3) * PAGE
    start = _mmap(0, total, _READ_WRITE, _PRIVATE, _NOWHERE, 0)
    if start == -1:
        return 0
    note, settings = _words(start), _words(_SETTINGS)
    note[0], note[1] = total, size
    _mprotect(start + PAGE, PAGE, 0)
    _mprotect(start + total - PAGE, PAGE, 0)
    settings[1] += 1
    at = start + 2 * PAGE
    if settings[0] == 0:
        at += pages * PAGE - size
    if fill:
        block = _bytes(at, size)
        for i in range(size):
            block[i] = 255
    return at


@numba.njit
def _start(at):
    return at // PAGE * PAGE - 2 * PAGE


@numba.njit
def _drop(at):
    if at != 0:
        _munmap(_start(at), _words(_start(at))[0])


@cfunc(types.voidptr(types.voidptr, types.int64))
def _malloc(context, size):
    return _pointer(_new(size, True))


@cfunc(types.voidptr(types.voidptr, types.int64, types.int64))
def _calloc(context, count, size):
    return _pointer(_new(count * size, False))


@cfunc(types.void(types.voidptr, types.voidptr, types.int64))
def _free(context, pointer, size):
    _drop(_address(pointer))


@cfunc(types.voidptr(types.voidptr, types.voidptr, types.int64))
def _realloc(context, pointer, size):
    old = _address(pointer)
    new = _new(size, True)
    if old != 0 and new != 0:
        kept = min(_words(_start(old))[1], size)
        source, target = _bytes(old, kept), _bytes(new, kept)
        for i in range(kept):
            target[i] = source[i]
        _drop(old)
    return _pointer(new)


class _Allocator(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")
    ]


class _Handler(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("allocator", _Allocator),
    ]


_HANDLER = _Handler(
    b"guarded", 1,
    _Allocator(None, _malloc.address, _calloc.address, _realloc.address, _free.address),
)  # fmt: skip
#: PyDataMem_SetHandler's place in the table of NumPy's functions in C.
_SET_HANDLER = 304


def _new_capsule(pointer: int, name: bytes) -> object:
    make = ctypes.pythonapi.PyCapsule_New
    make.restype, make.argtypes = (
        ctypes.py_object,
        (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p),
    )
    return make(pointer, name, None)


def _set_handler(handler: object) -> object:
    """Have NumPy allocate by another handler; return the one before."""
    from numpy._core import _multiarray_umath

    table = ctypes.pythonapi.PyCapsule_GetPointer
    table.restype, table.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    functions = ctypes.cast(
        table(_multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p)
    )
    set_ = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(functions[_SET_HANDLER])
    return set_(handler)


_NAME = b"mem_handler"
_CAPSULE = _new_capsule(ctypes.addressof(_HANDLER), _NAME)


class guarded:  # noqa: N801
    """Every array made in the block is guarded; some other arrays outlive it, and stay so.

    ``at_start`` has blocks begin at a page's edge, so that what lies before them is closed to the
    byte, rather than end at one.
    """

    def __init__(self, at_start: bool) -> None:
        self.at_start = at_start

    def __enter__(self) -> guarded:
        _settings[0] = self.at_start
        self.before = _set_handler(_CAPSULE)
        return self

    def __exit__(self, *raised: object) -> None:
        _set_handler(self.before)


def count() -> int:
    """Return how many blocks there have been."""
    return int(_settings[1])


# --- what compiled code allocates ---------------------------------------------------------------


def _manage_memory() -> object:
    """Return Numba's function that makes its own kind of block of ours."""
    api = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p))(_nrt_python.c_helpers["get_api"])
    kind = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    return kind(api()[2])


_manage = _manage_memory()


@cfunc(types.void(types.voidptr))
def _free_managed(pointer):
    _drop(_address(pointer))


_FREE_MANAGED = _free_managed.address


@cfunc(types.voidptr(types.int64, types.uint32))
def _aligned(size, alignment):
    return _manage(_pointer(_new(size, True)), _pointer(_FREE_MANAGED))


def guard_kernels() -> None:
    """Have kernels that are loaded from now on allocate guarded memory."""
    numba.njit(lambda n: np.empty(n).size)(3)  # after which Numba's own names are known
    for name in ("NRT_MemInfo_alloc_aligned", "NRT_MemInfo_alloc_safe_aligned"):
        llvmlite.binding.add_symbol(name, _aligned.address)
