"""The naive Bayes estimators of counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn.naive_bayes

from ..core.documentation import documented
from ..core.validation import Array
from ._discrete import CountingNB
from ._documentation import ATTRIBUTES, PARAMETERS
from ._signatures import BernoulliNBTypes, ComplementNBTypes, MultinomialNBTypes

_OF_COMPLEMENTS = {
    **PARAMETERS,
    "fit_prior": ("bool", "Only used where there is one class."),
    "class_prior": ("array-like (n_classes,)", "Not used."),
}


@documented(PARAMETERS, attributes=ATTRIBUTES)
class MultinomialNB(CountingNB, MultinomialNBTypes, sklearn.naive_bayes.MultinomialNB):
    """Multinomial naive Bayes: features are how often something occurs, words for instance.

    Counting takes one pass over the rows on several threads, for numbers of any type and for
    compressed sparse rows; sums of whole numbers are exact.  Labels are those of float64 sums in
    the order of the features, and results the same bits for any number of threads.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    feature_count_ : ndarray (n_classes, n_features) of float64
        The weighted sum of each feature over the rows of each class.
    feature_log_prob_ : ndarray (n_classes, n_features) of float64
        Logarithms of the features' shares in each class, smoothed.

    References
    ----------
    Manning, Raghavan and Schütze, "Introduction to information retrieval", 2008, chapter 13.

    Examples
    --------
    >>> import fastml
    >>> X = [[3, 0], [4, 1], [0, 2]]
    >>> fastml.MultinomialNB().fit(X, ["a", "a", "b"]).predict([[0, 3]])
    array(['b'], dtype='<U1')
    """

    def _coefficients(self) -> tuple[Array, Array]:
        return _float(self.feature_log_prob_), _float(self.class_log_prior_)


@documented(_OF_COMPLEMENTS, attributes=ATTRIBUTES)
class ComplementNB(CountingNB, ComplementNBTypes, sklearn.naive_bayes.ComplementNB):
    """Complement naive Bayes: a class is told by what all other classes hold.

    Counted and labelled as :class:`MultinomialNB` does; better where classes differ in size.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    feature_all_ : ndarray (n_features,) of float64
        The sum of each feature over all classes.
    feature_count_ : ndarray (n_classes, n_features) of float64
        The weighted sum of each feature over the rows of each class.
    feature_log_prob_ : ndarray (n_classes, n_features) of float64
        Weights of the features, from what all other classes hold.

    References
    ----------
    Rennie, Shih, Teevan and Karger, "Tackling the poor assumptions of naive Bayes text
    classifiers", ICML 2003.

    Examples
    --------
    >>> import fastml
    >>> X = [[3, 0], [4, 1], [0, 2]]
    >>> fastml.ComplementNB().fit(X, ["a", "a", "b"]).predict([[0, 3]])
    array(['b'], dtype='<U1')
    """

    def _settle(self) -> None:
        self.feature_all_ = self.feature_count_.sum(axis=0)
        super()._settle()

    def _update_feature_log_prob(self, alpha: float) -> None:
        # Sums of the classes before and after: all less one's own would leave, of a rare class
        # beside a heavy one or of the smoothing, what rounding has left.
        others = np.zeros_like(self.feature_count_)
        others[1:] += np.cumsum(self.feature_count_[:-1], axis=0)
        others[:-1] += np.cumsum(self.feature_count_[:0:-1], axis=0)[::-1]
        smoothed = others + alpha
        logged = np.log(smoothed / smoothed.sum(axis=1, keepdims=True))
        self.feature_log_prob_ = (
            logged / logged.sum(axis=1, keepdims=True) if self.norm else -logged
        )

    def _coefficients(self) -> tuple[Array, Array]:
        alone = len(self.classes_) == 1
        bias = self.class_log_prior_ if alone else np.zeros(len(self.classes_))
        return _float(self.feature_log_prob_), _float(bias)


@documented(PARAMETERS, attributes=ATTRIBUTES)
class BernoulliNB(CountingNB, BernoulliNBTypes, sklearn.naive_bayes.BernoulliNB):
    """Bernoulli naive Bayes: features are there or not.

    Counted and labelled as :class:`MultinomialNB` does; rows are compared with the threshold on
    the way, never copied.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}
    feature_count_ : ndarray (n_classes, n_features) of float64
        The weight of the rows of each class in which a feature is there.
    feature_log_prob_ : ndarray (n_classes, n_features) of float64
        Logarithms of the probabilities that a feature is there, smoothed.

    References
    ----------
    McCallum and Nigam, "A comparison of event models for naive Bayes text classification", 1998.

    Examples
    --------
    >>> import fastml
    >>> X = [[1, 0], [1, 0], [0, 1]]
    >>> fastml.BernoulliNB().fit(X, ["a", "a", "b"]).predict([[0, 1]])
    array(['b'], dtype='<U1')
    """

    _positive = False

    def _threshold(self) -> float:
        return np.nan if self.binarize is None else float(self.binarize)

    def _coefficients(self) -> tuple[Array, Array]:
        present = _float(self.feature_log_prob_)
        with np.errstate(divide="ignore"):
            absent = np.log(1 - np.exp(present))
        return present - absent, _float(self.class_log_prior_) + absent.sum(axis=1)


def _float(array: Any) -> Array:
    """Return a contiguous array of float64."""
    return np.ascontiguousarray(array, dtype=np.float64)
