"""The bundles of arrays that kernels of k-means take, each made and checked in one place.

Kernels have no bounds checks.  So what they are handed is checked here, once per bundle and in
constant time per array: shapes against each other, types, byte order, contiguity, alignment.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.cluster import centers as centers_kernels
from ..kernels.cluster import scores
from ..kernels.cluster.centers import Centers
from ..kernels.cluster.gains import Plan, Rows, Sums
from ..kernels.cluster.lloyd import Moves
from ..kernels.cluster.screen import ALWAYS_PASSED, NEVER_PASSED, Screen, padded_points
from ..kernels.cluster.weighing import Draw, Samples
from ..kernels.machine.host import host
from ..kernels.ops.certify import MARGIN_SIZE
from ..kernels.ops.sums import levels_for, tree_size
from ..kernels.tile import VECTORS, lanes_of

#: Work of a reduction block: enough to outweigh taking a ticket, little enough to share evenly.
_WORK_PER_BLOCK = 400_000
#: Rows of a block per cluster: its sums stay below the rows in size.
_ROWS_PER_CLUSTER = 8
_FEWEST_ROWS, _MOST_ROWS = 2048, 8192
#: Blocks are scored together until they have so many rows.
_CHUNK_ROWS = 8192
#: More tickets than this would carry more sums than they share work.
_MOST_TICKETS = 256
#: Bytes of packed rows that seeding keeps from one centre to the next.
_KEPT_BYTES = 1 << 28
#: Features, centres and rows from where on screening rows by their bytes pays: while centres are
#: few, most rows have to be looked at all the same.
_FEATURES_SCREENED, _CENTERS_SCREENED, _ROWS_SCREENED = 24, 96, 1024
#: How many features at most, for products of bytes that fit into 32 bits, and bytes in all.
_FEATURES_IN_BYTES, _SCREEN_BYTES = 1 << 15, 1 << 30
#: Rows whose spread bytes are chosen for, how many times the mean deviation they reach, and the
#: least step, above which no square underflows.
_ROWS_OF_SPREAD, _SPREADS, _LEAST_STEP = 1024, 4.0, 2.0**-40
#: Centres prepared together, whole panels and tiles of them, and at least so many numbers; and
#: about how long one takes on one thread.
_CENTERS_A_TICKET, _NUMBERS_PREPARED, _NANOSECONDS_PREPARED = 96, 100_000, 1.0
#: Clusters of one ticket move about this many numbers.
_NUMBERS_A_GROUP = 4096


def check_array(name: str, array: Any, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise ValueError unless kernels may take the array as one of this shape and type.

    Parameters
    ----------
    name : str, what to call it
    """
    if type(array) is not np.ndarray:
        raise ValueError(f"{name} must be a numpy.ndarray, got {type(array).__name__} instead.")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}.")
    if array.dtype != np.dtype(dtype):
        raise ValueError(f"{name} has dtype {array.dtype}, expected {np.dtype(dtype)}.")
    if not array.flags.carray:
        raise ValueError(f"{name} must be C-contiguous, aligned and writeable.")


def check_samples(X: Any, n_features: int, dtype: Any) -> None:
    """Raise ValueError unless X is a matrix of this type and width, of any strides."""
    if type(X) is not np.ndarray or X.ndim != 2 or X.shape[1] != n_features:
        raise ValueError(f"X has shape {np.shape(X)}, expected (n_samples, {n_features}).")
    if X.dtype != np.dtype(dtype):
        raise ValueError(f"X has dtype {X.dtype}, expected {np.dtype(dtype)}.")


@cache
def padded_clusters(n_clusters: int) -> int:
    """Return the centres of whole tiles, the last ones padding."""
    return int(centers_kernels.padded_clusters(n_clusters))


def _aligned_zeros(size: int, dtype: Any) -> Array:
    """Return zeros from the beginning of a line of the cache: across two, loads take twice."""
    line = 64 // np.dtype(dtype).itemsize
    memory = np.zeros(size + line, dtype)
    address = memory.__array_interface__["data"][0]  # sooner had than ctypes
    first = -(address // memory.itemsize) % line
    return memory[first : first + size]


def pitch_for(points: Array, X: Array | None) -> int:
    """Return the elements from one centre to the next for rows like these, see ``scores``."""
    if X is None or X.strides[1] != X.itemsize:
        return 0
    return scores.pitch_of(points.shape[1], len(points), lanes_of(points.dtype))


def prepared_centers(points: Array, X: Array | None = None, *, transposed: bool = True) -> Centers:
    """Return centres with all that follows from them.

    Parameters
    ----------
    points : ndarray (n_clusters, n_features) of float32 or float64
    X : ndarray (n_samples, n_features)
        The rows they will be compared with, or others of the same strides; None where none are.
    transposed : bool, default=True
        Whether that is done here; labelling does it once it needs it.
    """
    if points.ndim != 2 or points.dtype.type not in (np.float32, np.float64):
        raise ValueError(f"centers have shape {points.shape} and dtype {points.dtype}.")
    check_array("centers", points, points.shape, points.dtype.type)
    k, d = points.shape
    padded, dtype = padded_clusters(k), points.dtype
    lanes = lanes_of(dtype)
    pitch = pitch_for(points, X)
    half_norms = np.empty(padded, dtype)
    half_norms.fill(-np.inf)  # in half the time of np.full
    centers = Centers(
        points,
        np.zeros(-(-d // lanes) * lanes, dtype),
        _aligned_zeros(padded * (pitch or d), dtype),
        np.empty((d, k if transposed else 0), dtype),
        half_norms,
        np.empty(MARGIN_SIZE),
        pitch,
    )
    prepare(centers)
    return centers


def prepare(centers: Centers) -> None:
    """Fill in what follows from the centres."""
    k, d = centers.points.shape
    group = max(_CENTERS_A_TICKET, _NUMBERS_PREPARED // d // _CENTERS_A_TICKET * _CENTERS_A_TICKET)
    members = min(team_size(_NANOSECONDS_PREPARED * k * d), -(-k // group))
    if members > 1:
        run_team(
            centers_kernels.prepare_together, members, centers, group, np.empty(k), new_state()
        )
    else:
        centers_kernels.prepare_centers(centers)


def block_rows(n_features: int, n_clusters: int) -> int:
    """Return the rows of a reduction block: a multiple of every panel height, by width alone."""
    rows = _WORK_PER_BLOCK // (n_features * (n_clusters + 8))
    rows = min(max(rows, _FEWEST_ROWS), _MOST_ROWS)
    return -(-max(rows, _ROWS_PER_CLUSTER * n_clusters) // 64) * 64


def lloyd_plan(
    X: Array, n_clusters: int, *, max_iter: int, tol: float, bounded: bool, spherical: bool,
    one_ticket: bool = False,
) -> Plan:  # fmt: skip
    """Return how a run of Lloyd's algorithm is cut.

    Blocks follow the width of the work alone; how many a ticket holds may follow the number of
    rows, since tickets are aligned ranges of blocks: no bit of the result depends on it.  With one
    ticket there are no sums of several to add up.
    """
    n_samples, n_features = X.shape
    rows = block_rows(n_features, n_clusters)
    ticket_blocks, most = 1, 1 if one_ticket else _MOST_TICKETS
    while -(-n_samples // (rows * ticket_blocks)) > most:
        ticket_blocks *= 2
    chunk_blocks = max(1, _CHUNK_ROWS // rows)
    group = max(1, _NUMBERS_A_GROUP // n_features)
    return Plan(
        rows, chunk_blocks, ticket_blocks, group, max_iter, float(tol), bool(bounded),
        bool(spherical),
    )  # fmt: skip


def lloyd_rows(
    X: Array, sample_weight: Array, points: Array, labels: Array | None = None,
    limits: Array | None = None,
) -> Rows:  # fmt: skip
    """Return rows, all of which must be scored unless there are limits.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of the centres' type, any strides
    sample_weight : ndarray (n_samples,) of float64, or (0,) for weights of one
    points : ndarray (n_clusters, n_features), the centres
    labels : ndarray (n_samples,) of int32, changed in place; zeros by default
    limits : ndarray (n_samples,) of float32, changed in place
    """
    check_samples(X, points.shape[1], points.dtype)
    n_samples = len(X)
    given = labels is not None
    if labels is None:
        labels = np.zeros(n_samples, np.int32)
    check_array("labels", labels, (n_samples,), np.int32)
    if limits is None:
        limits = np.full(n_samples, -np.inf, np.float32)
    check_array("limits", limits, (n_samples,), np.float32)
    if sample_weight.size:
        check_array("sample_weight", sample_weight, (n_samples,), np.float64)
    # As unsigned numbers the negative are larger.
    if given and n_samples and not labels.view(np.uint32).max() < len(points):
        raise ValueError(f"labels must be from 0 to {len(points) - 1}.")
    return Rows(X, sample_weight, labels, limits)


def lloyd_sums(n_samples: int, points: Array, plan: Plan) -> Sums:
    """Return room for the sums of so many rows."""
    k, d = points.shape
    n_tickets = max(1, -(-n_samples // (plan.block_rows * plan.ticket_blocks)))
    return Sums(
        np.empty((n_tickets, k * (d + 2))),
        np.zeros((k, n_tickets), np.bool_),
        np.zeros((k, d + 2)),
        np.zeros(k),
        np.zeros((n_tickets, 3), np.int64),
    )


def lloyd_moves(points: Array, spent: Array | None = None) -> Moves:
    """Return moves of centres that have not moved, or that have spent so much."""
    k = len(points)
    spent = np.zeros(k) if spent is None else spent
    check_array("spent", spent, (k,), np.float64)
    return Moves(points.copy(), np.zeros(k), spent, np.zeros(k))


def batch_levels(batch_size: int, points: Array, rows: int) -> Array:
    """Return working memory for the sums of a batch, in blocks of so many rows."""
    k, d = points.shape
    return np.empty((levels_for(-(-batch_size // rows)) + 1, k, d + 2))


def seeding_samples(X: Array, sample_weight: Array) -> Samples:
    """Return samples to draw centres from, their weights of X's type."""
    if X.ndim != 2 or X.dtype.type not in (np.float32, np.float64):
        raise ValueError(f"X has shape {X.shape} and dtype {X.dtype}.")
    weights = np.ascontiguousarray(sample_weight, X.dtype)
    if weights.size:
        check_array("sample_weight", weights, (len(X),), X.dtype)
    return Samples(X, weights)


def seeding_panels(X: Array, n_clusters: int) -> Array:
    """Return room for the panels of rows that are kept packed from one centre to the next.

    For rows that are not screened.
    """
    lanes = lanes_of(X.dtype)
    size = VECTORS * lanes * (-(-X.shape[1] // lanes) * lanes)
    most = _KEPT_BYTES // (size * X.itemsize) if n_clusters > 2 else 0
    n_elements = size * min(-(-len(X) // (VECTORS * lanes)), most)
    memory = np.empty(n_elements + 64 // X.itemsize, X.dtype)
    first = -(memory.ctypes.data // X.itemsize) % (64 // X.itemsize)  # on a line of the cache
    return memory[first : first + n_elements]


def seeding_draw(X: Array, n_clusters: int, n_candidates: int, first: int, rows: int) -> Draw:
    """Return a draw whose first centre is row ``first``, in blocks of so many rows."""
    if not 0 <= first < len(X):
        raise ValueError(f"row {first} is none of the {len(X)} of X.")
    n_columns = padded_points(1 + n_candidates)
    return Draw(
        np.full(n_clusters, first, np.int64),
        np.full(n_candidates, first, np.int64),
        np.repeat(X[first], n_columns),
        np.full(len(X), np.inf, X.dtype),
        np.empty((tree_size(-(-len(X) // rows)), 1 + n_candidates)),
    )


def seeding_screen(X: Array, n_clusters: int, n_columns: int) -> Screen | None:
    """Return room for rows as bytes, which tell what rows seeding must look at; None for all rows.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), finite
    n_columns : int, of the draw's points
    """
    n_samples, n_features = X.shape
    rows = VECTORS * lanes_of(np.int32)
    padded, quads = -(-n_samples // rows) * rows, -(-n_features // 4)
    if not (
        host().byte_products
        and n_clusters >= _CENTERS_SCREENED
        and n_samples >= _ROWS_SCREENED
        and _FEATURES_SCREENED <= n_features <= _FEATURES_IN_BYTES
        and 4 * padded * (quads + 2) <= _SCREEN_BYTES
    ):
        return None
    some = X[:: -(-n_samples // _ROWS_OF_SPREAD)].astype(np.float64)
    middle = some.mean(axis=0).astype(X.dtype)
    step = _SPREADS / 127 * float(np.abs(some - middle).mean(axis=0).max())
    if not step > _LEAST_STEP:
        return None
    unit = float(np.finfo(X.dtype).eps) / 2
    return Screen(
        np.zeros(padded * quads, np.int32),
        np.zeros(padded, np.int32),
        np.full(padded, NEVER_PASSED, np.int32),
        np.zeros(quads * n_columns, np.int32),
        np.full(n_columns, ALWAYS_PASSED, np.int32),
        middle,
        1 / step,
        (1 + (n_features + 8) * unit) / step,
        (1 + 2.0**-13) * n_features**0.5,
    )
