"""fastml.gram: means and centred products of rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..core.sklearn_compat import check_sample_weight
from ..core.validation import Array, common_dtype, contiguous, matrix, readable
from ._moments import moments


class Gram(NamedTuple):
    """Weighted sums of rows, in float64, about their means.

    weight : float, the sum of the weights
    X_mean : ndarray (n_features,)
    y_mean : ndarray (n_targets,)
    XtX : ndarray (n_features, n_features)
    Xty : ndarray (n_features, n_targets)
    yty : ndarray (n_targets, n_targets)
    """

    weight: float
    X_mean: Array
    y_mean: Array
    XtX: Array
    Xty: Array
    yty: Array


def gram(X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> Gram:
    """Return the means of the columns of X and y and their products about the means.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows, float32 or float64; other types become float64.
    y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
        Targets; without them there are none.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights, not negative.

    Returns
    -------
    gram : Gram
        The same bits for any number of threads.

    Raises
    ------
    ValueError
        If X, y or the weights hold NaN or infinity, a weight is negative, or lengths differ.

    Examples
    --------
    >>> import fastml
    >>> fastml.gram([[1.0], [3.0]], [5.0, 7.0]).XtX
    array([[2.]])
    """
    rows = contiguous(matrix(X, "X", common_dtype(X)))
    if y is None:
        Y = np.empty((len(rows), 0))
    else:
        y = np.asarray(y)
        Y = matrix(y.reshape(-1, 1) if y.ndim == 1 else y, "y", np.float64)
        if len(Y) != len(rows):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[len(rows), len(Y)]}"
            )
    weights = None
    if sample_weight is not None:
        weights = readable(check_sample_weight(sample_weight, rows, ensure_non_negative=True))
    found = moments(rows, Y, weights)
    d = rows.shape[1]
    products = found.products
    return Gram(
        found.weight, found.mean[:d], found.mean[d:], products[:d, :d], products[:d, d:],
        products[d:, d:],
    )  # fmt: skip
