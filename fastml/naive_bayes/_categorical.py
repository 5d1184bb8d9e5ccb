"""Naive Bayes of categories."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import sklearn.naive_bayes
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils.validation import check_is_fitted

from ..core.estimator import unchanged_on_error
from ..core.validation import Array


class CategoricalNB(sklearn.naive_bayes.CategoricalNB):  # type: ignore[misc]
    """Naive Bayes of categories, numbered 0, 1, 2, ... within each feature.

    A category that no fitted row had, and that ``min_categories`` does not foresee, has the
    probability that smoothing gives to a category without rows; scikit-learn's class raises an
    IndexError there.  Counts are taken feature by feature for all classes at once.

    Parameters
    ----------
    alpha : float, default=1.0
        What is added to every count.
    force_alpha : bool, default=True
        Whether an ``alpha`` below 1e-10 is taken as it is.
    fit_prior : bool, default=True
        Whether the classes' probabilities are their shares of the rows; equal ones otherwise.
    class_prior : array-like (n_classes,), default=None
        Probabilities of the classes, instead.
    min_categories : int or array-like (n_features,), default=None
        How many categories a feature has at least.

    Attributes
    ----------
    category_count_ : list of ndarray (n_classes, n_categories) of float64
    class_count_ : ndarray (n_classes,) of float64
    class_log_prior_ : ndarray (n_classes,) of float64
    classes_ : ndarray (n_classes,)
    feature_log_prob_ : list of ndarray (n_classes, n_categories) of float64
    n_categories_ : ndarray (n_features,) of int64
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Only when X has feature names that are all strings.
    computed_by_ : str
        'fastml'.

    References
    ----------
    Manning, Raghavan and Schütze, "Introduction to information retrieval", 2008, chapter 13.

    Examples
    --------
    >>> import fastml
    >>> model = fastml.CategoricalNB().fit([[0, 1], [0, 0], [1, 1]], ["a", "a", "b"])
    >>> model.predict([[0, 5]])
    array(['a'], dtype='<U1')
    """

    category_count_: list[Array]
    class_count_: Array
    _unseen: list[Array]

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Count the categories of each class.

        Parameters
        ----------
        X : array-like (n_samples, n_features)
            Whole numbers from 0 on.
        y : array-like (n_samples,)
            Each row's class.
        sample_weight : array-like (n_samples,), default=None
            Each row's weight; one by default.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words; the estimator is then as it was.
        """
        with unchanged_on_error(self):
            super().fit(X, y, sample_weight)
            self.computed_by_ = "fastml"
        return self

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go on counting with more rows.

        Parameters
        ----------
        X : array-like (n_samples, n_features)
            Whole numbers from 0 on.
        y : array-like (n_samples,)
            Each row's class.
        classes : array-like (n_classes,), default=None
            All classes that may occur; needed in the first call.
        sample_weight : array-like (n_samples,), default=None
            Each row's weight; one by default.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words; the estimator is then as it was.
        """
        with unchanged_on_error(self):
            if hasattr(self, "category_count_"):  # added to in place
                self.category_count_ = [counts.copy() for counts in self.category_count_]
            super().partial_fit(X, y, classes, sample_weight)
            self.computed_by_ = "fastml"
        return self

    def _count(self, X: Array, Y: Array) -> None:
        """Add the categories of rows to the counts; Y holds each row's weight at its class."""
        self.class_count_ = self.class_count_ + Y.sum(axis=0)
        self.n_categories_ = self._validate_n_categories(X, self.min_categories)
        numbers, weights = Y.argmax(axis=1), Y.sum(axis=1).astype(np.float64)
        counts = []
        for p, before in enumerate(self.category_count_):
            n_classes = len(before)
            n_categories = max(int(self.n_categories_[p]), before.shape[1])
            places = numbers * n_categories + X[:, p]
            found = np.bincount(places, weights, n_classes * n_categories)
            total = found.reshape(n_classes, n_categories)
            total[:, : before.shape[1]] += before
            counts.append(total)
        self.category_count_ = counts

    def _update_feature_log_prob(self, alpha: Any) -> None:
        super()._update_feature_log_prob(alpha)
        with np.errstate(divide="ignore"):
            self._unseen = [
                np.log(alpha) - np.log((counts + alpha).sum(axis=1))
                for counts in self.category_count_
            ]

    def _joint_log_likelihood(self, X: Array) -> Array:
        check_is_fitted(self)
        total = np.zeros((len(X), len(self.class_count_)))
        for p, logs in enumerate(self.feature_log_prob_):
            known = logs.shape[1]
            table = np.column_stack([logs, self._unseen[p]])
            total += table.T[np.minimum(X[:, p], known)]
        return np.asarray(total + self.class_log_prior_)
