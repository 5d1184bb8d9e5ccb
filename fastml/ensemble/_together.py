"""Forests of trees that are grown together: rows drawn and nodes laid out for all at once.

scikit-learn's ``fit`` draws for each tree, starts it as a job and has it checked; of trees of some
hundred rows that takes several times as long as their growth.  What is asked for seldom is left to
it: out-of-bag scores, more trees for a forest that has some, weights that are not drawn by.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.ensemble._forest import _generate_sample_indices, _get_n_samples_bootstrap
from sklearn.utils.validation import validate_data

from ..core.estimator import FLOATS, take_plain_pair
from ..core.random_state import check_random_state
from ..core.sklearn_compat import check_sample_weight
from ..core.threads import get_num_threads
from ..core.validation import Array, readable, shape_of
from ..tree._estimator import EXACT, ExactTree
from ..tree._shared import classes_of
from ..tree._targets import MOST_SUMS, NotExact
from ..tree._whole import are_whole, bytes_of, whole_trees
from ._side_by_side import named_by_nobody

_MOST_SEED = (1 << 31) - 1
#: Bytes that trees growing together take, and how many a thread must fit in.
_MOST_BYTES, _TREES_A_THREAD = 64 << 20, 8
#: Most rows: of more no tree is a whole.
_MOST_ROWS = 1 << 17
#: Whether rows are drawn by weight: from scikit-learn 1.9 on.
_DRAWN_BY_WEIGHT = len(inspect.signature(_get_n_samples_bootstrap).parameters) == 3
#: X of float32, y, and which columns hold NaN.
_Given = tuple[Array, Array, Array | None]


def _may_be_together(settings: dict[str, Any], X: Any, y: Any, sample_weight: Any) -> bool:
    """Say whether the parameters of a forest and the shapes of what it is given allow it."""
    if issparse(X) or y is None:
        return False
    shape, targets = shape_of(X), shape_of(y)
    weighted = sample_weight is not None or settings.get("class_weight") is not None
    by_weight = settings["bootstrap"] and settings.get("class_weight") != "balanced_subsample"
    asked = settings["oob_score"] or settings["verbose"] or settings["warm_start"]
    drawn = settings["bootstrap"] or settings["max_samples"] is None
    return bool(
        not asked and drawn and (not weighted or (_DRAWN_BY_WEIGHT and by_weight))
        and settings["criterion"] != "absolute_error"
        and len(shape) == 2 and 0 < shape[0] <= _MOST_ROWS and len(targets) == 1
        and named_by_nobody()
    )  # fmt: skip


def _checked(forest: Any, X: Any, y: Any) -> tuple[Array, Array]:
    """Return X of float32 and y, as scikit-learn's forests check them."""
    if take_plain_pair(X, y, forest, FLOATS, reset=True):
        with np.errstate(over="ignore"):  # what is infinite then is refused
            return X.astype(np.float32, copy=False), y
    X, y = validate_data(
        forest, X, y, multi_output=True, accept_sparse="csc", dtype=np.float32,
        ensure_all_finite=False,
    )  # fmt: skip
    return X if issparse(X) else readable(X), y


class _Draws:
    """The seeds of a forest's trees, and the rows of each.

    Parameters
    ----------
    settings : dict, the forest's parameters
    n : int, rows
    weights : ndarray (n,), what rows are drawn by, or None
    """

    def __init__(self, settings: dict[str, Any], n: int, weights: Array | None) -> None:
        given = settings["random_state"]
        self._weights = (weights,) if _DRAWN_BY_WEIGHT else ()
        #: How many rows are drawn for a tree, None where each is of all rows.
        self.size: int | None = None
        if settings["bootstrap"]:
            self.size = _get_n_samples_bootstrap(n, settings["max_samples"], *self._weights)
        self._n, self._source = n, check_random_state(given)
        # Of a generator that others hold too nothing is taken by a fit that does not come about.
        self._before: Any = None if type(given) is int else self._source.get_state()
        self.seeds = self._source.randint(_MOST_SEED, size=settings["n_estimators"]).tolist()
        self._generator = check_random_state(0)

    def keys(self, seeds: list[int]) -> Array:
        """Return what trees draw features by: the first number of each seed."""
        keys = np.empty(len(seeds), np.uint64)
        for i, seed in enumerate(seeds):
            self._generator.seed(seed)
            keys[i] = self._generator.randint(_MOST_SEED)
        return keys

    def counts(self, seeds: list[int]) -> Array:
        """Return how often each row is drawn for trees, as scikit-learn draws."""
        counts = np.empty((len(seeds), self._n), np.int64)
        for row, seed in zip(counts, seeds, strict=True):
            self._generator.seed(seed)
            drawn = _generate_sample_indices(self._generator, self._n, self.size, *self._weights)
            row[:] = np.bincount(drawn, minlength=self._n)
        return counts

    def undo(self) -> None:
        """Put the generator back where it was."""
        if self._before is not None:
            self._source.set_state(self._before)


def grow_together(forest: Any, X: Any, y: Any, sample_weight: Any) -> bool:
    """Fit a forest whose trees are small enough; say whether it was.

    Parameters
    ----------
    forest : a forest of fastml
    """
    settings = vars(forest)
    if not _may_be_together(settings, X, y, sample_weight):
        return False
    tree = forest._tree_type(**{name: settings[name] for name in forest.estimator_params})
    if tree._reason(X, y) is not None:
        return False
    tree._shared = settings["_shared"]
    X, y = _checked(forest, X, y)
    if issparse(X):  # as a frame of sparse columns becomes
        return False
    name = type(forest).__name__
    missing = tree._compute_missing_values_in_feature_mask(X, estimator_name=name)
    if tree.criterion == "poisson" and not (np.all(y >= 0) and np.sum(y) > 0):
        return False  # scikit-learn's says what is wrong
    weights = None if sample_weight is None else check_sample_weight(sample_weight, X)
    classes = None
    if is_classifier(forest):
        classes, y, weights = _classes(forest, y, weights)
    given = X, np.ascontiguousarray(y, np.float64), missing
    if classes is not None:  # the trees' own are numbers
        tree._shared.know_classes(given[1], np.arange(float(len(classes))), y)
    draws = _Draws(settings, len(X), weights)
    try:
        trees = _grown(tree, draws, given, MOST_SUMS if classes is None else len(classes) + 1)
    except NotExact:
        trees = None
    if trees is None:
        draws.undo()
        return False
    forest.estimators_, forest.estimator_ = trees, forest._tree_type()
    forest._n_samples, forest.n_outputs_ = len(X), 1
    forest._sample_weight, forest._n_samples_bootstrap = weights, draws.size
    if classes is not None:
        forest.classes_, forest.n_classes_ = classes, len(classes)
    return True


def _classes(forest: Any, y: Array, weights: Array | None) -> tuple[Array, Array, Array | None]:
    """Return the classes, for each row which, and the weights of rows, by their classes too."""
    if forest.class_weight is None:
        return (*classes_of(y), weights)
    forest.n_outputs_ = 1
    numbers, expanded = forest._validate_y_class_weight(y.reshape(-1, 1), weights)
    if expanded is not None:
        weights = expanded if weights is None else weights * expanded
    return forest.classes_[0], numbers[:, 0].astype(np.int32), weights


def _grown(tree: Any, draws: _Draws, given: _Given, size: int) -> list[ExactTree] | None:
    """Return the trees, None if they are too large for it.

    Parameters
    ----------
    size : int, how many statistics a node has
    """
    seeds = draws.seeds
    at_once = _MOST_BYTES // bytes_of(len(given[0]), size)
    if at_once < min(len(seeds), _TREES_A_THREAD * get_num_threads()):
        return None
    trees: list[ExactTree] = []
    for begin in range(0, len(seeds), at_once):
        some = _some_grown(tree, draws, given, seeds[begin : begin + at_once])
        if some is None:
            return None
        trees += some
    return trees


def _some_grown(
    tree: Any, draws: _Draws, given: _Given, seeds: list[int]
) -> list[ExactTree] | None:
    """Return the trees of some seeds, None if one is too large."""
    trees = [_with_seed(tree, seed) for seed in seeds]
    X, y, missing = given
    grown, n_used, drawn, keys = trees, len(X), None, draws.keys(seeds)
    if draws.size is not None:
        drawn = draws.counts(seeds)
        # Of few rows all may be drawn as often, or none just once: such trees have other sums.
        usual = (drawn.min(axis=1) < drawn.max(axis=1)) & (drawn == 1).any(axis=1)
        for i in np.flatnonzero(~usual).tolist():
            trees[i]._fit(X, y, drawn[i], False, missing)
        grown = [trees[i] for i in np.flatnonzero(usual).tolist()]
        if not grown:
            return trees
        drawn, keys = drawn[usual], keys[usual]
        n_used = int(np.count_nonzero(drawn, axis=1).max())
    problem = tree._problem_of(X, y, None if drawn is None else drawn[0], False, missing)
    table = tree._shared.table_of(problem)
    if not are_whole(problem, table, n_used):
        return None
    for one, arrays in zip(grown, whole_trees(problem, table, keys, drawn), strict=True):
        one._keep(problem, arrays)
    ExactTree.grown[EXACT] += len(grown)
    return trees


def _with_seed(tree: Any, seed: int) -> Any:
    """Return a tree that differs in its seed only; to clone it takes a tenth of a short fit."""
    other = object.__new__(type(tree))
    vars(other).update(vars(tree))
    other.random_state = seed
    return other
