"""LogisticRegression: the minimum of scikit-learn's objective, in any units."""

from __future__ import annotations

import warnings
from inspect import signature
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import linear_model
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import compute_class_weight
from sklearn.utils.validation import column_or_1d

from ..core.classes import check_classes, name_classes, number_classes
from ..core.delegation import fit_as_scikit_learn, unsupported_input
from ..core.documentation import documented, filled
from ..core.estimator import as_of_now, fitted_at_once, samples_and_targets
from ..core.parameters import ParametersMixin
from ..core.scoring import ScoresClasses
from ..core.sklearn_compat import check_sample_weight, fit_context
from ..core.validation import Array, check_finite, contiguous
from ..data import Blocks
from ..execution import Plan, over_blocks, table_of
from ._documentation import ATTRIBUTES, FIT, LOGISTIC, PREDICT
from ._logistic_fit import fit_logistic
from ._logistic_passes import Samples
from ._logistic_table import ONE_CLASS, plan_of, rows_of
from ._objective import Rows
from ._predict import labels, probabilities
from ._predicting import predicted, targets
from ._signatures import LogisticRegressionTypes

_OVERFLOW = "numbers overflow"
_SOLVERS = ("lbfgs", "newton-cg", "newton-cholesky")

#: What these are where nobody gives them; below scikit-learn 1.8, "l2" and None.
_PENALTY = signature(linear_model.LogisticRegression).parameters["penalty"].default
_NO_L1 = (0, signature(linear_model.LogisticRegression).parameters["l1_ratio"].default)


@documented(LOGISTIC, attributes=ATTRIBUTES)
class LogisticRegression(
    ScoresClasses, ParametersMixin, LogisticRegressionTypes, linear_model.LogisticRegression
):
    """Logistic regression, binary and multinomial, minimised to rounding in any units.

    scikit-learn's class with another ``fit`` for dense X, no penalty or the squared norm, and the
    solvers "lbfgs", "newton-cg" and "newton-cholesky", whose objective is the same: whichever is
    named, its minimum is found by Newton's method or by L-BFGS preconditioned with X'X, to a
    precision far below any ``tol``.  Everything else runs scikit-learn's code.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_, coef_, intercept_, n_iter_ :
        As in scikit-learn.
    {attributes}

    Examples
    --------
    >>> from fastml import LogisticRegression
    >>> model = LogisticRegression().fit([[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1])
    >>> model.predict([[-0.5], [3.0]])
    array([0, 1])
    """

    classes_: Array
    coef_: Array
    intercept_: Array

    def _reason(self, X: Any, y: Any, sample_weight: Any) -> str | None:
        """Return what asks for scikit-learn's code, or None."""
        if self.solver not in _SOLVERS:
            return f"solver={self.solver!r}"
        if self.penalty != _PENALTY:
            return "penalty, which is deprecated"
        if self.l1_ratio not in _NO_L1:
            return f"l1_ratio={self.l1_ratio}"
        if getattr(self, "multi_class", "deprecated") != "deprecated":  # below scikit-learn 1.8
            return "multi_class, which is deprecated"
        if self.dual or self.max_iter == 0:
            return "dual or max_iter=0"
        if hasattr(self, "_skl_callbacks"):
            return "callbacks"
        return unsupported_input(X, y, sample_weight)

    @fit_context(prefer_skip_nested_validation=True)
    @filled(**FIT)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        {rows}
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; a sample of weight zero counts as left out.

        Returns
        -------
        self : LogisticRegression

        Raises
        ------
        ValueError
            If X holds NaN or infinity, shapes do not match, or there is one class only.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` is reached, or there is no minimum: the classes are separated and
            nothing is penalised, or all weight is on one class.
        """
        reason = self._reason(X, y, sample_weight)
        if reason is None and self.n_jobs is not None and not hasattr(self, "multi_class"):
            warnings.warn(  # as scikit-learn does since 1.8
                "'n_jobs' has no effect: fastml's own threads compute this fit. scikit-learn will "
                "remove the parameter in 1.10.",
                FutureWarning,
                stacklevel=3,
            )
        with fitted_at_once(self) as twin:
            if reason is None:
                table = table_of(self, X, y, sample_weight)
                if table is not None:
                    reason = twin._minimise(*rows_of(twin, table))
                else:
                    reason = twin._fit_dense(X, y, sample_weight)
            if reason is not None:
                fit_as_scikit_learn(twin, reason, lambda copied: super().fit(X, y, sample_weight))
        return self

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows."""
        return plan_of(X, self.max_iter)

    def _fit_dense(self, X: Any, y: Any, sample_weight: Any) -> str | None:
        """Fit, or return what asks for scikit-learn's code.

        Whether X is finite the sums of its rows say; it is looked at first only where y or weights
        are refused, since scikit-learn does so.
        """
        X, y = samples_and_targets(self, X, y, reset=True, finite=False, multi_output=False)
        X = contiguous(X)
        try:
            found = self._targets_and_weights(X, y, sample_weight)
        except ValueError:
            check_finite(X, "X", type(self).__name__)
            raise
        if found is None:
            return "negative weights"
        classes, codes, weights = found
        reason = self._minimise(classes, Samples(X, codes, weights))
        if reason == _OVERFLOW:
            check_finite(X, "X", type(self).__name__)
        return reason

    def _targets_and_weights(
        self, X: Array, y: Array, sample_weight: Any
    ) -> tuple[Array, Array, Array] | None:
        """Return classes, their numbers and weights, (0,) for weights of one; None if negative."""
        y = column_or_1d(y, warn=True)
        check_classes(y)
        classes, codes = number_classes(y)
        if len(classes) < 2:
            raise ValueError(ONE_CLASS.format(classes[0]))
        weights = np.empty(0)
        if sample_weight is not None or self.class_weight is not None:
            weights = check_sample_weight(sample_weight, X, copy=True)
            if (weights < 0).any():
                return None
            if self.class_weight is not None:
                weights *= compute_class_weight(
                    self.class_weight, classes=classes, y=y, sample_weight=weights
                )[codes]
        return classes, codes, weights

    def _minimise(self, classes: Array, rows: Rows) -> str | None:
        """Find the minimum of rows, or return what asks for scikit-learn's code."""
        if not rows.weight > 0:
            return "weights of zero"
        n_outputs = 1 if len(classes) == 2 else len(classes)
        start = None
        if self.warm_start and hasattr(self, "coef_"):
            start = np.column_stack([vars(self)["coef_"], vars(self)["intercept_"]])
            if start.shape != (n_outputs, rows.shape[1] + 1):
                return "warm_start from another shape"
        try:
            with np.errstate(all="ignore"):
                found = fit_logistic(
                    rows, n_outputs, 1.0 / self.C,
                    self.fit_intercept, self.max_iter, self.tol, start,
                )  # fmt: skip
        except FloatingPointError:
            return _OVERFLOW
        if not np.isfinite(found.W).all():
            return _OVERFLOW
        if found.alone:
            warnings.warn(
                "Next to all sample weight is on one class: there is no minimum, the intercept "
                "would grow for ever. Give rows of another class more weight, or set "
                "fit_intercept=False.",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif found.separated:
            penalised, choice = ("nothing", "finite") if np.isinf(self.C) else ("little", "smaller")
            warnings.warn(
                f"The classes are perfectly separated and {penalised} is penalised: there is no "
                f"minimum, coefficients would grow for ever. Set C to a {choice} number.",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif not found.converged:
            warnings.warn(
                f"{self.solver} failed to converge after {found.n_iter} iteration(s): increase "
                "the number of iterations (max_iter).",
                ConvergenceWarning,
                stacklevel=4,
            )
        self.classes_ = classes
        self.coef_ = np.ascontiguousarray(found.W[:, :-1], rows.dtype)
        self.intercept_ = np.ascontiguousarray(found.W[:, -1], rows.dtype)
        self.n_iter_ = np.array([found.n_iter], np.int32)
        self.computed_by_ = "fastml"
        return None

    @over_blocks
    @filled(**PREDICT)
    def decision_function(self, X: ArrayLike) -> Array:
        """Return the margins of each class, or of the second of two.

        {rows}

        Returns
        -------
        margins : ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        self = as_of_now(self)
        found = targets(self, X)
        if found is None:
            return np.asarray(super().decision_function(X))
        return found.ravel() if found.shape[1] == 1 else found

    @over_blocks
    @filled(**PREDICT)
    def predict(self, X: ArrayLike) -> Array:
        """Return the likeliest class of each row, the first of equals.

        {rows}

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        self = as_of_now(self)
        found = predicted(self, X, labels)
        if found is None:
            return np.asarray(super().predict(X))
        return name_classes(self.classes_, found, max(2, len(self.coef_)))

    @over_blocks
    @filled(**PREDICT)
    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probabilities of the classes.

        {rows}

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        self = as_of_now(self)
        found = predicted(self, X, probabilities)
        return np.asarray(super().predict_proba(X)) if found is None else found

    @over_blocks
    @filled(**PREDICT)
    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithms of the probabilities of the classes.

        {rows}

        Returns
        -------
        logarithms : ndarray of shape (n_samples, n_classes)
        """
        return np.asarray(super().predict_log_proba(X))
