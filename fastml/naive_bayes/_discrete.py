"""Naive Bayes of counts: multinomial, complement, Bernoulli."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted, validate_data

from ..core.classes import check_classes, name_classes
from ..core.documentation import filled
from ..core.estimator import as_of_now, take_plain, take_plain_pair
from ..core.kept import Kept, made_of
from ..core.sklearn_compat import check_sample_weight
from ..core.validation import Array, check_compressed, check_finite, check_sparse, check_weight_sum
from ..data import Blocks, Table
from ..execution import NUMBERED_BYTES, Plan, over_blocks, set_features
from ._counting import (
    NUMBERS,
    Linear,
    add_sparse,
    comparable,
    compressed,
    counted,
    kind,
    linear_of,
    score_dense,
    score_sparse,
)
from ._documentation import PREDICT
from ._fitting import FitsInPieces
from ._moments import block_rows
from ._passes import counts_of

_ALL_ONES = np.empty(0)
#: More weights than this are made ready anew in each call: to compare them takes as long.
_MOST_KEPT = 1 << 14


class CountingNB(FitsInPieces):
    """What the naive Bayes estimators of counts share: fitting and prediction in kernels."""

    class_count_: Array
    feature_count_: Array
    feature_log_prob_: Array
    class_log_prior_: Array
    n_features_in_: int
    class_prior: Any

    #: Whether negative numbers have no meaning.
    _positive = True

    def _threshold(self) -> float:
        """Return above what a feature is present, or NaN where numbers count as they are."""
        return np.nan

    def _begin(self, n_features: int) -> None:
        self._init_counters(len(self.classes_), n_features)  # type: ignore[attr-defined]

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows; of two classes, for how many is not known."""
        return Plan(
            [("counts", 1)],
            block_rows(X.shape[1], 2),
            2 * 8 * (X.shape[1] + 1),
            temporary=NUMBERED_BYTES,
        )

    def _fit_table(self, table: Table) -> None:
        """Count the rows of a table."""
        set_features(self, table.X)
        found = counts_of(table, self._threshold(), type(self).__name__)
        self.classes_, sums, weights, negative = found
        self._init_counters(len(self.classes_), table.X.shape[1])  # type: ignore[attr-defined]
        self._take(self.feature_count_ + sums, weights, negative)

    def _checked_rows(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[Any, Array, Array]:
        if take_plain_pair(X, y, self, NUMBERS, reset=reset):
            data, targets = X, np.asarray(y)
        else:
            check_sparse(X)
            data, targets = validate_data(
                self, X, y, reset=reset, accept_sparse="csr", ensure_all_finite=False
            )
        threshold = self._threshold()
        if threshold == threshold or scipy.sparse.issparse(data):
            self._check_numbers(data)  # elsewhere sums show what is not finite
        check_classes(targets)
        weights = _ALL_ONES
        if sample_weight is not None:
            weights = check_sample_weight(sample_weight, data, copy=True)
            check_weight_sum(weights)
        return data, targets, weights

    def _check_numbers(self, data: Any) -> None:
        if type(data) is not np.ndarray and scipy.sparse.issparse(data):
            check_compressed(data)
            data = data.data
        check_finite(data, "X", type(self).__name__)

    def _add(self, X: Any, numbers: Array, weights: Array) -> None:
        """Add rows to the counts, and set what follows from them."""
        n_classes, threshold = len(self.classes_), self._threshold()
        for name, shape in (
            ("feature_count_", (n_classes, X.shape[1])),
            ("class_count_", (n_classes,)),
        ):
            if np.shape(getattr(self, name)) != shape or numbers.max() >= n_classes:
                raise ValueError(
                    f"{name} has shape {np.shape(getattr(self, name))}, expected {shape}."
                )
        if scipy.sparse.issparse(X):
            rows = compressed(X, threshold)
            negative = bool(len(rows.data) and rows.data.min() < 0)
            feature_count = np.array(self.feature_count_, dtype=np.float64, order="C")
            add_sparse(rows, numbers, weights, feature_count)
            class_count = np.bincount(
                numbers, weights=weights if weights.size else None, minlength=n_classes
            )
        else:
            threshold = comparable(threshold, X.dtype)
            found, class_count, negative = counted(kind(X), numbers, weights, n_classes, threshold)
            if not np.isfinite(found).all():
                self._check_numbers(X)
            feature_count = self.feature_count_ + found
        self._take(feature_count, class_count, negative)

    def _take(self, feature_count: Array, class_count: Array, negative: bool) -> None:
        """Set counts, of which the classes' are added, and what follows from them."""
        if negative and self._positive:
            raise ValueError(f"Negative values in data passed to {type(self).__name__} (input X).")
        self.feature_count_ = feature_count
        self.class_count_ = self.class_count_ + class_count
        self._settle()

    def _settle(self) -> None:
        """Set what follows from the counts, as scikit-learn does."""
        alpha = self._check_alpha()  # type: ignore[attr-defined]
        self._update_feature_log_prob(alpha)  # type: ignore[attr-defined]
        self._update_class_log_prior(class_prior=self.class_prior)  # type: ignore[attr-defined]
        self.computed_by_ = "fastml"
        self._kept = Kept()

    # --- prediction ------------------------------------------------------------------------

    def _coefficients(self) -> tuple[Array, Array]:
        """Return the weight of each class and feature, and the bias of each class."""
        raise NotImplementedError

    def _prepared(self) -> tuple[Array, Array, Linear | None]:
        """Return :meth:`_coefficients`, and what dense rows are scored with, None if not finite.

        Making it takes longer than some hundred rows; seeing that the fitted numbers are the same,
        a microsecond, where they are few.
        """
        fitted, n_classes = (self.feature_log_prob_, self.class_log_prior_), len(self.classes_)
        if np.size(fitted[0]) > _MOST_KEPT:
            return self._made()
        kept = self.__dict__.get("_kept", {})
        found: tuple[Array, Array, Linear | None]
        found = made_of(fitted, kept, "linear", n_classes, self._made)
        return found

    def _made(self) -> tuple[Array, Array, Linear | None]:
        W, b = self._coefficients()
        fits = W.ndim == 2 and b.shape == W.shape[:1] and np.isfinite(W).all()
        return W, b, linear_of(W, b) if fits else None

    @over_blocks
    @filled(**PREDICT)
    def predict(self, X: ArrayLike) -> Array:
        """Return the likeliest class of each row.

        {rows}

        Returns
        -------
        labels : ndarray (n_samples,)
            What float64 sums in the order of the features give; the first class on ties.

        {raises}
        """
        self = as_of_now(self)
        labels = self._scores(X, labels=True)
        return name_classes(self.classes_, labels, len(self.feature_log_prob_))

    @over_blocks
    @filled(**PREDICT)
    def predict_joint_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of the joint probability of each row and class.

        {rows}

        Returns
        -------
        logarithms : ndarray (n_samples, n_classes) of float64
        """
        return as_of_now(self)._scores(X, labels=False)

    def _rows(self, X: ArrayLike) -> Any:
        """Return X as rows to score, an array or CSR; whether they are finite is not looked at."""
        if take_plain(X, self, NUMBERS, reset=False, finite=False):
            return X
        check_sparse(X)
        return validate_data(self, X, reset=False, accept_sparse="csr", ensure_all_finite=False)

    def _scores(self, X: ArrayLike, *, labels: bool) -> Array:
        if "classes_" not in vars(self):
            check_is_fitted(self)
        data = self._rows(X)
        sparse = type(data) is not np.ndarray and scipy.sparse.issparse(data)
        if not labels or sparse:  # labels show what is not finite
            self._check_numbers(data)
        W, b, linear = self._prepared()
        shape = (len(self.classes_), data.shape[1])
        if W.shape != shape or b.shape != shape[:1]:
            raise ValueError(
                f"feature_log_prob_ has shape {W.shape} and class_log_prior_ {b.shape}, expected "
                f"{shape} and {shape[:1]}."
            )
        threshold = self._threshold()
        if sparse:
            return score_sparse(compressed(data, threshold), W, b, labels=labels)
        threshold = comparable(threshold, data.dtype)
        if linear is not None:
            rows = kind(data)
            found = score_dense(rows, linear, threshold, labels=labels)
            if found is None:
                check_finite(rows, "X", type(self).__name__)
            return np.asarray(found)
        self._check_numbers(data)  # smoothing of 0: logarithms of 0
        present = data if threshold != threshold else (data > threshold).astype(np.float64)
        with np.errstate(invalid="ignore"):
            scores = present @ W.T + b
        return np.asarray(scores.argmax(axis=1)) if labels else scores
