"""Fitting as all naive Bayes estimators do it: in one pass, or piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import check_is_fitted

from ..core.classes import number_classes
from ..core.documentation import filled
from ..core.estimator import as_of_now, fitted_at_once
from ..core.parameters import ParametersMixin
from ..core.scoring import ScoresClasses
from ..core.sklearn_compat import fit_context
from ..core.validation import Array, is_finite
from ..data import Table
from ..execution import over_blocks, table_of
from ._documentation import FIT, PREDICT

#: Fitted numbers that are finite, and those that may be the logarithm of zero.
_SUMS = ("class_count_", "feature_count_", "theta_", "var_", "class_prior_")
_LOGARITHMS = ("class_log_prior_", "feature_log_prob_")


class FitsInPieces(ScoresClasses, ParametersMixin):
    """``fit`` and ``partial_fit``, over what an estimator does with some rows."""

    classes_: Array
    #: scikit-learn's, or an estimator's own: rows to predict, checked; their logarithms.
    _check_X: Callable[[Any], Any]  # noqa: N815
    _joint_log_likelihood: Callable[[Any], Any]

    #: Fits rows that need not be in memory, where an estimator can.
    _fit_table: Callable[[Table], None] | None = None

    def _checked_rows(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[Any, Array, Array]:
        """Return rows, targets and weights, the last of them empty where all are one."""
        raise NotImplementedError

    def _begin(self, n_features: int) -> None:
        """Forget all rows; the classes are known."""
        raise NotImplementedError

    def _add(self, X: Any, numbers: Array, weights: Array) -> None:
        """Add rows, given the numbers of their classes, and set what follows from them."""
        raise NotImplementedError

    @fit_context(prefer_skip_nested_validation=True)
    @filled(**FIT)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} (n_samples, n_features)
            The rows; compressed sparse ones for counts.  For Gaussians float32 stays float32 and
            other types become float64; categories are whole numbers from 0 on.
        {targets}
        {weights}

        {results}
        """
        table = None if self._fit_table is None else table_of(self, X, y, sample_weight)
        with fitted_at_once(self) as twin:
            if table is not None and twin._fit_table is not None:
                twin._fit_table(table)
                twin._check_fitted()
                return self
            data, targets, weights = twin._checked_rows(X, y, sample_weight, reset=True)
            twin.classes_, numbers = number_classes(targets)
            twin._begin(data.shape[1])
            twin._add(data, numbers, weights)
            twin._check_fitted()
        return self

    @fit_context(prefer_skip_nested_validation=True)
    @filled(**FIT)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go on with more rows: the result is that of ``fit`` on all rows so far.

        Moments to 1e-12, and bit for bit where the pieces end on the blocks of the sums, whose
        number of rows ``fastml.naive_bayes.block_rows(n_features, n_classes)`` tells; counts of
        whole numbers exactly.

        Parameters
        ----------
        X : {array-like, sparse matrix} (n_samples, n_features)
            The rows, as for :meth:`fit`.
        {targets}
        classes : array-like (n_classes,), default=None
            All classes that may occur; needed in the first call.
        {weights}

        {results}
        """
        with fitted_at_once(self) as twin:
            first = _check_partial_fit_first_call(twin, classes)
            data, targets, weights = twin._checked_rows(X, y, sample_weight, reset=first)
            if first:
                twin._begin(data.shape[1])
            _, numbers = number_classes(targets, twin.classes_)
            if (numbers < 0).any():
                raise ValueError(
                    f"The target label(s) {np.unique(targets[numbers < 0])} in y do not exist in "
                    f"the initial classes {twin.classes_}"
                )
            twin._add(data, numbers, weights)
            twin._check_fitted()
        return self

    def _check_fitted(self) -> None:
        """Raise ValueError if sums of finite rows and weights have left the range of float64."""
        for name in _SUMS + _LOGARITHMS:
            found = vars(self).get(name)
            if found is None:
                continue
            array = np.concatenate(found, axis=1) if isinstance(found, list) else found
            if is_finite(array):
                continue
            if np.isnan(array).any() or (name in _SUMS and np.isinf(array).any()):
                raise ValueError(
                    f"{name} of {type(self).__name__} is no finite number: X or "
                    "sample_weight is too large or too small, weights are negative, or a class "
                    "without weight is not smoothed."
                )

    def _comparable(self, likelihoods: Array, X: Any) -> Array:
        """Return joint log-likelihoods, rows changed that are minus infinity in all classes."""
        return likelihoods

    @over_blocks
    @filled(**PREDICT)
    def predict_joint_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of the joint probability of each row and class.

        {rows}

        Returns
        -------
        logarithms : ndarray (n_samples, n_classes) of float64
        """
        self = as_of_now(self)
        if "classes_" not in vars(self):
            check_is_fitted(self)
        return np.asarray(self._joint_log_likelihood(self._check_X(X)))

    @over_blocks
    @filled(**PREDICT)
    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of the probability of each class for each row.

        {rows}

        Returns
        -------
        logarithms : ndarray (n_samples, n_classes) of float64
        """
        self = as_of_now(self)
        joint = self.predict_joint_log_proba(X)
        # Of NumPy's the functions that methods of arrays end at: half the time of one row.
        top = np.maximum.reduce(joint, axis=1, keepdims=True)
        if is_finite(top):
            joint = joint - top
        else:
            if np.fmin.reduce(top, axis=None) == -np.inf:
                joint = self._comparable(joint, X)
                top = np.maximum.reduce(joint, axis=1, keepdims=True)
            with np.errstate(invalid="ignore"):  # where no class is possible
                joint = joint - top
        sums = np.add.reduce(np.exp(joint), axis=1, keepdims=True)
        return np.asarray(joint - np.log(sums))

    @over_blocks
    @filled(**PREDICT)
    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class for each row.

        {rows}

        Returns
        -------
        probabilities : ndarray (n_samples, n_classes) of float64
        """
        return np.asarray(np.exp(self.predict_log_proba(X)))
