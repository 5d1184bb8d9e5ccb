"""A fitted tree as arrays, and as scikit-learn's Tree."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from ..core.validation import Array
from ..kernels.tree.problem import GINI, POISSON, Targets
from ._nodes import Nodes
from ._targets import Scale

#: NumPy adds rows of fewer columns as they stand, and slowly.
_FEW_COLUMNS = 8


class TreeArrays(NamedTuple):
    """A tree: one element a node, the root first, as scikit-learn numbers them.

    features, lefts, rights : (n_nodes,) int32, -1 for a leaf
    thresholds : (n_nodes,) float64, -2 for a leaf
    sides : (n_nodes,) uint8, 1 where missing values go left
    rows : (n_nodes,) int64, how many rows; weights : (n_nodes,) float64
    impurities : (n_nodes,) float64
    values : (n_nodes, n_classes or 1) float64, shares of the classes, or the mean
    depth : int
    """

    features: Array
    lefts: Array
    rights: Array
    thresholds: Array
    sides: Array
    rows: Array
    weights: Array
    impurities: Array
    values: Array
    depth: int


def levels_of(lefts: Array, rights: Array, roots: Array | None = None) -> list[Array]:
    """Return the nodes of each depth, of one tree or of those with these roots."""
    levels = []
    nodes = np.zeros(1, np.int64) if roots is None else roots
    while len(nodes):
        levels.append(nodes)
        inner = nodes[lefts[nodes] >= 0]
        nodes = np.column_stack((lefts[inner], rights[inner])).reshape(-1).astype(np.int64)
    return levels


def _row_sums(table: Array) -> Array:
    """Return the sum of each row, of few columns as fast as a column allows: the same bits."""
    if table.shape[1] >= _FEW_COLUMNS:
        return np.asarray(table.sum(axis=1))
    total = table[:, 0].copy()
    for column in table.T[1:]:
        total += column
    return total


def class_arrays(nodes: Nodes, targets: Targets, scale: Scale) -> TreeArrays:
    """Return the arrays of a classification tree."""
    counts = nodes.totals[:, : targets.n_classes]
    rows = nodes.totals[:, -1].copy() if len(targets.weights) else _row_sums(counts)
    weighted = counts * scale.factors
    weights = _row_sums(weighted)
    values = weighted / weights[:, None]
    if targets.criterion == GINI:
        impurities = 1.0 - _row_sums(values * values)
    else:
        impurities = -_row_sums(values * np.log2(np.where(values > 0, values, 1.0)))
    impurities[_row_sums((counts != 0).view(np.int8)) <= 1] = 0.0
    return TreeArrays(
        nodes.features, nodes.lefts, nodes.rights, nodes.thresholds, nodes.sides,
        rows, weights * scale.weight, np.abs(impurities), values, nodes.depth,
    )  # fmt: skip


def value_arrays(nodes: Nodes, targets: Targets, scale: Scale) -> TreeArrays:
    """Return the arrays of a regression tree, impurities left at 0: see :func:`with_impurities`."""
    weights = nodes.totals[:, 0]
    rows = nodes.totals[:, -1] if len(targets.weights) else weights
    limb = int(targets.limb)
    # What was taken off is put back while sums are whole: below 2**62, so nothing cancels.
    high = nodes.totals[:, 1] + int(scale.center / targets.limb) * weights
    carry = nodes.totals[:, 2] // limb
    sums = (high + carry) * targets.limb + (nodes.totals[:, 2] - carry * limb)
    values = sums / weights * scale.value
    return TreeArrays(
        nodes.features, nodes.lefts, nodes.rights, nodes.thresholds, nodes.sides,
        rows.astype(np.int64), weights * scale.weight, np.zeros(len(rows)), values[:, None],
        nodes.depth,
    )  # fmt: skip


def with_impurities(
    arrays: TreeArrays,
    leaves: Array,
    y: Array,
    weights: Array | None,
    criterion: int,
    roots: Array | None = None,
) -> TreeArrays:
    """Return a regression tree, or several, with the impurities of its nodes.

    Those of the leaves from their rows, about the leaf's mean; then a node's from its children's
    and the distance of their means, so that nothing cancels.

    Parameters
    ----------
    leaves : ndarray (n_samples,) or (n_trees, n_samples) of int, the leaf of each row
    y : ndarray (n_samples,) of float64; weights : ndarray shaped as the leaves, or None
    criterion : int, a code of ``kernels.tree.problem``
    roots : ndarray (n_trees,) of int64, default=None
        Of several trees, whose nodes stand one after the other.
    """
    n_nodes = len(arrays.features)
    means = arrays.values.reshape(-1)
    at = means[leaves]
    if criterion == POISSON:
        safe = np.where(y > 0, y, 1.0)
        parts = np.where(y > 0, y * np.log(safe / np.where(at > 0, at, 1.0)), 0.0) - (y - at)
    else:
        parts = (y - at) ** 2
    if weights is not None:
        parts = parts * weights
    losses = np.bincount(leaves.reshape(-1), parts.reshape(-1), minlength=n_nodes)
    if criterion == POISSON:
        _add_poisson_losses(arrays, means, losses, roots)
    else:
        from ..kernels.tree.losses import add_losses

        add_losses(arrays.lefts, arrays.rights, means, arrays.weights, losses)
    return arrays._replace(impurities=np.maximum(losses / arrays.weights, 0.0))


def _add_poisson_losses(
    arrays: TreeArrays, means: Array, losses: Array, roots: Array | None
) -> None:
    """Do what ``kernels.tree.losses.add_losses`` does, by Poisson deviance."""
    for nodes in reversed(levels_of(arrays.lefts, arrays.rights, roots)):
        inner = nodes[arrays.lefts[nodes] >= 0]
        for children in (arrays.lefts[inner], arrays.rights[inner]):
            child, parent = means[children], means[inner]
            parent = np.where(parent > 0, parent, 1.0)
            ratio = np.where(child > 0, child, 1.0) / parent
            apart = np.where(child > 0, child * np.log(ratio), 0.0)
            losses[inner] += losses[children] + arrays.weights[children] * apart


def gains(arrays: TreeArrays) -> Array:
    """Return weight * impurity a split takes away, 0 for leaves."""
    loss = arrays.weights * arrays.impurities
    inner = arrays.lefts >= 0
    gained = np.zeros(len(loss))
    gained[inner] = loss[inner] - loss[arrays.lefts[inner]] - loss[arrays.rights[inner]]
    return gained


def best_first(arrays: TreeArrays, max_leaf_nodes: int) -> TreeArrays:
    """Return what is left of a tree whose best splits are made first, until it has so many leaves.

    A node's split does not depend on when it is made, so the full tree holds it.
    """
    gained = gains(arrays)
    kept, left, right = [0], {}, {}
    heap = [(-gained[0], 0, 0)] if arrays.lefts[0] >= 0 else []
    n_leaves = 1
    while heap and n_leaves < max_leaf_nodes:
        _, new, node = heapq.heappop(heap)
        left[new], right[new] = len(kept), len(kept) + 1
        for child in (int(arrays.lefts[node]), int(arrays.rights[node])):
            if arrays.lefts[child] >= 0:
                heapq.heappush(heap, (-gained[child], len(kept), child))
            kept.append(child)
        n_leaves += 1
    chosen = np.array(kept)
    lefts = np.array([left.get(i, -1) for i in range(len(kept))], np.int32)
    rights = np.array([right.get(i, -1) for i in range(len(kept))], np.int32)
    part = arrays._replace(
        **{name: getattr(arrays, name)[chosen] for name in TreeArrays._fields if name != "depth"}
    )
    return part._replace(
        features=np.where(lefts >= 0, part.features, -1).astype(np.int32),
        thresholds=np.where(lefts >= 0, part.thresholds, -2.0),
        sides=np.where(lefts >= 0, part.sides, 0).astype(np.uint8),
        lefts=lefts,
        rights=rights,
        depth=len(levels_of(lefts, rights)) - 1,
    )


def importances(arrays: TreeArrays, n_features: int) -> Array:
    """Return the share of each feature in what all splits gain, as scikit-learn adds it up."""
    inner = arrays.lefts >= 0
    found: Array = np.bincount(arrays.features[inner], gains(arrays)[inner], n_features)
    found = found / arrays.weights[0]
    total = found.sum()
    return found / total if total > 0 else found


def parents_of(arrays: TreeArrays) -> Array:
    """Return the parent of each node, -1 for the root."""
    parents = np.full(len(arrays.features), -1, np.int64)
    inner = np.flatnonzero(arrays.lefts >= 0)
    parents[arrays.lefts[inner]] = parents[arrays.rights[inner]] = inner
    return parents


def paths(arrays: TreeArrays, leaves: Array) -> Any:
    """Return the nodes above each leaf of a list, and itself: (n, n_nodes) csr_matrix of 1."""
    n_nodes = len(arrays.features)
    parents = parents_of(arrays)
    used, which = np.unique(leaves, return_inverse=True)
    columns = [used.astype(np.int64)]
    while (columns[-1] > 0).any():
        above = columns[-1]
        columns.append(np.where(above > 0, parents[above], -1))
    table = np.column_stack(columns[::-1])[which]
    kept = table >= 0
    starts = np.concatenate(([0], np.cumsum(kept.sum(axis=1))))
    indices = table[kept]
    return csr_matrix((np.ones(len(indices), np.int64), indices, starts), (len(leaves), n_nodes))


def to_sklearn(arrays: TreeArrays, n_features: int, n_classes: int) -> Any:
    """Return the tree as scikit-learn's own.

    Parameters
    ----------
    n_classes : int, 1 for regression
    """
    from sklearn.tree._tree import Tree

    tree = Tree(n_features, np.array([n_classes], np.intp), 1)
    state = tree.__getstate__()
    nodes = np.zeros(len(arrays.features), state["nodes"].dtype)
    nodes["left_child"] = arrays.lefts
    nodes["right_child"] = arrays.rights
    nodes["feature"] = np.where(arrays.features >= 0, arrays.features, -2)
    nodes["threshold"] = arrays.thresholds
    nodes["impurity"] = arrays.impurities
    nodes["n_node_samples"] = arrays.rows
    nodes["weighted_n_node_samples"] = arrays.weights
    nodes["missing_go_to_left"] = arrays.sides
    state["max_depth"] = arrays.depth
    state["node_count"] = len(nodes)
    state["nodes"] = nodes
    state["values"] = np.ascontiguousarray(arrays.values[:, None, :])
    tree.__setstate__(state)
    return tree


def same(arrays: TreeArrays, tree: Any, nodes: Any = slice(None)) -> bool:
    """Say whether scikit-learn's tree decides and answers as the arrays do, at some nodes."""
    inner = arrays.features[nodes] >= 0
    return bool(
        np.array_equal(tree.children_left[nodes], arrays.lefts[nodes])
        and np.array_equal(tree.children_right[nodes], arrays.rights[nodes])
        and np.array_equal(tree.feature[nodes][inner], arrays.features[nodes][inner])
        and np.array_equal(tree.threshold[nodes], arrays.thresholds[nodes])
        and np.array_equal(tree.missing_go_to_left[nodes], arrays.sides[nodes])
        and np.array_equal(tree.value[nodes, 0, :], arrays.values[nodes], equal_nan=True)
    )


def from_sklearn(tree: Any) -> TreeArrays:
    """Return the arrays of scikit-learn's tree."""
    return TreeArrays(
        np.where(tree.children_left >= 0, tree.feature, -1).astype(np.int32),
        tree.children_left.astype(np.int32),
        tree.children_right.astype(np.int32),
        np.array(tree.threshold),
        np.array(tree.missing_go_to_left, np.uint8),
        np.array(tree.n_node_samples),
        np.array(tree.weighted_n_node_samples),
        np.array(tree.impurity),
        np.array(tree.value[:, 0, :]),
        int(tree.max_depth),
    )


def packed(tree: TreeArrays) -> dict[str, Any]:
    """Return a tree for a pickle: whole numbers in short types, nothing that follows."""
    state = tree._asdict()
    for name in ("features", "rows"):
        most = state[name].max()
        kind = next(kind for kind in "bhiq" if most <= np.iinfo(kind).max)
        state[name] = state[name].astype(kind)
    if np.array_equal(tree.lefts, _in_preorder(tree.rights)):
        state["lefts"] = None
    if np.array_equal(tree.weights, tree.rows):
        state["weights"] = None
    return state


def unpacked(state: dict[str, Any]) -> TreeArrays:
    """Return the tree of :func:`packed`."""
    rows = state["rows"].astype(np.int64)
    rights, lefts, weights = state["rights"], state["lefts"], state["weights"]
    return TreeArrays(**{
        **state,
        "features": state["features"].astype(np.int32),
        "rows": rows,
        "lefts": _in_preorder(rights) if lefts is None else lefts,
        "weights": rows.astype(np.float64) if weights is None else weights,
    })  # fmt: skip


def _in_preorder(rights: Array) -> Array:
    """Return the left children of a tree where each is next to its parent."""
    return np.where(rights >= 0, np.arange(1, len(rights) + 1), -1).astype(np.int32)
