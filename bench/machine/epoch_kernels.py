"""The phases of a step of training, each alone, as ``kernels.neural_network.train`` does them."""

from __future__ import annotations

from fastml.kernels.machine.jit import kernel
from fastml.kernels.neural_network.block import gather_targets, gather_weights
from fastml.kernels.neural_network.bundles import layer_of
from fastml.kernels.neural_network.dense import Blocks, dense_panel
from fastml.kernels.neural_network.gradient import group_gradient, ticket_gradient
from fastml.kernels.neural_network.loss import output_delta
from fastml.kernels.neural_network.network import backward_block
from fastml.kernels.neural_network.optimizer import update_ticket
from fastml.kernels.ops.activation import activate
from fastml.kernels.ops.pack import pack_rows, prefetch_rows, rows_per_block
from fastml.kernels.ops.product import Matrix


@kernel
def gather(samples, network, plan, gathered, order, panels):
    """Pack the rows, targets and weights of all whole batches, block by block."""
    height = rows_per_block(panels)
    input_at = layer_of(network, 0).input
    for first in range(0, order.size - height + 1, height):
        block_at = first // height % (panels.size // plan.block_size) * plan.block_size
        for i in range(height):
            gathered.rows[i] = order[first + i]
        soon = first + 2 * height
        prefetch_rows(samples.X, order, soon, min(soon + height, order.size))
        pack_rows(samples.X, gathered.rows, 0, 0, panels, block_at + input_at)
        gather_targets(samples.Y, gathered.rows, 0, gathered.targets)
        gather_weights(samples.weights, gathered.rows, height, gathered.weights)


@kernel
def forward_products(network, plan, panels, n_steps):
    """Multiply by the weights of every layer."""
    for _ in range(n_steps):
        for block in range(plan.n_blocks):
            block_at = block * plan.block_size % panels.size
            for i in range(network.layers.shape[0]):
                layer = layer_of(network, i)
                W = Matrix(network.parameters, layer.weights, layer.n_out, 1)
                b = Matrix(network.parameters, layer.biases, layer.n_out, 1)
                from_, to = block_at + layer.input, block_at + layer.output
                dense_panel(W, b, layer.n_in, layer.n_out, panels, from_, to)


@kernel
def activations(network, plan, panels, gathered, n_steps):
    """Apply the activations, the last layer's with its loss and delta."""
    height = rows_per_block(panels)
    total = 0.0
    for _ in range(n_steps):
        for block in range(plan.n_blocks):
            block_at = block * plan.block_size % panels.size
            for i in range(network.layers.shape[0]):
                layer = layer_of(network, i)
                z = block_at + layer.output
                if i + 1 < network.layers.shape[0]:
                    activate(layer.activation, panels, z, z + layer.n_out * height)
                else:
                    total += output_delta(
                        layer.activation, layer.n_out, panels, z, block_at + layer.delta,
                        gathered.targets, gathered.weights,
                    )  # fmt: skip
    return total


@kernel
def deltas(network, plan, panels, n_steps):
    """Carry the output delta down, with the derivatives and what is transposed."""
    for _ in range(n_steps):
        for block in range(plan.n_blocks):
            backward_block(network, panels, block * plan.block_size % panels.size)


@kernel
def gradients(network, plan, workspace, n_steps):
    """Sum the gradients of all weights, by groups where that is how."""
    for _ in range(n_steps):
        for group in range(plan.n_groups):
            left = plan.n_blocks - group * plan.group_blocks
            blocks = Blocks(workspace.panels, 0, plan.block_size, min(plan.group_blocks, left))
            group_gradient(network, blocks, group, workspace.sums)
        for number in range(plan.weight_tickets.shape[0]):
            ticket_gradient(network, plan, number, workspace, plan.n_blocks, False)


@kernel
def updates(network, optimizer, plan, gradient, n_steps):
    """Take a step with every weight."""
    total = 0.0
    for step in range(n_steps):
        for ticket in plan.weight_tickets:
            total += update_ticket(network, optimizer, ticket, step, 1.0, gradient)
    return total
