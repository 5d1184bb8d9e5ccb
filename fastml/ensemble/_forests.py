"""Random forests of exact trees.

scikit-learn's ``fit`` draws the rows and hands them on as weights; the trees share one table of
codes and grow side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any, NamedTuple, Self

import numpy as np
import sklearn.ensemble
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from ..core.classes import name_classes
from ..core.documentation import documented
from ..core.estimator import fitted_at_once
from ..core.parameters import ParametersMixin
from ..core.random_state import MOST_SEED
from ..core.scoring import ScoresClasses, ScoresNumbers
from ..core.sklearn_compat import fit_context
from ..core.threads import get_num_threads
from ..core.validation import (
    Array,
    check_compressed,
    check_sparse,
    check_weight_sum,
    is_plain,
    readable,
)
from ..data import Blocks, as_blocks, is_blocks
from ..execution import Plan, over_blocks, set_features
from ..tree import DecisionTreeClassifier, DecisionTreeRegressor
from ..tree._blocks import OF_A_FOREST, plan_of, rows_of
from ..tree._documentation import PARAMETERS, RAISES
from ..tree._estimator import EXACT, ExactTree
from ..tree._fitted import fitted_of
from ..tree._predictor import Predictor, looked_up
from ..tree._shared import Shared
from ._draws import with_seed
from ._side_by_side import grow_trees
from ._signatures import RandomForestClassifierTypes, RandomForestRegressorTypes
from ._together import grow_together


def _row_bytes(criterion: Any, d: int) -> int:
    """Return the bytes of a row that trees growing side by side hold besides the codes."""
    lists = 4 * d if criterion == "absolute_error" else 0  # of each tree, and those they share
    return (OF_A_FOREST + lists) * get_num_threads() + lists


class _Given(NamedTuple):
    """What a prediction starts from.

    state : dict, the forest's attributes as they were when it was asked
    trees : list of Fitted
    X : array or sparse matrix (n_samples, n_features) of float32
    checked : bool, whether scikit-learn has seen that X is finite, or what may be missing
    """

    state: dict[str, Any]
    trees: list[Any]
    X: Any
    checked: bool


def _as_single(X: Any) -> Array | None:
    """Return an array that needs no other check as float32, None for others.

    scikit-learn's checks take as long as a row takes to pass a hundred trees.
    """
    if is_plain(X, np.float32):
        return X
    if not is_plain(X, np.float64):
        return None
    with np.errstate(over="ignore"):  # what is infinite then is refused
        return X.astype(np.float32)


class ExactForest(ParametersMixin):
    """Mixin before a forest of scikit-learn."""

    _tree_type: type[ExactTree]

    def _validate_estimator(self, *_: Any) -> None:
        me: Any = self
        me.estimator_ = self._tree_type()

    def _make_estimator(self, append: bool = True, random_state: Any = None) -> Any:
        shared: Shared = vars(self)["_shared"]
        if shared.made is None or append or random_state is None:
            base: Any = super()
            tree = base._make_estimator(append=append, random_state=random_state)
            tree._shared = shared
            shared.made = tree
            return tree
        return with_seed(shared.made, random_state.randint(MOST_SEED))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Grow the forest.

        Parameters
        ----------
        X : array-like, sparse matrix or blocks (n_samples, n_features)
            Made float32, as scikit-learn's forests do.
        y : array-like (n_samples,) or (n_samples, n_outputs)
            The classes, or the numbers to predict.
        sample_weight : array-like (n_samples,), default=None
            Weights of the rows; all 1 by default.

        Returns
        -------
        self : estimator
        """
        check_sparse(X)
        source = as_blocks(X, "X") if is_blocks(X) else None
        if source is not None:
            row_bytes = _row_bytes(vars(self)["criterion"], source.shape[1])
            X, y, sample_weight = rows_of(source, y, sample_weight, row_bytes, np.float32)
        elif isinstance(X, np.ndarray) and X.dtype.kind == "f" and not X.flags.writeable:
            X = readable(X)  # looking for missing values, scikit-learn refuses read-only arrays
        check_weight_sum(sample_weight)
        weights = np.asarray(sample_weight)
        if weights.dtype.kind in "biuf" and not weights.any():  # others are refused as they are
            raise ValueError("Sample weights must contain at least one non-zero number.")
        with fitted_at_once(self) as twin:
            twin._shared = Shared()
            if "estimators_" in vars(twin):  # a warm start adds to the list
                twin.estimators_ = list(twin.estimators_)
            if source is not None or not grow_together(twin, X, y, sample_weight):
                grow_trees(super(ExactForest, twin), vars(twin), X, y, sample_weight)
            others = set()
            for tree in twin.estimators_:
                vars(tree).pop("_shared", None)
                others.add(tree.computed_by_)
            others.discard(EXACT)
            del twin._shared
            twin.computed_by_ = min(others) if others else EXACT
            if source is not None:
                set_features(twin, source)
        return self

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows."""
        return plan_of(X, _row_bytes(vars(self)["criterion"], X.shape[1]))

    def _validate_X_predict(self, X: Any) -> Any:  # noqa: N802 (scikit-learn's name)
        check_sparse(X)
        base: Any = super()
        return base._validate_X_predict(X)

    def _mean(self, X: Any) -> tuple[Array, Any] | None:
        """Return the mean of the trees' values, added in the order of the trees, and the classes.

        None where scikit-learn's code is needed.
        """
        given = self._given(X)
        if given is None:
            return None
        predictor, values = self._predictor(given.state, given.trees)
        total = self._looked_up(X, given, lambda *how: looked_up(predictor, given.X, values, *how))
        total /= len(given.trees)
        return total, given.state.get("classes_")

    @over_blocks
    def apply(self, X: ArrayLike) -> Array:
        """Return the leaf each row ends in, tree by tree.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.

        Returns
        -------
        leaves : ndarray (n_samples, n_estimators) of int64
        """
        given = self._given(X)
        if given is None:
            base: Any = super()
            return np.asarray(base.apply(X))

        def leaves(missing: bool) -> tuple[Array, bool]:
            found = np.empty((len(given.trees), given.X.shape[0]), np.int64)
            finite = True
            for row, tree in zip(found, given.trees, strict=True):
                predictor = tree.predictor(np.float32)
                row[:], finite = looked_up(predictor, given.X, predictor.names, missing)
            return found, finite

        return self._looked_up(X, given, leaves).T

    def _given(self, X: Any) -> _Given | None:
        """Return trees as they are now, and X; None where scikit-learn's code is needed."""
        me: Any = self
        state = dict(vars(self))  # another fit may put other trees into their place meanwhile
        if "estimators_" not in state:
            check_is_fitted(self)
        if state["n_outputs_"] != 1:
            return None
        trees = fitted_of(state["estimators_"])
        rows = None if "feature_names_in_" in state else _as_single(X)
        checked = rows is None or rows.shape[1] != state["n_features_in_"]
        if checked:
            rows = me._validate_X_predict(X)
        assert rows is not None
        if rows.shape[0] == 0:
            return None
        if checked and issparse(rows):
            check_compressed(rows)
        return _Given(state, trees, rows, checked)

    def _looked_up(
        self, X: Any, given: _Given, look: Callable[[bool], tuple[Array, bool]]
    ) -> Array:
        """Return what a look at the trees finds, first as if nothing in X were missing."""
        me: Any = self
        found, finite = look(False)
        if not finite:
            if not given.checked:
                me._validate_X_predict(X)
            rows = given.X
            if np.isnan(rows.data if issparse(rows) else rows).any():
                found, _ = look(True)
        return found

    def _predictor(self, state: dict[str, Any], trees: list[Any]) -> tuple[Predictor, Array]:
        """Return all trees laid out, and the values at their nodes; made anew for other trees."""
        held = state.get("_held")
        if held is None or len(held[0]) != len(trees) or not all(map(is_, held[0], trees)):
            arrays = [tree.arrays for tree in trees]
            predictor = Predictor(arrays, trees[0].n_features, np.float32)
            starts = np.cumsum([0, *(len(each.features) for each in arrays)])
            values = np.concatenate([
                each.values[predictor.names[start : start + len(each.features)]]
                for start, each in zip(starts, arrays, strict=False)
            ])  # fmt: skip
            held = trees, predictor, values
            vars(self)["_held"] = held
        return held[1], held[2]

    def __getstate__(self) -> dict[str, Any]:
        base: Any = super()
        state = dict(base.__getstate__())
        state.pop("_shared", None)
        state.pop("_held", None)
        return state


@documented(PARAMETERS, raises=RAISES)
class RandomForestClassifier(
    ScoresClasses, ExactForest, RandomForestClassifierTypes, sklearn.ensemble.RandomForestClassifier
):
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

    {raises}

    Examples
    --------
    >>> import fastml
    >>> forest = fastml.RandomForestClassifier(10, random_state=0)
    >>> forest.fit([[0.0], [1.0], [3.0], [4.0]], [0, 0, 1, 1]).predict([[0.5], [3.5]])
    array([0, 1])
    """

    oob_score_: float

    _tree_type = DecisionTreeClassifier

    @over_blocks
    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the mean of the trees' shares of each class.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.

        Returns
        -------
        shares : ndarray (n_samples, n_classes) of float64
        """
        found = self._mean(X)
        return super().predict_proba(X) if found is None else found[0]

    @over_blocks
    def predict(self, X: ArrayLike) -> Array:
        """Return the class with the largest mean of the trees' shares; of equal ones the first.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.

        Returns
        -------
        y : ndarray (n_samples,)
        """
        found = self._mean(X)
        if found is None:
            return np.asarray(super().predict(X))
        means, classes = found
        return name_classes(classes, means.argmax(axis=1), means.shape[1])


@documented(PARAMETERS, raises=RAISES)
class RandomForestRegressor(
    ScoresNumbers, ExactForest, RandomForestRegressorTypes, sklearn.ensemble.RandomForestRegressor
):
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

    {raises}

    Examples
    --------
    >>> import fastml
    >>> forest = fastml.RandomForestRegressor(10, random_state=0)
    >>> forest.fit([[0.0], [1.0], [3.0], [4.0]], [0.0, 0.0, 1.0, 1.0]).predict([[-1.0]]).shape
    (1,)
    """

    oob_score_: float

    _tree_type = DecisionTreeRegressor

    @over_blocks
    def predict(self, X: ArrayLike) -> Array:
        """Return the mean of the trees' predictions.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.

        Returns
        -------
        y : ndarray (n_samples,) of float64
        """
        found = self._mean(X)
        return super().predict(X) if found is None else found[0][:, 0]
