"""Naive Bayes of counts: multinomial, complement, Bernoulli."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.base import _fit_context
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..core.classes import check_classes, number_classes
from ..core.estimator import unchanged_on_error
from ..core.passes import Grid, TreeSum
from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, check_finite, readable
from ..data import Blocks, Table
from ..execution import Plan, over_blocks, set_features, table_of
from ..kernels.naive_bayes import counts, linear
from ..kernels.ops.sums import levels_for
from ._moments import block_rows, blocks_a_ticket
from ._passes import counts_of

_ALL_ONES = np.empty(0)
#: Types of numbers there are kernels for; others become the last.
_TYPES = tuple(map(np.dtype, (np.float32, np.float64, np.int64, np.int32, np.uint8)))
_WORK_PER_TICKET = 1 << 18


def counted(
    X: Array, classes: Array, weights: Array, n_classes: int, threshold: float
) -> tuple[Array, Array, bool]:
    """Return the sums of the rows of each class, their weights, and whether a number was negative.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), finite
        The rows.
    classes : ndarray (n_samples,) of int32
        Numbers of the rows' classes.
    weights : ndarray (n_samples,) of float64, or (0,) for weights of one
    n_classes : int
    threshold : float
        What is above counts 1, the rest 0; NaN to count the numbers as they are.
    """
    n_samples, n_features = X.shape
    rows = block_rows(n_features, n_classes)
    n_blocks = Grid(rows).n_blocks(n_samples)
    width = blocks_a_ticket(n_blocks)
    n_tickets = -(-n_blocks // width)
    totals = np.empty((n_tickets, n_classes * (n_features + 1)))
    signs = np.empty(n_tickets, np.bool_)
    run_team(
        counts.class_counts, min(team_size(0.3 * X.size), n_tickets),
        X, classes, weights, threshold, rows, width, levels_for(width), new_state(), totals, signs,
    )  # fmt: skip
    tree = TreeSum(np.add)
    for i in range(n_tickets):
        tree.add(i * width, width, totals[i])
    total = np.asarray(tree.total()).reshape(n_classes, n_features + 1)
    return total[:, :-1], total[:, -1], bool(signs.any())


def add_sparse(X: Any, classes: Array, weights: Array, feature_count: Array) -> None:
    """Add the sparse rows of each class to its counts, in the order of the rows."""
    order = np.argsort(classes, kind="stable")
    starts = np.zeros(len(feature_count) + 1, np.int64)
    np.cumsum(np.bincount(classes, minlength=len(feature_count)), out=starts[1:])
    run_team(
        counts.sparse_class_counts, min(team_size(2.0 * X.nnz), len(feature_count)),
        X.data, X.indices, X.indptr, order, starts, weights, new_state(), feature_count,
    )  # fmt: skip


def kind_of(X: Array) -> Array:
    """Return X in a type of numbers that there are kernels for."""
    if X.dtype in _TYPES and X.dtype.isnative:
        return readable(X)
    if X.dtype.kind in "biu":
        return X.astype(np.int64)
    return X.astype(np.float64)


class CountingNB:
    """What the naive Bayes estimators of counts share: fitting and prediction in kernels."""

    classes_: Array
    class_count_: Array
    feature_count_: Array
    n_features_in_: int
    class_prior: Any

    #: Whether negative numbers have no meaning.
    _positive = True

    def _threshold(self) -> float:
        """Return above what a feature is present, or NaN where numbers count as they are."""
        return np.nan

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Count the features of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} (n_samples, n_features)
            The rows.
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
        table = table_of(X, y, sample_weight)
        with unchanged_on_error(self):
            if table is not None:
                self._fit_table(table)
                return self
            data, targets, weights = self._counted_input(X, y, sample_weight, reset=True)
            self.classes_, numbers = number_classes(targets)
            self._init_counters(len(self.classes_), data.shape[1])  # type: ignore[attr-defined]
            self._add(data, numbers, weights)
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
        X : {array-like, sparse matrix} (n_samples, n_features)
            The rows.
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
            first = not hasattr(self, "classes_")
            data, targets, weights = self._counted_input(X, y, sample_weight, reset=first)
            if _check_partial_fit_first_call(self, classes):
                self._init_counters(len(self.classes_), data.shape[1])  # type: ignore[attr-defined]
            _, numbers = number_classes(targets, self.classes_)
            if (numbers < 0).any():
                raise ValueError(
                    f"The target label(s) {np.unique(targets[numbers < 0])} in y do not exist in "
                    f"the initial classes {self.classes_}"
                )
            self._add(data, numbers, weights)
        return self

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows; of two classes, for how many is not known."""
        return Plan([("counts", 1)], block_rows(X.shape[1], 2), 2 * 8 * (X.shape[1] + 1))

    def _fit_table(self, table: Table) -> None:
        """Count the rows of a table."""
        set_features(self, table.X)
        found = counts_of(table, self._threshold(), type(self).__name__)
        self.classes_, sums, weights, negative = found
        self._init_counters(len(self.classes_), table.X.shape[1])  # type: ignore[attr-defined]
        self._take(self.feature_count_ + sums, weights, negative)

    def _counted_input(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *, reset: bool
    ) -> tuple[Any, Array, Array]:
        data, targets = validate_data(
            self, X, y, reset=reset, accept_sparse="csr", ensure_all_finite=False
        )
        self._check_numbers(data)
        check_classes(targets)
        weights = _ALL_ONES
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, data, dtype=np.float64, copy=True)
        return data, targets, weights

    def _check_numbers(self, data: Any) -> None:
        check_finite(data.data if scipy.sparse.issparse(data) else data, "X", type(self).__name__)

    def _add(self, X: Any, numbers: Array, weights: Array) -> None:
        """Add rows to the counts, and set what follows from them."""
        n_classes, threshold = len(self.classes_), self._threshold()
        if scipy.sparse.issparse(X):
            X = X.copy() if threshold == threshold else X
            if threshold == threshold:
                if threshold < 0:
                    raise ValueError("Cannot binarize a sparse matrix with threshold < 0")
                X.data = (X.data > threshold).astype(np.float64)
            negative = bool(X.nnz and X.data.min() < 0)
            feature_count = np.array(self.feature_count_, dtype=np.float64, order="C")
            X = scipy.sparse.csr_array((kind_of(X.data), X.indices, X.indptr), shape=X.shape)
            add_sparse(X, numbers, weights, feature_count)
            class_count = np.bincount(
                numbers, weights=weights if weights.size else None, minlength=n_classes
            )
        else:
            found, class_count, negative = counted(
                kind_of(X), numbers, weights, n_classes, threshold
            )
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

    # --- prediction ------------------------------------------------------------------------

    def _coefficients(self) -> tuple[Array, Array]:
        """Return the weight of each class and feature, and the bias of each class."""
        raise NotImplementedError

    @over_blocks
    def predict(self, X: ArrayLike) -> Array:
        """Return the likeliest class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} (n_samples, n_features)
            The rows.

        Returns
        -------
        labels : ndarray (n_samples,)
            What float64 sums in the order of the features give; the first class on ties.

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words.
        """
        labels = self._scores(X, labels=True)
        return np.asarray(self.classes_[labels])

    @over_blocks
    def predict_joint_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of the joint probability of each row and class.

        Parameters
        ----------
        X : {array-like, sparse matrix} (n_samples, n_features)
            The rows.

        Returns
        -------
        logarithms : ndarray (n_samples, n_classes) of float64
        """
        return self._scores(X, labels=False)

    @over_blocks
    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of the probability of each class for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} (n_samples, n_features)
            The rows.

        Returns
        -------
        logarithms : ndarray (n_samples, n_classes) of float64
        """
        joint = self.predict_joint_log_proba(X)
        return np.asarray(joint - logsumexp(joint, axis=1, keepdims=True))

    @over_blocks
    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} (n_samples, n_features)
            The rows.

        Returns
        -------
        probabilities : ndarray (n_samples, n_classes) of float64
        """
        return np.asarray(np.exp(self.predict_log_proba(X)))

    def _scores(self, X: ArrayLike, *, labels: bool) -> Array:
        check_is_fitted(self)
        data = validate_data(self, X, reset=False, accept_sparse="csr", ensure_all_finite=False)
        self._check_numbers(data)
        W, b = self._coefficients()
        shape = (len(self.classes_), self.n_features_in_)
        if W.shape != shape or b.shape != shape[:1]:
            raise ValueError(
                f"feature_log_prob_ has shape {W.shape} and class_log_prior_ {b.shape}, expected "
                f"{shape} and {shape[:1]}."
            )
        if scipy.sparse.issparse(data):
            scores = self._score_sparse(data, W, b)
            return np.asarray(scores.argmax(axis=1)) if labels else scores
        if not (np.isfinite(W).all()):  # smoothing of 0: logarithms of 0
            with np.errstate(invalid="ignore"):
                scores = data @ W.T + b
            return np.asarray(scores.argmax(axis=1) if labels else scores)
        return self._score_dense(kind_of(data), W, b, labels=labels)

    def _score_sparse(self, X: Any, W: Array, b: Array) -> Array:
        threshold = self._threshold()
        values = X.data
        if threshold == threshold:
            values = (values > threshold).astype(np.float64)
        scores = np.empty((X.shape[0], len(b)))
        rows = max(16, _WORK_PER_TICKET // max(1, X.nnz // max(X.shape[0], 1) * len(b)))
        run_team(
            linear.sparse_scores, team_size(float(X.nnz * len(b))),
            kind_of(values), X.indices, X.indptr, np.ascontiguousarray(W.T), b, rows, new_state(),
            scores,
        )  # fmt: skip
        return scores

    def _score_dense(self, X: Array, W: Array, b: Array, *, labels: bool) -> Array:
        (n_samples, n_features), n_classes = X.shape, len(b)
        n_columns = -(-(n_classes + 1) // 4) * 4
        weights, biases = np.zeros((n_features, n_columns)), np.zeros(n_columns)
        weights[:, :n_classes], biases[:n_classes] = W.T, b
        weights[:, n_classes] = np.abs(W).max(axis=0)
        work = n_features * (n_columns + 8)
        rows = int(min(max(_WORK_PER_TICKET // work // 64 * 64, 64), 8192))
        n_blocks = -(-n_samples // rows)
        likelihoods = np.empty((0 if labels else n_samples, n_classes))
        found = np.empty(n_samples if labels else 0, np.int32)
        run_team(
            linear.linear_scores, min(team_size(0.2 * n_samples * work), n_blocks),
            X, weights.reshape(-1), biases, n_classes, self._threshold(), rows, new_state(),
            likelihoods, found, np.zeros(n_blocks, np.int64),
        )  # fmt: skip
        return found if labels else likelihoods
