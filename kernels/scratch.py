"""Working memory of kernels."""

from __future__ import annotations

import numpy as np

from ._jit import kernel


@kernel
def aligned_zeros(like, size):
    """Return ``size`` zeros of the element type of ``like``, starting on a cache line.

    A 64-byte vector that straddles two lines costs two loads.
    """
    line = 64 // like.itemsize
    buffer = np.zeros(size + line, like.dtype)
    first = (-(buffer.ctypes.data // like.itemsize)) % line
    return buffer[first : first + size]
