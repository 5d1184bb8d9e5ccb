"""Working memory of kernels.

Copies are loops here: a slice assigned to a slice would have Numba compile the string
formatting of its error message, three seconds of it.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_inner_kernel, inner_kernel
from ..machine.settings import EXACT_SCRATCH


@allocating_inner_kernel
def aligned_zeros(like, size):
    """Return ``size`` zeros of the element type of ``like``, starting on a cache line.

    A 64-byte vector that straddles two lines costs two loads.
    """
    if EXACT_SCRATCH:
        return np.zeros(size, like.dtype)
    line = 64 // like.itemsize
    buffer = np.zeros(size + line, like.dtype)
    first = (-(buffer.ctypes.data // like.itemsize)) % line
    return buffer[first : first + size]


@inner_kernel
def copy_elements(source, first, count, target, start):
    """Copy ``count`` elements from ``source[first]`` on to ``target[start]`` on."""
    for i in range(count):
        target[start + i] = source[first + i]
