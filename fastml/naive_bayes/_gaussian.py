"""Gaussian naive Bayes."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import sklearn.naive_bayes
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from ..core.classes import check_classes, name_classes
from ..core.documentation import filled
from ..core.estimator import as_of_now, samples, samples_and_targets
from ..core.kept import Kept, made_of
from ..core.sklearn_compat import check_sample_weight
from ..core.validation import Array, check_finite, check_weight_sum
from ..data import Blocks, Table
from ..execution import NUMBERED_BYTES, Plan, over_blocks, set_features
from ..kernels.naive_bayes import gaussian
from ._documentation import PREDICT
from ._fitting import FitsInPieces
from ._likelihood import (
    Prepared,
    compare_distant,
    gaussians,
    joint_log_likelihood,
    likeliest_class,
    prepare,
)
from ._moments import RunningMoments, block_rows
from ._passes import moments_of
from ._signatures import GaussianNBTypes

_ALL_ONES = np.empty(0)


class GaussianNB(FitsInPieces, GaussianNBTypes, sklearn.naive_bayes.GaussianNB):
    """Gaussian naive Bayes: every feature is normally distributed within a class.

    Means and variances come from one pass over the rows on several threads, in float64 also for
    float32 data, and lose nothing to an offset.  Labels are those the definition gives in float64.
    Results are the same bits for any number of threads.

    Parameters
    ----------
    priors : array-like (n_classes,), default=None
        Probabilities of the classes; their shares of the training weight by default.
    var_smoothing : float, default=1e-9
        The share of the largest variance of a feature, over all rows, that is added to every
        variance.

    Attributes
    ----------
    class_count_ : ndarray (n_classes,) of float64
        Weight of the training rows of each class.
    class_prior_ : ndarray (n_classes,) of float64
    classes_ : ndarray (n_classes,)
    epsilon_ : float
        What was added to the variances.  It follows from all rows seen so far, so ``partial_fit``
        in any pieces ends where ``fit`` does.
    theta_, var_ : ndarray (n_classes, n_features) of float64
        Means, and variances with ``epsilon_``.
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Only when X has feature names that are all strings.
    computed_by_ : str
        'fastml': every fit is its own.

    References
    ----------
    Chan, Golub and LeVeque, "Algorithms for computing the sample variance: analysis and
    recommendations", The American Statistician 37(3), 1983.

    Examples
    --------
    >>> import fastml
    >>> X = [[-1.0], [-1.2], [1.0], [1.4]]
    >>> fastml.GaussianNB().fit(X, [0, 0, 1, 1]).predict([[-2.0], [0.9]])
    array([0, 1])
    """

    classes_: Array
    class_count_: Array
    class_prior_: Array
    theta_: Array
    var_: Array
    epsilon_: float

    #: What was last made of the Gaussians.
    _kept: Kept

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "priors": ["array-like", None],
        "var_smoothing": [Interval(Real, 0, None, closed="left")],
    }

    def _checked_rows(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[Array, Array, Array]:
        data, targets = samples_and_targets(
            self, X, y, reset=reset, finite=False, multi_output=False
        )
        check_classes(targets)
        if sample_weight is None:  # what is not finite is seen in the moments
            return data, targets, _ALL_ONES
        check_finite(data, "X", type(self).__name__)
        weights = check_sample_weight(sample_weight, data, ensure_non_negative=True, copy=True)
        check_weight_sum(weights)
        return data, targets, weights

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows; of two classes, for how many is not known."""
        passes = [("moments, and once more where there are weights", 2)]
        return Plan(
            passes, block_rows(X.shape[1], 2), 4 * 8 * (X.shape[1] + 1), temporary=NUMBERED_BYTES
        )

    def _priors(self, counts: Array) -> Array:
        if self.priors is None:
            return np.asarray(counts / counts.sum())
        priors = np.asarray(self.priors, dtype=np.float64)
        if len(priors) != len(counts):
            raise ValueError("Number of priors must match number of classes.")
        if not np.isclose(priors.sum(), 1.0):
            raise ValueError("The sum of the priors should be 1.")
        if (priors < 0).any():
            raise ValueError("Priors must be non-negative.")
        return priors

    def _fit_table(self, table: Table) -> None:
        """Fit the rows of a table."""
        table = table.of_floats()
        self.classes_, running = moments_of(table, type(self).__name__)
        set_features(self, table.X)
        self._settle(running, np.empty((0, 0)))

    def _begin(self, n_features: int) -> None:
        self._moments = RunningMoments(len(self.classes_), n_features)

    def _add(self, X: Array, numbers: Array, weights: Array) -> None:
        running = vars(self).get("_moments")
        if running is None:  # fitted elsewhere: go on from its attributes
            running = RunningMoments(len(self.classes_), X.shape[1])
            running.start_from(self.class_count_, self.theta_, self.var_ - self.epsilon_)
        else:
            running = running.copy()
        running.add(X, numbers, weights)
        self._settle(running, X)

    def _settle(self, running: RunningMoments, X: Array) -> None:
        """Set the attributes that follow from the moments so far, X among the rows."""
        weights, means, squares = running.total()
        if not (np.isfinite(means).all() and np.isfinite(squares).all()):
            check_finite(X, "X", type(self).__name__)
        prior = self._priors(weights)
        epsilon = self.var_smoothing * running.variance().max()
        seen = weights > 0
        variance = np.zeros_like(squares)
        variance[seen] = squares[seen] / weights[seen, None]
        self._moments, self._kept = running, Kept()
        self.class_count_ = weights
        self.class_prior_ = prior
        self.epsilon_ = float(epsilon)
        self.theta_ = means
        self.var_ = variance + epsilon
        self.computed_by_ = "fastml"

    # --- prediction ------------------------------------------------------------------------

    @over_blocks
    @filled(**PREDICT)
    def predict(self, X: ArrayLike) -> Array:
        """Return the likeliest class of each row.

        {rows}

        Returns
        -------
        labels : ndarray (n_samples,)
            What the definition gives in float64, for float32 too; the first class on ties.  Of a
            row so far away that its squares leave float64, the squares are compared scaled.

        {raises}
        """
        self = as_of_now(self)
        if "classes_" not in vars(self):
            check_is_fitted(self)
        data = samples(self, X, finite=False)  # labels show what is not
        prepared = self._prepared(data.dtype)
        labels = None if prepared is None else likeliest_class(data, prepared)
        if labels is None:  # a variance of zero, or a row that is not finite or out of range
            data = self._check_X(data)
            labels = self._comparable(self._joint_log_likelihood(data), data).argmax(axis=1)
        return name_classes(self.classes_, labels, len(self.theta_))

    def _check_X(self, X: ArrayLike) -> Array:  # noqa: N802 (scikit-learn's name)
        return samples(self, X)

    def _shape(self) -> tuple[int, int]:
        return len(self.classes_), self.n_features_in_

    def _model(self) -> gaussian.Gaussians | None:
        """Return the fitted Gaussians as kernels take them, copied and checked.

        None where a variance is not positive, which has no density, or a mean not finite.
        """
        found: gaussian.Gaussians | None = self._made("model", lambda model: model)
        return found

    def _prepared(self, dtype: Any) -> Prepared | None:
        """Return what labels of rows of a type are decided by, or None, as :meth:`_model`."""
        found: Prepared | None = self._made(dtype, lambda model: prepare(model, dtype))
        return found

    def _made(self, what: Any, make: Callable[[gaussian.Gaussians], Any]) -> Any:
        """Return what is made of the Gaussians, made anew where the fitted numbers have changed.

        Making it takes longer than some hundred rows; seeing that it is the same, a microsecond.
        """
        fitted, shape = (self.theta_, self.var_, self.class_prior_), self._shape()

        def made() -> Any:
            model = gaussians(fitted, shape)
            return None if model is None else make(model)

        return made_of(fitted, self.__dict__.get("_kept", {}), what, shape, made)

    def _comparable(self, likelihoods: Array, X: Any) -> Array:
        distant = np.asarray(np.isneginf(likelihoods).all(axis=1))
        model = self._model() if distant.any() else None
        if model is None:
            return likelihoods
        return compare_distant(likelihoods, distant, self._check_X(X), model)

    def _joint_log_likelihood(self, X: Array) -> Array:
        model = self._model()
        if model is None:
            return np.asarray(super()._joint_log_likelihood(X))
        return joint_log_likelihood(X, model)
