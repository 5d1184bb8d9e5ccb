"""What is learnt: the targets of classifiers and regressors, and their weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import r2_score
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import (
    check_consistent_length,
    column_or_1d,
)

from ..core.sklearn_compat import check_sample_weight
from ..core.validation import Array, check_finite
from ..data import Table
from ..execution import class_totals, find_classes, numbers_of
from ..kernels.neural_network.bundles import Samples
from ._sparse import checked_rows, checked_rows_and_targets, checked_samples


def two_classes(y: Any) -> Array | None:
    """Return the two classes of a vector of whole numbers or booleans, or None if it is not that.

    Four passes over y, where finding any number of classes of any kind takes sorts.

    Examples
    --------
    >>> two_classes(np.array([1, -1, 1]))
    array([-1,  1])
    >>> two_classes(np.array([0.0, 0.5])) is None
    True
    """
    if type(y) is not np.ndarray or y.ndim != 1 or y.dtype.kind not in "iubf" or not y.size:
        return None
    if y.dtype.itemsize > 8:  # a float of C's may be no whole number and round to one
        return None
    low, high = y.min(), y.max()
    if y.dtype.kind == "f" and not (float(low).is_integer() and float(high).is_integer()):
        return None
    if low == high:
        return None
    # Of whole numbers one apart there are no others.
    apart = y.dtype.kind == "f" or int(high) - int(low) > 1
    if apart and not ((y == low) | (y == high)).all():
        return None
    return np.array([low, high])


#: Takes targets, weights or None, and a type: returns what :class:`Samples` holds.
Encoder = Callable[[Array, Array | None, Any], tuple[Array, Array | None]]


def encode_numbers(y: Array, weights: Array | None, dtype: Any) -> tuple[Array, Array | None]:
    """Return targets of a regressor as samples hold them."""
    Y = np.array(y.reshape(len(y), -1), dtype=dtype, order="C")
    check_finite(Y, "y")
    return Y, weights


class ClassEncoder:
    """Makes targets of a classifier what samples hold.

    Parameters
    ----------
    classes : ndarray (n_classes,)
    class_weights : ndarray (n_classes,) or None
    """

    def __init__(self, classes: Array, class_weights: Array | None) -> None:
        self._classes, self._class_weights = classes, class_weights

    def __call__(self, y: Array, weights: Array | None, dtype: Any) -> tuple[Array, Array | None]:
        """Return the numbers of classes, and weights times those of the classes."""
        numbers = numbers_of(y, self._classes)
        if self._class_weights is not None:
            of_class = self._class_weights[numbers].astype(dtype)
            weights = of_class if weights is None else of_class * weights
        return numbers[:, np.newaxis].astype(dtype), weights


class Targets(ABC):
    """What is learnt from y: how targets become samples of a network, and how it is judged.

    Made anew for a call of ``fit``; knows of the estimator what it was given, and changes nothing
    of it but what scikit-learn's own checks of X set.
    """

    @abstractmethod
    def samples(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, dtype: Any, *, reset: bool
    ) -> Samples:
        """Return what can be trained on, after every check.

        Parameters
        ----------
        dtype : dtype or tuple of them, to keep
        reset : bool, whether X decides the number of features
        """

    @abstractmethod
    def encoder(self, table: Table) -> Encoder:
        """Return what makes targets of samples of a table's, after every check of all of them."""

    @abstractmethod
    def output(self, Y: Array) -> tuple[str, int]:
        """Return the output activation and the number of outputs targets need."""

    @abstractmethod
    def score(self, z: Array, samples: Samples) -> float:
        """Return the score of held-out samples from the output layer's z."""

    def stratify(self, Y: Array) -> Array | None:
        """Return the labels a split into training and validation samples keeps in proportion."""
        return None

    def known(self) -> Targets:
        """Return how other targets of the same kind are read, those of held-out samples say."""
        return self

    def fitted(self) -> dict[str, Any]:
        """Return the fitted attributes that tell what was learnt."""
        return {}


class Numbers(Targets):
    """Targets of a regressor.

    Parameters
    ----------
    loss : {'squared_error', 'poisson'}
    """

    def __init__(self, loss: str) -> None:
        self.poisson = loss == "poisson"

    def samples(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, dtype: Any, *, reset: bool
    ) -> Samples:
        """Return what can be trained on, after every check."""
        data, target = checked_rows_and_targets(
            estimator, X, y, dtype=dtype, reset=reset, y_numeric=True
        )
        if target.ndim == 2 and target.shape[1] == 1:
            target = column_or_1d(target, warn=True)
        if self.poisson and target.min() < 0:
            raise ValueError(
                "Some value(s) of y are out of the valid range of the loss 'HalfPoissonLoss'."
            )
        with np.errstate(over="ignore"):
            Y = np.array(target.reshape(len(data), -1), dtype=data.dtype, order="C")
        check_finite(Y, "y", type(estimator).__name__)  # None is NaN only now, 1e300 infinite
        return checked_samples(data, Y, _sample_weight(sample_weight, data))

    def encoder(self, table: Table) -> Encoder:
        """Return what makes targets of samples of a table's."""
        if table.y is None:
            raise ValueError("This estimator requires y to be passed, but the target y is None.")
        return encode_numbers

    def output(self, Y: Array) -> tuple[str, int]:
        """Return the output activation and the number of outputs targets need."""
        return ("exp" if self.poisson else "identity"), Y.shape[1]

    def score(self, z: Array, samples: Samples) -> float:
        """Return R², or NaN where predictions are not finite."""
        with np.errstate(over="ignore"):
            predicted = np.exp(z) if self.poisson else z
        if not np.isfinite(predicted).all():
            return float("nan")
        weights = samples.weights if samples.weights.size else None
        return float(r2_score(samples.Y, predicted, sample_weight=weights))


class Classes(Targets):
    """Targets of a classifier.

    Parameters
    ----------
    class_weight : dict, 'balanced', None or ndarray (n_classes,)
        An array holds the weights an earlier call has found.
    known : ndarray or None
        The classes there are; None where y says.
    all_present : bool, default=False
        Whether y must hold every known class.
    """

    def __init__(
        self, class_weight: Any, known: Array | None = None, *, all_present: bool = False
    ) -> None:
        self.class_weight, self.all_present = class_weight, all_present
        self._known = known
        self.classes: Array = np.empty(0) if known is None else known
        self.class_weights: Array | None = None
        self._sparse = False

    def samples(
        self, estimator: Any, X: Any, y: Any, sample_weight: Any, dtype: Any, *, reset: bool
    ) -> Samples:
        """Return what can be trained on, after every check."""
        classes = two_classes(y)
        if classes is not None:
            data = checked_rows(estimator, X, dtype=dtype, reset=reset)
            if data.shape[0] != len(y):
                check_consistent_length(data, y)  # which says so
        else:
            data, y = checked_rows_and_targets(estimator, X, y, dtype=dtype, reset=reset)
            if issparse(y):
                self._sparse, y = y.shape[1] > 1, y.toarray()
            if y.ndim == 2 and y.shape[1] == 1:
                y = column_or_1d(y, warn=True)
            check_classification_targets(y)
            if type_of_target(y, input_name="y") == "multiclass-multioutput":
                raise ValueError("Multioutput target data is not supported with label binarization")
            classes = unique_labels(y)
        self._meet(classes)
        Y = np.ascontiguousarray(self._encoded(y), dtype=data.dtype)
        weights = self._weighted(Y, _sample_weight(sample_weight, data))
        return checked_samples(data, Y, weights)

    def encoder(self, table: Table) -> Encoder:
        """Return what makes targets of samples of a table's."""
        found = find_classes(table)
        self._meet(found.values)
        if isinstance(self.class_weight, np.ndarray):
            self.class_weights = self.class_weight
        elif self.class_weight is not None:
            totals = found.counts
            if table.weights is not None:
                totals = class_totals(table, found.values)
            self.class_weights = compute_class_weight(
                self.class_weight, classes=self.classes, y=found.values, sample_weight=totals
            )
        if self.class_weights is not None:
            _check_class_weights(self.class_weights, table.X.dtype)
        return ClassEncoder(self.classes, self.class_weights)

    def _meet(self, classes: Array) -> None:
        """Compare the classes of y with those known."""
        if self._known is None:
            self.classes = classes
        elif classes.tolist() == self._known.tolist():
            return
        elif self.all_present and set(classes) != set(self._known):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self._known}, `y` has {classes}"
            )
        elif not set(classes) <= set(self._known):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self._known}. 'y' has {classes}."
            )

    def _encoded(self, y: Array) -> Array:
        """Return the numbers of classes as a column, or an indicator matrix of labels."""
        classes = self.classes
        if y.ndim == 2:
            if y.shape[1] != len(classes):
                raise ValueError(f"`y` has {y.shape[1]} labels, but `self.classes_` has {classes}.")
            return y.astype(bool)
        if len(classes) == 1:  # the negative one of two, of which the other never occurs
            return np.zeros((len(y), 1), bool)
        if len(classes) == 2:
            return np.asarray(y == classes[1])[:, np.newaxis]
        return np.asarray(np.searchsorted(classes, y)[:, np.newaxis])

    def _weighted(self, Y: Array, weights: Array | None) -> Array | None:
        """Return the weights of samples times those of their classes."""
        if self.class_weight is None:
            return weights
        if Y.shape[1] > 1:
            raise ValueError("class_weight is not supported for multilabel targets.")
        codes = Y[:, 0].astype(np.intp)
        if isinstance(self.class_weight, np.ndarray):
            found = self.class_weight
        else:
            found = compute_class_weight(
                self.class_weight,
                classes=self.classes,
                y=self.classes[codes],
                sample_weight=weights,
            )
        self.class_weights = np.asarray(found)
        _check_class_weights(self.class_weights, Y.dtype)
        of_class: Array = self.class_weights[codes].astype(Y.dtype)
        return of_class if weights is None else of_class * weights

    def output(self, Y: Array) -> tuple[str, int]:
        """Return the output activation and the number of outputs targets need."""
        if Y.shape[1] > 1:
            return "logistic", Y.shape[1]
        n_classes = len(self.classes)
        return ("softmax", n_classes) if n_classes > 2 else ("logistic", 1)

    def stratify(self, Y: Array) -> Array | None:
        """Return the labels of two classes: as scikit-learn does, of no others."""
        return Y.astype(bool) if self.output(Y) == ("logistic", 1) else None

    def score(self, z: Array, samples: Samples) -> float:
        """Return the accuracy, or NaN where z is not finite."""
        if not np.isfinite(z).all():
            return float("nan")
        if self.output(samples.Y)[0] == "softmax":
            right = z.argmax(axis=1) == samples.Y[:, 0]
        elif len(self.classes) == 1:
            return 1.0
        else:
            right = ((z > 0) == samples.Y).all(axis=1)
        return float(np.average(right, weights=samples.weights if samples.weights.size else None))

    def known(self) -> Targets:
        """Return how other targets of these classes are read."""
        return Classes(self.class_weights, self.classes)

    def fitted(self) -> dict[str, Any]:
        """Return the classes, and the weights they were given."""
        found = {"classes_": self.classes, "_class_weights": self.class_weights}
        # As in scikit-learn, whoever trains on a sparse indicator matrix is answered with one.
        return found if self._known is not None else {**found, "_sparse_labels": self._sparse}


def _sample_weight(sample_weight: Any, X: Array) -> Array | None:
    if sample_weight is None:
        return None
    weights = np.asarray(check_sample_weight(sample_weight, X, ensure_non_negative=True))
    least, most = _range_of_weights(X.dtype)
    if not least <= weights.max() <= most:
        raise ValueError(
            f"The largest sample_weight must be between {least:.1g} and {most:.1g} for "
            f"{X.dtype}, got {weights.max():g}."
        )
    return weights.astype(X.dtype)


def _range_of_weights(dtype: np.dtype[np.floating]) -> tuple[float, float]:
    """Return the least and the largest number a loss can be multiplied with."""
    limits = np.finfo(dtype)
    return float(limits.tiny) ** 0.5, float(limits.max) ** 0.5


def _check_class_weights(weights: Array, dtype: np.dtype[np.floating]) -> None:
    """Raise ValueError for weights a loss cannot be multiplied with."""
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise ValueError(
            f"The weights in class_weight must be finite and not negative, got {weights.tolist()}."
        )
    least, most = _range_of_weights(dtype)
    if weights.max() > most or weights[weights > 0].min(initial=1.0) < least:
        raise ValueError(
            f"The weights in class_weight must be 0 or between {least:.1g} and {most:.1g} for "
            f"{dtype}, got {weights.tolist()}."
        )
