"""The shape of the tiles kernels use, chosen once from the host's registers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..machine.host import host

#: Vectors a tile of samples is high: ``VECTORS * lanes`` samples make a block.
VECTORS = 2
#: Columns of the wide tile.  Its VECTORS * COLUMNS sums, VECTORS vectors they are multiplied
#: by and one repeated number take 19 of 32 registers, or 15 of 16.
COLUMNS = 8 if host().vector_registers == 32 else 6
#: Side of the square tile whose entries are sums over samples (a weight gradient).
SIDE = 4 if host().vector_registers == 32 else 3


def lanes_of(dtype: Any) -> int:
    """Return the number of elements of a NumPy dtype in a register, outside kernels."""
    return int(host().vector_bytes // np.dtype(dtype).itemsize)
