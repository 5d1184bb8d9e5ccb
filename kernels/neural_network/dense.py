"""One dense layer on panels: z = aW + b forward, delta W^T and a^T delta backward.

Weights stay as the user holds them, (n_in, n_out) in C order; see ``ops.product``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..machine.jit import inner_kernel
from ..ops.flat import load_up_to, store_up_to
from ..ops.pack import rows_per_block, strip_width
from ..ops.product import (
    NOTHING,
    ROW,
    THERE,
    Matrix,
    add_products,
    add_thin_products,
    panel_product,
)
from ..tile import (
    COLUMNS,
    SIDE,
    VECTORS,
    add_lane_sums,
    fill,
    lane_sum,
    lanes,
    load,
    load_part,
    outer,
    store,
    store_part,
)

#: Inputs summed in one go: at most 16 KB of a panel and the weights of a tile stay in the
#: first-level cache while all outputs pass over them.
_INPUTS_AT_ONCE = 128
# Blocks of samples summed in one go by a weight gradient: their activations and deltas of a
# few features stay in the first-level cache.
_BLOCKS_AT_ONCE = 8
#: What the sums over lanes cost a weight gradient, as so many more blocks of samples would.
_LANE_SUMS = 6


class Blocks(NamedTuple):
    """The workspaces of some blocks of samples, side by side.

    panels : flat array
    first : the first element of the first block's
    size : elements of one
    n_blocks : how many
    """

    panels: Any
    first: int
    size: int
    n_blocks: int


@inner_kernel
def dense_panel(W, b, n_in, n_out, panel, input_at, output_at):
    """Compute z = aW + b for one panel of samples.

    Parameters
    ----------
    W : Matrix, IN (n_in, n_out)
    b : Matrix, IN (1, n_out), contiguous
    panel : IN at ``input_at``, (n_in, rows); OUT at ``output_at``, (n_out, rows)
    """
    height = rows_per_block(panel)
    onto = ROW
    for p in range(0, n_in, _INPUTS_AT_ONCE):
        part = Matrix(W.numbers, W.first + p * W.by_row, W.by_row, W.by_column)
        n = min(_INPUTS_AT_ONCE, n_in - p)
        panel_product(panel, input_at + p * height, n, part, onto, b, output_at, n_out)
        onto = THERE


@inner_kernel
def delta_panel(W, n_in, n_out, panel, delta_at, below_at):
    """Compute delta W^T for one panel of samples: the delta of the layer below, before σ'.

    Parameters
    ----------
    W : Matrix, IN (n_in, n_out)
    panel : IN at ``delta_at``, (n_out, rows); OUT at ``below_at``, (n_in, rows)
    """
    height = rows_per_block(panel)
    onto = NOTHING
    for j in range(0, n_out, _INPUTS_AT_ONCE):
        part = Matrix(W.numbers, W.first + j * W.by_column, W.by_column, W.by_row)
        n = min(_INPUTS_AT_ONCE, n_out - j)
        panel_product(panel, delta_at + j * height, n, part, onto, part, below_at, n_in)
        onto = THERE


def sums_by_output(n_in: int, n_out: int, n_blocks: int, lanes_: int) -> bool:
    """Return whether a weight gradient is better summed with outputs along the lanes.

    With samples along the lanes, as everywhere else, no lane is idle, but every entry ends in a
    sum over lanes; a few blocks of samples do not pay for that.
    """
    columns = -(-n_in // COLUMNS) * COLUMNS
    wide = -(-n_out // lanes_) * lanes_ * columns * n_blocks
    square = columns if n_out == 1 else -(-n_out // SIDE) * SIDE * (-(-n_in // SIDE) * SIDE)
    return wide < square * (n_blocks + _LANE_SUMS)


def _strips_of(vectors: int) -> Any:
    """Make the function that sums the gradient of one strip of ``vectors`` vectors of outputs."""
    add = add_products if vectors == VECTORS else add_thin_products

    @inner_kernel
    def sum_strip(blocks, input_at, strip_at, first_row, last_row, n_out, j, added, gradient):
        panels = blocks.panels
        height = rows_per_block(panels)
        pitch = vectors * lanes(panels)
        n_outputs = min(pitch, n_out - j)
        for p in range(first_row, last_row, COLUMNS):
            n_inputs = min(COLUMNS, last_row - p)
            whole = n_inputs == COLUMNS and n_outputs == pitch
            at = gradient.first + p * n_out + j
            if not added:
                tile = fill(panels, 0.0, vectors, COLUMNS)
            elif whole:
                tile = load(gradient.numbers, at, n_out, vectors, COLUMNS)
            else:
                tile = load_part(gradient.numbers, at, n_out, vectors, COLUMNS, n_outputs, n_inputs)
            for block in range(blocks.n_blocks):
                block_at = blocks.first + block * blocks.size
                left = block_at + strip_at
                right = block_at + input_at + p * height
                tile = add(tile, panels, left, pitch, height, panels, right, 1, height)
            if whole:
                store(gradient.numbers, at, n_out, tile)
            else:
                store_part(gradient.numbers, at, n_out, tile, n_outputs, n_inputs)

    return sum_strip


_whole_strip, _one_vector = _strips_of(VECTORS), _strips_of(1)


@inner_kernel
def _gradient_by_output(blocks, input_at, delta_at, first_row, last_row, n_out, added, gradient):
    """Sum a weight gradient over blocks, outputs along the lanes."""
    height = rows_per_block(blocks.panels)
    for j in range(0, n_out, height):
        strip_at = delta_at + j * height
        if strip_width(blocks.panels, n_out - j) == height:
            _whole_strip(blocks, input_at, strip_at, first_row, last_row, n_out, j, added, gradient)
        else:
            _one_vector(blocks, input_at, strip_at, first_row, last_row, n_out, j, added, gradient)


@inner_kernel
def _gradient_by_sample(blocks, input_at, delta_at, first_row, last_row, n_out, gradient):
    """Add to a weight gradient its sum over blocks, samples along the lanes."""
    panels = blocks.panels
    height = rows_per_block(panels)
    width = lanes(panels)
    for j in range(0, n_out, SIDE):
        for p in range(first_row, last_row, SIDE):
            square = fill(panels, 0.0, SIDE, SIDE)
            for block in range(blocks.n_blocks):
                block_at = blocks.first + block * blocks.size
                left = block_at + input_at + p * height
                right = block_at + delta_at + j * height
                for i in range(0, height, width):
                    square = outer(square, panels, left + i, right + i, height)
            at = gradient.first + p * n_out + j
            add_lane_sums(gradient.numbers, at, n_out, square, last_row - p, n_out - j)


@inner_kernel
def _gradient_of_one_output(blocks, input_at, delta_at, first_row, last_row, gradient):
    """Add to the weight gradient of a layer with one output its sum over blocks."""
    panels = blocks.panels
    height = rows_per_block(panels)
    width = lanes(panels)
    for p in range(first_row, last_row, COLUMNS):
        column = fill(panels, 0.0, COLUMNS, 1)
        for block in range(blocks.n_blocks):
            block_at = blocks.first + block * blocks.size
            left = block_at + input_at + p * height
            for i in range(0, height, width):
                column = outer(column, panels, left + i, block_at + delta_at + i, height)
        add_lane_sums(gradient.numbers, gradient.first + p, 1, column, last_row - p, 1)


@inner_kernel
def weight_gradient(
    blocks, input_at, delta_at, by_output, first_row, last_row, n_out, added, gradient
):
    """Find a^T delta for the weights of inputs [first_row, last_row).

    Samples are summed in row order, block by block: the bits depend on nothing else.

    Parameters
    ----------
    blocks : Blocks, IN; each holds activations at ``input_at``, (n_in, rows), and deltas at
        ``delta_at``: (n_out, rows), or what ``transpose_panel`` made of that if ``by_output``.
        A tile may read past either, and leaves out what it finds there
    added : bool, whether it is added to what ``gradient`` holds
    gradient : Matrix, IN/OUT (n_in, n_out), in C order
    """
    if not (added or by_output):
        stop = gradient.first + last_row * n_out
        numbers = gradient.numbers
        for i in range(gradient.first + first_row * n_out, stop, lanes(numbers)):
            store_up_to(numbers, i, stop - i, fill(numbers, 0.0, 1, 1))
    for first in range(0, blocks.n_blocks, _BLOCKS_AT_ONCE):
        count = min(_BLOCKS_AT_ONCE, blocks.n_blocks - first)
        some = Blocks(blocks.panels, blocks.first + first * blocks.size, blocks.size, count)
        if by_output:
            _gradient_by_output(
                some, input_at, delta_at, first_row, last_row, n_out, added or first > 0, gradient
            )
        elif n_out == 1:
            _gradient_of_one_output(some, input_at, delta_at, first_row, last_row, gradient)
        else:
            _gradient_by_sample(some, input_at, delta_at, first_row, last_row, n_out, gradient)


@inner_kernel
def bias_gradient(blocks, delta_at, by_output, n_out, added, gradient, gradient_at):
    """Find the sum of the deltas over samples.

    Parameters
    ----------
    blocks : Blocks, IN; each holds deltas at ``delta_at``, (n_out, rows), or what
        ``transpose_panel`` made of that if ``by_output``
    added : bool, whether it is added to what ``gradient`` holds
    gradient : IN/OUT flat array, (n_out,) from element ``gradient_at``
    """
    panels = blocks.panels
    height = rows_per_block(panels)
    width = lanes(panels)
    if by_output:
        for j in range(0, n_out, width):
            strip = j // height * height
            pitch = strip_width(panels, n_out - strip)
            total = fill(panels, 0.0, 1, 1)
            if added:
                total = load_up_to(gradient, gradient_at + j, n_out - j)
            for block in range(blocks.n_blocks):
                block_at = blocks.first + block * blocks.size
                at = block_at + delta_at + strip * height + j - strip
                for i in range(height):
                    total = total + load(panels, at + i * pitch, 0, 1, 1)
            store_up_to(gradient, gradient_at + j, n_out - j, total)
        return
    for j in range(n_out):
        total = fill(panels, 0.0, 1, 1)
        for block in range(blocks.n_blocks):
            at = blocks.first + block * blocks.size + delta_at + j * height
            for i in range(0, height, width):
                total = total + load(panels, at + i, 0, 1, 1)
        if added:
            gradient[gradient_at + j] += lane_sum(total)
        else:
            gradient[gradient_at + j] = lane_sum(total)
