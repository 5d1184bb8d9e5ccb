"""The shape of tiles: one table, whose row follows from what the processor offers.

Nothing is timed at run time: timing would pick the arithmetic, and results their bits by chance.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.host import host


class Shape(NamedTuple):
    """A row of the table.

    vectors : vectors a tile of samples is high: ``vectors * lanes`` samples make a block
    columns : columns of the wide tile.  Its vectors * columns sums, the vectors they are multiplied
        by and one repeated number take 19 of 32 registers, or 15 of 16
    side : side of the square tile whose entries are sums over samples (a weight gradient)
    """

    vectors: int
    columns: int
    side: int


#: Where there are 32 registers, 2 x 8 is far from filling them, and more would not help: with
#: AVX-512 it does nearly a multiply-add a cycle on Zen 4, and of 3 x 8, 4 x 6, 2 x 10, 2 x 12 and
#: 1 x 16, measured there for nearest centroids and for layers, none is faster for both; with NEON
#: it leaves no multiplier idle in the models of Neoverse N1 and V1.  With 16 registers 2 x 6 and
#: 3 x 4 are equal but where the outputs are a power of two, which four columns divide.
TABLE = {
    "AVX-512": Shape(2, 8, 4),
    "NEON": Shape(2, 8, 4),
    "AVX2": Shape(2, 6, 3),
    "SSE2": Shape(2, 6, 3),
}
VECTORS, COLUMNS, SIDE = TABLE[host().instructions]

#: Whether numbers that lie side by side are best loaded as vectors and multiplied lane by lane.
BY_ELEMENT = host().by_element
#: Whether the last elements are best taken together with some of those before them.
OVERLAP = not host().masked_moves
#: Whether a long chain of operations on every element is best taken in two passes.  A processor
#: looks ahead for other elements as far as its schedulers reach, which are full of a chain's
#: waiting operations; with 16 registers constants are loaded again and again besides.
IN_PASSES = host().vector_registers < 32


def lanes_of(dtype: Any) -> int:
    """Return the number of elements of a NumPy dtype in a register, outside kernels."""
    return int(host().vector_bytes // np.dtype(dtype).itemsize)
