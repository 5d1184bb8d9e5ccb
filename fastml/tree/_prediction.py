"""What the tree estimators share after the fit: each row's leaf, and what stands there."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ..core.validation import Array, check_compressed
from ._arrays import TreeArrays, from_sklearn, paths
from ._predictor import Predictor, looked_up

#: What may stand at the nodes.
_NODES, _VALUES, _ANSWERS = "nodes", "values", "answers"


def refuse_long_indices(X: Any) -> None:
    """Raise ValueError, as scikit-learn does, where a sparse matrix counts in 64 bits."""
    if X.indices.dtype != np.intc or X.indptr.dtype != np.intc:
        raise ValueError("No support for np.int64 index based sparse matrices")


class TreePrediction:
    """Mixin before a decision tree of scikit-learn.

    Either ``_fitted`` holds a tree of the exact builder, whose rows are decided on the values
    given, float32 or float64; or it is None, and ``_tree`` is scikit-learn's, for float32 rows.
    """

    def _rows(self, X: Any, check_input: bool) -> Any:
        """Return X as the fast prediction takes it, numbers that are not finite left to see."""
        state = vars(self)
        me: Any = self
        fitted = state.get("_fitted")
        if fitted is None:
            check_is_fitted(self)
        if me.n_outputs_ != 1:
            return None
        kinds = (np.float32,) if fitted is None else (np.float64, np.float32)
        # One row would spend its time in scikit-learn's validation otherwise.
        if (
            type(X) is np.ndarray
            and X.dtype.type in kinds
            and X.dtype.isnative
            and X.ndim == 2
            and X.shape[1] == me.n_features_in_
            and len(X)
            and "feature_names_in_" not in state
        ):
            return X
        if issparse(X):
            if fitted is None:
                return None
            X = validate_data(
                self, X, dtype=list(kinds), reset=False, ensure_all_finite=False,
                accept_sparse="csr",
            )  # fmt: skip
            refuse_long_indices(X)
            check_compressed(X)
        elif check_input:
            X = validate_data(
                self, X, dtype=list(kinds), reset=False, ensure_all_finite=False,
                accept_sparse="csr",
            )  # fmt: skip
        else:
            me._validate_X_predict(X, check_input=False)
            if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.type not in (
                np.float32, np.float64,
            ):  # fmt: skip
                return None
            X = X.astype(np.float32) if fitted is None else X
        return X if X.shape[0] else None

    def _predictor(self, dtype: Any) -> Predictor:
        state = vars(self)
        found = state.setdefault("_predictors", {})
        if dtype not in found:
            found[dtype] = Predictor([self._arrays()], dtype)
        predictor: Predictor = found[dtype]
        return predictor

    def _grown(self) -> Any:
        """Return the tree as whoever grew it left it: another fit leaves another object."""
        state = vars(self)
        arrays = state.get("_fitted")
        return state["_tree"] if arrays is None else arrays

    def _arrays(self) -> TreeArrays:
        """Return the tree, whoever grew it."""
        tree = self._grown()
        return tree if isinstance(tree, TreeArrays) else from_sklearn(tree)

    def _table(self, predictor: Predictor, what: str) -> Array:
        """Return what stands at the nodes, in the predictor's order."""
        me: Any = self
        tables = predictor.tables
        if what == _NODES:
            return predictor.names
        classes = getattr(self, "classes_", None) if what == _ANSWERS else None
        if what not in tables or tables[what][1] is not classes:
            values = self._arrays().values[predictor.names]
            if what == _ANSWERS and isinstance(self, ClassifierMixin):
                values = np.argmax(values, axis=1)
                if me.classes_.dtype == np.int64:
                    values = me.classes_[values]
            elif what == _ANSWERS:
                values = values[:, 0]
            tables[what] = np.ascontiguousarray(values), classes
        table: Array = tables[what][0]
        return table

    def _at_leaves(self, X: Any, check_input: bool, what: str) -> Array | None:
        """Return what stands at each row's leaf, or None where scikit-learn's code is needed."""
        X = self._rows(X, check_input)
        if X is None:
            return None
        predictor = self._predictor(X.dtype.type)
        table = self._table(predictor, what)
        found, finite = looked_up(predictor, X, table, False)
        if finite:
            return found
        if check_input:
            me: Any = self
            missing = me._compute_missing_values_in_feature_mask(X) is not None
        else:
            missing = bool(np.isnan(X.sum()))
        return looked_up(predictor, X, table, True)[0] if missing else found

    def apply(self, X: Any, check_input: bool = True) -> Array:
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
        leaves = self._at_leaves(X, check_input, _NODES)
        if leaves is None:
            base: Any = super()
            leaves = base.apply(X, check_input)
        return leaves

    def predict(self, X: Any, check_input: bool = True) -> Array:
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
        answers = self._at_leaves(X, check_input, _ANSWERS)
        if answers is None:
            base: Any = super()
            answers = base.predict(X, check_input)
        elif isinstance(self, ClassifierMixin):
            me: Any = self
            if me.classes_.dtype != np.int64:
                answers = me.classes_.take(answers)
        return answers

    def decision_path(self, X: Any, check_input: bool = True) -> Any:
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
        leaves = self._at_leaves(X, check_input, _NODES)
        if leaves is None:
            base: Any = super()
            return base.decision_path(X, check_input)
        return paths(self._arrays(), leaves)

    def _shares(self, X: Any, check_input: bool) -> Array | None:
        """Return the values of each row's leaf: the shares of the classes, or the mean."""
        return self._at_leaves(X, check_input, _VALUES)
