"""The plane that rows of many features are drawn on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.validation import Array

#: Rows that say which plane; more would only say it again.
_MOST_ROWS = 20_000


def plane_of(
    X: Array, columns: Sequence[Any] | None, names: Sequence[str] | None
) -> tuple[Array | None, Sequence[str]]:
    """Return what rows are multiplied with to be drawn, and what the axes are called.

    Parameters
    ----------
    X : ndarray (n_samples, n_features)
    columns : sequence of two int or str, or None
        The features to draw; None for both, or the two directions in which X varies most.
    names : sequence of str, or None
        The names of all features.

    Returns
    -------
    plane : ndarray (n_features, 2), or None where X is drawn as it is
    names : sequence of two str

    Raises
    ------
    ValueError
        If there are no such columns.
    """
    n_features = X.shape[1]
    if columns is None and n_features == 2:
        return None, names if names is not None else ("feature 0", "feature 1")
    if columns is None:
        rows = X[:: -(-len(X) // _MOST_ROWS)].astype(np.float64)
        _, _, directions = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
        if len(directions) < 2:
            raise ValueError(f"X must have 2 features and 2 rows at least, got {X.shape} instead.")
        largest = np.abs(directions[:2]).argmax(axis=1)
        signs = np.sign(directions[np.arange(2), largest])
        return (directions[:2] * signs[:, np.newaxis]).T, ("1st component", "2nd component")
    listed = [] if names is None else list(names)
    if len(columns) != 2:
        raise ValueError(f"columns must be two, got {len(columns)} instead.")
    numbers = [listed.index(c) if c in listed else c for c in columns]
    if not all(isinstance(i, int | np.integer) and 0 <= i < n_features for i in numbers):
        raise ValueError(f"X has no columns {list(columns)}: it has {listed or n_features}.")
    found = [listed[i] if listed else f"feature {i}" for i in numbers]
    return np.eye(n_features)[:, numbers], found
