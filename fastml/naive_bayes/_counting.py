"""Counts of rows, and scores that are linear in counts, by kernels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from ..core.passes import Grid, TreeSum
from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, readable
from ..kernels.naive_bayes import counts, linear, sparse
from ..kernels.ops.sums import levels_for
from ..kernels.tile import lanes_of
from ._likelihood import rows_a_ticket, undecided
from ._moments import block_rows, blocks_a_ticket

#: Types of numbers there are kernels for; others become the last.
NUMBERS = tuple(map(np.dtype, (np.float32, np.float64, np.int64, np.int32, np.uint8)))
_MOST_INT64 = (1 << 63) - 1
_WORK_PER_TICKET = 1 << 18
_FEATURES_A_TICKET = 1 << 10


def counted(
    X: Array, classes: Array, weights: Array, n_classes: int, threshold: float
) -> tuple[Array, Array, bool]:
    """Return the sums of the rows of each class, their weights, and whether a number was negative.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), finite
        The rows.
    classes : ndarray (n_samples,) of int32
        Numbers of the rows' classes.
    weights : ndarray (n_samples,) of float64, or (0,) for weights of one
    n_classes : int
    threshold : float
        What is above counts 1, the rest 0; NaN to count the numbers as they are.
    """
    n_samples, n_features = X.shape
    rows = block_rows(n_features, n_classes)
    n_blocks = Grid(rows).n_blocks(n_samples)
    width = blocks_a_ticket(n_blocks)
    n_tickets = -(-n_blocks // width)
    totals = np.empty((n_tickets, n_classes * (n_features + 1)))
    signs = np.empty(n_tickets, np.bool_)
    run_team(
        counts.class_counts, min(team_size(0.3 * X.size), n_tickets),
        X, classes, weights, threshold, rows, width, levels_for(width), new_state(), totals, signs,
    )  # fmt: skip
    tree = TreeSum(np.add)
    for i in range(n_tickets):
        tree.add(i * width, width, totals[i])
    total = np.asarray(tree.total()).reshape(n_classes, n_features + 1)
    return total[:, :-1], total[:, -1], bool(signs.any())


class Compressed(NamedTuple):
    """Compressed sparse rows.

    data, indices : (n_entries,) numbers of a type there are kernels for, and their features
    indptr : (n_samples + 1,) where each row's entries begin; nobody else's
    n_features : int
    """

    data: Array
    indices: Array
    indptr: Array
    n_features: int


def compressed(X: Any, threshold: float) -> Compressed:
    """Return sparse rows after a look at their structure.

    Parameters
    ----------
    X : CSR matrix
    threshold : float
        What is above counts 1, the rest 0; NaN to count the numbers as they are.

    Raises
    ------
    ValueError
        If indices point nowhere, or if what is not there would count.
    """
    indptr = np.array(X.indptr)
    rows = scipy.sparse.csr_array((X.data, X.indices, indptr), X.shape, copy=False)
    rows.check_format(full_check=True)
    data = rows.data
    if threshold == threshold:
        if threshold < 0:
            raise ValueError("Cannot binarize a sparse matrix with threshold < 0")
        if not rows.has_canonical_format:  # entries of one place are one number, present once
            rows = rows.copy()
            rows.sum_duplicates()
        data = (rows.data > comparable(threshold, rows.data.dtype)).astype(np.float64)
    indices = readable(np.ascontiguousarray(rows.indices))
    return Compressed(kind(data), indices, np.array(rows.indptr), X.shape[1])


def add_sparse(X: Compressed, classes: Array, weights: Array, feature_count: Array) -> None:
    """Add the sparse rows of each class to its counts, in the order of the rows."""
    order = np.argsort(classes, kind="stable")
    starts = np.zeros(len(feature_count) + 1, np.int64)
    np.cumsum(np.bincount(classes, minlength=len(feature_count)), out=starts[1:])
    run_team(
        sparse.sparse_class_counts, min(team_size(2.0 * len(X.data)), len(feature_count)),
        X.data, X.indices, X.indptr, order, starts, weights, new_state(), feature_count,
    )  # fmt: skip


def score_sparse(X: Compressed, W: Array, b: Array, *, labels: bool) -> Array:
    """Return the labels of compressed sparse rows or their scores, in the order of their entries.

    Parameters
    ----------
    X : Compressed
    W : ndarray (n_classes, n_features) of float64
    b : ndarray (n_classes,) of float64
    labels : bool
        Whether labels are wanted, or scores.
    """
    n_classes, n_features = W.shape
    n_samples, n_entries = len(X.indptr) - 1, len(X.data)
    n_columns = sparse.padded_classes(n_classes, lanes_of(np.float64))
    biases = np.full(n_columns, np.finfo(np.float64).min)
    biases[:n_classes] = b
    memory = np.empty(n_features * n_columns + 8)
    first = -memory.ctypes.data // 8 % 8  # each feature's weights begin with a cache line
    weights = memory[first : first + n_features * n_columns].reshape(n_features, n_columns)
    finite = np.empty(-(-n_features // _FEATURES_A_TICKET), np.bool_)
    run_team(
        sparse.gather_classes, min(team_size(1.0 * weights.size), len(finite)),
        readable(W), _FEATURES_A_TICKET, new_state(), weights, finite,
    )  # fmt: skip
    if not finite.all():  # smoothing of 0: logarithms of 0
        with np.errstate(invalid="ignore"):
            rows = scipy.sparse.csr_array(X[:3], (n_samples, n_features))
            scores = np.asarray(rows @ W.T + b)
        return scores.argmax(axis=1) if labels else scores
    scores = np.empty((0 if labels else n_samples, n_classes))
    found = np.empty(n_samples if labels else 0, np.int32)
    rows = max(16, _WORK_PER_TICKET // max(1, n_entries // max(n_samples, 1) * n_classes))
    run_team(
        sparse.sparse_scores,
        min(team_size(0.5 * n_entries * n_classes), -(-n_samples // rows)),
        X.data, X.indices, X.indptr, weights, biases, rows, new_state(), scores, found,
    )  # fmt: skip
    return found if labels else scores


class Linear(NamedTuple):
    """What dense rows are scored with, made by :func:`linear_of`.

    W : (n_classes, n_features) of float64, finite
    b : (n_classes,) of float64
    parameters : flat, see ``linear.linear_scores``
    """

    W: Array
    b: Array
    parameters: Array


def linear_of(W: Array, b: Array) -> Linear:
    """Return copies of finite weights and of biases as kernels take them."""
    n_classes, n_features = W.shape
    if b.shape != (n_classes,) or W.dtype != np.float64 or b.dtype != np.float64:
        raise ValueError(f"Weights {W.dtype} {W.shape} and biases {b.dtype} {b.shape} do not fit.")
    W, b = np.array(W, order="C"), np.array(b)
    parts = [np.abs(W).max(axis=0), np.append(b, [-np.inf] * (n_classes % 2))]
    for start in range(0, n_classes, linear.CLASSES):
        left = n_classes - start
        width = linear.CLASSES if left > linear.PAIR else linear.PAIR
        table = np.zeros((n_features, width))
        table[:, :left] = W[start : start + width].T
        parts.append(table.ravel())
    return Linear(W, b, np.concatenate(parts))


def score_dense(X: Array, by: Linear, threshold: float, *, labels: bool) -> Array | None:
    """Return the labels of rows or their scores; None where a label could not be decided.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of a type there are kernels for
    by : Linear, of so many features
    threshold : float
        What is above counts 1, the rest 0; NaN to count the numbers as they are.
    labels : bool
        Whether labels are wanted, or scores.
    """
    (n_samples, n_features), n_classes = X.shape, len(by.b)
    if by.W.shape[1] != n_features:
        raise ValueError(f"X has {n_features} features, but there are {by.W.shape[1]} weights.")
    rows = rows_a_ticket(n_features, n_classes)
    decisions = np.zeros(-(-n_samples // rows), np.int64)
    likelihoods = np.empty((0 if labels else n_samples, n_classes))
    found = np.empty(n_samples if labels else 0, np.int32)
    flat = X.reshape(-1) if X.dtype.kind == "f" else np.empty(0)
    sources = X, flat[: flat.size if threshold != threshold else 0]  # numbers as they are
    run_team(
        linear.linear_scores, min(team_size(0.1 * X.size * (n_classes + 4)), len(decisions)),
        sources, by.parameters, by.W, by.b, threshold, rows, new_state(),
        likelihoods, found, decisions,
    )  # fmt: skip
    if not labels:
        return likelihoods
    return None if undecided(decisions, linear.NOT_FINITE) else found


def comparable(threshold: float, dtype: Any) -> float:
    """Return a threshold as NumPy compares it with numbers of a type: rounded to floats of that."""
    if np.dtype(dtype).kind != "f":
        return threshold
    with np.errstate(over="ignore"):
        return float(np.dtype(dtype).type(threshold))


def kind(X: Array) -> Array:
    """Return X in C order and in a type of numbers that there are kernels for."""
    dtype = X.dtype
    if dtype in NUMBERS and X.flags.carray and type(X) is np.ndarray:
        return X
    if not (dtype in NUMBERS and dtype.isnative):
        too_large = dtype.kind == "u" and dtype.itemsize == 8 and X.max(initial=0) > _MOST_INT64
        dtype = np.dtype(np.int64 if dtype.kind in "biu" and not too_large else np.float64)
    return readable(np.ascontiguousarray(X, dtype=dtype))
