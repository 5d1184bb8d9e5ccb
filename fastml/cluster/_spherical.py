"""Rows of unit length, which spherical k-means clusters."""

from __future__ import annotations

import numpy as np

from ..core.validation import Array


def unit_rows(X: Array) -> Array:
    """Return a copy of X whose rows have unit length; those of no length to speak of stay.

    The same bits as scikit-learn's ``normalize``, without its checks of arrays that are checked.
    """
    units = X.copy(order="K")
    to_unit_length(units)
    return units


def to_unit_length(X: Array) -> None:
    """Do what :func:`unit_rows` does in place."""
    lengths = np.sqrt(np.einsum("ij,ij->i", X, X))
    lengths[lengths < 10 * np.finfo(X.dtype).eps] = 1
    X /= lengths[:, np.newaxis]
