"""A whole perceptron: many layers, one compiled call for many steps of training.

Parameters are one flat vector, so networks of any depth share one specialisation.  A
*layer table* (int64, one row a layer) says where everything is: the widths, the offsets of
weights and biases in the parameters, the activation, and the offsets of the layer's input,
output and delta inside a block's workspace.  The last layer's activation decides the loss,
see ``loss``.  Panels of one block of samples lie side by
side, so a block's activations stay in cache from the first layer to the last and back.

A step of training has two phases, cut into tickets of a team (see ``team``):

1. one ticket a group of blocks of samples: gather the rows, go forward through all layers,
   take the output delta, go backward through all layers;
2. one ticket a few rows of one weight matrix: sum a^T delta over the batch and update
   those weights at once, while they are in cache.

Where all weights are few beside the activations of a batch, the sums are *split*: the first
phase also sums a^T delta over the blocks of its group, whose activations are still in its
thread's cache, and the second adds up the groups.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, join_team, take_ticket, wait_for
from ..ops.elementwise import activate, multiply_by_derivative
from ..ops.flat import load_up_to, store_up_to
from ..ops.pack import (
    pack_panel,
    pack_rows,
    panel_size,
    prefetch_rows,
    rows_per_block,
)
from ..ops.scratch import aligned_zeros
from ..tile import M, fill, lanes, store
from .dense import (
    bias_gradient,
    delta_panel,
    dense_panel,
    transpose_panel,
    unpack_rows,
    weight_gradient,
)
from .loss import SOFTMAX, both_sides, output_activation, output_delta
from .optimizer import ALPHA, GRADIENT, optimizer_step

#: Columns of the layer table.  TRANSPOSED is where the delta stands transposed, or -1 where its
#: weight gradient takes it as it is.
N_IN, N_OUT, WEIGHTS, BIASES, ACTIVATION, INPUT, OUTPUT, DELTA, TRANSPOSED = range(9)
#: Columns of the table of weight tickets.
LAYER, FIRST, LAST = range(3)
#: How far ahead of the block at work the memory of its rows is asked for.
_BLOCKS_AHEAD = 2
#: What is wanted of the output layer: z, its activation, or the probabilities of both classes.
SCORES, ACTIVATIONS, BOTH_SIDES = range(3)


@inner_kernel
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


@inner_kernel
def backward_block(layers, parameters, panels, at):
    """Carry the output delta down: delta = (delta of the layer above W^T) * sigma'.

    Each is also transposed where its weight gradient wants that.

    Parameters
    ----------
    panels : IN/OUT; the block at ``at`` holds activations and the output delta
    """
    height = rows_per_block(panels)
    for layer in range(layers.shape[0] - 1, -1, -1):
        n_in, n_out = layers[layer, N_IN], layers[layer, N_OUT]
        above = at + layers[layer, DELTA]
        if layers[layer, TRANSPOSED] >= 0:
            transpose_panel(panels, above, n_out, at + layers[layer, TRANSPOSED])
        if layer == 0:
            return
        below = at + layers[layer - 1, DELTA]
        delta_panel(parameters, layers[layer, WEIGHTS], n_in, n_out, panels, above, below)
        a = at + layers[layer, INPUT]
        code = layers[layer - 1, ACTIVATION]
        multiply_by_derivative(code, panels, a, panels, below, below + n_in * height)


@inner_kernel
def layer_gradient(layers, layer, first, last, panels, at, n_blocks, size, added, gradient, start):
    """Find the gradient of rows [first, last) of a layer's weights; with row 0, of its biases.

    Parameters
    ----------
    panels : IN workspaces of ``size`` elements of n_blocks blocks, the first at ``at``
    added : bool, whether it is added to what ``gradient`` holds
    gradient : IN/OUT flat array, laid out as the parameters from element ``start``
    """
    n_out = layers[layer, N_OUT]
    W, b = start + layers[layer, WEIGHTS], start + layers[layer, BIASES]
    a, delta = at + layers[layer, INPUT], at + layers[layer, DELTA]
    by_output = layers[layer, TRANSPOSED] >= 0
    summed = at + layers[layer, TRANSPOSED] if by_output else delta
    weight_gradient(
        panels, a, summed, by_output, n_blocks, size, first, last, n_out, added, gradient, W
    )
    if first == 0:
        bias_gradient(panels, delta, n_blocks, size, n_out, added, gradient, b)


@inner_kernel
def add_groups(sums, n_groups, start, stop, added, gradient):
    """Add up what the groups found for the parameters [start, stop).

    Parameters
    ----------
    sums : IN (n_groups * n_parameters,)
    added : bool, whether it is added to what ``gradient`` holds
    gradient : IN/OUT (n_parameters,)
    """
    step = lanes(gradient)
    for i in range(start, stop, step):
        left = stop - i
        total = fill(gradient, 0.0, 1, 1)
        if added:
            total = load_up_to(gradient, i, left)
        for group in range(n_groups):
            total = total + load_up_to(sums, group * gradient.size + i, left)
        store_up_to(gradient, i, left, total)


@inner_kernel
def ticket_step(
    layers, ticket, rule, settings, count, scale, parameters, gradient, moment_1, moment_2
):
    """Update the weights of one ticket; with its first rows, the biases.

    Returns the sum of the squares of the weights before; arguments as for ``optimizer_step``.
    """
    layer, first, last = ticket[LAYER], ticket[FIRST], ticket[LAST]
    n_out = layers[layer, N_OUT]
    W, b = layers[layer, WEIGHTS], layers[layer, BIASES]
    squares = 0.0
    for part in range(2 if first == 0 else 1):
        weights = part == 0
        start = W + first * n_out if weights else b
        stop = W + last * n_out if weights else b + n_out
        alpha = settings[ALPHA] if weights else 0.0
        total = optimizer_step(
            rule, settings, count, scale, alpha, start, stop,
            parameters, gradient, moment_1, moment_2,
        )  # fmt: skip
        if weights:
            squares = total
    return squares


@inner_kernel
def gather_targets(Y, rows, n_classes, targets):
    """Write the targets of a block's rows.

    Parameters
    ----------
    Y : IN (n_samples, n_out), or (n_samples, 1) holding the number of each sample's class
    rows : IN (rows,) row numbers
    n_classes : int, 0 where Y holds what is to be learnt, not numbers of classes
    targets : OUT (n_out, rows) flat, padded as :func:`pack_rows` does
    """
    if n_classes == 0:
        pack_rows(Y, rows, 0, targets, 0)
        return
    height = rows.size
    for j in range(n_classes):
        for i in range(height):
            targets[j * height + i] = 1 if Y[rows[i], 0] == j else 0


@inner_kernel
def gather_weights(sample_weight, rows, count, weights):
    """Write the weights of a block's rows, and return their sum.

    Parameters
    ----------
    sample_weight : IN (n_samples,), or empty where all samples weigh 1
    rows : IN (rows,) row numbers; those past the first ``count`` pad the block and weigh 0
    weights : OUT (rows,) flat
    """
    height = rows.size
    if sample_weight.size == 0 and count == height:
        store(weights, 0, 0, fill(weights, 1.0, M, 1))
        return np.float64(height)
    total = 0.0
    for i in range(height):
        weight = 0.0
        if i < count:
            weight = np.float64(sample_weight[rows[i]]) if sample_weight.size else 1.0
        weights[i] = weight
        total += weight
    return total


@inner_kernel
def ticket_gradient(layers, ticket, panels, n_blocks, size, added, sums, n_groups, gradient):
    """Find the gradient of the weights of one ticket; with its first rows, of the biases.

    Parameters
    ----------
    ticket : IN (3,) the layer and the rows [FIRST, LAST) of its weights
    panels, n_blocks : IN the workspaces of all blocks of the batch, or
    sums, n_groups : IN what groups of blocks found; empty where they are not split
    added : bool, whether it is added to what ``gradient`` holds
    gradient : IN/OUT flat array, laid out as the parameters
    """
    layer, first, last = ticket[LAYER], ticket[FIRST], ticket[LAST]
    if sums.size == 0:
        layer_gradient(layers, layer, first, last, panels, 0, n_blocks, size, added, gradient, 0)
        return
    n_out = layers[layer, N_OUT]
    W, b = layers[layer, WEIGHTS], layers[layer, BIASES]
    add_groups(sums, n_groups, W + first * n_out, W + last * n_out, added, gradient)
    if first == 0:
        add_groups(sums, n_groups, b, b + n_out, added, gradient)


@inner_kernel
def train_block(
    X, Y, sample_weight, layers, parameters, rows, count, panels, at, targets, weights, sums
):
    """Carry one block of samples forward, to its loss, and back.

    Parameters
    ----------
    rows : IN (rows,) row numbers; those past the first ``count`` pad the block
    panels : OUT flat workspace; the block's begins at element ``at``
    targets, weights : OUT working memory of one block
    sums : OUT (2,) the sums of its losses and weights
    """
    last = layers.shape[0] - 1
    n_outputs, code = layers[last, N_OUT], layers[last, ACTIVATION]
    pack_rows(X, rows, 0, panels, at + layers[0, INPUT])
    gather_targets(Y, rows, n_outputs if code == SOFTMAX else 0, targets)
    sums[1] = gather_weights(sample_weight, rows, count, weights)
    forward_block(layers, parameters, panels, at)
    z, delta = at + layers[last, OUTPUT], at + layers[last, DELTA]
    sums[0] = output_delta(code, n_outputs, panels, z, delta, targets, weights)
    backward_block(layers, parameters, panels, at)


@allocating_kernel
def train(
    X, Y, sample_weight, order, layers, tickets, batch_size, group_blocks, size, rule, settings,
    steps_before, state, parameters, moment_1, moment_2, gradient, panels, sums, block_sums, losses,
):  # fmt: skip
    """Run epochs of mini-batch training as a member of a team.

    With the rule GRADIENT nothing is updated: the gradients of all batches are added up.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    Y : IN (n_samples, n_out), of X's type; (n_samples, 1) numbers of classes for softmax
    sample_weight : IN (n_samples,) of X's type, or empty where all samples weigh 1
    order : IN (n_epochs * n_rows,) int64, the shuffled row numbers of each epoch
    layers : IN (n_layers, 9) layer table
    tickets : IN (n_tickets, 3) table of weight tickets
    group_blocks : int, blocks of samples a ticket
    size : int, elements of one block's workspace
    rule, settings : IN, the optimiser, see ``optimizer_step``
    steps_before : int, steps taken in earlier epochs
    state : IN/OUT the team's state, zero at the start
    parameters, moment_1, moment_2 : IN/OUT flat arrays; moments a rule does not use may be empty
    gradient : IN/OUT flat array, laid out as the parameters: the sum over the last batch at the
        end; over all of them, added to what was there, for GRADIENT
    panels : OUT workspaces of the blocks of one batch; where sums are split, of the blocks of
        one group for every member
    sums : OUT (n_groups * n_parameters,) the sums of the groups, or empty where they are not split
    block_sums : OUT (n_blocks, 2) float64, sums of losses and weights of the last batch
    losses : IN/OUT (n_epochs, 1 + n_tickets) float64; the losses summed over all samples of an
        epoch are added to its first (batches whose weights do not average 1 are scaled so that
        they do), the sum over steps of the squares of a ticket's weights, scaled alike, to its own
    """
    height = rows_per_block(X)
    n_rows = order.size // losses.shape[0]
    n_blocks = block_sums.shape[0]
    n_groups = (n_blocks + group_blocks - 1) // group_blocks
    n_layers = layers.shape[0]
    split = sums.size > 0
    n_tickets = tickets.shape[0]
    per_step = n_groups + n_tickets
    steps_an_epoch = (n_rows + batch_size - 1) // batch_size
    n_steps = losses.shape[0] * steps_an_epoch
    rows = np.empty(height, np.int64)
    weights = aligned_zeros(X, height)
    targets = aligned_zeros(X, max(panel_size(Y), height * layers[n_layers - 1, N_OUT]))
    mine = join_team(state) * group_blocks * size
    while True:
        number = take_ticket(state)
        step = number // per_step
        if step >= n_steps:
            return
        ticket = number % per_step
        epoch = step // steps_an_epoch
        start = epoch * n_rows + step % steps_an_epoch * batch_size
        stop = min(start + batch_size, (epoch + 1) * n_rows)
        used = (stop - start + height - 1) // height  # fewer blocks in a short last batch
        if ticket < n_groups:
            wait_for(state, step * per_step)
            first = ticket * group_blocks
            last = min(first + group_blocks, used)
            group = mine if split else first * size
            for block in range(first, last):
                begin = start + block * height
                for i in range(height):
                    rows[i] = order[min(begin + i, stop - 1)]
                soon = begin + _BLOCKS_AHEAD * height
                prefetch_rows(X, order, soon, min(soon + height, order.size))
                train_block(
                    X, Y, sample_weight, layers, parameters, rows, min(height, stop - begin),
                    panels, group + (block - first) * size, targets, weights, block_sums[block],
                )  # fmt: skip
            if split and first < last:
                for layer in range(n_layers):
                    layer_gradient(
                        layers, layer, 0, layers[layer, N_IN], panels, group, last - first, size,
                        False, sums, ticket * gradient.size,
                    )  # fmt: skip
        else:
            wait_for(state, step * per_step + n_groups)
            t = ticket - n_groups
            loss, weight = 0.0, 0.0
            for i in range(used):
                loss += block_sums[i, 0]
                weight += block_sums[i, 1]
            ticket_gradient(
                layers, tickets[t], panels, used, size, rule == GRADIENT,
                sums, (used + group_blocks - 1) // group_blocks, gradient,
            )  # fmt: skip
            if rule == GRADIENT:
                if t == 0:
                    losses[epoch, 0] += loss
            else:
                # The gradient is divided by the sum of the weights; nothing is learnt from none.
                scale = 1.0 / weight if weight > 0.0 else 0.0
                share = (stop - start) / weight if weight > 0.0 else 0.0
                if t == 0:
                    losses[epoch, 0] += share * loss
                losses[epoch, 1 + t] += share * ticket_step(
                    layers, tickets[t], rule, settings, steps_before + step + 1, scale,
                    parameters, gradient, moment_1, moment_2,
                )  # fmt: skip
        finish_ticket(state)


@allocating_kernel
def predict(X, layers, parameters, wanted, block_rows, workspace, state, out):
    """Write what is wanted of the output layer for all rows of X, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    wanted : int, SCORES, ACTIVATIONS or BOTH_SIDES
    block_rows : int, rows a ticket
    workspace : int, elements of one block's panels, with room for what is wanted
    state : IN/OUT the team's state, zero at the start
    out : OUT (n_samples * n_out,) flat; n_out is 2 for BOTH_SIDES
    """
    height = rows_per_block(X)
    n_samples = X.shape[0]
    last = layers.shape[0] - 1
    z = layers[last, OUTPUT]
    n_out = 2 if wanted == BOTH_SIDES else layers[last, N_OUT]
    rows = np.empty(height, np.int64)
    panels = aligned_zeros(X, workspace)
    while True:
        start = take_ticket(state) * block_rows
        if start >= n_samples:
            return
        for first in range(start, min(start + block_rows, n_samples), height):
            pack_panel(X, first, n_samples - 1, rows, panels, layers[0, INPUT])
            forward_block(layers, parameters, panels, 0)
            if wanted == ACTIVATIONS:
                output_activation(layers[last, ACTIVATION], n_out, panels, z)
            elif wanted == BOTH_SIDES:
                both_sides(panels, z)
            unpack_rows(panels, z, n_out, out, first, min(height, n_samples - first))
