"""Nearest centroid over whole matrices, and distances to the centres."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.passes import tree_sum
from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.cluster import assigned, line, nearest
from ..kernels.cluster.centers import Centers
from ._bundles import check_array, check_samples, pitch_for, prepared_centers

#: Work of a ticket: enough to outweigh taking it, little enough to share evenly.
_WORK_PER_TICKET = 400_000
#: So many rows, or rows times centres times features, of which there are four more for what a
#: comparison takes besides, take less than preparing the centres.
_FEW_ROWS, _LITTLE_WORK = 3, 8_000
#: The same where the centres have been prepared before.
_LITTLE_WHERE_PREPARED = 5_000
#: Work of less nanoseconds is nobody's but the calling thread's: no tickets, nothing to share.
_ALONE = 50_000
#: Centres of more bytes are prepared anew for every call, which then takes longer by far; and they
#: are not transposed before some rows are decided again: for a few hundred rows that would take up
#: to a fifth of the call.
_BYTES_PREPARED = 1 << 18
#: So few tickets are cut into halves, or members would end at different times.
_FEW_TICKETS = 16
#: Centres of one feature from where on a search is faster than comparing all.
_CENTERS_ON_LINE = 256
#: Numbers of a block of distances that are added one by one.
_NUMBERS_A_BLOCK = 100_000
_NOTHING: dict[Any, Array] = {t: np.empty(0, t) for t in (np.float32, np.float64)}
_UNWANTED = np.empty(0)


def rows_per_ticket(n_samples: int, n_features: int, n_clusters: int) -> int:
    """Return the rows of one ticket: a multiple of every panel height, by shape alone."""
    rows = _WORK_PER_TICKET // (n_features * (n_clusters + 8)) // 64 * 64
    least = 64 if n_samples > _FEW_TICKETS * 64 else 32
    return int(min(max(rows, least), 8192))


class PreparedCenters:
    """What follows from some centres, kept from one call to the next, unless they were edited.

    Parameters
    ----------
    points : ndarray (n_clusters, n_features), C-contiguous
        Their owner may edit them in place at any time: what was made of them is used again only
        where every bit of them is as it was.
    """

    def __init__(self, points: Array) -> None:
        self._points = points
        self._small = points.nbytes <= _BYTES_PREPARED
        #: By whether the features of the rows are back to back: the bytes, and what was made.
        self._made: dict[bool, tuple[bytes, Centers]] = {}

    def __bool__(self) -> bool:
        return bool(self._made)

    def for_rows(self, X: Array) -> Centers:
        """Return the centres as kernels take them beside these rows."""
        if not self._small:
            return _prepared_for(self._points, X)
        back_to_back = X.strides[1] == X.itemsize
        content = self._points.tobytes()
        found = self._made.get(back_to_back)
        if found is not None and found[0] == content:
            return found[1]
        centers = prepared_centers(self._points.copy(), X)
        self._made[back_to_back] = centers.points.tobytes(), centers
        return centers


def _prepared_for(points: Array, X: Array) -> Centers:
    """Return centres prepared for these rows alone."""
    return prepared_centers(points, X, transposed=points.nbytes <= _BYTES_PREPARED)


def nearest_labels(
    X: Array,
    points: Array,
    distances: Array | None = None,
    prepared: PreparedCenters | None = None,
) -> Array | None:
    """Return the label of every row of X, or None if one holds NaN or infinity.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), of the centres' type; any strides
    points : ndarray (n_clusters, n_features), C-contiguous: the centres
    distances : ndarray (n_samples,), written, or None
    prepared : PreparedCenters, of the same centres, or None
    """
    labels = np.empty(len(X), np.int32)
    little = len(X) <= _FEW_ROWS or (X.size + 4 * len(X)) * len(points) <= (
        _LITTLE_WHERE_PREPARED if prepared else _LITTLE_WORK
    )
    if little and distances is None:
        if X.shape[1] != points.shape[1]:
            raise ValueError(f"X has shape {X.shape}, expected (n_samples, {points.shape[1]}).")
        decided = nearest.nearest_of_few(X, points, labels)
    elif distances is None and _nanoseconds(X, len(points)) < _ALONE:
        decided = _label_alone(X, points, labels, prepared)
    else:
        decided = write_labels(X, points, labels, distances, prepared=prepared)
    return labels if decided >= 0 else None


def _nanoseconds(X: Array, n_clusters: int) -> float:
    """Return about how long labelling rows takes on one thread."""
    return X.size * X.itemsize * (n_clusters + 8) / 120


def _label_alone(X: Array, points: Array, labels: Array, prepared: PreparedCenters | None) -> int:
    """Label rows on the calling thread, as :func:`write_labels` does on some."""
    check_samples(X, points.shape[1], points.dtype)
    check_array("centers", points, points.shape, X.dtype)
    if prepared is not None:
        return int(nearest.label_alone(X, tuple(prepared.for_rows(X)), labels))
    return int(nearest.label_by_points(X, points, pitch_for(points, X), labels))


def write_labels(
    X: Array,
    points: Array,
    labels: Array,
    distances: Array | None = None,
    centers: Centers | None = None,
    prepared: PreparedCenters | None = None,
) -> int:
    """Label every row of X with its nearest centre.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), of the centres' type; any strides
    points : ndarray (n_clusters, n_features), C-contiguous: the centres
    labels : ndarray (n_samples,) of int32, written
    distances : ndarray (n_samples,), written, or None
    centers : Centers, packed, of these points; prepared here by default
    prepared : PreparedCenters, of these points, or None

    Returns
    -------
    decided : int
        Rows decided in float64, or -1 if a row holds NaN or infinity (labels are then
        unspecified).
    """
    check_samples(X, points.shape[1], points.dtype)
    check_array("labels", labels, (len(X),), np.int32)
    n_samples, n_features = X.shape
    n_clusters = len(points)
    rows = rows_per_ticket(n_samples, n_features, n_clusters)
    decisions = np.zeros(-(-n_samples // rows), np.int64)
    wanted = _NOTHING[X.dtype.type] if distances is None else distances
    if n_features == 1 and n_clusters >= _CENTERS_ON_LINE:
        return _write_labels_on_line(X, points, rows, labels, wanted, decisions)
    if centers is None:
        centers = prepared.for_rows(X) if prepared is not None else _prepared_for(points, X)
    nanoseconds = _nanoseconds(X, n_clusters)
    run_team(
        nearest.nearest_centroid,
        min(team_size(nanoseconds), len(decisions)),
        X, centers, rows, new_state(), labels, wanted, decisions,
    )  # fmt: skip
    return _sum_of(decisions)


def _write_labels_on_line(
    X: Array, points: Array, rows: int, labels: Array, distances: Array, decisions: Array
) -> int:
    """Label rows of one feature, as :func:`write_labels` does."""
    check_array("centers", points, points.shape, X.dtype)
    values, first = np.unique(points[:, 0].astype(np.float64), return_index=True)
    run_team(
        line.nearest_on_line,
        min(team_size(len(X) * (10 + 2 * len(points).bit_length())), len(decisions)),
        X, points, values, first.astype(np.int32), rows, new_state(), labels, distances, decisions,
    )  # fmt: skip
    return _sum_of(decisions)


def _sum_of(decisions: Array) -> int:
    """Return how many rows were decided in float64, or -1 if a row was not finite."""
    of_tickets: list[int] = decisions.tolist()  # sooner added than NumPy begins to
    return max(sum(of_tickets), -1)


def _measure(X: Array, points: Array, labels: Array, weights: Array, distances: Array) -> Array:
    """Write squared distances unless there is no room for them; return the blocks' inertias."""
    check_samples(X, points.shape[1], points.dtype)
    check_array("labels", labels, (len(X),), np.int32)
    if weights.size:
        check_array("sample_weight", weights, (len(X),), np.float64)
    n_samples, n_features = X.shape
    rows = rows_measured(n_features)
    inertias = np.empty(-(-n_samples // rows))
    run_team(
        assigned.squared_distances,
        min(team_size(n_samples * n_features), len(inertias)),
        X, weights, points, labels, rows, new_state(), distances, inertias,
    )  # fmt: skip
    if -np.inf in inertias.tolist():
        raise ValueError(f"labels must be from 0 to {len(points) - 1}.")
    return inertias


def rows_measured(n_features: int) -> int:
    """Return the rows of a block of distances that are added one by one."""
    return max(64, _NUMBERS_A_BLOCK // n_features)


def measured(X: Array, points: Array, labels: Array, sample_weight: Array) -> Array:
    """Return the blocks' inertias, see :func:`weighted_inertia`."""
    return _measure(X, points, labels, sample_weight, _UNWANTED)


def squared_distances(X: Array, points: Array, labels: Array) -> Array:
    """Return every row's squared distance to the centre it is labelled with, in float64."""
    distances = np.empty(len(X))
    _measure(X, points, labels, _UNWANTED, distances)
    return distances


def weighted_inertia(X: Array, points: Array, labels: Array, sample_weight: Array) -> float:
    """Return the weighted sum of all rows' squared distances to their centres.

    Parameters
    ----------
    sample_weight : ndarray (n_samples,) of float64, or (0,) for weights of one
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return float(tree_sum(_measure(X, points, labels, sample_weight, _UNWANTED)))
