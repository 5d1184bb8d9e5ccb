"""One dense layer over whole matrices: what ``fastml.dense_forward`` and its backward run."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, take_phased_ticket, take_ticket, wait_for
from ..ops.activation import activate, multiply_by_derivative
from ..ops.pack import pack_panel, panel_size, rows_per_block, transpose_panel, unpack_rows
from ..ops.product import Matrix
from ..ops.scratch import aligned_zeros
from ..tile import COLUMNS, VECTORS
from .dense import Blocks, bias_gradient, delta_panel, dense_panel, weight_gradient


@allocating_kernel
def dense_forward(X, W, b, activation, block_rows, state, out):
    """Compute out = activation(XW + b), as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_in)
    W : IN (n_in * n_out,) flat
    b : IN (n_out,)
    activation : int, a code of ``ops.activation``
    block_rows : int, rows a ticket; a whole number of panels
    state : IN/OUT the team's state, zero at the start
    out : OUT (n_samples * n_out,) flat
    """
    height = rows_per_block(X)
    n_samples, n_in = X.shape
    n_out = b.size
    rows = np.empty(height, np.int64)
    z_at = panel_size(X)
    panels = aligned_zeros(X, z_at + n_out * height)
    weights, biases = Matrix(W, 0, n_out, 1), Matrix(b, 0, n_out, 1)
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        for first in range(start, min(start + block_rows, n_samples), height):
            pack_panel(X, first, n_samples - 1, rows, panels, 0)
            dense_panel(weights, biases, n_in, n_out, panels, 0, z_at)
            activate(activation, panels, z_at, z_at + n_out * height)
            unpack_rows(panels, z_at, n_out, out, first, min(height, n_samples - first))


class Carried(NamedTuple):
    """What :func:`dense_backward` reads and writes.

    X : IN (n_samples, n_in) the layer's input
    W : IN (n_in * n_out,) flat
    delta : IN (n_samples, n_out) dL/dz of the layer
    panels : OUT (blocks * size,) workspace
    below : OUT (n_samples * n_in,) flat, (delta W^T) times the derivative
    weights : OUT (n_in * n_out,) flat, the gradient of W
    biases : OUT (n_out,), that of b
    """

    X: Any
    W: Any
    delta: Any
    panels: Any
    below: Any
    weights: Any
    biases: Any


class Offsets(NamedTuple):
    """Where panels stand in one block's workspace; the input is at its beginning.

    delta, below : the layer's delta, and that of the layer below
    transposed : the layer's delta transposed
    size : elements of the whole
    """

    delta: int
    below: int
    transposed: int
    size: int


@inner_kernel
def _carry_block(arrays, offsets, activation, by_output, block, first, rows):
    """Pack the samples from row ``first`` on as one block, and carry their delta back."""
    X, delta, panels = arrays.X, arrays.delta, arrays.panels
    height = rows_per_block(X)
    n_samples, n_in = X.shape
    n_out = delta.shape[1]
    block_at = block * offsets.size
    delta_at, below_at = block_at + offsets.delta, block_at + offsets.below
    count = min(height, n_samples - first)
    pack_panel(X, first, n_samples - 1, rows, panels, block_at)
    pack_panel(delta, first, n_samples - 1, rows, panels, delta_at)
    for j in range(n_out):  # the rows that pad the last block count for nothing
        for i in range(count, height):
            panels[delta_at + j * height + i] = 0
    delta_panel(Matrix(arrays.W, 0, n_out, 1), n_in, n_out, panels, delta_at, below_at)
    stop = below_at + n_in * height
    multiply_by_derivative(activation, panels, block_at, panels, below_at, stop)
    unpack_rows(panels, below_at, n_in, arrays.below, first, count)
    if by_output:
        transpose_panel(panels, delta_at, n_out, block_at + offsets.transposed)


@inner_kernel
def _sum_rows(arrays, offsets, by_output, n_blocks, first_row, last_row, added):
    """Sum the gradient of rows [first_row, last_row) of W over blocks; with row 0, of b."""
    n_out = arrays.delta.shape[1]
    blocks = Blocks(arrays.panels, 0, offsets.size, n_blocks)
    delta_at = offsets.transposed if by_output else offsets.delta
    dW = Matrix(arrays.weights, 0, n_out, 1)
    weight_gradient(blocks, 0, delta_at, by_output, first_row, last_row, n_out, added, dW)
    if first_row == 0:
        bias_gradient(blocks, offsets.delta, n_out, added, arrays.biases, 0)


@inner_kernel
def _take_backward_tickets(arrays, offsets, activation, by_output, rows_a_ticket, rows, state):
    """Take tickets until every sample is carried back and summed."""
    height = rows_per_block(arrays.X)
    n_samples, n_in = arrays.X.shape
    n_blocks = arrays.panels.size // offsets.size
    phases = (n_blocks, (n_in + rows_a_ticket - 1) // rows_a_ticket)
    while True:
        ticket = take_phased_ticket(state, phases)
        start = ticket.step * n_blocks * height
        if start >= n_samples:
            return
        wait_for(state, ticket.before)
        used = min(n_blocks, (n_samples - start + height - 1) // height)
        if ticket.phase == 0:
            if ticket.number < used:
                first = start + ticket.number * height
                _carry_block(arrays, offsets, activation, by_output, ticket.number, first, rows)
        else:
            first_row = ticket.number * rows_a_ticket
            last_row = min(first_row + rows_a_ticket, n_in)
            _sum_rows(arrays, offsets, by_output, used, first_row, last_row, ticket.step > 0)
        finish_ticket(state)


@allocating_kernel
def dense_backward(
    X, W, delta, activation, by_output, rows_a_ticket, size, state, panels, below, dW, db
):
    """Compute the gradients of one layer from its delta, as a member of a team.

    As many blocks as have room in ``panels`` are packed and carried back, one ticket each; then
    their weight gradients are summed, some rows of W a ticket; and so on.

    Parameters
    ----------
    X, W, delta, panels, below : see ``Carried``
    dW, db : its ``weights`` and ``biases``
    activation : int, the code of the layer below, whose activation X is
    by_output : bool, how weight gradients are summed, see ``weight_gradient``
    rows_a_ticket : int, rows of W whose gradient is one ticket
    size : int, elements of one block's workspace, see ``backward_size``
    state : IN/OUT the team's state, zero at the start
    """
    height = rows_per_block(X)
    below_at = panel_size(X) + panel_size(delta)
    offsets = Offsets(panel_size(X), below_at, below_at + X.shape[1] * height, size)
    arrays = Carried(X, W, delta, panels, below, dW, db)
    rows = np.empty(height, np.int64)
    _take_backward_tickets(arrays, offsets, activation, by_output, rows_a_ticket, rows, state)


def backward_size(n_in: int, n_out: int, lanes: int) -> int:
    """Return the elements of one block's workspace; tiles may read COLUMNS vectors past it."""
    height = VECTORS * lanes
    whole_in, whole_out = (-(-n // lanes) * lanes for n in (n_in, n_out))
    return (whole_in + whole_out + n_in + whole_out + COLUMNS) * height
