"""K-means of rows that are an array, or sparse and too many to be one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.estimator import samples
from ..core.validation import Array, is_sparse
from ..data import SparseRows, array_if_few, as_table, sparse_samples
from ..execution import begin_log
from ..kernels.cluster import minibatch
from ._base import mean_variance
from ._batches import labels_and_inertia
from ._plusplus import choose_rows, moderate_weights
from ._table_fit import label_table, look_at, moderate_table
from ._table_seeding import plusplus_rows


def samples_or_rows(estimator: Any, X: Any, **options: Any) -> Any:
    """Return X checked: an array, or a source of rows where it is sparse and large.

    Parameters
    ----------
    options : ``reset`` and ``dtype`` as of :func:`core.estimator.samples`
    """
    check = sparse_samples if is_sparse(X) else samples
    return check(estimator, X, **options)


def in_memory(X: Any) -> Array:
    """Return all rows as an array."""
    rows: Array = X[:] if isinstance(X, SparseRows) else X
    return rows


def variance_of(X: Any) -> float:
    """Return the mean over the features of their variances."""
    if isinstance(X, SparseRows):
        return look_at(as_table(X), "MiniBatchKMeans", variance=True).variance
    return mean_variance(X)


def take_rows(X: Any, rows: Array, batch: Array) -> None:
    """Write rows by number."""
    if isinstance(X, SparseRows):
        X.take(rows, batch)
    else:
        minibatch.gather_rows(X, rows, batch)


def labels_of_all(X: Any, points: Array, weights: Array) -> tuple[Array, float]:
    """Return the nearest centre of every row, and the weighted sum of squared distances."""
    if isinstance(X, SparseRows):
        found, labels = label_table(as_table(X, None, weights if weights.size else None), points)
        return labels, found.inertia
    return labels_and_inertia(X, points, weights)


def sparse_plusplus(
    X: Any,
    n_clusters: int,
    weights: Array,
    random_state: np.random.RandomState,
    n_local_trials: int | None,
) -> tuple[Array, Array]:
    """Return the rows greedy k-means++ starts from, and their numbers.

    Parameters
    ----------
    X : sparse matrix or array (n_samples, n_features), finite
    weights : ndarray (n_samples,), or (0,) for weights of one
    """
    rows = SparseRows(X)
    data = array_if_few(rows)
    if data is not rows:
        chosen = choose_rows(data, n_clusters, weights, random_state, n_local_trials)
        return data[chosen], chosen
    begin_log()
    weights = moderate_weights(weights)[0]
    table = as_table(rows, None, weights if weights.size else None)
    seen = look_at(table, "kmeans_plusplus", variance=False)
    moderate = moderate_table(table, seen.largest)
    chosen = plusplus_rows(moderate, n_clusters, random_state, n_local_trials)
    return rows[chosen], chosen
