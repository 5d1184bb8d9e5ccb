"""Trees laid out for prediction."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, readable
from ..kernels.tree.predict import BLOCK_ROWS, Compact

_NANOSECONDS_A_LEVEL = 2.0


class Predictor(NamedTuple):
    """A compact tree, and what its nodes are called outside.

    compact : Compact
    names : ndarray (n_nodes,) of intp, the number of each node in pre-order
    depth : int
    n_features : int, how many features its splits need
    """

    compact: Compact
    names: Array
    depth: int
    n_features: int

    def leaves(self, X: Array, missing: bool) -> Array:
        """Return the compact number of the leaf of each row.

        Parameters
        ----------
        X : ndarray (n_samples, n_features), of the type the tree was laid out for
        missing : bool, whether X may hold NaN

        Raises
        ------
        ValueError
            If X has too few features, or is of another type.
        """
        n, d = X.shape
        if not X.dtype.isnative:
            X = X.astype(X.dtype.newbyteorder("="))
        if d < self.n_features or X.dtype != self.compact.thresholds.dtype:
            raise ValueError(
                f"X has {d} features of {X.dtype}, but the tree needs {self.n_features} of "
                f"{self.compact.thresholds.dtype}."
            )
        if not X.flags.c_contiguous and not X.flags.f_contiguous:
            X = np.ascontiguousarray(X)
        X = readable(X)
        rows = X.flags.c_contiguous
        flat = (X if rows else X.T).reshape(-1)
        steps = (d, 1) if rows else (1, n)
        out = np.empty(n, np.int32)
        from ..kernels.tree.predict import find_leaves

        members = min(
            team_size(_NANOSECONDS_A_LEVEL * n * (self.depth + 1)), -(-n // BLOCK_ROWS) or 1
        )
        run_team(find_leaves, members, new_state(), self.compact, flat, *steps, missing, out)
        return out


def make_predictor(arrays: Any, dtype: Any) -> Predictor:
    """Lay a tree out for rows of one type.

    Parameters
    ----------
    arrays : TreeArrays
    dtype : float32 or float64
        A threshold is rounded down to it, which decides every row of that type alike.

    Raises
    ------
    ValueError
        If a node is not the child of one other, but for the first, which is nobody's.
    """
    count = len(arrays.features)
    inner = np.flatnonzero(arrays.features >= 0)
    children = np.concatenate((arrays.lefts[inner], arrays.rights[inner]))
    if not np.array_equal(np.sort(children), np.arange(1, count)):
        raise ValueError(f"tree_ is no tree: the children of its {count} nodes are not all others.")
    place = np.zeros(count, np.int64)
    place[arrays.lefts[inner]] = 1 + 2 * np.arange(len(inner))
    place[arrays.rights[inner]] = 2 + 2 * np.arange(len(inner))
    names = np.empty(count, np.intp)
    names[place] = np.arange(count)
    with np.errstate(over="ignore"):
        thresholds = arrays.thresholds.astype(dtype)
    above = thresholds > arrays.thresholds
    thresholds[above] = np.nextafter(thresholds[above], dtype(-np.inf))
    leaves = arrays.features < 0
    thresholds[leaves] = np.inf
    children = np.arange(count, dtype=np.int32)
    children[place[inner]] = 1 + 2 * np.arange(len(inner))
    compact = Compact(
        thresholds[names],
        np.maximum(arrays.features, 0)[names].astype(np.int32),
        children,
        ((arrays.sides == 0) & ~leaves)[names].astype(np.uint8),
    )
    return Predictor(compact, names, arrays.depth, int(arrays.features.max(initial=-1)) + 1)
