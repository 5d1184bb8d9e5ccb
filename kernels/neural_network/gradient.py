"""Gradients of a network's parameters from the workspaces of blocks of samples."""

from __future__ import annotations

from ..machine.jit import inner_kernel
from ..ops.flat import load_up_to, store_up_to
from ..ops.product import Matrix
from ..tile import fill, lanes
from .bundles import FIRST, LAST, LAYER, layer_of
from .dense import Blocks, bias_gradient, weight_gradient


@inner_kernel
def layer_gradient(layer, first_row, last_row, blocks, added, gradient, gradient_at):
    """Find the gradient of rows [first_row, last_row) of W; with row 0, of the biases.

    Parameters
    ----------
    layer : Layer
    blocks : Blocks, IN
    added : bool, whether it is added to what ``gradient`` holds
    gradient : IN/OUT flat array, laid out as the parameters from element ``gradient_at``
    """
    by_output = layer.transposed >= 0
    delta_at = layer.transposed if by_output else layer.delta
    dW = Matrix(gradient, gradient_at + layer.weights, layer.n_out, 1)
    weight_gradient(
        blocks, layer.input, delta_at, by_output, first_row, last_row, layer.n_out, added, dW
    )
    if first_row == 0:
        biases_at = gradient_at + layer.biases
        bias_gradient(blocks, delta_at, by_output, layer.n_out, added, gradient, biases_at)


@inner_kernel
def group_gradient(network, blocks, group, sums):
    """Write the gradient of all parameters by one group of blocks: its part of ``sums``."""
    for i in range(network.layers.shape[0]):
        layer = layer_of(network, i)
        layer_gradient(layer, 0, layer.n_in, blocks, False, sums, group * network.parameters.size)


@inner_kernel
def add_groups(sums, n_groups, start, stop, added, gradient):
    """Add up what the groups found for the parameters [start, stop).

    Parameters
    ----------
    sums : IN (n_groups * n_parameters,)
    added : bool, whether it is added to what ``gradient`` holds
    gradient : IN/OUT (n_parameters,)
    """
    for i in range(start, stop, lanes(gradient)):
        left = stop - i
        total = fill(gradient, 0.0, 1, 1)
        if added:
            total = load_up_to(gradient, i, left)
        for group in range(n_groups):
            total = total + load_up_to(sums, group * gradient.size + i, left)
        store_up_to(gradient, i, left, total)


@inner_kernel
def ticket_gradient(network, plan, number, workspace, n_blocks, added):
    """Find the gradient of the weights of one ticket; with its first rows, of the biases.

    Parameters
    ----------
    network : Network, IN
    plan : Plan, IN; ``number`` says which of its weight tickets
    workspace : Workspace; its gradient is IN/OUT
    n_blocks : int, blocks of the batch
    added : bool, whether it is added to what the gradient holds
    """
    ticket = plan.weight_tickets[number]
    layer = layer_of(network, ticket[LAYER])
    first_row, last_row = ticket[FIRST], ticket[LAST]
    if plan.n_groups == 0:
        blocks = Blocks(workspace.panels, 0, plan.block_size, n_blocks)
        layer_gradient(layer, first_row, last_row, blocks, added, workspace.gradient, 0)
        return
    n_groups = (n_blocks + plan.group_blocks - 1) // plan.group_blocks
    start, stop = layer.weights + first_row * layer.n_out, layer.weights + last_row * layer.n_out
    add_groups(workspace.sums, n_groups, start, stop, added, workspace.gradient)
    if first_row == 0:
        stop = layer.biases + layer.n_out
        add_groups(workspace.sums, n_groups, layer.biases, stop, added, workspace.gradient)
