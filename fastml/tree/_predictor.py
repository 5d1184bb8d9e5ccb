"""Trees laid out for prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, readable
from ..kernels.tree.predict import TOGETHER, Compact, add_leaves

#: Elements of a sparse X that are made dense at a time.
_DENSE_BLOCK = 1 << 20
#: Nanoseconds a row takes for a level, on one thread.
_NANOSECONDS_A_LEVEL = 1.0
#: Rows a ticket: so many elements of X, whose keys a second cache holds, and rows times trees, so
#: that a ticket is short.
_LEAST_ROWS, _MOST_ROWS, _ELEMENTS, _ROWS_OF_TREES = 16, 512, 1 << 17, 1 << 19
#: The bits of a floating-point number as a whole one.
_BITS, _SIGNED = {"f": np.uint32, "d": np.uint64}, {"f": np.int32, "d": np.int64}
#: With so many features a level, keys are made of those alone that nodes ask for.
_MANY_FEATURES = 4
#: What nodes of one word have room for.
_SMALL_FEATURES, _SMALL_NODES = 1 << 8, 1 << 24


class Predictor:
    """Trees laid out for rows of one type.

    Parameters
    ----------
    trees : sequence of TreeArrays
    n_features : int
    dtype : float32 or float64
        Thresholds are rounded down to it, which decides every row of that type alike.

    Attributes
    ----------
    names : ndarray (n_nodes,) of int64
        The number of each node in pre-order, in its tree.
    tables : dict
        Whatever stands at the nodes, by name: for whoever uses the predictor.

    Raises
    ------
    ValueError
        If a node is not the child of one other, but for the first, which is nobody's.
    """

    __slots__ = (
        "_bits", "_depth", "_dtype", "_n_features", "_no_values", "_trees", "names", "tables",
    )  # fmt: skip

    def __init__(self, trees: Sequence[Any], n_features: int, dtype: Any) -> None:
        self._dtype = np.dtype(dtype)
        self._depth = sum(tree.depth + 1 for tree in trees)
        self._n_features = n_features
        self._bits = np.dtype(_BITS[self._dtype.char])
        self._no_values = np.empty(0, _SIGNED[self._dtype.char])
        if any(tree.features.max(initial=-1) >= n_features for tree in trees):
            raise ValueError(f"tree_ is no tree: it needs more than {n_features} features.")
        sizes = [len(tree.features) for tree in trees]
        small = self._dtype == np.float32 and n_features <= _SMALL_FEATURES
        small = small and max(sizes) <= _SMALL_NODES
        words = 1 if small else 2
        nodes = np.empty(words * sum(sizes), np.uint64)
        self.names = np.empty(sum(sizes), np.int64)
        missing_right = np.empty(sum(sizes), np.uint8)
        roots = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        for root, size, tree in zip(roots, sizes, trees, strict=True):
            part = slice(root, root + size)
            _lay_out(
                tree, self._dtype, nodes[words * root : words * (root + size)], self.names[part]
            )
            right = (tree.sides == 0) & (tree.features >= 0)
            missing_right[part] = right[self.names[part]]
        self._trees = Compact(
            nodes, nodes.view(np.uint8 if small else np.uint32), missing_right, roots,
            np.array([_usual_depth(tree) for tree in trees]),
        )  # fmt: skip
        self.tables: dict[str, Any] = {}

    def add(self, X: Array, table: Array, missing: bool) -> tuple[Array, bool]:
        """Return for each row the sum of what stands at its leaves.

        Parameters
        ----------
        X : ndarray (n_samples, n_features), at least one row
        table : ndarray (n_nodes,) or (n_nodes, width) of int64 or float64, contiguous
        missing : bool
            Whether X may hold NaN: else it goes anywhere.

        Returns
        -------
        sums : ndarray (n_samples,) or (n_samples, width)
        finite : bool
            Whether all numbers of X are finite.

        Raises
        ------
        ValueError
            If X has other features, or is of another type.
        """
        n, d = X.shape
        if X.dtype is not self._dtype:
            if X.dtype == self._dtype:
                X = X.view(self._dtype)  # the same type, another object
            elif X.dtype.newbyteorder("=") == self._dtype:
                X = X.astype(self._dtype)
        if d != self._n_features or X.dtype is not self._dtype:
            raise ValueError(
                f"X has {d} features of {X.dtype}, but the tree needs {self._n_features} of "
                f"{self._dtype}."
            )
        rows = X.flags.carray and type(X) is np.ndarray  # most are: nothing else to ask of them
        if not rows:
            rows = X.flags.c_contiguous
            if not rows and not X.flags.f_contiguous:
                X, rows = np.ascontiguousarray(X), True
            X = readable(X)
        flat = (X if rows else X.T).reshape(-1).view(self._bits)
        signed, height, n_blocks, members = self._no_values, n, 1, 1
        if n > TOGETHER:  # fewer go faster than their shares are counted
            if rows and not missing and d > _MANY_FEATURES * self._depth:
                signed = flat.view(signed.dtype)
            height = min(_MOST_ROWS, _ELEMENTS // d, _ROWS_OF_TREES // len(self._trees.roots))
            height = max(height, _LEAST_ROWS)
            n_blocks = -(-n // height)
            members = min(team_size(_NANOSECONDS_A_LEVEL * n * self._depth), n_blocks)
        finite = np.empty(n_blocks, np.bool_)
        if table.ndim == 1:
            values = table
            sums = out = np.empty(n, table.dtype)
        else:
            values, out = table.reshape(-1), np.empty((n, table.shape[1]), table.dtype)
            sums = out.reshape(-1)
        run_team(
            add_leaves, members, height, new_state(), *self._trees, values, flat, rows, signed,
            missing, finite, sums,
        )  # fmt: skip
        return out, bool(finite.all()) if n_blocks > 1 else finite.item(0)


def _usual_depth(tree: Any) -> int:
    """Return how many splits the rows a tree was grown from pass on average, or so: 1 at least."""
    passed = float(tree.rows[tree.features >= 0].sum()) / max(float(tree.rows[0]), 1.0)
    return int(min(max(passed, 1.0), tree.depth + 1.0))


def _keys_of(thresholds: Array, dtype: Any) -> Array:
    """Return thresholds, rounded down to the type of X, as the kernel reads its values.

    The zeros are one; nothing is below NaN, which somebody may have written into ``tree_``.
    """
    with np.errstate(over="ignore"):
        rounded = thresholds.astype(dtype)
    above = rounded > thresholds
    rounded[above] = np.nextafter(rounded[above], dtype.type(-np.inf))
    bits = (rounded + dtype.type(0)).view(_BITS[dtype.char])
    sign = bits.dtype.type(1 << (8 * dtype.itemsize - 1))
    keys: Array = np.where(bits & sign, ~bits, bits | sign)
    keys[np.isnan(rounded)] = 0
    return keys


def _lay_out(tree: Any, dtype: Any, nodes: Array, names: Array) -> None:
    """Write the nodes of one tree, siblings side by side."""
    count = len(tree.features)
    inner = np.flatnonzero(tree.features >= 0)
    children = np.concatenate((tree.lefts[inner], tree.rights[inner]))
    if not np.array_equal(np.sort(children), np.arange(1, count)):
        raise ValueError(f"tree_ is no tree: the children of its {count} nodes are not all others.")
    place = np.zeros(count, np.int64)
    place[tree.lefts[inner]] = 1 + 2 * np.arange(len(inner))
    place[tree.rights[inner]] = 2 + 2 * np.arange(len(inner))
    names[place] = np.arange(count)
    keys = _keys_of(tree.thresholds, dtype).astype(np.uint64)
    child = np.arange(count, dtype=np.uint64)
    child[place[inner]] = 1 + 2 * np.arange(len(inner))
    features = np.maximum(tree.features, 0).astype(np.uint64)[names]
    if len(nodes) == count:
        keys[tree.features < 0] = np.iinfo(np.uint32).max
        nodes[:] = keys[names] | features << 32 | child << 40
    else:
        keys[tree.features < 0] = np.iinfo(np.uint64).max
        nodes[::2], nodes[1::2] = keys[names], features | child << 32


def leaves_of(tree: Any, X: Array, missing: bool) -> Array:
    """Return the number of each row's leaf in a tree.

    Parameters
    ----------
    tree : TreeArrays
    X : ndarray (n_samples, n_features) of float32 or float64
    missing : bool, whether X may hold NaN

    Returns
    -------
    leaves : ndarray (n_samples,) of int64
    """
    predictor = Predictor([tree], X.shape[1], X.dtype.type)
    return predictor.add(X, predictor.names, missing)[0]


def looked_up(predictor: Predictor, X: Any, table: Array, missing: bool) -> tuple[Array, bool]:
    """Return what stands at each row's leaves, and whether all numbers of X are finite.

    As :meth:`Predictor.add`; X may be a sparse matrix, which is made dense block by block.
    """
    if type(X) is np.ndarray or not issparse(X):  # the first saves one row a call
        return predictor.add(X, table, missing)
    height = max(_DENSE_BLOCK // X.shape[1], 1)
    pieces = [
        predictor.add(X[start : start + height].toarray(), table, missing)
        for start in range(0, X.shape[0], height)
    ]
    return np.concatenate([piece[0] for piece in pieces]), all(piece[1] for piece in pieces)
