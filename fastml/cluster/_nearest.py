"""Nearest centroid over whole matrices: prepares the centres, runs the team."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.cluster import centroid

#: Rows a ticket: enough work to outweigh taking it, few enough to share evenly.
_WORK_PER_TICKET = 400_000
#: So many rows are labelled sooner than centres are prepared.
_FEW_ROWS = 20
_NOTHING: dict[Any, Array] = {t: np.empty(0, t) for t in (np.float32, np.float64)}


class PreparedCenters(NamedTuple):
    """Centres moved near the origin and transposed, with their margin, as kernels take them."""

    centers: Array
    shift: Array
    moved: Array
    columns: Array
    half_norms: Array
    margin: Array

    @classmethod
    def of(cls, centers: Array) -> PreparedCenters:
        """Prepare C-contiguous ``centers`` (n_clusters, n_features) of float32 or float64."""
        k, d = centers.shape
        padded = padded_clusters(k)
        dtype = centers.dtype
        prepared = cls(
            centers,
            np.empty(d, dtype),
            np.zeros(padded * d, dtype),
            np.empty((d, k), dtype),
            np.full(padded, -np.inf, dtype),
            np.empty(5),
        )
        centroid.prepare_centers(*prepared)
        return prepared


@cache
def padded_clusters(n_clusters: int) -> int:
    """Return the centres of whole tiles, the last ones padding."""
    return int(centroid.padded_clusters(n_clusters))


def rows_per_ticket(n_features: int, n_clusters: int) -> int:
    """Return the rows of one ticket: a multiple of every panel height, by shape alone."""
    rows = _WORK_PER_TICKET // (n_features * (n_clusters + 8)) // 64 * 64
    return int(min(max(rows, 64), 8192))


def label(X: Array, centers: Array, distances: Array | None = None) -> Array | None:
    """Return the label of every row of X, or None if one holds NaN or infinity.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), of the centres' type; any strides
    centers : ndarray (n_clusters, n_features), C-contiguous
    distances : ndarray (n_samples,), written, or None
    """
    labels = np.empty(len(X), np.int32)
    if len(X) <= _FEW_ROWS and distances is None:
        decided = centroid.nearest_of_few(X, centers, labels)
    else:
        decided = assign(X, PreparedCenters.of(centers), labels, distances)
    return labels if decided >= 0 else None


def assign(
    X: Array, prepared: PreparedCenters, labels: Array, distances: Array | None = None
) -> int:
    """Label every row of X with its nearest centre.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), of the centres' type; any strides
    labels : ndarray (n_samples,) of int32, written
    distances : ndarray (n_samples,), written, or None

    Returns
    -------
    decided : int
        Rows decided in float64, or -1 if a row holds NaN or infinity (labels are then
        unspecified).
    """
    n_samples, n_features = X.shape
    n_clusters = len(prepared.centers)
    block_rows = rows_per_ticket(n_features, n_clusters)
    decisions = np.zeros(-(-n_samples // block_rows), np.int64)
    wanted = _NOTHING[X.dtype.type] if distances is None else distances
    nanoseconds = n_samples * n_features * (n_clusters + 8) / 30
    run_team(
        centroid.nearest_centroid,
        min(team_size(nanoseconds), len(decisions)),
        X, *prepared, block_rows, new_state(), labels, wanted, decisions,
    )  # fmt: skip
    return max(int(decisions.sum()), -1)
