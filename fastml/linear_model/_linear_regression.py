"""LinearRegression: ordinary least squares in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from sklearn import linear_model
from sklearn.base import _fit_context
from sklearn.utils.validation import _check_sample_weight, validate_data

from ..core.delegation import fit_as_scikit_learn, unsupported_input
from ..core.estimator import unchanged_on_error
from ..core.validation import Array, check_finite, contiguous, readable
from ..data import Blocks
from ..execution import Plan, table_of
from ._least_squares import Solution, solve
from ._moments import Moments, moments
from ._table import plan_of, solve_table


def checked_rows(
    estimator: Any, X: ArrayLike, y: ArrayLike, sample_weight: Any, *, nonnegative: bool = False
) -> tuple[Array, Array, Array | None]:
    """Return X, y and weights as kernels take them, checked in scikit-learn's words.

    X is not yet known to be finite: :func:`solved` looks at its products first.
    """
    checked: tuple[Array, Array] = validate_data(
        estimator, X, y, y_numeric=True, multi_output=True, dtype=[np.float64, np.float32],
        ensure_all_finite=False,
    )  # fmt: skip
    rows, targets = checked
    check_finite(targets, "y", type(estimator).__name__)
    if sample_weight is None:
        return contiguous(rows), targets, None
    weights = _check_sample_weight(
        sample_weight, rows, dtype=np.float64, ensure_non_negative=nonnegative
    )
    return contiguous(rows), targets, readable(weights)


def solved(
    estimator: Any, X: Array, y: Array, weights: Array | None, alpha: Array, center: bool
) -> tuple[Solution, Moments] | None:
    """Return the solution and the moments; None where squares overflow float64."""
    Y = np.asarray(y, np.float64).reshape(len(X), -1)
    found = moments(X, Y, weights, center=center)
    if not np.isfinite(found.products).all() or not found.weight > 0:
        check_finite(X, "X", type(estimator).__name__)
        return None
    return solve(X, Y, weights, found, alpha), found


def set_solution(
    estimator: Any, X: Array, y: Array, solution: Solution, found: Moments, center: bool
) -> None:
    """Set ``coef_`` and ``intercept_`` as scikit-learn shapes and types them."""
    d = X.shape[1]
    coef = solution.coef.T
    intercept: Any = 0.0
    if center:
        intercept = found.mean[d:] - coef @ found.mean[:d]
        intercept = np.asarray(intercept, X.dtype)
        if y.ndim == 1:
            intercept = intercept[0]
    coef = np.asarray(coef, X.dtype)
    estimator.coef_ = np.ascontiguousarray(coef[0] if y.ndim == 1 else coef)
    estimator.intercept_ = intercept
    estimator.computed_by_ = "fastml"


class LinearRegression(linear_model.LinearRegression):  # type: ignore[misc]
    """Ordinary least squares, right in any units.

    scikit-learn's class with another ``fit``: dense float32 and float64 rows are read once, their
    products summed in float64 about a mean, and solved with columns of unit norm.  Where squares
    would lose too much, rows are reduced by orthogonal transformations instead.  ``positive=True``
    and sparse X run scikit-learn's code.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    copy_X : bool, default=True
        Ignored: X is never changed.
    tol : float, default=1e-6
        Used where scikit-learn's code runs.  The rank is that of the columns scaled to unit norm,
        to float64 rounding.
    n_jobs : int, default=None
        Used where scikit-learn's code runs; see :func:`fastml.set_num_threads`.
    positive : bool, default=False
        Whether coefficients must not be negative.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features), of X's type
        Coefficients; of all solutions the one of least norm.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept.
    rank_ : int
        Rank of the centred X with columns of unit norm.
    singular_ : ndarray of shape (min(n_samples, n_features),)
        Singular values of the centred X, computed when first asked for.
    computed_by_ : str
        "fastml", or "scikit-learn: " and the reason.
    n_features_in_, feature_names_in_ :
        As in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml import LinearRegression
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [3.0, 1.0]])
    >>> model = LinearRegression().fit(X, X @ [2.0, -1.0] + 3.0)
    >>> model.coef_.round(12), round(float(model.intercept_), 12)
    (array([ 2., -1.]), 3.0)
    """

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: Any = None) -> LinearRegression:
        """Fit the model.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative; a sample of weight zero counts as left out.

        Returns
        -------
        self : LinearRegression

        Raises
        ------
        ValueError
            If X or y holds NaN or infinity, or shapes do not match.
        """
        reason = "positive=True" if self.positive else unsupported_input(X)
        if reason is None:
            table = table_of(X, y, sample_weight)
            with unchanged_on_error(self):
                if table is not None:
                    sums = solve_table(self, table, np.zeros(1), self.fit_intercept)
                    if sums is not None:
                        table = sums[0]
                        set_solution(self, table.X, table.y, *sums[1:], self.fit_intercept)  # type: ignore[arg-type]
                        self.rank_ = sums[1].rank
                        self._factor = (sums[1].factor, min(table.X.shape))
                        self.__dict__.pop("_singular", None)
                        return self
                rows, y_, weights = checked_rows(self, X, y, sample_weight, nonnegative=True)
                found = solved(self, rows, y_, weights, np.zeros(1), self.fit_intercept)
                if found is not None:
                    set_solution(self, rows, y_, *found, self.fit_intercept)
                    self.rank_ = found[0].rank
                    self._factor = (found[0].factor, min(rows.shape))
                    self.__dict__.pop("_singular", None)
                    return self
            reason = "squares overflow"
        fit_as_scikit_learn(
            self,
            reason,
            lambda copied: super().fit(X, y, sample_weight),
        )
        return self

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows."""
        return plan_of(X)

    @property
    def singular_(self) -> Array:
        """Singular values of the centred X, largest first."""
        if "_singular" not in vars(self):
            if "_factor" not in vars(self):
                raise AttributeError("singular_ is there after a dense fit only.")
            factor, count = self._factor
            self._singular = linalg.svdvals(factor)[:count]
        return np.asarray(self._singular)

    @singular_.setter
    def singular_(self, values: Array) -> None:
        self._singular = values
