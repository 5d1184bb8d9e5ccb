"""One dense layer over whole matrices: what ``fastml.dense_forward`` and its backward run."""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel
from ..machine.team import finish_ticket, take_ticket, wait_for
from ..ops.elementwise import activate, multiply_by_derivative
from ..ops.pack import pack_panel, panel_size, rows_per_block
from ..ops.scratch import aligned_zeros
from ..tile import M, N
from .dense import (
    bias_gradient,
    delta_panel,
    dense_panel,
    transpose_panel,
    unpack_rows,
    weight_gradient,
)


@allocating_kernel
def dense_forward(X, W, b, activation, block_rows, state, out):
    """Compute out = activation(XW + b), as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_in)
    W : IN (n_in * n_out,) flat
    b : IN (n_out,)
    activation : int, a code of ``elementwise``
    block_rows : int, rows a ticket; a whole number of panels
    state : IN/OUT the team's state, zero at the start
    out : OUT (n_samples * n_out,) flat
    """
    height = rows_per_block(X)
    n_samples, n_in = X.shape
    n_out = b.size
    rows = np.empty(height, np.int64)
    z = panel_size(X)
    panels = aligned_zeros(X, z + n_out * height)
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        for first in range(start, min(start + block_rows, n_samples), height):
            pack_panel(X, first, n_samples - 1, rows, panels, 0)
            dense_panel(W, 0, b, 0, n_in, n_out, panels, 0, z)
            activate(activation, panels, z, z + n_out * height)
            unpack_rows(panels, z, n_out, out, first, min(height, n_samples - first))


@allocating_kernel
def dense_backward(
    X, W, delta, activation, by_output, rows_a_ticket, size, state, panels, below, dW, db
):
    """Compute the gradients of one layer from its delta, as a member of a team.

    As many blocks as have room in ``panels`` are packed and carried back, one ticket each; then
    their weight gradients are summed, some rows of W a ticket; and so on.

    Parameters
    ----------
    X : IN (n_samples, n_in) the layer's input
    W : IN (n_in * n_out,) flat
    delta : IN (n_samples, n_out) dL/dz of the layer
    activation : int, the code of the layer below, whose activation X is
    by_output : bool, how weight gradients are summed, see ``weight_gradient``
    rows_a_ticket : int, rows of W whose gradient is one ticket
    size : int, elements of one block's workspace, see ``backward_size``
    state : IN/OUT the team's state, zero at the start
    panels : OUT (blocks * size,) workspace
    below : OUT (n_samples * n_in,) flat, (delta W^T) times the derivative
    dW : OUT (n_in * n_out,) flat
    db : OUT (n_out,)
    """
    height = rows_per_block(X)
    n_samples, n_in = X.shape
    n_out = delta.shape[1]
    n_blocks = panels.size // size
    n_tickets = (n_in + rows_a_ticket - 1) // rows_a_ticket
    per_step = n_blocks + n_tickets
    d = panel_size(X)
    previous = d + panel_size(delta)
    transposed = previous + n_in * height
    rows = np.empty(height, np.int64)
    while True:
        number = take_ticket(state)
        step = number // per_step
        ticket = number % per_step
        start = step * n_blocks * height
        if start >= n_samples:
            return
        used = min(n_blocks, (n_samples - start + height - 1) // height)
        if ticket < n_blocks:
            wait_for(state, step * per_step)
            if ticket < used:
                at = ticket * size
                first = start + ticket * height
                count = min(height, n_samples - first)
                pack_panel(X, first, n_samples - 1, rows, panels, at)
                pack_panel(delta, first, n_samples - 1, rows, panels, at + d)
                for j in range(n_out):  # the rows that pad the last block count for nothing
                    for i in range(count, height):
                        panels[at + d + j * height + i] = 0
                delta_panel(W, 0, n_in, n_out, panels, at + d, at + previous)
                end = at + transposed
                multiply_by_derivative(activation, panels, at, panels, at + previous, end)
                unpack_rows(panels, at + previous, n_in, below, first, count)
                if by_output:
                    transpose_panel(panels, at + d, n_out, at + transposed)
        else:
            wait_for(state, step * per_step + n_blocks)
            first = (ticket - n_blocks) * rows_a_ticket
            last = min(first + rows_a_ticket, n_in)
            summed = transposed if by_output else d
            weight_gradient(
                panels, 0, summed, by_output, used, size, first, last, n_out, step > 0, dW, 0
            )
            if first == 0:
                bias_gradient(panels, d, used, size, n_out, step > 0, db, 0)
        finish_ticket(state)


def backward_size(n_in: int, n_out: int, lanes: int) -> int:
    """Return the elements of one block's workspace; tiles may read N vectors past the last."""
    height = M * lanes
    whole_in, whole_out = (-(-n // lanes) * lanes for n in (n_in, n_out))
    return (whole_in + whole_out + n_in + whole_out + N) * height
