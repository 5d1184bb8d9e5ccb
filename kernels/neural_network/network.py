"""A whole perceptron on blocks of samples: forward, backward, prediction.

Panels of one block of samples lie side by side in its *workspace*, at offsets the layer table
names, so a block's activations stay in cache from the first layer to the last and back.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import CLOSED, join_team, refuse, take_block
from ..ops.activation import activate, multiply_by_derivative
from ..ops.finite import finite_panel
from ..ops.pack import pack_panel, rows_per_block, transpose_panel, unpack_rows
from ..ops.product import Matrix
from ..ops.scratch import aligned_zeros
from ..tile import lanes
from .bundles import INPUT, N_OUT, OUTPUT, Network, layer_of
from .dense import delta_panel, dense_panel
from .loss import both_sides, output_activation
from .rowwise import carry_rows, layers_by_row

#: What is wanted of the output layer: z, its activation, or the probabilities of both classes.
SCORES, ACTIVATIONS, BOTH_SIDES = range(3)


@inner_kernel
def forward_block(network, panels, block_at):
    """Carry one block from its packed input to the output layer's z = aW + b.

    Parameters
    ----------
    network : Network, IN
    panels : IN/OUT flat array; the block's workspace begins at element ``block_at``
    """
    _multiply(network, 0, panels, block_at)
    _forward_from(network, 0, panels, block_at)


@inner_kernel
def _multiply(network, i, panels, block_at):
    """Find z = aW + b of layer i."""
    layer = layer_of(network, i)
    W = Matrix(network.parameters, layer.weights, layer.n_out, 1)
    b = Matrix(network.parameters, layer.biases, layer.n_out, 1)
    from_, to = block_at + layer.input, block_at + layer.output
    dense_panel(W, b, layer.n_in, layer.n_out, panels, from_, to)


@inner_kernel
def _forward_from(network, first, panels, block_at):
    """Carry one block from the z of layer ``first`` to that of the output layer."""
    height = rows_per_block(panels)
    for i in range(first, network.layers.shape[0] - 1):
        layer = layer_of(network, i)
        z_at = block_at + layer.output
        activate(layer.activation, panels, z_at, z_at + layer.n_out * height)
        _multiply(network, i + 1, panels, block_at)


@inner_kernel
def backward_block(network, panels, block_at):
    """Carry the output delta down: delta = (delta of the layer above W^T) * sigma'.

    Each is also transposed where its weight gradient wants that.

    Parameters
    ----------
    network : Network, IN
    panels : IN/OUT flat array; the workspace at ``block_at`` holds activations and the output delta
    """
    height = rows_per_block(panels)
    for i in range(network.layers.shape[0] - 1, -1, -1):
        layer = layer_of(network, i)
        delta_at = block_at + layer.delta
        if layer.transposed >= 0:
            transpose_panel(panels, delta_at, layer.n_out, block_at + layer.transposed)
        if i == 0:
            return
        below = layer_of(network, i - 1)
        below_at = block_at + below.delta
        W = Matrix(network.parameters, layer.weights, layer.n_out, 1)
        delta_panel(W, layer.n_in, layer.n_out, panels, delta_at, below_at)
        stop = below_at + layer.n_in * height
        multiply_by_derivative(
            below.activation, panels, block_at + layer.input, panels, below_at, stop
        )


@inner_kernel
def _scores(X, lying, network, row, count, rows, panels, aside):
    """Find the output layer's z of one panel of ``count`` rows; say if the rows are finite.

    z is finite in the first layer only where all of a row is.  It may be too large as well.
    """
    by_row = layers_by_row(network, count, panels) if lying.size > 0 else 0
    if by_row > 0:
        finite = carry_rows(lying, row, count, by_row, network, panels, aside)
        _forward_from(network, by_row - 1, panels, 0)
        return finite
    pack_panel(X, row, X.shape[0] - 1, rows, panels, network.layers[0, INPUT])
    _multiply(network, 0, panels, 0)
    finite = finite_panel(panels, network.layers[0, OUTPUT], rows_per_block(X))
    _forward_from(network, 0, panels, 0)
    return finite


@inner_kernel
def _predict_rows(X, lying, network, wanted, first, stop, rows, panels, out):
    """Write what is wanted of the output layer for rows [first, stop) of X; say if X is finite."""
    finite = True
    height = rows_per_block(X)
    last = layer_of(network, network.layers.shape[0] - 1)
    n_out = 2 if wanted == BOTH_SIDES else last.n_out
    aside = panels.size - max(_widest(network), lanes(X)) * height
    for row in range(first, stop, height):
        count = min(height, stop - row)
        finite = _scores(X, lying, network, row, count, rows, panels, aside) and finite
        if wanted == ACTIVATIONS:
            output_activation(last.activation, n_out, panels, last.output)
        elif wanted == BOTH_SIDES:
            both_sides(panels, last.output)
        unpack_rows(panels, last.output, n_out, out, row, count)
    return finite


@inner_kernel
def _widest(network):
    """Return the outputs of the widest layer."""
    widest = 0
    for i in range(network.layers.shape[0]):
        widest = max(widest, network.layers[i, N_OUT])
    return widest


@allocating_kernel
def predict(X, lying, layers, parameters, wanted, block_rows, workspace, state, out):
    """Write what is wanted of the output layer for all rows of X, as a member of a team.

    X is refused where it is not finite: a pass over it before would cost as much as few layers.

    Python passes the members of a checked :class:`Network` one by one: a bundle takes it 0.7 µs,
    a tenth of one row's prediction.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    lying : IN flat, the same numbers where they lie row by row; empty where they do not
    layers, parameters : IN, of a Network
    wanted : int, SCORES, ACTIVATIONS or BOTH_SIDES
    block_rows : int, rows a ticket
    workspace : int, elements of one block's panels, with room for what is wanted, and for two
        more panels: of a vector's lanes, and of the widest layer or as many
    state : IN/OUT the team's state, zero at the start
    out : OUT (n_samples * n_out,) flat; n_out is 2 for BOTH_SIDES
    """
    network = Network(layers, parameters)
    rows = np.empty(rows_per_block(X), np.int64)
    panels = aligned_zeros(X, workspace)
    member = join_team(state)
    n_blocks = (X.shape[0] + block_rows - 1) // block_rows
    while True:
        block = take_block(state, member, n_blocks)
        if block == CLOSED:
            return
        first = block * block_rows
        stop = min(first + block_rows, X.shape[0])
        if not _predict_rows(X, lying, network, wanted, first, stop, rows, panels, out):
            refuse(state)


@allocating_kernel
def predict_alone(X, layers, parameters, wanted, workspace, out):
    """Do as :func:`predict`, on rows that lie one after another and are too few to be shared.

    Returns
    -------
    bool : whether X is finite
    """
    network = Network(layers, parameters)
    rows = np.empty(rows_per_block(X), np.int64)
    panels = aligned_zeros(X, workspace)
    return _predict_rows(X, X.reshape(-1), network, wanted, 0, X.shape[0], rows, panels, out)
