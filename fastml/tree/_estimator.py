"""What the tree estimators share: the exact builder where it applies, scikit-learn's elsewhere."""

from __future__ import annotations

import math
import threading
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier
from sklearn.tree._tree import Tree, ccp_pruning_path
from sklearn.utils import Bunch, compute_sample_weight
from sklearn.utils.validation import validate_data

from ..core.delegation import fit_as_scikit_learn
from ..core.estimator import FLOATS, fitted_at_once, is_plain_target, take_plain
from ..core.parameters import ParametersMixin
from ..core.random_state import MOST_SEED, check_random_state, first_seed
from ..core.sklearn_compat import check_sample_weight, fit_context
from ..core.validation import (
    Array,
    check_compressed,
    check_finite,
    check_sparse,
    check_weight_sum,
    is_plain,
    readable,
    shape_of,
)
from ..data import Blocks, as_blocks, is_blocks
from ..execution import Plan, set_features
from ._absolute import AbsoluteGrower, in_order
from ._arrays import (
    TreeArrays,
    best_first,
    class_arrays,
    value_arrays,
    with_impurities,
)
from ._blocks import OF_CLASSES, OF_NUMBERS, plan_of, rows_of
from ._codes import make_table
from ._fitted import Fitted
from ._grow import Grower, small_rows
from ._prediction import TreePrediction, with_short_indices
from ._predictor import leaves_of
from ._problem import Problem, limits_of
from ._pruning import prune, with_leaves
from ._shared import classes_of
from ._targets import CRITERIA, NotExact, class_targets, value_sums, value_targets
from ._whole import are_whole, whole_trees

EXACT = "fastml"
_MOST_CLASSES, _MOST_ROWS = 256, (1 << 31) - 1
#: A sparse X of so many elements is made dense: a quarter of a gigabyte.
_MOST_DENSE = 1 << 26
#: A generator of each thread's own.
_OWN = threading.local()


def _draw_seed(random_state: Any) -> int:
    """Return the first number drawn from a state, as scikit-learn's trees draw it."""
    if type(random_state) is not int:
        return int(check_random_state(random_state).randint(MOST_SEED))
    if not hasattr(_OWN, "generator"):
        _OWN.generator = np.random.RandomState()
    return first_seed(_OWN.generator, random_state)


class ExactTree(TreePrediction, ParametersMixin):
    """Mixin before a decision tree of scikit-learn."""

    #: How many trees each builder grew in this process: for tests.
    grown: dict[str, int] = {EXACT: 0, "scikit-learn": 0}  # noqa: RUF012

    @property
    def tree_(self) -> Tree:
        """The tree as scikit-learn's ``Tree``, made when first asked for."""
        fitted = vars(self).get("_fitted")
        if fitted is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'tree_'")
        return fitted.tree

    @tree_.setter
    def tree_(self, tree: Tree) -> None:
        vars(self)["_fitted"] = Fitted(tree.n_features, tree=tree)

    def _reason(self, X: Any, y: Any) -> str | None:
        """Return why scikit-learn's builder is needed, or None."""
        me: Any = self
        check_sparse(X)
        if issparse(X) and X.shape[0] * X.shape[1] > _MOST_DENSE:
            return "X is sparse"
        if me.splitter != "best":
            return f"splitter={me.splitter!r}"
        if not isinstance(me.criterion, str) or me.criterion not in CRITERIA:
            return f"criterion={me.criterion!r}"
        if me.monotonic_cst is not None:
            return "monotonic_cst is set"
        shape = () if y is None else shape_of(y)
        if len(shape) == 2 and shape[1] > 1:
            return "y has several outputs"
        return None

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        check_input: bool = True,
    ) -> Self:
        """Grow the tree.

        Parameters
        ----------
        X : array-like, sparse matrix or blocks (n_samples, n_features)
            float32 and float64 are kept; other types become float64.  NaN stands for a missing
            value where the criterion allows it.
        y : array-like (n_samples,) or (n_samples, n_outputs)
            The classes, or the numbers to predict.
        sample_weight : array-like (n_samples,), default=None
            Weights of the rows; all 1 by default.
        check_input : bool, default=True
            Whether X and y are checked; False only for what has been.

        Returns
        -------
        self : estimator
        """
        if not is_blocks(X):
            self._fit(X, y, sample_weight, check_input)
            return self
        source = as_blocks(X, "X")
        with fitted_at_once(self) as twin:
            whole = None if self._by_blocks(source, y) else np.asarray(X)
            rows, y, sample_weight = rows_of(
                source if whole is None else whole, y, sample_weight, self._row_bytes()
            )
            twin._fit(rows, y, sample_weight)
            set_features(twin, source)
        return self

    def _plan(self, X: Blocks) -> Plan | None:
        """Return what a fit of blocks does with rows, None if it needs them all at once."""
        return plan_of(X, self._row_bytes()) if self._by_blocks(X, None) else None

    def _by_blocks(self, X: Blocks, y: Any) -> bool:
        """Say whether codes of X are enough: not for scikit-learn's code, nor to order all rows."""
        me: Any = self
        return self._reason(X, y) is None and me.criterion != "absolute_error"

    def _row_bytes(self) -> int:
        return OF_CLASSES if is_classifier(self) else OF_NUMBERS

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        check_input: bool = True,
        missing_values_in_feature_mask: Any = None,
    ) -> Any:
        arguments = X, y, sample_weight, check_input, missing_values_in_feature_mask

        def theirs(twin: Any) -> None:
            base: Any = super()
            base._fit(*arguments)
            check_weight_sum(sample_weight)

        reason = self._reason(X, y)
        if reason is None:
            try:
                with fitted_at_once(self) as twin:
                    twin._fit_exactly(*arguments)
            except NotExact as limit:
                reason = str(limit)
        if reason is not None:
            fit_as_scikit_learn(self, reason, theirs)
        ExactTree.grown[EXACT if reason is None else "scikit-learn"] += 1
        return self

    def _checked(self, X: Any, y: Any) -> tuple[Array, Array, Array | None]:
        me: Any = self
        kinds = [np.float64, np.float32]
        check_X = {"dtype": kinds, "ensure_all_finite": False, "accept_sparse": "csc"}
        check_y = {"ensure_2d": False, "dtype": None}
        plain = is_plain_target(y) and take_plain(X, self, FLOATS, reset=True, finite=False)
        if plain:
            check_finite(y, "y", type(self).__name__)
        else:
            X, y = validate_data(self, X, y, validate_separately=(check_X, check_y))
        missing = me._compute_missing_values_in_feature_mask(X)
        if issparse(X):
            check_compressed(X)
            X = with_short_indices(X).toarray(order="C")
        if me.criterion == "poisson":
            if np.any(y < 0):
                raise ValueError(
                    "Some value(s) of y are negative which is not allowed for Poisson regression."
                )
            if np.sum(y) <= 0:
                raise ValueError(
                    "Sum of y is not positive which is necessary for Poisson regression."
                )
        return X, y, missing

    def _fit_exactly(
        self, X: Any, y: Any, sample_weight: Any, check_input: bool, missing: Array | None
    ) -> None:
        me: Any = self
        if check_input:
            X, y, missing = self._checked(X, y)
        elif issparse(X):
            X = X.toarray(order="C")
        problem = self._problem_of(X, y, sample_weight, check_input, missing)
        self._keep(problem, self._grown(problem, _draw_seed(me.random_state)))

    def _problem_of(
        self, X: Array, y: Array, sample_weight: Any, check_input: bool, missing: Array | None
    ) -> Problem:
        """Return what the tree is grown from.

        Raises
        ------
        NotExact
            If that needs scikit-learn's builder.
        """
        me: Any = self
        n = X.shape[0]
        given = y = np.atleast_1d(y)
        if y.ndim == 2:
            y = y[:, 0] if y.shape[1] == 1 else y
        if y.ndim != 1:
            raise NotExact("y has several outputs")
        if len(y) != n:
            raise ValueError(f"Number of labels={len(y)} does not match number of samples={n}")
        if n > _MOST_ROWS or X.dtype not in (np.float32, np.float64):
            raise NotExact("X is too long")
        weights: Array | None = None
        classes: Array | None = None
        if sample_weight is not None:
            kind = np.asarray(sample_weight).dtype
            if not check_input and is_plain(sample_weight, kind, 1) and len(sample_weight) == n:
                # A copy: kernels rely on how many are zero, whoever writes to the caller's.
                weights = sample_weight.astype(np.int64 if kind == np.int64 else np.float64)
            else:
                weights = check_sample_weight(sample_weight, X)
        shared = vars(self).get("_shared")
        if is_classifier(self):
            classes, codes = shared.classes(given) if shared else classes_of(y)
            if len(classes) > _MOST_CLASSES:
                raise NotExact(f"more than {_MOST_CLASSES} classes")
            if me.class_weight is not None:
                expanded = compute_sample_weight(me.class_weight, y)
                weights = expanded if weights is None else weights * expanded
            targets, scale = class_targets(codes, len(classes), weights, me.criterion)
        else:
            y = np.ascontiguousarray(y, np.float64)
            if not np.all(np.isfinite(y)):
                raise NotExact("y is not finite")
            targets, scale = value_targets(
                y, weights, me.criterion, shared.sums if shared else value_sums
            )
        limits = limits_of(self, X.shape, weights, targets, scale)
        return Problem(X, y, missing, weights, classes, targets, scale, limits)

    def _grown(self, problem: Problem, seed: int) -> TreeArrays:
        """Return the tree as it grows to its leaves."""
        me: Any = self
        X, targets, scale = problem.X, problem.targets, problem.scale
        shared = vars(self).get("_shared")
        if me.criterion == "absolute_error":
            X = readable(X)
            items = in_order(X) if shared is None else shared.in_order(X)
            return AbsoluteGrower(
                X, problem.y, items, bool(shared), targets, scale, problem.limits, seed
            ).grow()
        if shared is None:
            small = small_rows(X.shape[1], False, targets, problem.limits)
            table = make_table(readable(X), problem.missing, small_rows=small)
        else:
            table = shared.table_of(problem)
        n_used = np.count_nonzero(targets.weights) if len(targets.weights) else len(X)
        if are_whole(problem, table, int(n_used)):
            return whole_trees(problem, table, np.array([seed], np.uint64))[0]
        nodes = Grower(table, targets, problem.limits, seed).grow()
        if problem.classes is not None:
            return class_arrays(nodes, targets, scale)
        arrays = value_arrays(nodes, targets, scale)
        leaves = leaves_of(arrays, X, problem.missing is not None)
        return with_impurities(arrays, leaves, problem.y, problem.weights, targets.criterion)

    def _keep(self, problem: Problem, arrays: TreeArrays) -> None:
        """Take what has grown, cut as the parameters want it, as the fitted tree."""
        me: Any = self
        if me.max_leaf_nodes is not None:
            arrays = best_first(arrays, me.max_leaf_nodes)
        if me.ccp_alpha > 0:
            arrays = with_leaves(arrays, prune(arrays, me.ccp_alpha)[0])
        d, classes = problem.X.shape[1], problem.classes
        me._fitted = Fitted(d, arrays, classes=classes)
        me.n_features_in_, me.n_outputs_, me.max_features_ = d, 1, problem.limits.max_features
        if classes is not None:
            me.classes_, me.n_classes_ = classes.copy(), np.intp(len(classes))
        me.computed_by_ = EXACT

    def cost_complexity_pruning_path(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Bunch:
        """Return what each step of pruning costs, from the whole tree to its root.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The rows.
        y : array-like (n_samples,) or (n_samples, n_outputs)
            The classes, or the numbers to predict.
        sample_weight : array-like (n_samples,), default=None
            Weights of the rows; all 1 by default.

        Returns
        -------
        path : sklearn.utils.Bunch
            ``ccp_alphas``, what was lost for each leaf in a step, and ``impurities``, the sum over
            the leaves that were left: two ndarrays, the first element for the whole tree.
        """
        whole: Any = clone(self)
        whole.set_params(ccp_alpha=0.0).fit(X, y, sample_weight)
        if not whole._fitted.exact:
            return Bunch(**ccp_pruning_path(whole.tree_))
        _, alphas, impurities = prune(whole._fitted.arrays, math.inf)
        return Bunch(ccp_alphas=alphas, impurities=impurities)

    def __getstate__(self) -> dict[str, Any]:
        base: Any = super()
        state = dict(base.__getstate__())
        state.pop("_shared", None)
        return state
