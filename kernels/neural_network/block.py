"""One block of samples in training: gather it, carry it forward to its loss, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import inner_kernel
from ..ops.pack import pack_rows
from ..tile import VECTORS, fill, store
from .bundles import layer_of
from .loss import SOFTMAX, output_delta
from .network import backward_block, forward_block


class Gathered(NamedTuple):
    """Working memory of one member of a team: what is gathered for the block at work.

    rows : (rows,) int64, row numbers; those past the block's last repeat that
    targets : (n_outputs * rows,)
    weights : (rows,); 0 for the rows that pad the block
    """

    rows: Any
    targets: Any
    weights: Any


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
        pack_rows(Y, rows, 0, 0, targets, 0)
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
        store(weights, 0, 0, fill(weights, 1.0, VECTORS, 1))
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
def train_block(samples, network, gathered, count, panels, block_at, block_sums, block):
    """Carry one block of samples forward, to its loss, and back.

    Parameters
    ----------
    samples : Samples, IN
    network : Network, IN
    gathered : Gathered, whose ``rows`` are those of the block; the rest is OUT
    count : int, how many of the rows are not padding
    panels : OUT flat array; the block's workspace begins at element ``block_at``
    block_sums : OUT (n_blocks, 2), in row ``block`` the sums of its losses and weights
    """
    output = layer_of(network, network.layers.shape[0] - 1)
    input_at = block_at + layer_of(network, 0).input
    n_classes = output.n_out if output.activation == SOFTMAX else 0
    pack_rows(samples.X, gathered.rows, 0, 0, panels, input_at)
    gather_targets(samples.Y, gathered.rows, n_classes, gathered.targets)
    block_sums[block, 1] = gather_weights(samples.weights, gathered.rows, count, gathered.weights)
    forward_block(network, panels, block_at)
    block_sums[block, 0] = output_delta(
        output.activation, output.n_out, panels, block_at + output.output,
        block_at + output.delta, gathered.targets, gathered.weights,
    )  # fmt: skip
    backward_block(network, panels, block_at)
