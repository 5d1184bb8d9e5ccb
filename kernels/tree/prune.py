"""Minimal cost-complexity pruning: weakest subtrees first.

Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees" (1984), chapter 3.  What
a node costs as a leaf is its share of the impurity, ``own``; what its subtree costs is the sum of
that over its leaves, ``branch``.  The node with the least (own - branch) / (leaves - 1), the lowest
of equals, becomes a leaf; its ancestors' sums change, nothing else does.

A tournament over all nodes says which is the weakest: winner[i] is that of 2 i and 2 i + 1, so a
change is played again on one way to the top.  With that the work is O(n_nodes * depth *
log n_nodes), where a search for each is quadratic.  Sums are added in scikit-learn's order, so
they are its bits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import inner_kernel, kernel

_NO_PARENT = -1


class Pruning(NamedTuple):
    """A tree that is pruned: ``fastml.tree._pruning`` makes and checks it.

    lefts, rights : IN (n_nodes,) int32, -1 for a leaf
    parents : (n_nodes,) int32, -1 for the root
    own : IN (n_nodes,) float64
    branch : (n_nodes,) float64
    n_leaves : (n_nodes,) int64
    leaf : (n_nodes,) uint8, 1 for a leaf of what is left
    gone : (n_nodes,) uint8, 1 for what is below one
    keys : (places,) float64, what a node loses for each leaf; infinite for none that can be
        pruned.  A power of two.
    winners : (2 * places,) int32, the tournament
    """

    lefts: Any
    rights: Any
    parents: Any
    own: Any
    branch: Any
    n_leaves: Any
    leaf: Any
    gone: Any
    keys: Any
    winners: Any


@inner_kernel
def _key(tree, node):
    return (tree.own[node] - tree.branch[node]) / np.float64(tree.n_leaves[node] - 1)


@inner_kernel
def _play(tree, game):
    """Set the winner of one game of the tournament; say whether it is another than before."""
    first, second = tree.winners[2 * game], tree.winners[2 * game + 1]
    winner = second if tree.keys[second] < tree.keys[first] else first
    other = winner != tree.winners[game]
    tree.winners[game] = winner
    return other


@inner_kernel
def _set_key(tree, node, key):
    """Give a node another key, and play its games again."""
    tree.keys[node] = key
    game = (tree.keys.size + node) >> 1
    while game > 0:
        # What two others play further up is as it was.
        if not _play(tree, game) and tree.winners[game] != node:
            return
        game >>= 1


@kernel
def begin_pruning(tree):
    """Set the parents, the sums of all branches, and the tournament.

    Parameters
    ----------
    tree : Pruning; IN its lefts, rights and own; OUT the others, zero before where they are
        integers
    """
    n_nodes = tree.own.size
    tree.parents[0] = _NO_PARENT
    for node in range(n_nodes):
        tree.branch[node] = 0.0
        if tree.lefts[node] >= 0:
            tree.parents[tree.lefts[node]] = node
            tree.parents[tree.rights[node]] = node
        else:
            tree.leaf[node] = 1
    for node in range(n_nodes):
        if tree.leaf[node]:
            tree.branch[node] = tree.own[node]
            above = tree.parents[node]
            while above >= 0:
                tree.branch[above] += tree.own[node]
                tree.n_leaves[above] += 1
                above = tree.parents[above]
    places = tree.keys.size
    for node in range(places):
        tree.keys[node] = np.inf
        tree.winners[places + node] = node
        if node < n_nodes and not tree.leaf[node]:
            tree.keys[node] = _key(tree, node)
    for game in range(places - 1, 0, -1):
        _play(tree, game)


@kernel
def prune(most, alpha, tree, stack, alphas, impurities):
    """Make leaves of the weakest nodes, one after the other.

    Parameters
    ----------
    most : int, how many at most
    alpha : float, only those whose key is not above
    tree : IN/OUT Pruning
    stack : scratch (n_nodes,) int32
    alphas, impurities : OUT (most,) float64, the key of each and what the tree costs after it

    Returns
    -------
    count : int, how many; less than ``most`` at the end
    """
    for count in range(most):
        weakest = tree.winners[1]
        key = tree.keys[weakest]
        if tree.leaf[0] or key == np.inf or alpha < key:
            return count
        stack[0], height = weakest, 1
        while height > 0:
            height -= 1
            node = stack[height]
            if tree.gone[node]:
                continue
            tree.gone[node] = 1
            if tree.leaf[node]:
                tree.leaf[node] = 0
            else:
                _set_key(tree, node, np.inf)
            if tree.lefts[node] >= 0:
                stack[height] = tree.lefts[node]
                stack[height + 1] = tree.rights[node]
                height += 2
        tree.leaf[weakest], tree.gone[weakest] = 1, 0
        fewer = tree.n_leaves[weakest] - 1
        more = tree.own[weakest] - tree.branch[weakest]
        tree.n_leaves[weakest] = 0
        tree.branch[weakest] = tree.own[weakest]
        above = tree.parents[weakest]
        while above >= 0:
            tree.n_leaves[above] -= fewer
            tree.branch[above] += more
            _set_key(tree, above, _key(tree, above))
            above = tree.parents[above]
        alphas[count], impurities[count] = key, tree.branch[0]
    return most
