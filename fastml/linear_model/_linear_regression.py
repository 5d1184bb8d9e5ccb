"""LinearRegression: ordinary least squares in one pass."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
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
from ._documentation import ATTRIBUTES, FIT, LINEAR
from ._least_squares import Solution
from ._partial_fit import PartialFit
from ._predicting import PredictsTargets
from ._signatures import LinearRegressionTypes
from ._small import solved_at_once
from ._table import plan_of, solve_table


@documented(LINEAR, attributes=ATTRIBUTES)
class LinearRegression(
    ScoresNumbers, PartialFit, PredictsTargets, LinearRegressionTypes, linear_model.LinearRegression
):
    """Ordinary least squares, right in any units.

    scikit-learn's class with another ``fit``: dense float32 and float64 rows are read once, their
    products summed in float64 about a mean, and solved with columns of unit norm.  Where squares
    would lose too much, rows are reduced by orthogonal transformations instead.  ``positive=True``
    and sparse X run scikit-learn's code.

    Parameters
    ----------
    {parameters}

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
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from fastml import LinearRegression
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [3.0, 1.0]])
    >>> model = LinearRegression().fit(X, X @ [2.0, -1.0] + 3.0)
    >>> model.coef_.round(12), round(float(model.intercept_), 12)
    (array([ 2., -1.]), 3.0)
    """

    coef_: Array
    intercept_: Array | float

    @fit_context(prefer_skip_nested_validation=True)
    @filled(**FIT)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        {rows}
        {targets}
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative; a sample of weight zero counts as left out.

        Returns
        -------
        self : LinearRegression

        {raises}
        """
        reason = "positive=True" if self.positive else unsupported_input(X)
        with fitted_at_once(self) as twin:
            twin.__dict__.pop("_seen", None)
            if reason is None:
                table = table_of(self, X, y, sample_weight)
                if table is not None:
                    sums = solve_table(twin, table, np.zeros(1), twin.fit_intercept)
                    if sums is not None:
                        table = sums[0]
                        flat = table.y is not None and table.y.ndim == 1
                        set_solution(twin, table.X.dtype, flat, *sums[1:], twin.fit_intercept)
                        twin._set_rest(sums[1], min(table.X.shape))
                        return self
                elif sample_weight is None:
                    plain = solved_at_once(twin, X, y, 0.0, twin.fit_intercept)
                    if plain is not None:
                        set_solution(twin, *plain, twin.fit_intercept)
                        twin._set_rest(plain[2], len(plain[2].coef))
                        return self
                rows, y_, weights = checked_rows(twin, X, y, sample_weight, nonnegative=True)
                found = solved(twin, rows, y_, weights, np.zeros(1), twin.fit_intercept)
                if found is not None:
                    set_solution(twin, rows.dtype, y_.ndim == 1, *found, twin.fit_intercept)
                    twin._set_rest(found[0], min(rows.shape))
                    return self
                reason = "squares overflow"
            fit_as_scikit_learn(twin, reason, lambda copied: super().fit(X, y, sample_weight))
        return self

    def _penalties(self, n_targets: int) -> Array:
        return np.zeros(1)

    def _set_rest(self, solution: Solution, count: int | None = None) -> None:
        """Set the rank, and what ``singular_`` is made of: that many values."""
        self.rank_ = solution.rank
        self._factor = (solution.factor(), count)

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows."""
        return plan_of(X)

    @property
    def singular_(self) -> Array:
        """Singular values of the centred X, largest first."""
        state = vars(self)
        made = state.get("_factor")
        held = state.get("_singular")
        if held is None or held[0] is not made:  # of another fit
            if made is None:
                raise AttributeError("singular_ is there after a dense fit only.")
            held = self._singular = made, linalg.svdvals(made[0])[: made[1]]
        return np.asarray(held[1])

    @singular_.setter
    def singular_(self, values: Array) -> None:
        self._singular = vars(self).get("_factor"), values
