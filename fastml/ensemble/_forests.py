"""Random forests of exact trees.

scikit-learn's ``fit`` draws the rows and hands them on as weights; the trees share one table of
codes and grow side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import joblib
import numpy as np
import sklearn.ensemble
from joblib.parallel import get_active_backend
from sklearn.utils.validation import check_is_fitted

from ..core.documentation import documented
from ..core.estimator import unchanged_on_error
from ..core.sklearn_compat import fit_context
from ..core.threads import get_num_threads
from ..core.validation import Array
from ..tree import DecisionTreeClassifier, DecisionTreeRegressor
from ..tree._documentation import PARAMETERS
from ..tree._estimator import EXACT, ExactTree, Shared


@contextmanager
def _side_by_side() -> Iterator[None]:
    """Have trees fill the machine where the caller names neither a number of jobs nor a backend."""
    backend, jobs = get_active_backend()
    if type(backend).__name__ == "LokyBackend" and jobs == 1:
        with joblib.parallel_config("threading", n_jobs=get_num_threads()):
            yield
    else:
        yield


class ExactForest:
    """Mixin before a forest of scikit-learn."""

    _tree_type: type[ExactTree]

    def _validate_estimator(self, *_: Any) -> None:
        me: Any = self
        me.estimator_ = self._tree_type()

    def _make_estimator(self, append: bool = True, random_state: Any = None) -> Any:
        base: Any = super()
        tree = base._make_estimator(append=append, random_state=random_state)
        tree._shared = vars(self)["_shared"]
        return tree

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Grow the forest.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            Made float32, as scikit-learn's forests do.
        y : array-like (n_samples,) or (n_samples, n_outputs)
            The classes, or the numbers to predict.
        sample_weight : array-like (n_samples,), default=None
            Weights of the rows; all 1 by default.

        Returns
        -------
        self : estimator
        """
        me: Any = self
        with unchanged_on_error(self):
            vars(self)["_shared"] = Shared()
            try:
                base: Any = super()
                with _side_by_side():
                    base.fit(X, y, sample_weight)
            finally:
                vars(self).pop("_shared", None)
            others = set()
            for tree in me.estimators_:
                vars(tree).pop("_shared", None)
                others.add(tree.computed_by_)
            others.discard(EXACT)
            me.computed_by_ = min(others) if others else EXACT
        return self

    def _mean(self, X: Any) -> Array | None:
        """Return the mean of the trees' values, added in the order of the trees, or None."""
        me: Any = self
        if me.n_outputs_ != 1:
            return None
        X = me._validate_X_predict(X)
        total = None
        for tree in me.estimators_:
            leaves = tree._leaves(X, False)
            if leaves is None:
                return None
            values = tree._values()[leaves]
            total = values if total is None else np.add(total, values, out=total)
        return None if total is None else total / len(me.estimators_)

    def __getstate__(self) -> dict[str, Any]:
        base: Any = super()
        state = dict(base.__getstate__())
        state.pop("_shared", None)
        return state


@documented(PARAMETERS)
class RandomForestClassifier(ExactForest, sklearn.ensemble.RandomForestClassifier):  # type: ignore[misc]
    """A random forest for classes: :class:`sklearn.ensemble.RandomForestClassifier` of exact trees.

    Parameters, attributes and methods are scikit-learn's.  The forest is the same for any number of
    threads and jobs.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    computed_by_ : str
        "fastml", or "scikit-learn: " and why its builder was needed for some tree.

    Raises
    ------
    TypeError, ValueError
        On bad input, in scikit-learn's words; the estimator stays as it was.

    Examples
    --------
    >>> import fastml
    >>> forest = fastml.RandomForestClassifier(10, random_state=0)
    >>> forest.fit([[0.0], [1.0], [3.0], [4.0]], [0, 0, 1, 1]).predict([[0.5], [3.5]])
    array([0, 1])
    """

    _tree_type = DecisionTreeClassifier

    def predict_proba(self, X: Any) -> Array:
        """Return the mean of the trees' shares of each class.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.

        Returns
        -------
        shares : ndarray (n_samples, n_classes) of float64
        """
        check_is_fitted(self)
        shares = self._mean(X)
        return super().predict_proba(X) if shares is None else shares


@documented(PARAMETERS)
class RandomForestRegressor(ExactForest, sklearn.ensemble.RandomForestRegressor):  # type: ignore[misc]
    """A random forest for numbers: :class:`sklearn.ensemble.RandomForestRegressor` of exact trees.

    Parameters, attributes and methods are scikit-learn's.  The forest is the same for any number of
    threads and jobs.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    computed_by_ : str
        "fastml", or "scikit-learn: " and why its builder was needed for some tree.

    Raises
    ------
    TypeError, ValueError
        On bad input, in scikit-learn's words; the estimator stays as it was.

    Examples
    --------
    >>> import fastml
    >>> forest = fastml.RandomForestRegressor(10, random_state=0)
    >>> forest.fit([[0.0], [1.0], [3.0], [4.0]], [0.0, 0.0, 1.0, 1.0]).predict([[-1.0]]).shape
    (1,)
    """

    _tree_type = DecisionTreeRegressor

    def predict(self, X: Any) -> Array:
        """Return the mean of the trees' predictions.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.

        Returns
        -------
        y : ndarray (n_samples,) of float64
        """
        check_is_fitted(self)
        means = self._mean(X)
        return super().predict(X) if means is None else means[:, 0]
