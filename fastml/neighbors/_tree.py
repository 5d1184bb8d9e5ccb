"""A k-d tree of rows: made once, searched by many queries."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, readable
from ..kernels.neighbors import kdtree, tree_search

#: Levels of the tree whose cuts are tickets of their own, at most.
_SHARED_LEVELS = 6
#: Up to so many queries are answered in the order they came.
_FEW_QUERIES = 8


class Tree(NamedTuple):
    """Rows neighbours are looked for among: their own copy, and a tree of them.

    X : (n_samples, n_features), C-contiguous, finite; not writable
    packed, numbers : see ``kernels.neighbors.kdtree.Leaves``
    boxes, least, starts : see ``kernels.neighbors.kdtree.Nodes``
    """

    X: Array
    packed: Array
    numbers: Array
    boxes: Array
    least: Array
    starts: Array

    @classmethod
    def of(cls, X: Array) -> Self:
        """Copy rows of float32 or float64 and make their tree.

        Raises
        ------
        ValueError
            If X is no matrix of float32 or float64 with at least one row and column.
        """
        good = X.ndim == 2 and min(X.shape) >= 1 and X.dtype in (np.float32, np.float64)
        if not good:
            raise ValueError(f"Expected a matrix of float32 or float64, got {X.shape}, {X.dtype}.")
        rows = np.array(X, dtype=X.dtype.newbyteorder("="), order="C")
        n_samples, n_features = rows.shape
        levels = kdtree.levels_for(n_samples)
        shared = min(levels, _SHARED_LEVELS)
        n_leaves = 1 << levels
        packed = np.empty(n_leaves * n_features * kdtree.LEAF_ROWS, rows.dtype)
        numbers = np.empty(n_leaves * kdtree.LEAF_ROWS, np.int64)
        run_team(
            kdtree.build_tree, min(team_size(15.0 * n_samples * (levels + n_features)), 1 << shared),
            rows, levels, shared, new_state(), np.arange(n_samples), np.empty(n_samples, rows.dtype),
            packed, numbers,
        )  # fmt: skip
        *starts, n_nodes = kdtree.node_starts(levels)
        boxes = np.empty((n_nodes * n_features, 2, kdtree.CHILDREN))
        boxes[:, 0], boxes[:, 1] = np.inf, -np.inf
        least = np.full(n_nodes * kdtree.CHILDREN, kdtree.NOBODY)
        found = cls(rows, packed, numbers, boxes.reshape(-1), least, np.array(starts))
        kdtree.find_boxes(n_features, *found[1:])
        return found

    def nearest(self, queries: Array, n_neighbors: int) -> tuple[Array, Array]:
        """Return the squared distances and the numbers of the nearest rows of every query.

        Parameters
        ----------
        queries : ndarray (n_queries, n_features), finite
            The rows whose neighbours are wanted.
        n_neighbors : int
            From 1 to the number of rows.

        Returns
        -------
        squares : ndarray (n_queries, n_neighbors) of float64
        indices : ndarray (n_queries, n_neighbors) of int64

        Raises
        ------
        ValueError
            If the queries or the number do not fit the tree.
        """
        n_samples, n_features = self.X.shape
        if queries.ndim != 2 or queries.shape[1] != n_features:
            raise ValueError(f"Expected {n_features} features, got {queries.shape}.")
        if not 1 <= n_neighbors <= n_samples:
            raise ValueError(f"Expected 1 <= n_neighbors <= {n_samples}, got {n_neighbors}.")
        wide = readable(np.ascontiguousarray(queries, dtype=np.float64))
        n_queries = len(wide)
        leaves, nodes = tuple(map(readable, self[1:3])), tuple(map(readable, self[3:]))
        homes, order = np.empty(n_queries, np.int64), np.arange(n_queries)
        n_batches = -(-n_queries // tree_search.BATCH)
        run_team(
            tree_search.nearest_leaves, min(team_size(100.0 * n_queries), n_batches),
            wide, *nodes, new_state(), homes,
        )  # fmt: skip
        if n_queries > _FEW_QUERIES:
            counts = np.zeros(len(self.numbers) // kdtree.LEAF_ROWS + 1, np.int64)
            tree_search.order_by_leaf(homes, counts, order)
        squares = np.empty((n_queries, n_neighbors))
        indices = np.empty((n_queries, n_neighbors), np.int64)
        run_team(
            tree_search.search_tree,
            min(team_size(n_queries * (500.0 + 50.0 * n_neighbors)), n_batches),
            wide, order, homes, *leaves, *nodes, new_state(), squares, indices,
        )  # fmt: skip
        return squares, indices
