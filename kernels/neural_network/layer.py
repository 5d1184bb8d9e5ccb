"""One dense layer over whole matrices: what ``fastml.dense_forward`` and its backward run.

Forward packs rows into panels.  Backward takes them as they lie: inputs run along the lanes of the
delta below; along those of the weight gradient outputs do, or inputs where they fill them better.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..machine.team import finish_ticket, take_phased_ticket, take_ticket, wait_for
from ..ops.activation import activate, multiply_by_derivative
from ..ops.flat import load_up_to, store_up_to
from ..ops.pack import pack_panel, panel_size, rows_per_block, unpack_rows
from ..ops.product import NARROW, Matrix, add_products
from ..ops.scratch import aligned_zeros
from ..tile import (
    COLUMNS,
    VECTORS,
    fill,
    lanes,
    load,
    load_part,
    load_square,
    store,
    store_part,
    transpose,
)
from .dense import dense_panel


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
    """What :func:`dense_backward` reads and writes, all flat and contiguous.

    X : IN (n_samples, n_in) the layer's input
    W : IN (n_in, n_out)
    delta : IN (n_samples, n_out) dL/dz of the layer
    left, right : IN delta and X, or X and delta: what runs along the lanes of the weight gradient,
        and what broadcasts
    strips : OUT (strips of n_in, n_out, rows of a panel), W transposed
    panel : OUT (strips of n_left, step_rows, rows of a panel), rows of ``left``
    below : OUT (n_samples, n_in), (delta W^T) times the derivative
    weights : OUT (n_right, n_left), the gradient of W, or its transpose where X is on the left
    biases : OUT (n_out,), that of b
    """

    X: Any
    W: Any
    delta: Any
    left: Any
    right: Any
    strips: Any
    panel: Any
    below: Any
    weights: Any
    biases: Any


class Cut(NamedTuple):
    """How the rows of :func:`dense_backward` are cut into steps and tickets: by shapes alone.

    n_samples, n_in, n_out : rows, inputs and outputs of the layer
    n_left, n_right : n_out and n_in, or the other way round
    step_rows : rows whose weight gradient is summed in one go
    ticket_rows : of them, those a ticket carries back
    ticket_columns : columns of ``right`` a ticket sums the gradient for, with one strip of ``left``
    """

    n_samples: int
    n_in: int
    n_out: int
    n_left: int
    n_right: int
    step_rows: int
    ticket_rows: int
    ticket_columns: int


@inner_kernel
def _transpose_weights(arrays, cut, number, n_tickets):
    """Write every ``n_tickets``-th strip of W transposed; inputs past the last are zero."""
    W, strips, n_in, n_out = arrays.W, arrays.strips, cut.n_in, cut.n_out
    height = rows_per_block(W)
    width = lanes(W)
    for strip in range(number, (n_in + height - 1) // height, n_tickets):
        for i in range(0, height, width):
            p = strip * height + i
            whole = n_out // width * width if p + width <= n_in else 0
            for j in range(0, whole, width):
                tile = transpose(load_square(W, p * n_out + j, n_out))
                store(strips, (strip * n_out + j) * height + i, height, tile)
            for j in range(whole, n_out):
                for k in range(width):
                    at = (strip * n_out + j) * height + i + k
                    strips[at] = W[(p + k) * n_out + j] if p + k < n_in else 0


def _carry_of_width(width: int) -> Any:
    """Make the function that carries ``width`` rows back to one strip of inputs."""

    @inner_kernel
    def carry(arrays, cut, row, strip):
        delta, n_in, n_out = arrays.delta, cut.n_in, cut.n_out
        height = rows_per_block(delta)
        tile = add_products(
            fill(delta, 0.0, VECTORS, width), arrays.strips, strip * n_out * height, height,
            n_out, delta, row * n_out, 1, n_out,
        )  # fmt: skip
        at, left = row * n_in + strip * height, n_in - strip * height
        if left >= height:
            store(arrays.below, at, n_in, tile)
        else:
            store_part(arrays.below, at, n_in, tile, left, width)

    return carry


_carry_rows, _carry_row = _carry_of_width(COLUMNS), _carry_of_width(1)


@inner_kernel
def _carry_back(arrays, cut, activation, first, last):
    """Carry the deltas of rows [first, last) back."""
    height = rows_per_block(arrays.delta)
    for strip in range((cut.n_in + height - 1) // height):
        row = first
        while row + COLUMNS <= last:
            _carry_rows(arrays, cut, row, strip)
            row += COLUMNS
        while row < last:
            _carry_row(arrays, cut, row, strip)
            row += 1
    start = first * cut.n_in
    multiply_by_derivative(activation, arrays.X, start, arrays.below, start, last * cut.n_in)


@inner_kernel
def _pack_left(arrays, cut, first, last, place):
    """Copy rows [first, last) of ``left`` to the panel, from its row ``place`` on."""
    numbers, panel = arrays.left, arrays.panel
    height = rows_per_block(numbers)
    for row in range(first, last):
        for j in range(0, cut.n_left, height):
            at, left = row * cut.n_left + j, cut.n_left - j
            if left >= height:
                strip = load(numbers, at, 0, VECTORS, 1)
            else:
                strip = load_part(numbers, at, 0, VECTORS, 1, left, 1)
            store(panel, j * cut.step_rows + (place + row - first) * height, 0, strip)


def _sums_of_width(width: int) -> Any:
    """Make the function that sums the weight gradient of one strip and ``width`` columns."""

    @inner_kernel
    def add_up(arrays, cut, j, p, first, count, added):
        panel, weights = arrays.panel, arrays.weights
        n_left, n_right = cut.n_left, cut.n_right
        height = rows_per_block(panel)
        n_lanes = min(height, n_left - j)
        at = p * n_left + j
        if not added:
            tile = fill(panel, 0.0, VECTORS, width)
        elif n_lanes == height:
            tile = load(weights, at, n_left, VECTORS, width)
        else:
            tile = load_part(weights, at, n_left, VECTORS, width, n_lanes, width)
        tile = add_products(
            tile, panel, j * cut.step_rows, height, count,
            arrays.right, first * n_right + p, n_right, 1,
        )  # fmt: skip
        if n_lanes == height:
            store(weights, at, n_left, tile)
        else:
            store_part(weights, at, n_left, tile, n_lanes, width)

    return add_up


_wide, _narrow, _pair, _single = (_sums_of_width(width) for width in (COLUMNS, NARROW, 2, 1))


@inner_kernel
def _sum_ticket(arrays, cut, number, first, count, added):
    """Sum the weight gradient of one ticket over ``count`` rows, from row ``first`` on."""
    height = rows_per_block(arrays.panel)
    n_strips = (cut.n_left + height - 1) // height
    j = number % n_strips * height
    p = number // n_strips * cut.ticket_columns
    stop = min(p + cut.ticket_columns, cut.n_right)
    while p + COLUMNS <= stop:
        _wide(arrays, cut, j, p, first, count, added)
        p += COLUMNS
    if p + NARROW <= stop:
        _narrow(arrays, cut, j, p, first, count, added)
        p += NARROW
    while p + 2 <= stop:
        _pair(arrays, cut, j, p, first, count, added)
        p += 2
    if p < stop:
        _single(arrays, cut, j, p, first, count, added)


@inner_kernel
def _sum_biases(arrays, cut, first, count, added):
    """Sum the gradient of the biases over ``count`` rows, from row ``first`` on."""
    delta, biases, n_out = arrays.delta, arrays.biases, cut.n_out
    for j in range(0, n_out, lanes(delta)):
        left = n_out - j
        total = load_up_to(biases, j, left) if added else fill(biases, 0.0, 1, 1)
        for row in range(first, first + count):
            total = total + load_up_to(delta, row * n_out + j, left)
        store_up_to(biases, j, left, total)


@kernel
def dense_backward(arrays, cut, activation, state):
    """Compute the gradients of one layer from its delta, as a member of a team.

    The first step transposes W.  Every other carries ``step_rows`` rows back, some a ticket, and
    then sums their weight gradient, one strip and some columns a ticket.

    Parameters
    ----------
    arrays : Carried
    cut : Cut
    activation : int, the code of the layer below, whose activation X is
    state : IN/OUT the team's state, zero at the start
    """
    height = rows_per_block(arrays.panel)
    n_strips = (cut.n_left + height - 1) // height
    n_carried = (cut.step_rows + cut.ticket_rows - 1) // cut.ticket_rows
    n_summed = n_strips * ((cut.n_right + cut.ticket_columns - 1) // cut.ticket_columns)
    phases = (n_carried, n_summed)
    while True:
        ticket = take_phased_ticket(state, phases)
        step_at = (ticket.step - 1) * cut.step_rows
        if step_at >= cut.n_samples:
            return
        wait_for(state, ticket.before)
        if ticket.phase == 0:
            if ticket.step == 0:
                _transpose_weights(arrays, cut, ticket.number, n_carried)
            else:
                place = ticket.number * cut.ticket_rows
                first = step_at + place
                last = min(step_at + min(place + cut.ticket_rows, cut.step_rows), cut.n_samples)
                _pack_left(arrays, cut, first, last, place)
                _carry_back(arrays, cut, activation, first, last)
        elif ticket.step > 0:
            count = min(cut.step_rows, cut.n_samples - step_at)
            _sum_ticket(arrays, cut, ticket.number, step_at, count, ticket.step > 1)
            if ticket.number == 0:
                _sum_biases(arrays, cut, step_at, count, ticket.step > 1)
        finish_ticket(state)
