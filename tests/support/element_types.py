"""The element types a test runs over."""

from __future__ import annotations

from fastml.kernels.machine.jit import CHECK_TILES

#: Both; only one where loads and stores are checked, for checked kernels take long to compile
#: and count offsets in elements, whatever their type.
DTYPES = ["float32"] if CHECK_TILES else ["float32", "float64"]
