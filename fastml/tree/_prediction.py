"""What the tree estimators share after the fit: each row's leaf, and what stands there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix, issparse
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import assert_all_finite, check_is_fitted, validate_data

from ..core.classes import named_classes
from ..core.estimator import FLOATS, as_of_now
from ..core.validation import Array, check_compressed, check_sparse, shape_of
from ..execution import over_blocks
from ._arrays import importances, paths
from ._fitted import ANSWERS, NODES, VALUES, Fitted
from ._predictor import looked_up

#: So few rows pass few of a large tree's nodes.
_FEW_ROWS = 8
#: Rows looked at together for missing values.
_BLOCK = 4096


def with_short_indices(X: Any) -> Any:
    """Return a sound sparse matrix as one that counts in 32 bits.

    Raises
    ------
    ValueError
        As scikit-learn does, if it is too large for that.
    """
    if X.indices.dtype == np.intc and X.indptr.dtype == np.intc:
        return X
    if max(*X.shape, len(X.data)) > np.iinfo(np.intc).max:
        raise ValueError("No support for np.int64 index based sparse matrices")
    parts = X.data, X.indices.astype(np.intc), X.indptr.astype(np.intc)
    return type(X)(parts, shape=X.shape)


class TreePrediction:
    """Mixin before a decision tree of scikit-learn."""

    @property
    def feature_importances_(self) -> Array:
        """How much of the impurity each feature takes away, (n_features,), all of them 1 together.

        Raises
        ------
        ValueError
            If somebody has written into ``tree_`` what is no tree.
        """
        check_is_fitted(self)
        fitted = self._not_handed_out()
        if fitted is not None:
            return importances(fitted.arrays, fitted.n_features)
        vars(self)["_fitted"].now().predictor(np.float32)  # scikit-learn's code checks nothing
        return np.asarray(super().feature_importances_)  # type: ignore[misc]

    def get_depth(self) -> int:
        """Return how many splits are above the deepest leaf.

        Returns
        -------
        depth : int
        """
        fitted = self._not_handed_out()
        base: Any = super()
        return int(base.get_depth()) if fitted is None else fitted.arrays.depth

    def get_n_leaves(self) -> int:
        """Return the number of leaves.

        Returns
        -------
        n_leaves : int
        """
        fitted = self._not_handed_out()
        base: Any = super()
        if fitted is None:
            return int(base.get_n_leaves())
        return int(np.count_nonzero(fitted.arrays.lefts < 0))

    def _not_handed_out(self) -> Fitted | None:
        """Return what was fitted if ``tree_`` has not been made: no need to make it then."""
        fitted = vars(self).get("_fitted")
        return None if fitted is None or fitted.handed_out else fitted

    def _rows(self, X: Any, fitted: Fitted, check_input: bool) -> Any:
        """Return X as the fast prediction takes it, numbers that are not finite left to see."""
        state = vars(self)
        me: Any = self
        kinds = FLOATS if fitted.exact else FLOATS[1:]
        # One row would spend its time in scikit-learn's validation otherwise.
        if type(X) is np.ndarray and X.dtype in kinds:
            shape = X.shape
            if (
                len(shape) == 2
                and shape[0]
                and shape[1] == fitted.n_features == me.n_features_in_
                and "feature_names_in_" not in state
            ):
                return X
        if issparse(X):
            check_sparse(X)
            if not fitted.exact:
                return None
            X = validate_data(
                self, X, dtype=[kind.type for kind in kinds], reset=False, ensure_all_finite=False,
                accept_sparse="csr",
            )  # fmt: skip
            check_compressed(X)
            X = with_short_indices(X)
        elif check_input:
            X = validate_data(
                self, X, dtype=[kind.type for kind in kinds], reset=False, ensure_all_finite=False,
                accept_sparse="csr",
            )  # fmt: skip
        else:
            me._validate_X_predict(X, check_input=False)
            if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.type not in (
                np.float32, np.float64,
            ):  # fmt: skip
                return None
            X = X if fitted.exact else X.astype(np.float32)
        return X if X.shape[0] else None

    def _seen(self, fitted: Fitted, given: Any, check_input: bool) -> tuple[Fitted, Any]:
        """Return the tree as it is now, and X as its fast prediction takes it.

        For few rows only what they pass is looked at, where somebody may have written into it.
        """
        if not fitted.handed_out:
            return fitted, self._rows(given, fitted, check_input)
        leaves = None
        shape = shape_of(given)
        if len(shape) == 2 and shape[0] <= _FEW_ROWS:
            X = self._rows(given, fitted, check_input)
            if X is not None:
                predictor = fitted.predictor(X.dtype.type)
                found, finite = looked_up(predictor, X, predictor.names, False)
                leaves = found if finite else None
        fitted = fitted.now(leaves)
        return fitted, self._rows(given, fitted, check_input)

    def _at_leaves(self, X: Any, check_input: bool, what: str) -> tuple[Array, Fitted] | None:
        """Return what stands at each row's leaf, or None where scikit-learn's code is needed.

        With the tree that was asked: another fit may put a new one into its place meanwhile.
        """
        me: Any = as_of_now(self)
        fitted: Any = vars(me).get("_fitted")
        if fitted is None:
            check_is_fitted(me)
        if me.n_outputs_ != 1:
            return None
        fitted, X = me._seen(fitted, X, check_input)
        if X is None:
            return None
        predictor = fitted.predictor(X.dtype.type)
        classes = None
        if what == ANSWERS and isinstance(self, ClassifierMixin):
            classes = named_classes(me.classes_, me.n_classes_)
        table = fitted.table(predictor, what, classes)
        found, finite = looked_up(predictor, X, table, False)
        if not finite:
            if check_input:
                missing = me._compute_missing_values_in_feature_mask(X) is not None
            else:
                missing = bool(np.isnan(X.data if issparse(X) else X).any())
            if missing:
                found, _ = looked_up(predictor, X, table, True)
        if classes is not None and classes.dtype != np.int64:
            found = classes.take(found)
        return found, fitted

    @over_blocks
    def apply(self, X: ArrayLike, check_input: bool = True) -> Array:
        """Return the leaf each row ends in.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.
        check_input : bool, default=True
            Whether X is checked; False only for what has been.

        Returns
        -------
        leaves : ndarray (n_samples,) of int64
        """
        found = self._at_leaves(X, check_input, NODES)
        base: Any = super()
        return base.apply(X, check_input) if found is None else found[0]

    @over_blocks
    def predict(self, X: ArrayLike, check_input: bool = True) -> Array:
        """Return the class or the mean of the leaf each row ends in.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.
        check_input : bool, default=True
            Whether X is checked; False only for what has been.

        Returns
        -------
        y : ndarray (n_samples,)
        """
        found = self._at_leaves(X, check_input, ANSWERS)
        base: Any = super()
        return base.predict(X, check_input) if found is None else found[0]

    def _compute_missing_values_in_feature_mask(self, X: Any, estimator_name: Any = None) -> Any:
        base: Any = super()
        if issparse(X) or not base._support_missing_values(X):
            return base._compute_missing_values_in_feature_mask(X, estimator_name)
        # scikit-learn's refuses read-only arrays and, before 1.9, float64.
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(np.sum(X)):
                return None
        name = estimator_name or type(self).__name__
        assert_all_finite(X, allow_nan=True, estimator_name=name, input_name="X")
        blocks = (X[start : start + _BLOCK] for start in range(0, len(X), _BLOCK))
        missing = np.any([np.isnan(rows).any(axis=0) for rows in blocks], axis=0)
        return missing if missing.any() else None

    def decision_path(self, X: ArrayLike, check_input: bool = True) -> csr_matrix:
        """Return which nodes each row passes.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.
        check_input : bool, default=True
            Whether X is checked; False only for what has been.

        Returns
        -------
        indicator : sparse matrix (n_samples, n_nodes)
            1 where the row passes the node.
        """
        found = self._at_leaves(X, check_input, NODES)
        base: Any = super()
        if found is None:
            return base.decision_path(X, check_input)
        return paths(found[1].arrays, found[0])

    def _shares(self, X: Any, check_input: bool) -> Array | None:
        """Return the values of each row's leaf, or None where scikit-learn's code is needed."""
        found = self._at_leaves(X, check_input, VALUES)
        return None if found is None else found[0]
