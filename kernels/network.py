"""A whole perceptron: many layers, one compiled call for many steps of training.

Parameters are one flat vector, so networks of any depth share one specialisation.  A
*layer table* (int64, one row a layer) says where everything is: the widths, the offsets of
weights and biases in the parameters, the activation, and the offsets of the layer's input,
output and delta inside a block's workspace.  Panels of one block of samples lie side by
side, so a block's activations stay in cache from the first layer to the last and back.

A step of training has two phases, cut into tickets of a team (see ``team``):

1. one ticket a block of samples: gather the rows, go forward through all layers,
   take the output delta, go backward through all layers;
2. one ticket a few rows of one weight matrix: sum a^T delta over the batch and update
   those weights at once, while they are in cache.
"""

from __future__ import annotations

import numpy as np

from ._jit import kernel
from .dense import bias_gradient, delta_panel, dense_panel, unpack_rows, weight_gradient
from .elementwise import activate, multiply_by_derivative, sigmoid, softplus
from .optimizer import optimizer_step
from .pack import consecutive_rows, pack_rows, rows_per_block
from .scratch import aligned_zeros
from .team import finish_ticket, take_ticket, wait_for
from .tile import fill, lane_sum, lanes, load, store

#: Columns of the layer table.
N_IN, N_OUT, WEIGHTS, BIASES, ACTIVATION, INPUT, OUTPUT, DELTA = range(8)
#: Columns of the table of weight tickets.
LAYER, FIRST, LAST = range(3)


@kernel
def forward_block(layers, parameters, panels, at):
    """Carry one block from its packed input to the output layer's z = aW + b.

    Parameters
    ----------
    layers : IN (n_layers, 8) layer table
    parameters : IN flat array
    panels : IN/OUT flat workspace; the block's begins at element ``at``
    """
    n_layers = layers.shape[0]
    height = rows_per_block(panels)
    for layer in range(n_layers):
        n_in, n_out = layers[layer, N_IN], layers[layer, N_OUT]
        W, b = layers[layer, WEIGHTS], layers[layer, BIASES]
        a, z = at + layers[layer, INPUT], at + layers[layer, OUTPUT]
        dense_panel(parameters, W, parameters, b, n_in, n_out, panels, a, z)
        if layer + 1 < n_layers:
            activate(layers[layer, ACTIVATION], panels, z, z + n_out * height)


@kernel
def output_delta(layers, panels, at, targets, weights):
    """Turn the output layer's z into its delta ŷ - y, and return the sum of the losses.

    Binary cross-entropy from the logit: log(1 + exp(z)) - y z, which neither overflows nor
    loses a saturated unit's loss.

    Parameters
    ----------
    panels : IN/OUT; the block at ``at`` holds z; ŷ replaces it and the delta is written
    targets : IN (n_out, rows) flat
    weights : IN (rows,) flat; 0 for the rows that pad the last block
    """
    last = layers.shape[0] - 1
    height = rows_per_block(panels)
    step = lanes(panels)
    z_start = at + layers[last, OUTPUT]
    delta = at + layers[last, DELTA]
    total = fill(panels, 0.0, 1, 1)
    for j in range(layers[last, N_OUT]):
        for i in range(0, height, step):
            z = load(panels, z_start + j * height + i, 0, 1, 1)
            y = load(targets, j * height + i, 0, 1, 1)
            weight = load(weights, i, 0, 1, 1)
            probability = sigmoid(z)
            total = total + (softplus(z) - y * z) * weight
            store(panels, z_start + j * height + i, 0, probability)
            store(panels, delta + j * height + i, 0, (probability - y) * weight)
    return np.float64(lane_sum(total))


@kernel
def backward_block(layers, parameters, panels, at):
    """Carry the output delta down: delta = (delta of the layer above W^T) * sigma'.

    Parameters
    ----------
    panels : IN/OUT; the block at ``at`` holds activations and the output delta
    """
    height = rows_per_block(panels)
    for layer in range(layers.shape[0] - 1, 0, -1):
        n_in, n_out = layers[layer, N_IN], layers[layer, N_OUT]
        above, below = at + layers[layer, DELTA], at + layers[layer - 1, DELTA]
        delta_panel(parameters, layers[layer, WEIGHTS], n_in, n_out, panels, above, below)
        a = at + layers[layer, INPUT]
        code = layers[layer - 1, ACTIVATION]
        multiply_by_derivative(code, panels, a, panels, below, below + n_in * height)


@kernel
def block_gradient(layers, ticket, panels, n_blocks, size, gradient):
    """Set the gradient of the weights of one ticket; with its first rows, of the biases.

    Parameters
    ----------
    ticket : IN (3,) the layer and the rows [FIRST, LAST) of its weights
    panels : IN (n_blocks * size,) workspaces of all blocks of the batch
    gradient : OUT flat array, laid out as the parameters
    """
    layer, first, last = ticket[LAYER], ticket[FIRST], ticket[LAST]
    n_out = layers[layer, N_OUT]
    W, b = layers[layer, WEIGHTS], layers[layer, BIASES]
    a, delta = layers[layer, INPUT], layers[layer, DELTA]
    gradient[W + first * n_out : W + last * n_out] = 0
    weight_gradient(panels, a, delta, n_blocks, size, first, last, n_out, gradient, W)
    if first == 0:
        gradient[b : b + n_out] = 0
        bias_gradient(panels, delta, n_blocks, size, n_out, gradient, b)


@kernel
def gather_targets(Y, rows, count, targets, weights):
    """Write the targets of a block's rows, and weight 1 for its first ``count`` rows, else 0.

    Parameters
    ----------
    Y : IN (n_samples, n_out)
    targets : OUT (n_out, rows) flat
    weights : OUT (rows,) flat
    """
    height = weights.size
    for j in range(Y.shape[1]):
        for i in range(height):
            targets[j * height + i] = Y[rows[i], j]
    weights[:count] = 1
    weights[count:] = 0


@kernel
def train(
    X, Y, order, layers, tickets, batch_size, rule, settings, steps_before, state,
    parameters, moment_1, moment_2, gradient, panels, block_losses, losses,
):  # fmt: skip
    """Run one epoch of mini-batch training as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    Y : IN (n_samples, n_out), of X's type
    order : IN (n_samples,) int64, the shuffled row numbers
    layers : IN (n_layers, 8) layer table
    tickets : IN (n_tickets, 3) table of weight tickets
    rule, settings : IN, the optimiser, see ``optimizer_step``
    steps_before : int, steps taken in earlier epochs
    state : IN/OUT the team's state, zero at the start
    parameters, moment_1, moment_2 : IN/OUT flat arrays; moments a rule does not use may be empty
    gradient : OUT flat array, laid out as the parameters: the sum over the last batch at the end
    panels : OUT workspaces of the blocks of one batch
    block_losses : OUT (n_blocks,) float64, sums of losses of the last batch
    losses : IN/OUT (1 + n_tickets,) float64; the epoch's sum of losses is added to the first,
        the sum over steps of the squares of a ticket's weights to its own
    """
    height = rows_per_block(X)
    n_samples = order.size
    n_blocks = block_losses.size
    size = panels.size // n_blocks
    n_tickets = tickets.shape[0]
    per_step = n_blocks + n_tickets
    n_steps = (n_samples + batch_size - 1) // batch_size
    rows = np.empty(height, np.int64)
    weights = aligned_zeros(X, height)
    targets = aligned_zeros(X, height * Y.shape[1])
    while True:
        number = take_ticket(state)
        step = number // per_step
        if step >= n_steps:
            return
        ticket = number % per_step
        start = step * batch_size
        stop = min(start + batch_size, n_samples)
        used = (stop - start + height - 1) // height  # fewer blocks in a short last batch
        if ticket < n_blocks:
            wait_for(state, step * per_step)
            if ticket < used:
                at = ticket * size
                first = start + ticket * height
                count = min(height, stop - first)
                for i in range(height):
                    rows[i] = order[min(first + i, stop - 1)]
                pack_rows(X, rows, panels, at + layers[0, INPUT])
                gather_targets(Y, rows, count, targets, weights)
                forward_block(layers, parameters, panels, at)
                block_losses[ticket] = output_delta(layers, panels, at, targets, weights)
                backward_block(layers, parameters, panels, at)
        else:
            wait_for(state, step * per_step + n_blocks)
            t = ticket - n_blocks
            if t == 0:
                for i in range(used):
                    losses[0] += block_losses[i]
            block_gradient(layers, tickets[t], panels, used, size, gradient)
            layer, first, last = tickets[t, LAYER], tickets[t, FIRST], tickets[t, LAST]
            n_out = layers[layer, N_OUT]
            W, b = layers[layer, WEIGHTS], layers[layer, BIASES]
            count = steps_before + step + 1
            losses[1 + t] += optimizer_step(
                rule, settings, count, stop - start, True, W + first * n_out, W + last * n_out,
                parameters, gradient, moment_1, moment_2,
            )  # fmt: skip
            if first == 0:
                optimizer_step(
                    rule, settings, count, stop - start, False, b, b + n_out,
                    parameters, gradient, moment_1, moment_2,
                )  # fmt: skip
        finish_ticket(state)


@kernel
def predict(X, layers, parameters, block_rows, workspace, state, out):
    """Write the output layer's z for all rows of X, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    block_rows : int, rows a ticket
    workspace : int, elements of one block's panels
    state : IN/OUT the team's state, zero at the start
    out : OUT (n_samples * n_out,) flat
    """
    height = rows_per_block(X)
    n_samples = X.shape[0]
    last = layers.shape[0] - 1
    rows = np.empty(height, np.int64)
    panels = aligned_zeros(X, workspace)
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        for first in range(start, min(start + block_rows, n_samples), height):
            consecutive_rows(first, n_samples - 1, rows)
            pack_rows(X, rows, panels, layers[0, INPUT])
            forward_block(layers, parameters, panels, 0)
            count = min(height, n_samples - first)
            unpack_rows(panels, layers[last, OUTPUT], layers[last, N_OUT], out, first, count)
