"""What the nodes of a tree by squared error lose, from what their children do."""

from __future__ import annotations

from ..machine.jit import kernel


@kernel
def add_losses(lefts, rights, means, weights, losses):
    """Set the loss of every inner node: its children's, and that of their means about its own.

    Parameters
    ----------
    lefts, rights : IN (n_nodes,) int32, behind their parents; -1 for a leaf
    means, weights : IN (n_nodes,) float64
    losses : IN/OUT (n_nodes,) float64, those of the leaves; 0 for inner nodes
    """
    for node in range(losses.size - 1, -1, -1):
        if lefts[node] < 0:
            continue
        for child in (lefts[node], rights[node]):
            apart = means[child] - means[node]
            losses[node] += losses[child] + weights[child] * (apart * apart)
