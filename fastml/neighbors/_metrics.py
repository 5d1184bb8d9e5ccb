"""Metrics, and which search answers for which rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..core.validation import Array, all_finite
from ..reference.neighbors import unit_rows
from ._search import Base, nearest_of_any_type, within
from ._tree import Tree

#: Rows from which a tree is faster than brute force, for each number of features: measured with
#: normal rows, 10,000 queries and k = 5.  More features than these, and it never is.
_ROWS_FOR_A_TREE = {1: 256, 2: 256, 3: 256, 4: 512, 5: 1_000, 6: 2_000, 7: 20_000, 8: 100_000}
#: A tree takes as long to make as brute force to answer so many queries.
_QUERIES_FOR_A_TREE = 3_000
#: Names of the Manhattan distance.
MANHATTAN = ("manhattan", "l1", "cityblock")
#: Numbers of unit vectors that are made at a time.
_NUMBERS_AT_ONCE = 1 << 20


def tree_pays(n_samples: int, n_features: int, n_queries: int | None = None) -> bool:
    """Say whether a k-d tree is faster than brute force.

    Parameters
    ----------
    n_samples, n_features : int
        The rows.
    n_queries : int, default=None
        How many queries there will be before the tree is thrown away; many by default.
    """
    few = n_queries is not None and n_queries < _QUERIES_FOR_A_TREE
    return not few and n_samples >= _ROWS_FOR_A_TREE.get(n_features, np.inf)


def prepare(X: Array, metric: str, algorithm: str, n_queries: int | None = None) -> Metric:
    """Copy rows and make what a search needs.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of float32 or float64, finite
    metric : {'euclidean', 'l2', 'sqeuclidean', 'cosine', 'manhattan', 'l1', 'cityblock'}
        Manhattan distances by brute force only.
    algorithm : {'auto', 'brute', 'kd_tree'}
    n_queries : int, default=None
        How many queries there will be before all is thrown away; many by default.
    """
    tree = algorithm == "kd_tree" or (algorithm == "auto" and tree_pays(*X.shape))
    # Where finite numbers were assumed and are not there, brute force says so.
    tree = tree and all_finite(np.ascontiguousarray(X).reshape(-1))
    if metric in MANHATTAN:
        return Minkowski(Base.of(X, sizes=True), True)
    if metric != "cosine":
        rows = Tree.of(X) if tree else Base.of(X, n_queries=n_queries)
        return Minkowski(rows, metric == "sqeuclidean")
    units = unit_rows(X)
    there = units.any(axis=1)
    others = np.flatnonzero(there)
    kept = units if there.all() else units[others]
    found = None
    if len(kept):
        found = Tree.of(kept) if tree else Base.of(kept, X.dtype)
    return Cosine(np.array(X, order="C"), found, others, np.flatnonzero(~there))


class Minkowski(NamedTuple):
    """The Euclidean distance, its square, or the Manhattan distance.

    rows : Base or Tree
    squared : bool, whether distances are sums as they are, no roots
    """

    rows: Base | Tree
    squared: bool

    @property
    def X(self) -> Array:  # noqa: N802
        """The rows as they are."""
        return self.rows.X

    def nearest(self, queries: Array, n_neighbors: int) -> tuple[Array, Array]:
        """Return the distances and the numbers of the nearest rows, see :func:`_nearest`."""
        squares, indices = _nearest(self.rows, queries, n_neighbors)
        if not self.squared:
            np.sqrt(squares, squares)
        return squares, indices

    def within(self, queries: Array, radii: Array) -> tuple[Array, Array, Array]:
        """Return all rows within radii, see :func:`._search.within`."""
        return _within(self.rows, queries, radii, self.squared)


class Cosine(NamedTuple):
    """One less the cosine: half the squared distance of the unit vectors.

    A vector of zeros has no direction: it is at distance 1 from everything.

    X : the rows as they are
    rows : Base or Tree of the unit vectors of all rows but those of zeros; None where there is none
    others, zeros : (n,) int64, the numbers of these rows, and of the rows of zeros
    """

    X: Array
    rows: Base | Tree | None
    others: Array
    zeros: Array

    def nearest(self, queries: Array, n_neighbors: int) -> tuple[Array, Array]:
        """Return the distances and the numbers of the nearest rows, see :func:`_nearest`."""
        distances = np.ones((len(queries), n_neighbors))
        indices = np.tile(np.arange(n_neighbors), (len(queries), 1))
        for start, units, there in self._units(queries):
            if self.rows is not None and len(there):
                at = start + there
                distances[at], indices[at] = self._of_units(units, n_neighbors)
        return distances, indices

    def within(self, queries: Array, radii: Array) -> tuple[Array, Array, Array]:
        """Return all rows within radii, see :func:`._search.within`."""
        n_samples = len(self.X)
        found: list[tuple[Array, Array]] = [(np.empty(0), np.empty(0, np.int64))] * len(queries)
        for i in np.flatnonzero(radii >= 1.0):
            found[i] = (np.ones(n_samples), np.arange(n_samples))
        for start, units, there in self._units(queries):
            if self.rows is None or not len(there):
                continue
            limits = radii[start + there]
            limits = np.where(limits >= 2.0, np.inf, 2.0 * limits)
            squares, indices, starts = _within(self.rows, units, limits, True)
            distances = np.minimum(0.5 * squares, 2.0)
            for k, i in enumerate(start + there):
                part = slice(starts[k], starts[k + 1])
                near, rows = distances[part], self.others[indices[part]]
                if radii[i] >= 1.0 and len(self.zeros):
                    near = np.append(near, np.ones(len(self.zeros)))
                    rows = np.append(rows, self.zeros)
                    order = np.argsort(rows)
                    near, rows = near[order], rows[order]
                found[i] = (near, rows)
        starts = np.zeros(len(queries) + 1, np.int64)
        np.cumsum([len(rows) for _, rows in found], out=starts[1:])
        empty = [(np.empty(0), np.empty(0, np.int64))]
        distances, indices = map(np.concatenate, zip(*(found or empty), strict=True))
        return distances, indices, starts

    def _units(self, queries: Array) -> Iterator[tuple[int, Array, Array]]:
        """Yield some queries at a time: the first, the unit vectors, and which ones they are of."""
        step = max(1, _NUMBERS_AT_ONCE // queries.shape[1])
        for start in range(0, len(queries), step):
            units = unit_rows(queries[start : start + step])
            there = np.flatnonzero(units.any(axis=1))
            yield start, units[there], there

    def _of_units(self, units: Array, n_neighbors: int) -> tuple[Array, Array]:
        """Return the nearest rows of queries that have a direction."""
        assert self.rows is not None
        squares, found = _nearest(self.rows, units, min(n_neighbors, len(self.others)))
        indices = self.others[found]
        if len(self.zeros):
            zeros = np.tile(self.zeros[:n_neighbors], (len(units), 1))
            squares = np.hstack([squares, np.full(zeros.shape, 2.0)])
            indices = np.hstack([indices, zeros])
            order = np.lexsort((indices, squares))[:, :n_neighbors]
            squares = np.take_along_axis(squares, order, axis=1)
            indices = np.take_along_axis(indices, order, axis=1)
        return np.minimum(0.5 * squares, 2.0), indices


Metric = Minkowski | Cosine


def rows_to_read(search: Metric) -> Array:
    """Return the rows of a search as others may have them: nobody writes to what it looks among.

    Its own arrays stay as kernels take them, which no call need ask for again.
    """
    rows = search.X.view()
    rows.flags.writeable = False
    return rows


def _nearest(rows: Base | Tree, queries: Array, n_neighbors: int) -> tuple[Array, Array]:
    """Return the squared distances and the numbers of the nearest rows of every query."""
    if isinstance(rows, Tree):
        return rows.nearest(queries, n_neighbors)
    return nearest_of_any_type(rows, queries, n_neighbors)


def _within(
    rows: Base | Tree, queries: Array, radii: Array, squared: bool
) -> tuple[Array, Array, Array]:
    """Return all rows within radii of the queries, see :func:`._search.within`."""
    if isinstance(rows, Tree):
        return rows.within(queries, radii, squared)
    return within(rows, queries, radii, squared)
