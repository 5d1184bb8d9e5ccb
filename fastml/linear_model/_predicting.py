"""Predictions of linear estimators: what they check, and when scikit-learn's code must do it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted, validate_data

from ..core.delegation import unsupported_input
from ..core.documentation import filled
from ..core.estimator import FLOATS, as_of_now, take_plain
from ..core.validation import Array, contiguous
from ..execution import over_blocks
from . import _predict
from ._documentation import PREDICT

_DOUBLE = FLOATS[0]


def _rows(estimator: Any, X: Any) -> Array:
    """Return X as kernels take it; whether it is finite the kernel finds out."""
    if take_plain(X, estimator, FLOATS, reset=False, finite=False):
        return X
    attributes = vars(estimator)
    plain = (
        type(X) is np.ndarray
        and X.dtype in FLOATS
        and X.ndim == 2
        and X.shape[1] == attributes.get("n_features_in_")
        and len(X) > 0
        and "feature_names_in_" not in attributes
    )
    if not plain:
        X = validate_data(
            estimator, X, reset=False, dtype=[np.float64, np.float32], ensure_all_finite=False
        )
    return contiguous(X)


def _coefficients(estimator: Any) -> tuple[Array, Array, Any] | None:
    """Return coefficients, intercepts and their type; None if not as fits leave them."""
    coef, intercept = estimator.coef_, estimator.intercept_
    if type(coef) is not np.ndarray or coef.dtype not in FLOATS or coef.ndim > 2:
        return None
    matrix = coef.reshape(1, -1) if coef.ndim == 1 else coef
    constant = np.array(intercept, np.float64, ndmin=1)
    n_outputs, n_features = matrix.shape
    if constant.shape != (n_outputs,):
        if constant.shape != (1,):
            return None
        constant = np.full(n_outputs, constant[0])
    if n_features != estimator.n_features_in_:
        return None
    if coef.dtype is not _DOUBLE:
        matrix = matrix.astype(np.float64, order="C")
    elif not coef.flags.carray:
        matrix = np.array(matrix, order="C")
    return matrix, constant, coef.dtype


def predicted(estimator: Any, X: Any, how: Any) -> Array | None:
    """Return what ``how`` makes of X and the coefficients, or None: scikit-learn's code must.

    Parameters
    ----------
    how : callable, a function of :mod:`._predict`
    """
    plain = type(X) is np.ndarray
    if not (plain and "coef_" in vars(estimator)):
        check_is_fitted(estimator)
        if not plain and unsupported_input(X):
            return None
    found = _coefficients(estimator)
    if found is None:
        return None
    coef, intercept, dtype = found
    rows = _rows(estimator, X)
    if rows.dtype == np.float64:
        dtype = rows.dtype
    found_rows: Array = how(rows, coef, intercept, dtype, type(estimator).__name__)
    return found_rows


def targets(estimator: Any, X: Any) -> Array | None:
    """Return predicted targets, or None: see :func:`predicted`."""
    found = predicted(estimator, X, _predict.decision)
    if found is not None and estimator.coef_.ndim == 1:
        return found.reshape(-1)
    return found


class PredictsTargets:
    """``predict`` of least squares, before scikit-learn's class."""

    @over_blocks
    @filled(**PREDICT)
    def predict(self, X: ArrayLike) -> Array:
        """Return the predicted targets.

        {rows}

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            In the wider type of X and ``coef_``; a row's are the same bits in any company.
        """
        self = as_of_now(self)
        found = targets(self, X)
        return np.asarray(super().predict(X)) if found is None else found  # type: ignore[misc]
