"""The product of a panel of samples with a matrix of numbers, in tiles held in registers.

A tile of outputs gains, input by input, a column of the panel times a row of the matrix: whole
vectors of samples, and single numbers that broadcast from anywhere.  So nothing is packed but the
samples, and a transposed matrix is the same loop with its two strides exchanged.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..machine.jit import inner_kernel
from ..tile import (
    BY_ELEMENT,
    COLUMNS,
    VECTORS,
    broadcast,
    fill,
    lanes,
    load,
    rank1,
    rank1_by_lanes,
    store,
)
from .pack import rows_per_block

#: Columns of the tile for the last outputs, where they do not fill a wide one.
NARROW = COLUMNS // 2
#: What products are added to: nothing, one row of numbers for every sample, what is there already.
NOTHING, ROW, THERE = range(3)


class Matrix(NamedTuple):
    """A matrix in a flat array: entry (i, j) is ``numbers[first + i * by_row + j * by_column]``.

    Its transpose has the two strides exchanged.
    """

    numbers: Any
    first: int
    by_row: int
    by_column: int


def _sum_of_height(vectors: int) -> Any:
    """Make the function that adds products to a tile ``vectors`` vectors high."""

    @inner_kernel
    def add_by_element(tile, panel, panel_at, pitch, n_inputs, numbers, first, by_row, by_column):
        if by_column == 1:
            for p in range(n_inputs):
                column = load(panel, panel_at + p * pitch, 0, vectors, 1)
                tile = rank1(tile, column, numbers, first + p * by_row, 1)
            return tile
        p = 0
        if by_row == 1:
            while p + lanes(panel) <= n_inputs:
                at = panel_at + p * pitch
                tile = rank1_by_lanes(tile, panel, at, pitch, numbers, first + p, by_column)
                p += lanes(panel)
        while p < n_inputs:
            column = load(panel, panel_at + p * pitch, 0, vectors, 1)
            tile = rank1(tile, column, numbers, first + p * by_row, by_column)
            p += 1
        return tile

    @inner_kernel
    def add_products(tile, panel, panel_at, pitch, n_inputs, numbers, first, by_row, by_column):
        """Return tile + the sum over inputs p of a column of the panel times a row of a matrix.

        Column p of the panel is at ``panel_at + p * pitch``; entry (p, j) of the matrix is
        ``numbers[first + p * by_row + j * by_column]``.
        """
        if BY_ELEMENT:  # in the same order, with fewer loads
            return add_by_element(
                tile, panel, panel_at, pitch, n_inputs, numbers, first, by_row, by_column
            )
        for p in range(n_inputs):
            column = load(panel, panel_at + p * pitch, 0, vectors, 1)
            tile = rank1(tile, column, numbers, first + p * by_row, by_column)
        return tile

    return add_products


#: Of whole panels, and of one vector.
add_products, add_thin_products = _sum_of_height(VECTORS), _sum_of_height(1)


def _outputs_of_width(width: int) -> Any:
    """Make the function that finds ``width`` outputs of :func:`panel_product`, in one tile."""

    @inner_kernel
    def find_outputs(panel, input_at, n_inputs, matrix, onto, row, j, output_at):
        height = rows_per_block(panel)
        at = output_at + j * height
        if onto == ROW:
            tile = broadcast(row.numbers, row.first + j, 1, VECTORS, width)
        elif onto == THERE:
            tile = load(panel, at, height, VECTORS, width)
        else:
            tile = fill(panel, 0.0, VECTORS, width)
        first = matrix.first + j * matrix.by_column
        tile = add_products(
            tile, panel, input_at, height, n_inputs,
            matrix.numbers, first, matrix.by_row, matrix.by_column,
        )  # fmt: skip
        store(panel, at, height, tile)

    return find_outputs


_wide, _narrow, _pair, _single = (_outputs_of_width(width) for width in (COLUMNS, NARROW, 2, 1))
# Two multipliers of a latency of four want eight sums.  With six columns a narrow tile has but six:
# seven to nine columns, and four and five, are best shared by tiles of five and of four.
_SIXES = COLUMNS == 6
_five, _four = (_outputs_of_width(width) for width in (5, 4))


@inner_kernel
def panel_product(panel, input_at, n_inputs, matrix, onto, row, output_at, n_outputs):
    """Find inputs times matrix, added to something, for one panel of samples.

    Parameters
    ----------
    panel : IN at ``input_at``, (n_inputs, rows); OUT at ``output_at``, (n_outputs, rows)
    matrix : Matrix, IN (n_inputs, n_outputs)
    onto : int, NOTHING, ROW or THERE: what the products are added to
    row : Matrix, IN (1, n_outputs), contiguous: read for ROW only
    """
    j = 0
    while j + COLUMNS <= n_outputs:
        if _SIXES and COLUMNS < n_outputs - j < 10:
            break
        _wide(panel, input_at, n_inputs, matrix, onto, row, j, output_at)
        j += COLUMNS
    if _SIXES:
        if n_outputs - j == 9 or n_outputs - j == 5:
            _five(panel, input_at, n_inputs, matrix, onto, row, j, output_at)
            j += 5
        while j + 4 <= n_outputs:
            _four(panel, input_at, n_inputs, matrix, onto, row, j, output_at)
            j += 4
    if j + NARROW <= n_outputs:
        _narrow(panel, input_at, n_inputs, matrix, onto, row, j, output_at)
        j += NARROW
    # One column waits for the multiply-add before; two take hardly longer.
    if j + 2 <= n_outputs:
        _pair(panel, input_at, n_inputs, matrix, onto, row, j, output_at)
        j += 2
    if j < n_outputs:
        _single(panel, input_at, n_inputs, matrix, onto, row, j, output_at)
