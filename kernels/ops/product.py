"""The inner loop of every product: a tile gains panel columns times rows of numbers."""

from __future__ import annotations

from ..machine.jit import inner_kernel
from ..tile import M, N, load, rank1

#: Columns of the tile for the last outputs, where they do not fill a wide one.
NARROW = N // 2


@inner_kernel
def add_products(tile, panel, start, pitch, n, numbers, first, step, stride):
    """Return tile + the sum over p < n of a column of the panel times a row of ``numbers``.

    Column p is at ``start + p * pitch``; the row's entries are
    ``numbers[first + p * step + j * stride]``.
    """
    for p in range(n):
        column = load(panel, start + p * pitch, 0, M, 1)
        tile = rank1(tile, column, numbers, first + p * step, stride)
    return tile
