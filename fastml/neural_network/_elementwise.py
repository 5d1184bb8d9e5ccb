"""The sigmoid and its derivative over whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, common_dtype, output, readable, takes_results
from ..kernels.machine.host import last_level_cache
from ..kernels.ops import elementwise
from ..kernels.tile import lanes_of

#: Bytes of a ticket at least and at most, whole vectors.
_SMALLEST_TICKET, _LARGEST_TICKET = 1 << 12, 1 << 15
#: So long a call that is not shared may last and leave an interrupt waiting.
_SHORT_NANOSECONDS = 1_000_000
#: A share has so many tickets, or threads that end at different times would wait for each other.
_TICKETS = 32
#: Nanoseconds an element of so many bytes takes one thread, about: whether to share rests on it.
_NANOSECONDS = {4: 0.35, 8: 0.95}
#: Bytes of a result that are written past the caches rather than push everything else out.
_PAST_CACHE = last_level_cache()


_NATIVE = frozenset({np.dtype(np.float32), np.dtype(np.float64)})


def _head(x: Array, out: Array) -> int:
    """Return the elements before the first whole vector of a result too large for the caches.

    -1 for any other result: it had better stay there.
    """
    if out.nbytes < _PAST_CACHE or out.ctypes.data == x.ctypes.data:
        return -1
    width = lanes_of(out.dtype) * out.itemsize
    return int(-out.ctypes.data % width // out.itemsize)


def _may_be_written(result: Array, contiguous: Array, array: Array) -> bool:
    """Say whether a kernel that reads x may write the user's output where it is.

    In place is fine; elsewhere in the same memory, elements would be read after being written.
    """
    in_place = result.ctypes.data == contiguous.ctypes.data
    return takes_results(result) and (in_place or not np.may_share_memory(result, array))


def apply_sigmoid(x: ArrayLike, out: Array | None, *, derivative: bool) -> Array:
    """Compute the sigmoid or its derivative; see :func:`fastml.sigmoid`."""
    if out is None:
        if _as_it_is(x):
            out = np.empty(x.shape, x.dtype)  # type: ignore[union-attr]
            _run(derivative, x.reshape(-1), out.reshape(-1))  # type: ignore[union-attr]
            return out
    elif _as_they_are(x, out):
        _run(derivative, x.reshape(-1), out.reshape(-1))  # type: ignore[union-attr]
        return out
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"x must hold real numbers, got dtype {array.dtype} instead.")
    dtype = common_dtype(array)
    result = output(out, array.shape, dtype)
    contiguous = readable(np.ascontiguousarray(array, dtype=dtype)).reshape(-1)
    aside = out is not None and not _may_be_written(result, contiguous, array)
    flat = np.empty(array.size, dtype) if aside else result.reshape(-1)
    if flat.size:
        _run(derivative, contiguous, flat)
    if aside:
        result[...] = flat.reshape(array.shape)
    return result


def _as_it_is(x: Any) -> bool:
    """Say whether an array may go to the kernel without more ado."""
    return type(x) is np.ndarray and x.dtype in _NATIVE and x.flags.carray and x.size > 0


def _as_they_are(x: Any, out: Any) -> bool:
    """Say whether x and a place for the result may go to the kernel without more ado."""
    if not (_as_it_is(x) and type(out) is np.ndarray):
        return False
    if x is out:
        return True
    its = out.flags
    return (
        x.dtype == out.dtype
        and x.shape == out.shape
        and its.carray
        and ((its.owndata and x.flags.owndata) or not np.may_share_memory(x, out))
    )


def _run(derivative: bool, x: Array, out: Array) -> None:
    nanoseconds = _NANOSECONDS[x.itemsize] * x.size
    members = team_size(nanoseconds)
    if members == 1 and nanoseconds < _SHORT_NANOSECONDS and x.nbytes < _PAST_CACHE:
        kernel = elementwise.sigmoid_derivative if derivative else elementwise.sigmoid_forward
        kernel(x, 0, x.size, out)
        return
    ticket = min(max(x.nbytes // _TICKETS, _SMALLEST_TICKET), _LARGEST_TICKET)
    run_team(
        elementwise.sigmoid_blocks, members, derivative,
        ticket // _SMALLEST_TICKET * _SMALLEST_TICKET // x.itemsize,
        _head(x, out), new_state(), x, out,
    )  # fmt: skip
