"""A k-d tree of rows: made once, searched by many queries."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, all_finite, readable
from ..kernels.neighbors import kdtree, tree_radius, tree_search
from ..kernels.ops.top import NOBODY
from ._search import require_found

#: Levels of the tree whose cuts are tickets of their own, at most.
_SHARED_LEVELS = 6
#: Numbers of queries that are searched for at a time: their order is theirs alone.
_NUMBERS_AT_ONCE = 1 << 21
#: Up to so many queries are answered in the order they came, by the calling thread.
_FEW_QUERIES = 8


class Tree(NamedTuple):
    """Rows neighbours are looked for among: their own copy, and a tree of them.

    X : (n_samples, n_features), C-contiguous, finite
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
            If X is no finite matrix of float32 or float64 with at least one row and column.
        """
        good = X.ndim == 2 and min(X.shape) >= 1 and X.dtype in (np.float32, np.float64)
        if not good:
            raise ValueError(f"Expected a matrix of float32 or float64, got {X.shape}, {X.dtype}.")
        rows = np.array(X, dtype=X.dtype.newbyteorder("="), order="C")
        if not all_finite(rows.reshape(-1)):
            raise ValueError("X contains NaN or infinity.")
        n_samples, n_features = rows.shape
        levels = kdtree.levels_for(n_samples)
        shared = min(levels, _SHARED_LEVELS)
        n_leaves = 1 << levels
        packed = np.empty(n_leaves * n_features * kdtree.LEAF_ROWS, rows.dtype)
        numbers = np.empty(n_leaves * kdtree.LEAF_ROWS, np.int64)
        order, keys = np.arange(n_samples), np.empty(n_samples, rows.dtype)
        run_team(
            kdtree.build_tree,
            min(team_size(15.0 * n_samples * (levels + n_features)), 1 << shared),
            rows, levels, shared, new_state(), order, keys, packed, numbers,
        )  # fmt: skip
        *starts, n_nodes = kdtree.node_starts(levels)
        boxes = np.empty((n_nodes * n_features, 2, kdtree.CHILDREN))
        boxes[:, 0], boxes[:, 1] = np.inf, -np.inf
        least = np.full(n_nodes * kdtree.CHILDREN, NOBODY)
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
            If the queries or the number do not fit the tree, or a query holds NaN.
        """
        n_samples, n_features = self.X.shape
        if queries.ndim != 2 or queries.shape[1] != n_features:
            raise ValueError(f"Expected {n_features} features, got {queries.shape}.")
        if not 1 <= n_neighbors <= n_samples:
            raise ValueError(f"Expected 1 <= n_neighbors <= {n_samples}, got {n_neighbors}.")
        squares = np.empty((len(queries), n_neighbors))
        indices = np.empty((len(queries), n_neighbors), np.int64)
        if len(queries) <= _FEW_QUERIES:
            wide = readable(np.ascontiguousarray(queries, dtype=np.float64))
            if not tree_search.search_alone(wide, self._plain(), squares, indices):
                require_found(indices)
            return squares, indices
        step = max(1, _NUMBERS_AT_ONCE // n_features)
        for start in range(0, len(queries), step):
            rows = slice(start, start + step)
            wide = np.ascontiguousarray(queries[rows], dtype=np.float64)
            self._search(readable(wide), squares[rows], indices[rows])
        require_found(indices)
        return squares, indices

    def _plain(self) -> tuple[Array, ...]:
        """Return all but the rows as kernels take it."""
        return tuple([each if each.flags.carray else readable(each) for each in self[1:]])

    def _search(self, queries: Array, squares: Array, indices: Array) -> None:
        """Write the nearest rows of float64 queries."""
        n_queries, n_neighbors = indices.shape
        tree = self._plain()
        homes, order = np.empty(n_queries, np.int64), np.arange(n_queries)
        n_batches = -(-n_queries // tree_search.BATCH)
        run_team(
            tree_search.nearest_leaves, min(team_size(100.0 * n_queries), n_batches),
            queries, *tree[2:], new_state(), homes,
        )  # fmt: skip
        counts = np.zeros(len(self.numbers) // kdtree.LEAF_ROWS + 1, np.int64)
        tree_search.order_by_leaf(homes, counts, order)
        run_team(
            tree_search.search_tree,
            min(team_size(n_queries * (500.0 + 50.0 * n_neighbors)), n_batches),
            queries, order, homes, tree, new_state(), squares, indices,
        )  # fmt: skip

    def within(self, queries: Array, radii: Array, squared: bool) -> tuple[Array, Array, Array]:
        """Return all rows within radii of the queries, see :func:`._search.within`."""
        n_queries = len(queries)
        if queries.shape != (n_queries, self.X.shape[1]) or radii.shape != (n_queries,):
            raise ValueError(
                f"Expected {self.X.shape[1]} features, got {queries.shape}, {radii.shape}."
            )
        wide = np.array(queries, dtype=np.float64, order="C")  # read twice: see _search.within
        limits, tree = np.array(radii, dtype=np.float64), self._plain()
        members = min(team_size(1000.0 * n_queries), -(-n_queries // tree_search.BATCH))
        counts, starts = np.empty(n_queries, np.int64), np.zeros(n_queries + 1, np.int64)
        distances, indices = np.empty(0), np.empty(0, np.int64)
        run_team(
            tree_radius.tree_rows_within, members,
            wide, tree, limits, squared, indices, new_state(), counts, distances, indices,
        )  # fmt: skip
        np.cumsum(counts, out=starts[1:])
        distances, indices = np.empty(starts[-1]), np.empty(starts[-1], np.int64)
        run_team(
            tree_radius.tree_rows_within, members,
            wide, tree, limits, squared, starts[:-1].copy(), new_state(), counts, distances,
            indices,
        )  # fmt: skip
        # No number occurs twice, so any sort will do: by one key, a tenth of what lexsort takes.
        order = (np.repeat(np.arange(n_queries) * len(self.X), counts) + indices).argsort()
        return distances[order], indices[order], starts
