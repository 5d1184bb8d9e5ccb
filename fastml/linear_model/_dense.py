"""What LinearRegression and Ridge share: checks, the solution of dense rows, attributes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.utils import check_array

from ..core.estimator import samples_and_targets
from ..core.sklearn_compat import check_sample_weight
from ..core.validation import Array, check_finite, check_weight_sum, contiguous, readable
from ._least_squares import Solution, refined, residual_sums, solve
from ._moments import Moments, moments, of_float32_quality
from ._wide import solve_wide

#: Products of wider float32 rows are summed in float32, and the solution refined; unless there are
#: so few multiply-adds that float64 is done before what is around that.
_MOST_DOUBLE_COLUMNS, _FEW_PRODUCTS = 64, 3 << 23


def checked_rows(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: Any,
    *,
    nonnegative: bool = False,
    reset: bool = True,
    zeros: bool = False,
) -> tuple[Array, Array, Array | None]:
    """Return X, y and weights as kernels take them, checked in scikit-learn's words.

    Neither X nor y is yet known to be finite: :func:`solved` looks at their products first.
    """
    if issparse(y):
        check_array(y, input_name="y")  # which says so
    rows, targets = samples_and_targets(estimator, X, y, y_numeric=True, finite=False, reset=reset)
    if sample_weight is None:
        return contiguous(rows), targets, None
    weights = check_sample_weight(
        sample_weight, rows, ensure_non_negative=nonnegative,
        allow_all_zero_weights=zeros,
    )  # fmt: skip
    check_weight_sum(weights)
    return contiguous(rows), targets, readable(weights)


def multiplied_in_single(X: Any) -> bool:
    """Say whether rows, an array's or a table's, are multiplied in float32 first."""
    n_samples, n_features = X.shape
    wide = n_features > _MOST_DOUBLE_COLUMNS and n_samples * n_features**2 > _FEW_PRODUCTS
    return bool(wide and X.dtype == np.float32)


def solved(
    estimator: Any, X: Array, y: Array, weights: Array | None, alpha: Array, center: bool
) -> tuple[Solution, Moments] | None:
    """Return the solution and the moments; None where squares overflow float64."""
    name = type(estimator).__name__
    as_given = y.dtype == X.dtype  # float32 y beside float32 X is widened by kernels
    Y = readable(np.asarray(y, X.dtype if as_given else np.float64)).reshape(len(X), -1)
    if len(X) <= X.shape[1]:
        check_finite(Y, "y", name)
        check_finite(X, "X", name)
        return solve_wide(X, Y, weights, alpha, center)
    if multiplied_in_single(X):
        single = moments(X, Y, weights, center=center, single=True)
        if of_float32_quality(single, X.shape[1], alpha):
            roots = None if weights is None else np.sqrt(weights)
            residuals = partial(residual_sums, X, np.asarray(Y, np.float64), roots, single)
            solution = refined(residuals, X.shape[1], single, alpha, center)
            if solution is not None:
                return solution, single
    found = moments(X, Y, weights, center=center)
    if not np.isfinite(found.products).all() or not found.weight > 0:
        check_finite(Y, "y", name)
        check_finite(X, "X", name)
        return None
    return solve(X, Y, weights, found, alpha), found


def set_solution(
    estimator: Any, dtype: Any, flat: bool, solution: Solution, found: Moments, center: bool
) -> None:
    """Set ``coef_`` and ``intercept_`` as scikit-learn shapes and types them.

    Parameters
    ----------
    flat : bool, whether targets were a vector
    """
    coef = solution.coef.T
    d = coef.shape[1]
    intercept: Any = 0.0
    if center:
        intercept = found.mean[d:] - (coef * found.mean[:d]).sum(axis=1)
        if solution.intercept is not None:
            intercept = intercept + solution.intercept
        intercept = np.asarray(intercept, dtype)
        if flat:
            intercept = intercept[0]
    coef = np.asarray(coef, dtype)
    estimator.coef_ = np.ascontiguousarray(coef[0] if flat else coef)
    estimator.intercept_ = intercept
    estimator.computed_by_ = "fastml"
