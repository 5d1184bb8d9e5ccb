"""RidgeCV: a whole path of penalties from the same statistics."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from sklearn import linear_model

from ..core.blas import one_blas_thread
from ..core.delegation import fit_as_scikit_learn, unsupported_input
from ..core.documentation import documented, filled
from ..core.estimator import fitted_at_once
from ..core.parameters import ParametersMixin
from ..core.passes import Grid, TreeSum
from ..core.scoring import ScoresNumbers
from ..core.sklearn_compat import fit_context
from ..core.validation import Array, check_finite, contiguous
from ..data import Blocks, Part, Table
from ..execution import Plan, sum_over, table_of
from ._dense import checked_rows, set_solution
from ._documentation import ATTRIBUTES, FIT, RIDGE_CV
from ._folds import SCORES, Run, determination, fold_scores, rows_of_errors
from ._least_squares import Solution, solve
from ._moments import Moments, first_shift, moments
from ._predict import decision
from ._predicting import PredictsTargets
from ._signatures import RidgeCVTypes
from ._table import first_weighted, moments_of, plan_of, solution_of

#: Eigenvalues are right to this share of the largest: penalties below have no say.
_ROUNDING = 1e-11


class LeftOut(NamedTuple):
    """What the errors of rows left out are computed from, a block of rows at a time.

    With G = V diag(s) V' a row z = V'(x - mean) has the leverage w z' (s + alpha)^-1 z, plus w over
    the sum of the weights for an intercept, and its error when left out is its residual over one
    minus that (Golub, Heath and Wahba, "Generalized cross-validation", 1979); times the root of
    its weight, as in scikit-learn.

    V : ndarray (n_features, n_features), the eigenvectors as rows
    mean : ndarray (n_features + n_targets,)
    shares : ndarray (n_alphas, n_features), the inverse of the penalised eigenvalues
    coefs : ndarray (n_alphas * n_targets, n_features), about the eigenvectors
    weight : float, of all rows, or infinite without an intercept
    """

    V: Array
    mean: Array
    shares: Array
    coefs: Array
    weight: float

    @classmethod
    def of(cls, found: Moments, d: int, alphas: Array, center: bool) -> LeftOut | None:
        """Return it, or None where a penalty is lost in the rounding of G."""
        with one_blas_thread():
            s, V = linalg.eigh(found.products[:d, :d], check_finite=False)
            s = np.maximum(s, 0.0)
            if not alphas.min() > _ROUNDING * s[-1]:
                return None
            V = np.ascontiguousarray(V.T)
            right = V @ found.products[:d, d:]
        shares = 1 / (s + alphas[:, None])
        coefs = (shares[:, :, None] * right).transpose(0, 2, 1).reshape(-1, d)
        return cls(V, found.mean, shares, coefs, found.weight if center else np.inf)

    def errors(self, X: Array, Y: Array, weights: Array) -> Array:
        """Return the summed squared errors of some rows, (n_alphas, n_targets).

        Parameters
        ----------
        weights : ndarray (n_samples,), or (0,) for weights of one
        """
        V, mean, shares, coefs, weight = self
        d, n_alphas = X.shape[1], len(shares)
        zeros = np.zeros(len(coefs))
        Z = decision(contiguous(X), V, -(V * mean[:d]).sum(axis=1), np.float64)
        w = weights[:, None] if weights.size else 1.0
        # In place: new memory takes longer than the arithmetic.
        errors = decision(Z, coefs, zeros, np.float64).reshape(len(Z), n_alphas, -1)
        np.subtract((Y - mean[d:])[:, None], errors, out=errors)
        Z *= Z
        rest = decision(Z, shares, zeros[:n_alphas], np.float64)
        if weights.size:
            rest *= w
        rest += w / weight
        np.subtract(1, rest, out=rest)  # one minus the leverages
        errors /= rest[:, :, None]
        errors *= errors
        if weights.size:
            errors *= weights[:, None, None]
        return np.asarray(errors.sum(axis=0))


class LeftOutPass:
    """Sums the squared errors of rows left out; the model is a :class:`LeftOut`."""

    def statistics(self, part: Part, model: LeftOut) -> Array:
        """Return the sums of a piece."""
        tree: TreeSum[Array] = TreeSum(self.merge)
        rows = rows_of_errors(part.X.shape[1], len(model.coefs))
        for block in Grid(rows).pieces(len(part.X), 1):
            some = slice(block.start, block.stop)
            Y = np.asarray(part.y[some], np.float64).reshape(block.stop - block.start, -1)
            tree.add(block.first, 1, model.errors(part.X[some], Y, part.weights[some]))
        return tree.total()

    def merge(self, a: Array, b: Array) -> Array:
        """Return the sums of both."""
        return np.asarray(a + b)

    def finish(self, statistics: Array, model: LeftOut) -> Array:
        """Return the sums of all rows."""
        return statistics


@documented(RIDGE_CV, attributes=ATTRIBUTES)
class RidgeCV(ScoresNumbers, ParametersMixin, PredictsTargets, RidgeCVTypes, linear_model.RidgeCV):
    """Ridge regression that chooses its penalty by leaving out rows, or folds of them.

    scikit-learn's class with another ``fit``: products of the rows are summed once, and serve every
    penalty; errors of rows left out take one more pass, whatever the number of penalties.  Its own
    code runs for sparse X, ``scoring`` or ``store_cv_results`` with rows left out one by one, folds
    that are not given by a number, scores but "r2" and "neg_mean_squared_error",
    and fewer rows than features.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    coef_, intercept_, alpha_, best_score_, cv_results_ :
        As in scikit-learn.
    {attributes}

    Examples
    --------
    >>> import numpy as np
    >>> from fastml import RidgeCV
    >>> X = np.arange(10.0)[:, None]
    >>> RidgeCV([1e-3, 1e3]).fit(X, 2 * X[:, 0]).alpha_
    0.001
    """

    coef_: Array
    intercept_: Array | float

    def _reason(self, X: Any, y: Any, sample_weight: Any, params: Any) -> str | None:
        """Return what asks for scikit-learn's code, or None."""
        if params:
            return "metadata routing"
        if self.store_cv_results:
            return "store_cv_results=True"
        if self.cv is None:
            if self.scoring is not None:
                return "scoring of rows left out"
        elif not isinstance(self.cv, numbers.Integral) or self.alpha_per_target:
            return "folds that are not a number"
        elif not (self.scoring is None or self.scoring in list(SCORES)):
            return "scoring of another kind"
        alphas = np.asarray(self.alphas)
        if alphas.ndim != 1 or alphas.dtype.kind not in "iuf" or not len(alphas):
            return "alphas of another kind"
        if not (alphas > 0).all():
            return "alphas that are not positive"
        return unsupported_input(X, y, sample_weight)

    @fit_context(prefer_skip_nested_validation=True)
    @filled(**FIT)
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> Self:
        """Choose a penalty and fit with it.

        {rows}
        {targets}
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights, not negative.
        **params : dict
            Given to the scorer, by scikit-learn's code.

        Returns
        -------
        self : RidgeCV

        {raises}
        """
        reason = self._reason(X, y, sample_weight, params)
        with fitted_at_once(self) as twin:
            if reason is None:
                reason = twin._fit_dense(X, y, sample_weight)
            if reason is not None:
                fit_as_scikit_learn(
                    twin, reason, lambda copied: super().fit(X, y, sample_weight, **params)
                )
        return self

    def _errors(self, found: Moments, d: int, run: Callable[[Any, LeftOut], Array]) -> Array | None:
        """Return the summed errors of rows left out, or None where a penalty is lost.

        Parameters
        ----------
        run : callable
            Makes a pass over all rows.
        """
        model = LeftOut.of(found, d, np.asarray(self.alphas, np.float64), self.fit_intercept)
        if model is None:
            return None
        errors = run(LeftOutPass(), model)
        return errors if np.isfinite(errors).all() else None

    def _choose(self, errors: Array) -> Array:
        """Set the best penalty and its score, of each target or of all; return its number."""
        alphas, n_targets = np.asarray(self.alphas, np.float64), errors.shape[1]
        scores = -errors if self.alpha_per_target else -errors.mean(axis=1, keepdims=True)
        best = np.asarray(scores.argmax(axis=0))
        top = scores[best, np.arange(scores.shape[1])]
        each = self.alpha_per_target and n_targets > 1
        self.best_score_ = top if each else top[0]
        self.alpha_ = alphas[best] if each else float(alphas[best[0]])
        return best

    def _plan(self, X: Blocks) -> Plan | None:
        """Return what a fit of blocks does with rows; None where it needs them all."""
        plan = plan_of(X)
        more = [("errors of rows left out", 1)]
        if self.cv is not None:
            more = [("products of the folds", 1), ("errors of the folds", 1)]
        n_penalties = np.size(self.alphas)
        errors = 8 * rows_of_errors(X.shape[1], n_penalties) * (3 * n_penalties + 3)
        return plan._replace(passes=[*plan.passes, *more], each=errors)

    def _by_folds(self, n_rows: int, n_features: int, shift: Array, run: Run) -> Array | None:
        """Set the best penalty over folds and its score; return its number, None for few rows.

        None also where all rows of a fold weigh nothing.
        """
        if n_rows < self.cv * (2 if SCORES[self.scoring] is determination else 1):
            return None
        scores = fold_scores(
            n_rows, n_features, int(self.cv), np.asarray(self.alphas, np.float64), shift,
            center=self.fit_intercept, scoring=self.scoring, run=run,
        )  # fmt: skip
        if scores is None:
            return None
        best = np.array([scores.argmax()])
        self.alpha_, self.best_score_ = np.asarray(self.alphas)[best[0]], scores[best[0]]
        return best

    def _fit_table(self, table: Table) -> bool:
        """Fit by passes; return False where all rows are needed."""
        d = table.X.shape[1]
        if table.n_rows <= d or (self.cv is not None and self.cv < 2):
            return False
        sums = moments_of(self, table, self.fit_intercept)
        if sums is None:
            return False
        rows, found = sums
        if self.cv is not None:
            some = first_weighted(rows)
            shift = first_shift(rows.X[some], rows.y[some], None)  # type: ignore[index]

            def run(start: int, stop: int, block_rows: int, fit: Any, model: Any) -> Array:
                fold = rows.range(start, stop)
                return np.asarray(sum_over(fold, block_rows, fit, model).total())

            chosen = self._by_folds(
                table.n_rows, d, shift if self.fit_intercept else 0 * shift, run
            )
            if chosen is None:
                return False
            best = chosen
        else:

            def errors_of(fit: Any, model: LeftOut) -> Array:
                block_rows = rows_of_errors(d, len(model.coefs))
                return np.asarray(sum_over(rows, block_rows, fit, model).total())

            errors = self._errors(found, d, errors_of)
            if errors is None:
                return False
            best = self._choose(errors / table.n_rows)
        solution = solution_of(rows, found, np.asarray(self.alphas, np.float64)[best])
        flat = table.y is not None and table.y.ndim == 1
        self._set(rows.X.dtype, flat, solution, found)
        return True

    def _set(self, dtype: Any, flat: bool, solution: Solution, found: Moments) -> None:
        set_solution(self, dtype, flat, solution, found, self.fit_intercept)
        if solution.coef.shape[1] == 1:
            self.coef_ = vars(self)["coef_"].reshape(-1)

    def _fit_dense(self, X: Any, y: Any, sample_weight: Any) -> str | None:
        """Fit, or return what asks for scikit-learn's code."""
        table = table_of(self, X, y, sample_weight)
        if table is not None and self._fit_table(table):
            return None
        rows, y_, weights = checked_rows(self, X, y, sample_weight)
        check_finite(y_, "y", type(self).__name__)
        check_finite(rows, "X", type(self).__name__)
        n_samples, d = rows.shape
        if n_samples <= d:
            return "few rows"
        if weights is not None and (weights < 0).any():
            return "negative weights"
        alphas = np.asarray(self.alphas, np.float64)
        Y = np.asarray(y_, np.float64).reshape(n_samples, -1)
        found = moments(rows, Y, weights, center=self.fit_intercept)
        if not np.isfinite(found.products).all():
            return "squares overflow"
        best = np.zeros(1, np.intp)
        if self.cv is None:
            nothing = np.empty(0)
            whole = Part(0, 1, 0, n_samples, rows, Y, nothing if weights is None else weights, {})
            errors = self._errors(found, d, lambda fit, model: fit.statistics(whole, model))
            if errors is None:
                return "penalties lost in rounding"
            best = self._choose(errors / n_samples)
        else:
            if self.cv < 2:
                return f"cv={self.cv}"

            def run(start: int, stop: int, block_rows: int, fit: Any, model: Any) -> Array:
                some = slice(start, stop)
                w = np.empty(0) if weights is None else weights[some]
                fold = Part(0, 1, 0, stop - start, rows[some], Y[some], w, {})
                return np.asarray(fit.statistics(fold, model))

            shift = first_shift(rows, Y, weights)
            chosen = self._by_folds(n_samples, d, shift if self.fit_intercept else 0 * shift, run)
            if chosen is None:
                return "folds of one row or no weight"
            best = chosen
        solution = solve(rows, Y, weights, found, alphas[best])
        self._set(rows.dtype, y_.ndim == 1, solution, found)
        return None
