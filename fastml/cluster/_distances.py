"""The distances of rows to all centres."""

from __future__ import annotations

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.cluster import distances
from ._bundles import check_array, check_samples
from ._nearest import rows_per_ticket

#: Nanoseconds of work that is sooner done than a team is called.
_LITTLE_WORK = 20_000


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
    nanoseconds = n_samples * (n_features + 8) * (n_clusters + 8) / 20
    if nanoseconds < _LITTLE_WORK:
        distances.distances_of_few(X, points, cosine, found.reshape(-1))
    else:
        rows = rows_per_ticket(n_samples, n_features, n_clusters)
        run_team(
            distances.all_distances,
            min(team_size(nanoseconds), -(-n_samples // rows)),
            X, points, distances.pack_points(points), cosine, rows, new_state(), found.reshape(-1),
        )  # fmt: skip
    if cosine:  # of no direction: as far from every other as a right angle
        found[~X.any(axis=1)] = 1
        found[:, ~points.any(axis=1)] = 1
    return found
