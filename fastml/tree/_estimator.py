"""What the tree estimators share: the exact builder where it applies, scikit-learn's elsewhere."""

from __future__ import annotations

import math
import threading
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier
from sklearn.tree._tree import Tree, ccp_pruning_path
from sklearn.utils import Bunch, compute_sample_weight
from sklearn.utils.validation import validate_data

from ..core.classes import check_classes, number_classes
from ..core.delegation import fit_as_scikit_learn
from ..core.estimator import FLOATS, fitted_at_once, is_plain_target, take_plain
from ..core.parameters import ParametersMixin
from ..core.random_state import check_random_state
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
from ..kernels.tree.drawn import MOST_DRAWN
from ..kernels.tree.problem import ENTROPY, Limits, Table, Targets
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
from ._grow import Grower
from ._prediction import TreePrediction, with_short_indices
from ._predictor import leaves_of
from ._pruning import prune, with_leaves
from ._targets import CRITERIA, NotExact, Scale, class_targets, value_targets

EXACT = "fastml"
_MOST_CLASSES, _MOST_ROWS = 256, (1 << 31) - 1
_NO_LIMIT = 1 << 30
#: A sparse X of so many elements is made dense: a quarter of a gigabyte.
_MOST_DENSE = 1 << 26
#: Elements of a sparse X that are made dense at a time for prediction.
_DENSE_BLOCK = 1 << 20
#: For trees of one row in so many the whole table is ranked.
_RANKED_FROM = 8
_EPSILON = float(np.finfo(np.float64).eps)
_MOST_SEED = (1 << 31) - 1
#: A generator of each thread's own.
_OWN = threading.local()


def _draw_seed(random_state: Any) -> int:
    """Return the first number drawn from a state, as scikit-learn's trees draw it."""
    if type(random_state) is int:  # to make a generator takes longer than to seed one anew
        if not hasattr(_OWN, "generator"):
            _OWN.generator = np.random.RandomState()
        generator = _OWN.generator
        generator.seed(random_state)
    else:
        generator = check_random_state(random_state)
    return int(generator.randint(_MOST_SEED))


def _classes_of(y: Array) -> tuple[Array, Array]:
    """Return the classes, and for each row which."""
    if y.dtype.kind != "S":  # scikit-learn's trees take bytes, as nothing else of it does
        check_classes(y)
    return number_classes(y)


class Shared:
    """What trees of a forest have in common, made by the first that asks: codes of X, classes."""

    def __init__(self) -> None:
        self._ordered: tuple[Any, Array] | None = None
        self._held: tuple[Any, Table, bool] | None = None
        self._classes: tuple[Any, tuple[Array, Array]] | None = None
        self._making = threading.Lock()
        #: The first tree, before its fit.
        self.made: Any = None

    def classes(self, y: Array) -> tuple[Array, Array]:
        """Return the classes, and for each row which."""
        held = self._classes
        if held is None or not (held[0] is y or np.array_equal(held[0], y)):
            classes, codes = _classes_of(y[:, 0] if y.ndim == 2 else y)
            held = self._classes = y, (classes, codes.astype(np.int32))
        return held[1]

    def table(self, X: Array, missing: Array | None, ranked: bool, used: int) -> Table:
        """Return the codes of X, or its ranks if they are worth it, for a tree of so many rows."""
        coded = not ranked or used > MOST_DRAWN
        with self._making:
            held = self._held
            if held is None or held[0] is not X or (coded and not held[2]):
                table = make_table(
                    readable(X), missing, shared=True, ranked=ranked, coded=coded
                )  # fmt: skip
                coded = coded or not len(table.ranks) + len(table.narrow_ranks)
                held = self._held = X, table, coded
        return held[1]

    def in_order(self, X: Array) -> Array:
        """Return the rows in the order of every feature."""
        with self._making:
            held = self._ordered
            if held is None or held[0] is not X:
                held = self._ordered = X, in_order(X)
        return held[1]


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
                    twin.computed_by_ = EXACT
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
        n, d = X.shape
        given = y = np.atleast_1d(y)
        if y.ndim == 2:
            y = y[:, 0] if y.shape[1] == 1 else y
        if y.ndim != 1:
            raise NotExact("y has several outputs")
        if len(y) != n:
            raise ValueError(f"Number of labels={len(y)} does not match number of samples={n}")
        if n > _MOST_ROWS or X.dtype not in (np.float32, np.float64):
            raise NotExact("X is too long")
        shared = vars(self).get("_shared")
        classification = is_classifier(self)
        weights: Array | None = None
        classes: Array = np.empty(0)
        if sample_weight is not None:
            kind = np.asarray(sample_weight).dtype
            if not check_input and is_plain(sample_weight, kind, 1) and len(sample_weight) == n:
                # A copy: kernels rely on how many are zero, whoever writes to the caller's.
                weights = sample_weight.astype(np.int64 if kind == np.int64 else np.float64)
            else:
                weights = check_sample_weight(sample_weight, X)
        if classification:
            classes, codes = shared.classes(given) if shared else _classes_of(y)
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
            targets, scale = value_targets(y, weights, me.criterion)
        max_features = max_features_of(me.max_features, d)
        limits = self._limits(n, max_features, weights, targets, scale)
        seed = _draw_seed(me.random_state)
        if me.criterion == "absolute_error":
            arrays = self._by_absolute_error(X, y, targets, scale, limits, seed)
        else:
            nodes = Grower(self._table(X, missing, limits, targets), targets, limits, seed).grow()
            if classification:
                arrays = class_arrays(nodes, targets, scale)
            else:
                arrays = value_arrays(nodes, targets, scale)
                leaves = leaves_of(arrays, X, missing is not None)
                arrays = with_impurities(arrays, leaves, y, weights, targets.criterion)
        if me.max_leaf_nodes is not None:
            arrays = best_first(arrays, me.max_leaf_nodes)
        if me.ccp_alpha > 0:
            arrays = with_leaves(arrays, prune(arrays, me.ccp_alpha)[0])
        me._fitted = Fitted(d, arrays, classes=classes if classification else None)
        me.n_features_in_, me.n_outputs_, me.max_features_ = d, 1, max_features
        if classification:
            me.classes_, me.n_classes_ = classes.copy(), np.intp(len(classes))

    def _table(self, X: Array, missing: Array | None, limits: Limits, targets: Targets) -> Table:
        """Return the codes of X, those all trees of a forest share."""
        shared = vars(self).get("_shared")
        if shared is None:
            return make_table(readable(X), missing)
        n, d = X.shape
        used = n if not len(targets.weights) else int(np.count_nonzero(targets.weights))
        ranked = limits.max_features < d and used * _RANKED_FROM >= n
        table: Table = shared.table(X, missing, ranked, used)
        return table

    def _by_absolute_error(
        self, X: Array, y: Array, targets: Targets, scale: Scale, limits: Limits, seed: int
    ) -> TreeArrays:
        """Return the tree of a criterion whose errors are no function of sums."""
        X, shared = readable(X), vars(self).get("_shared")
        items = in_order(X) if shared is None else shared.in_order(X)
        return AbsoluteGrower(X, y, items, bool(shared), targets, scale, limits, seed).grow()

    def _limits(
        self, n: int, max_features: int, weights: Array | None, targets: Any, scale: Any
    ) -> Limits:
        me: Any = self
        leaf, split = me.min_samples_leaf, me.min_samples_split
        leaf = int(leaf) if isinstance(leaf, Integral) else math.ceil(leaf * n)
        split = int(split) if isinstance(split, Integral) else max(2, math.ceil(split * n))
        total = float(n) if weights is None else float(weights.sum())
        gain = max(float(me.min_impurity_decrease) - _EPSILON, 0.0) * total / scale.weight
        if targets.criterion == ENTROPY:
            gain *= math.log(2.0)
        gain /= scale.value if me.criterion in ("poisson", "absolute_error") else scale.value**2
        return Limits(
            leaf,
            me.min_weight_fraction_leaf * total / scale.weight,
            max(split, 2 * leaf),
            _NO_LIMIT if me.max_depth is None else int(me.max_depth),
            max_features,
            gain,
        )

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


def max_features_of(wanted: Any, d: int) -> int:
    """Return how many features a node looks at."""
    if wanted is None:
        return d
    if wanted == "sqrt":
        return max(1, int(np.sqrt(d)))
    if wanted == "log2":
        return max(1, int(np.log2(d)))
    if isinstance(wanted, Integral):
        return min(int(wanted), d)
    return max(1, int(wanted * d))
