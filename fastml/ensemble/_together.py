"""Forests of trees that are grown together: rows drawn and nodes laid out for all at once.

scikit-learn's ``fit`` draws for each tree, starts it as a job and has it checked; of trees of some
hundred rows that takes several times as long as their growth.  What is asked for seldom is left to
it: out-of-bag scores, more trees for a forest that has some, weights that are not drawn by.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from ..core.estimator import FLOATS, take_plain_pair
from ..core.sklearn_compat import check_sample_weight
from ..core.threads import get_num_threads
from ..core.validation import Array, readable, shape_of
from ..kernels.tree.problem import Table
from ..tree._estimator import EXACT, ExactTree
from ..tree._problem import Problem
from ..tree._shared import classes_of
from ..tree._targets import NotExact
from ..tree._whole import are_whole, bytes_of, whole_trees
from ._draws import BY_WEIGHT, Draws, seeds_of, usual, warns_of_few, with_seed
from ._side_by_side import named_by_nobody

#: Bytes that trees growing together take, and how many a thread must fit in.
_MOST_BYTES, _TREES_A_THREAD = 64 << 20, 8
#: Most rows: of more no tree is a whole.
_MOST_ROWS = 1 << 17
#: What a subclass may have of its own, and scikit-learn's ``fit`` goes by.
_HOOKS = ("_make_estimator", "_validate_estimator", "_validate_y_class_weight", "_tree_type")


class _Forest(NamedTuple):
    """What the trees of a forest are grown from.

    tree : a tree with the forest's parameters
    X, y, missing : what scikit-learn's forests hand to a tree
    draws : Draws
    problem, table : Problem and Table of a tree like most
    """

    tree: Any
    X: Array
    y: Array
    missing: Array | None
    draws: Draws
    problem: Problem
    table: Table


def _may_be_together(forest: Any, X: Any, y: Any, sample_weight: Any) -> bool:
    """Say whether the parameters of a forest and the shapes of what it is given allow it."""
    settings, kind = vars(forest), type(forest)
    weighted = sample_weight is not None or settings.get("class_weight") is not None
    by_weight = settings["bootstrap"] and settings.get("class_weight") != "balanced_subsample"
    asked = settings["oob_score"] or settings["verbose"] or settings["warm_start"]
    drawn = settings["bootstrap"] or settings["max_samples"] is None
    ours = next(one for one in kind.__mro__ if one.__module__.startswith(__package__))
    allowed = (
        not asked and drawn and (not weighted or (BY_WEIGHT and by_weight))
        and settings["criterion"] != "absolute_error" and settings["n_jobs"] != 0
        and all(getattr(kind, name, None) is getattr(ours, name, None) for name in _HOOKS)
        and named_by_nobody() and not issparse(X) and y is not None
    )  # fmt: skip
    if not allowed:
        return False
    shape = shape_of(X)  # of a list NumPy makes an array to see it
    return len(shape) == 2 and 0 < shape[0] <= _MOST_ROWS and len(shape_of(y)) == 1


def _checked(forest: Any, X: Any, y: Any) -> tuple[Array, Array]:
    """Return X of float32 and y, as scikit-learn's forests check them."""
    if take_plain_pair(X, y, forest, FLOATS, reset=True):
        return X.astype(np.float32, copy=False), y
    X, y = validate_data(
        forest, X, y, multi_output=True, accept_sparse="csc", dtype=np.float32,
        ensure_all_finite=False,
    )  # fmt: skip
    return X if issparse(X) else readable(X), y


def _classes(forest: Any, y: Array, weights: Array | None) -> tuple[Array, Array, Array | None]:
    """Return the classes, for each row which, and the weights of rows, by their classes too."""
    if forest.class_weight is None:
        classes, numbers = classes_of(y)
        if 2 * len(classes) > len(y) and y.dtype.kind in "biu":
            check_classification_targets(y)  # which warns of so many
        return classes, numbers, weights
    forest.n_outputs_ = 1
    numbers, expanded = forest._validate_y_class_weight(y.reshape(-1, 1), weights)
    if expanded is not None:
        weights = expanded if weights is None else weights * expanded
    return forest.classes_[0], numbers[:, 0].astype(np.int32), weights


def grow_together(forest: Any, X: Any, y: Any, sample_weight: Any) -> bool:
    """Fit a forest whose trees are small enough; say whether it was.

    Parameters
    ----------
    forest : a forest of fastml
    """
    if not _may_be_together(forest, X, y, sample_weight):
        return False
    settings = vars(forest)
    tree = forest._tree_type(**{name: settings[name] for name in forest.estimator_params})
    if tree._reason(X, y) is not None:
        return False
    tree._shared = settings["_shared"]
    X, y = _checked(forest, X, y)
    if issparse(X):  # as a frame of sparse columns becomes
        return False
    # Of scikit-learn's own: it looks for infinities whatever is assumed.
    theirs = type(forest.estimator)(criterion=tree.criterion)
    name = type(forest).__name__
    missing = theirs._compute_missing_values_in_feature_mask(X, estimator_name=name)
    if tree.criterion == "poisson" and (np.any(y < 0) or np.sum(y) <= 0):
        return False  # scikit-learn says what is wrong
    weights = None if sample_weight is None else check_sample_weight(sample_weight, X)
    classes = None
    if is_classifier(forest):
        classes, y, weights = _classes(forest, y, weights)
    if warns_of_few(settings["max_samples"], len(X), weights):
        return False
    given = X, np.ascontiguousarray(y, np.float64), missing
    if classes is not None:  # the trees' own are numbers
        tree._shared.know_classes(given[1], np.arange(float(len(classes))), y)
    draws = Draws(settings, len(X), weights)
    n_trees = int(settings["n_estimators"])
    source = _prepared(tree, given, draws, n_trees)
    if source is None:
        return False
    trees = _grown(source, seeds_of(settings["random_state"], n_trees))
    forest._n_samples, forest.n_outputs_ = len(X), 1
    forest._n_samples_bootstrap = draws.size
    if BY_WEIGHT:
        forest._sample_weight = weights
    forest.estimator_, forest.estimators_ = forest._tree_type(), trees
    if classes is not None:
        forest.classes_, forest.n_classes_ = classes, len(classes)
    return True


def _prepared(
    tree: Any, given: tuple[Array, Array, Array | None], draws: Draws, n_trees: int
) -> _Forest | None:
    """Return what trees are grown from, None if they had better be grown one by one.

    Nothing is drawn for that from a generator that others may hold.
    """
    X, y, missing = given
    counts, n_used = None, len(X)
    if draws.size is not None:
        counts = draws.example()
        if counts is None:
            return None
        n_used = int(np.count_nonzero(counts))
    try:
        problem = tree._problem_of(X, y, counts, False, missing)
    except NotExact:
        return None
    at_once = _MOST_BYTES // bytes_of(len(X), problem)
    if at_once < min(n_trees, _TREES_A_THREAD * get_num_threads()):
        return None
    table = tree._shared.table_of(problem)
    if not are_whole(problem, table, n_used):
        return None
    return _Forest(tree, X, y, missing, draws, problem, table)


def _grown(source: _Forest, seeds: list[int]) -> list[ExactTree]:
    """Return the trees of some seeds, as many at a time as memory allows."""
    at_once = _MOST_BYTES // bytes_of(len(source.X), source.problem)
    trees: list[ExactTree] = []
    for begin in range(0, len(seeds), at_once):
        trees += _some_grown(source, seeds[begin : begin + at_once])
    return trees


def _some_grown(source: _Forest, seeds: list[int]) -> list[ExactTree]:
    """Return trees that are grown at once."""
    tree, X, y, missing, draws, problem, table = source
    trees = [with_seed(tree, seed) for seed in seeds]
    grown, drawn, keys = trees, None, draws.keys(seeds)
    if draws.size is not None:
        drawn = draws.counts(seeds)
        together = usual(drawn)
        most = int(np.count_nonzero(drawn, axis=1).max())
        if not are_whole(problem, table, most):  # by some rows more than the one looked at
            counts = np.count_nonzero(drawn, axis=1).tolist()
            together &= [are_whole(problem, table, count) for count in counts]
        for i in np.flatnonzero(~together).tolist():
            trees[i]._fit(X, y, drawn[i], False, missing)
        grown = [trees[i] for i in np.flatnonzero(together).tolist()]
        drawn, keys = drawn[together], keys[together]
    if not grown:
        return trees
    for one, arrays in zip(grown, whole_trees(problem, table, keys, drawn), strict=True):
        one._keep(problem, arrays)
    ExactTree.grown[EXACT] += len(grown)
    return trees
