"""``score`` of classifiers and regressors: scikit-learn's numbers, without checks of plain arrays.

Its metrics look at what they compare for 0.2 to 1 millisecond, as long as thousands of rows take
to be predicted.  Of plain vectors they would find nothing to say; the arithmetic is theirs.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .validation import Array

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _same_vectors(y: Any, predicted: Any, least: int) -> bool:
    """Say whether both are plain vectors of equally many elements, of so many at least."""
    return (
        type(y) is np.ndarray
        and type(predicted) is np.ndarray
        and y.ndim == predicted.ndim == 1
        and len(y) == len(predicted) >= least
    )


def accuracy(y: Any, predicted: Any) -> float | None:
    """Return the share of equal elements, or None where scikit-learn is to look at them.

    Examples
    --------
    >>> accuracy(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]))
    0.75
    """
    if not _same_vectors(y, predicted, 1):
        return None
    kinds = {y.dtype.kind, predicted.dtype.kind}
    if not (kinds <= set("biu") or kinds == {"U"}):
        return None
    return float(np.count_nonzero(y == predicted) / len(y))


def explained(y: Any, predicted: Any) -> float | None:
    """Return R^2, or None where scikit-learn is to look at what is compared.

    Examples
    --------
    >>> explained(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0]))
    0.5
    """
    if not _same_vectors(y, predicted, 2):  # of one there is no variance
        return None
    if y.dtype not in _FLOATS or predicted.dtype not in _FLOATS:
        return None
    dtype = np.float32 if y.dtype == predicted.dtype == np.float32 else np.float64
    # As columns: NumPy adds them in another order than it might vectors.
    truth, found = (x.astype(dtype, copy=False).reshape(-1, 1) for x in (y, predicted))
    with np.errstate(all="ignore"):
        residual = np.add.reduce((truth - found) ** 2, axis=0)
        total = np.add.reduce((truth - truth.mean(axis=0)) ** 2, axis=0)
        score = 1 - residual / total
    # Numbers that are not finite show in a sum; where all are alike there is nothing to explain.
    value = float(score[0])
    return value if isfinite(value) and isfinite(total[0]) else None


class ScoresClasses:
    """``score`` of a classifier, before scikit-learn's mixin."""

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy: the share of rows whose class is predicted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows, as :meth:`predict` takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; all 1 by default.

        Returns
        -------
        accuracy : float
            scikit-learn's ``accuracy_score``, to the bit.

        Raises
        ------
        ValueError
            If there are more or fewer targets than rows, or they are no classes.
        """
        me: Any = self
        predicted = me.predict(X)
        found = None if sample_weight is not None else accuracy(y, predicted)
        if found is not None:
            return found
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(y, predicted, sample_weight=sample_weight))


class ScoresNumbers:
    """``score`` of a regressor, before scikit-learn's mixin."""

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R^2: the share of the targets' variance that is predicted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows, as :meth:`predict` takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; all 1 by default.

        Returns
        -------
        r2 : float
            scikit-learn's ``r2_score``, to the bit: 1 at best, negative where the mean of ``y``
            would have been nearer.

        Raises
        ------
        ValueError
            If there are more or fewer targets than rows, or they are not finite.
        """
        me: Any = self
        predicted: Array = me.predict(X)
        found = None if sample_weight is not None else explained(y, predicted)
        if found is not None:
            return found
        from sklearn.metrics import r2_score

        return float(r2_score(y, predicted, sample_weight=sample_weight))
