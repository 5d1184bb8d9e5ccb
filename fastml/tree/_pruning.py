"""Minimal cost-complexity pruning."""

from __future__ import annotations

import numpy as np

from ..core.validation import Array
from ..kernels.tree.prune import Pruning
from ._arrays import TreeArrays, levels_of

#: Nodes that become leaves in one call of the kernel: an interrupt is seen between two.
_AT_ONCE = 10_000


def prune(tree: TreeArrays, alpha: float) -> tuple[Array, Array, Array]:
    """Return which nodes are the leaves of a pruned tree, and the way there.

    Parameters
    ----------
    tree : TreeArrays
    alpha : float
        Subtrees that lower the impurity by more than this for each leaf stay.

    Returns
    -------
    leaf : ndarray (n_nodes,) of bool
    alphas, impurities : ndarray (n_steps + 1,)
        Of each step, beginning with the whole tree: what was lost for each leaf, and the impurity
        of what was left.
    """
    from ..kernels.tree import prune as kernels

    n_nodes = len(tree.features)
    places = 2
    while places < n_nodes:
        places *= 2
    state = Pruning(
        tree.lefts,
        tree.rights,
        np.empty(n_nodes, np.int32),
        tree.weights * tree.impurities / tree.weights[0],
        np.empty(n_nodes),
        np.zeros(n_nodes, np.int64),
        np.zeros(n_nodes, np.uint8),
        np.zeros(n_nodes, np.uint8),
        np.empty(places),
        np.empty(2 * places, np.int32),
    )
    kernels.begin_pruning(state)
    found = [(np.zeros(1), state.branch[:1].copy())]
    stack, count = np.empty(n_nodes, np.int32), _AT_ONCE
    while count == _AT_ONCE:
        alphas, impurities = np.empty(_AT_ONCE), np.empty(_AT_ONCE)
        count = kernels.prune(_AT_ONCE, float(alpha), state, stack, alphas, impurities)
        found.append((alphas[:count], impurities[:count]))
    whole = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    return state.leaf > 0, whole[0], whole[1]


def with_leaves(tree: TreeArrays, leaf: Array) -> TreeArrays:
    """Return what is left of a tree where some of its nodes become leaves, in pre-order.

    Parameters
    ----------
    leaf : ndarray (n_nodes,) of bool, one on each way down
    """
    lefts = np.where(leaf, -1, tree.lefts)
    rights = np.where(leaf, -1, tree.rights)
    levels = levels_of(lefts, rights)
    sizes = np.ones(len(leaf), np.int64)
    for nodes in levels[::-1]:
        inner = nodes[lefts[nodes] >= 0]
        sizes[inner] += sizes[lefts[inner]] + sizes[rights[inner]]
    place = np.zeros(len(leaf), np.int64)
    for nodes in levels:
        inner = nodes[lefts[nodes] >= 0]
        place[lefts[inner]] = place[inner] + 1
        place[rights[inner]] = place[inner] + 1 + sizes[lefts[inner]]
    kept = np.concatenate(levels)
    order = np.empty(len(kept), np.int64)
    order[place[kept]] = kept
    part = tree._replace(
        **{name: getattr(tree, name)[order] for name in TreeArrays._fields if name != "depth"}
    )
    ends = leaf[order]
    return part._replace(
        features=np.where(ends, -1, part.features).astype(np.int32),
        thresholds=np.where(ends, -2.0, part.thresholds),
        sides=np.where(ends, 0, part.sides).astype(np.uint8),
        lefts=np.where(ends, -1, place[tree.lefts[order]]).astype(np.int32),
        rights=np.where(ends, -1, place[tree.rights[order]]).astype(np.int32),
        depth=len(levels) - 1,
    )
