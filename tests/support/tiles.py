"""What tests of the tile share: kernels of a few lines, and numbers whose sums are exact.

Compiled without the library's cache, which keys on the sources of the kernels and not on tests.
"""

from __future__ import annotations

import numba
import numpy as np

from fastml.kernels.machine.host import host

compiled = numba.njit(error_model="numpy")
SPARE = 3  # elements around an output that must stay as they were


def lane_count(dtype):
    return host().vector_bytes // np.dtype(dtype).itemsize


def whole_numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).integers(-9, 10, size=shape).astype(dtype)
