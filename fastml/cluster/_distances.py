"""The distances of rows to all centres."""

from __future__ import annotations

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.cluster import distances
from ..kernels.tile import COLUMNS
from ._bundles import check_array, check_samples, padded_clusters
from ._nearest import rows_per_ticket


def packed_centers(points: Array) -> Array:
    """Return centres tile by tile, those of a tile side by side; zeros where they pad."""
    k, d = points.shape
    whole = k // COLUMNS * COLUMNS
    packed = np.zeros(padded_clusters(k) * d, points.dtype)
    packed[: whole * d] = points[:whole].reshape(-1, COLUMNS, d).transpose(0, 2, 1).reshape(-1)
    packed[whole * d :].reshape(d, -1)[:, : k - whole] = points[whole:].T
    return packed


def distances_to(X: Array, points: Array, *, cosine: bool = False) -> Array:
    """Return the distance of every row to every centre.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), of the centres' type; any strides
    points : ndarray (n_clusters, n_features), C-contiguous: the centres
    cosine : bool, default=False
        1 - cosine rather than Euclidean; rows and centres are then of unit length, or zero.

    Returns
    -------
    distances : ndarray (n_samples, n_clusters) of X's type
    """
    check_samples(X, points.shape[1], points.dtype)
    check_array("centers", points, points.shape, X.dtype)
    (n_samples, n_features), n_clusters = X.shape, len(points)
    found = np.empty((n_samples, n_clusters), X.dtype)
    rows = rows_per_ticket(n_features, n_clusters)
    nanoseconds = n_samples * (n_features + 8) * (n_clusters + 8) / 20
    run_team(
        distances.all_distances,
        min(team_size(nanoseconds), -(-n_samples // rows)),
        X, points, packed_centers(points), cosine, rows, new_state(), found.reshape(-1),
    )  # fmt: skip
    if cosine:  # of no direction: as far from every other as a right angle
        found[~X.any(axis=1)] = 1
        found[:, ~points.any(axis=1)] = 1
    return found
