"""Ridge: least squares with a penalty, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import linear_model
from sklearn.base import _fit_context

from ..core.delegation import fit_as_scikit_learn, unsupported_input
from ..core.estimator import unchanged_on_error
from ..core.validation import Array
from ..data import Blocks
from ..execution import Plan, table_of
from ._linear_regression import checked_rows, set_solution, solved
from ._table import plan_of, solve_table

_SOLVERS = ("auto", "cholesky", "svd")


class Ridge(linear_model.Ridge):  # type: ignore[misc]
    """Least squares with a penalty on the squared norm of the coefficients.

    scikit-learn's class with another ``fit``: see :class:`fastml.LinearRegression`.  Its own code
    runs for sparse X, ``positive=True`` and the iterative solvers.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), default=1.0
        Penalty, of all targets or of each.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is not penalised.
    copy_X : bool, default=True
        Ignored: X is never changed.
    max_iter : int or None, default=None
        Used where scikit-learn's code runs.
    tol : float, default=1e-4
        Used where scikit-learn's code runs.
    solver : str, default="auto"
        "auto", "cholesky" and "svd" have the exact minimum computed; others run scikit-learn's.
    positive : bool, default=False
        Whether coefficients must not be negative.
    random_state : int, RandomState instance or None, default=None
        Used where scikit-learn's code runs.

    Attributes
    ----------
    coef_, intercept_, n_iter_, solver_, n_features_in_, feature_names_in_ :
        As in scikit-learn.
    computed_by_ : str
        "fastml", or "scikit-learn: " and the reason.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml import Ridge
    >>> X = np.array([[-1.0], [1.0]])
    >>> Ridge(alpha=2.0).fit(X, [-2.0, 2.0]).coef_
    array([1.])
    """

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows."""
        return plan_of(X)

    def _penalties(self, y: Any) -> Array:
        """Return the penalty of all targets, or of each."""
        alpha = np.asarray(self.alpha, np.float64).reshape(-1)
        n_targets = 1 if y is None or y.ndim == 1 else y.shape[1]
        if len(alpha) not in (1, n_targets):
            raise ValueError(
                "Number of targets and number of penalties do not correspond: "
                f"{len(alpha)} != {n_targets}"
            )
        return alpha

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: Any = None) -> Ridge:
        """Fit the model.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights; a sample of weight zero counts as left out.

        Returns
        -------
        self : Ridge

        Raises
        ------
        ValueError
            If X or y holds NaN or infinity, or shapes do not match.
        """
        reason = unsupported_input(X, y)
        if self.positive:
            reason = "positive=True"
        elif self.solver not in _SOLVERS:
            reason = f"solver={self.solver!r}"
        if reason is None:
            table = table_of(X, y, sample_weight)
            with unchanged_on_error(self):
                if table is not None:
                    alpha = self._penalties(table.y)
                    sums = solve_table(self, table, alpha, self.fit_intercept)
                    if sums is not None:
                        table = sums[0]
                        set_solution(self, table.X, table.y, *sums[1:], self.fit_intercept)  # type: ignore[arg-type]
                        self.n_iter_ = None
                        self.solver_ = "cholesky" if self.solver == "auto" else self.solver
                        return self
                rows, y_, weights = checked_rows(self, X, y, sample_weight)
                alpha = self._penalties(y_)
                if weights is not None and (weights < 0).any():
                    reason = "negative weights"
                else:
                    found = solved(self, rows, y_, weights, alpha, self.fit_intercept)
                    if found is not None:
                        set_solution(self, rows, y_, *found, self.fit_intercept)
                        self.n_iter_ = None
                        self.solver_ = "cholesky" if self.solver == "auto" else self.solver
                        return self
                    reason = "squares overflow"
        fit_as_scikit_learn(self, reason, lambda copied: super().fit(X, y, sample_weight))
        return self
