"""Many steps of training in one compiled call.

A step has two phases, cut into tickets of a team (see ``machine.team``):

1. one ticket a group of blocks of samples: gather the rows, go forward through all layers,
   take the output delta, go backward through all layers (:func:`_carry_group`);
2. one ticket a few rows of one weight matrix: sum a^T delta over the batch and update
   those weights at once, while they are in cache (:func:`_update_weights`).

Where all weights are few beside the activations of a batch, the sums are *split*: the first
phase also sums a^T delta over the blocks of its group, whose activations are still in its
thread's cache, and the second adds up the groups.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import finish_ticket, join_team, take_phased_ticket, wait_for
from ..ops.pack import panel_size, prefetch_rows, rows_per_block
from ..ops.scratch import aligned_zeros
from .block import Gathered, train_block
from .bundles import N_OUT
from .dense import Blocks
from .gradient import group_gradient, ticket_gradient
from .optimizer import GRADIENT, update_ticket

#: How far ahead of the block at work the memory of its rows is asked for.
_BLOCKS_AHEAD = 2


class Batch(NamedTuple):
    """The batch of one step.

    step : its number in this call
    epoch : that of its epoch
    start, stop : its row numbers are ``order[start:stop]``
    n_blocks : its blocks of samples; fewer in a short last batch
    """

    step: int
    epoch: int
    start: int
    stop: int
    n_blocks: int


@inner_kernel
def _batch_of(step, epochs, plan, height):
    """Return the batch of a step, or one without rows past the last step."""
    n_epochs = epochs.losses.shape[0]
    n_rows = epochs.order.size // n_epochs
    steps_an_epoch = (n_rows + plan.batch_size - 1) // plan.batch_size
    epoch = step // steps_an_epoch
    if epoch >= n_epochs:
        return Batch(step, epoch, 0, 0, 0)
    start = epoch * n_rows + step % steps_an_epoch * plan.batch_size
    stop = min(start + plan.batch_size, (epoch + 1) * n_rows)
    return Batch(step, epoch, start, stop, (stop - start + height - 1) // height)


@inner_kernel
def _carry_group(samples, network, plan, epochs, workspace, gathered, mine, batch, group):
    """Carry one group of a batch's blocks forward and back; sum its gradient where that is split.

    Parameters
    ----------
    gathered : Gathered, of this member
    mine : int, the first element of this member's panels, where sums are split
    """
    height = rows_per_block(samples.X)
    first = group * plan.group_blocks
    last = min(first + plan.group_blocks, batch.n_blocks)
    if first >= last:
        return
    group_at = mine if plan.n_groups else first * plan.block_size
    order = epochs.order
    for block in range(first, last):
        begin = batch.start + block * height
        for i in range(height):
            gathered.rows[i] = order[min(begin + i, batch.stop - 1)]
        soon = begin + _BLOCKS_AHEAD * height
        prefetch_rows(samples.X, order, soon, min(soon + height, order.size))
        train_block(
            samples, network, gathered, min(height, batch.stop - begin), workspace.panels,
            group_at + (block - first) * plan.block_size, workspace.block_sums, block,
        )  # fmt: skip
    if plan.n_groups:
        blocks = Blocks(workspace.panels, group_at, plan.block_size, last - first)
        group_gradient(network, blocks, group, workspace.sums)


@inner_kernel
def _update_weights(network, optimizer, plan, epochs, workspace, batch, number):
    """Find the gradient of one ticket's weights, and take a step with it."""
    loss, weight = 0.0, 0.0
    for block in range(batch.n_blocks):
        loss += workspace.block_sums[block, 0]
        weight += workspace.block_sums[block, 1]
    adds_up = optimizer.rule == GRADIENT
    ticket_gradient(network, plan, number, workspace, batch.n_blocks, adds_up)
    losses = epochs.losses
    if adds_up:
        if number == 0:
            losses[batch.epoch, 0] += loss
        return
    # The gradient is divided by the sum of the weights; nothing is learnt from none.
    scale = 1.0 / weight if weight > 0.0 else 0.0
    share = (batch.stop - batch.start) / weight if weight > 0.0 else 0.0
    if number == 0:
        losses[batch.epoch, 0] += share * loss
    ticket = plan.weight_tickets[number]
    squares = update_ticket(network, optimizer, ticket, batch.step, scale, workspace.gradient)
    losses[batch.epoch, 1 + number] += share * squares


@inner_kernel
def _take_tickets(samples, network, optimizer, plan, epochs, workspace, gathered, mine, state):
    """Take tickets until no step is left."""
    height = rows_per_block(samples.X)
    n_groups = (plan.n_blocks + plan.group_blocks - 1) // plan.group_blocks
    phases = (n_groups, plan.weight_tickets.shape[0])
    while True:
        ticket = take_phased_ticket(state, phases)
        batch = _batch_of(ticket.step, epochs, plan, height)
        if batch.n_blocks == 0:
            return
        wait_for(state, ticket.before)
        if ticket.phase == 0:
            _carry_group(
                samples, network, plan, epochs, workspace, gathered, mine, batch, ticket.number
            )
        else:
            _update_weights(network, optimizer, plan, epochs, workspace, batch, ticket.number)
        finish_ticket(state)


@allocating_kernel
def train(samples, network, optimizer, plan, epochs, workspace, state):
    """Run epochs of mini-batch training as a member of a team.

    With the rule GRADIENT nothing is updated: the gradients of all batches are added up.

    Parameters
    ----------
    samples : Samples, IN
    network : Network; its parameters are IN/OUT
    optimizer : Optimizer; its moments are IN/OUT
    plan : Plan, IN
    epochs : Epochs; its losses are IN/OUT
    workspace : Workspace, IN/OUT
    state : IN/OUT the team's state, zero at the start
    """
    X, Y, layers = samples.X, samples.Y, network.layers
    height = rows_per_block(X)
    n_targets = max(panel_size(Y), height * layers[layers.shape[0] - 1, N_OUT])
    gathered = Gathered(
        np.empty(height, np.int64), aligned_zeros(X, n_targets), aligned_zeros(X, height)
    )
    mine = join_team(state) * plan.group_blocks * plan.block_size
    _take_tickets(samples, network, optimizer, plan, epochs, workspace, gathered, mine, state)
