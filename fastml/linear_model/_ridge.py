"""Ridge: least squares with a penalty, in one pass."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import linear_model

from ..core.delegation import fit_as_scikit_learn, unsupported_input
from ..core.documentation import documented, filled
from ..core.estimator import fitted_at_once
from ..core.scoring import ScoresNumbers
from ..core.sklearn_compat import fit_context
from ..core.validation import Array
from ..data import Blocks
from ..execution import Plan, table_of
from ._dense import checked_rows, set_solution, solved
from ._documentation import ATTRIBUTES, FIT, RIDGE
from ._least_squares import Solution
from ._partial_fit import PartialFit
from ._predicting import PredictsTargets
from ._signatures import RidgeTypes
from ._small import solved_at_once
from ._table import plan_of, solve_table

_SOLVERS = ("auto", "cholesky", "svd")


@documented(RIDGE, attributes=ATTRIBUTES)
class Ridge(ScoresNumbers, PartialFit, PredictsTargets, RidgeTypes, linear_model.Ridge):
    """Least squares with a penalty on the squared norm of the coefficients.

    scikit-learn's class with another ``fit``: see :class:`fastml.LinearRegression`.  Its own code
    runs for sparse X, ``positive=True`` and the iterative solvers.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    coef_, intercept_, n_iter_, solver_ :
        As in scikit-learn.
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from fastml import Ridge
    >>> X = np.array([[-1.0], [1.0]])
    >>> Ridge(alpha=2.0).fit(X, [-2.0, 2.0]).coef_
    array([1.])
    """

    coef_: Array
    intercept_: Array | float

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows."""
        return plan_of(X)

    @fit_context(prefer_skip_nested_validation=True)
    @filled(**FIT)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        {rows}
        {targets}
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights; a sample of weight zero counts as left out.

        Returns
        -------
        self : Ridge

        {raises}
        """
        reason = unsupported_input(X, y)
        if self.positive:
            reason = "positive=True"
        elif self.solver not in _SOLVERS:
            reason = f"solver={self.solver!r}"
        with fitted_at_once(self) as twin:
            twin.__dict__.pop("_seen", None)
            if reason is None:
                table = table_of(self, X, y, sample_weight)
                if table is not None:
                    wide = table.y is not None and table.y.ndim == 2
                    alpha = twin._penalties(table.y.shape[1] if wide else 1)  # type: ignore[union-attr]
                    sums = solve_table(twin, table, alpha, twin.fit_intercept)
                    if sums is not None:
                        table = sums[0]
                        set_solution(twin, table.X.dtype, not wide, *sums[1:], twin.fit_intercept)
                        twin._set_rest(sums[1])
                        return self
                elif sample_weight is None and type(twin.alpha) in (float, int):
                    plain = solved_at_once(twin, X, y, float(twin.alpha), twin.fit_intercept)
                    if plain is not None:
                        set_solution(twin, *plain, twin.fit_intercept)
                        twin._set_rest(plain[2])
                        return self
                rows, y_, weights = checked_rows(twin, X, y, sample_weight)
                alpha = twin._penalties(1 if y_.ndim == 1 else y_.shape[1])
                if weights is not None and (weights < 0).any():
                    reason = "negative weights"
                else:
                    found = solved(twin, rows, y_, weights, alpha, twin.fit_intercept)
                    if found is not None:
                        set_solution(twin, rows.dtype, y_.ndim == 1, *found, twin.fit_intercept)
                        twin._set_rest(found[0])
                        return self
                    reason = "squares overflow"
            fit_as_scikit_learn(twin, reason, lambda copied: super().fit(X, y, sample_weight))
        return self

    def _penalties(self, n_targets: int) -> Array:
        alpha = np.asarray(self.alpha, np.float64).reshape(-1)
        if len(alpha) not in (1, n_targets):
            raise ValueError(
                "Number of targets and number of penalties do not correspond: "
                f"{len(alpha)} != {n_targets}"
            )
        return alpha

    def _set_rest(self, solution: Solution) -> None:
        self.n_iter_ = None
        self.solver_ = "svd" if self.solver == "svd" else "cholesky"
        if solution.coef.shape[1] == 1:  # as scikit-learn's Ridge has it, also of (n, 1) targets
            self.coef_ = vars(self)["coef_"].reshape(-1)
