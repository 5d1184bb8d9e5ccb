"""Which fits may be scikit-learn's, each by the reason its ``computed_by_`` gives.

A reason is a good one if it stands in the documentation's table of what runs where, and if the fit
did ask for it: each has a claim about the estimator and its data that is looked up there, not taken
from the code that gave the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
import sklearn

from fastml.core.validation import is_sparse


class Call(NamedTuple):
    """One call of ``fit`` or ``partial_fit``."""

    estimator: Any
    X: Any
    y: Any = None
    sample_weight: Any = None
    others: Any = None


class Reason(NamedTuple):
    """A reason, and what it says of a call.

    page, words : the page of the documentation, and what stands there
    """

    pattern: str
    page: str
    words: str
    claim: Callable[[Call], Any]


def _numbers(call: Call) -> Any:
    """Return the data's numbers as one float64 array."""
    arrays = [call.X.data if scipy.sparse.issparse(call.X) else call.X]
    if call.y is not None and np.asarray(call.y).dtype.kind in "iuf":
        arrays.append(call.y)
    return np.abs(np.concatenate([np.ravel(np.asarray(a, np.float64)) for a in arrays]))


def _weights(call: Call) -> Any:
    return np.zeros(1) if call.sample_weight is None else np.asarray(call.sample_weight, np.float64)


def _sparse(call: Call) -> bool:
    return any(is_sparse(a) for a in (call.X, call.y, call.sample_weight))


def _search(call: Call) -> tuple[Any, Any]:
    """Return the metric and the order of an estimator of neighbours."""
    estimator = call.estimator
    return estimator.metric, (estimator.metric_params or {}).get("p", estimator.p)


def _weighed(call: Call) -> bool:
    """Say whether a tree's rows are weighed, in whatever way."""
    return call.sample_weight is not None or vars(call.estimator).get("class_weight") is not None


def _manhattan(call: Call) -> bool:
    metric, p = _search(call)
    return metric in ("manhattan", "l1", "cityblock") or (metric == "minkowski" and p == 1)


def _another_metric(call: Call) -> bool:
    metric, p = _search(call)
    known = ("euclidean", "l2", "sqeuclidean", "cosine", "manhattan", "l1", "cityblock")
    return not isinstance(metric, str) or metric not in (*known, "minkowski") or p not in (1, 2)


_LINEAR, _NEIGHBORS, _TREE = "linear_model", "neighbors", "tree"
REASONS = [
    Reason("sparse X", _LINEAR, "sparse, other array libraries", _sparse),
    Reason(
        "array API dispatch", _LINEAR, "sparse, other array libraries",
        lambda _: sklearn.get_config()["array_api_dispatch"],
    ),
    Reason("positive=True", _LINEAR, "`positive=True`", lambda c: c.estimator.positive),
    Reason(
        "negative weights", _LINEAR, "negative (`Ridge`, `RidgeCV`, `LogisticRegression`)",
        lambda c: (_weights(c) < 0).any(),
    ),
    Reason(
        "solver='(sparse_cg|lsqr|lbfgs)'", _LINEAR, "the iterative solvers",
        lambda c: "Ridge" in type(c.estimator).__name__,
    ),
    Reason(
        "solver='(liblinear|sag|saga)'", _LINEAR, "liblinear, sag, saga",
        lambda c: c.estimator.solver in ("liblinear", "sag", "saga"),
    ),
    Reason(
        "penalty, which is deprecated", _LINEAR, "`penalty`",
        lambda c: c.estimator.penalty != "deprecated",
    ),
    Reason(
        "multi_class, which is deprecated", _LINEAR, "`multi_class`",
        lambda c: c.estimator.multi_class != "deprecated",
    ),
    Reason(
        "l1_ratio=.*", _LINEAR, "`l1_ratio` other than 0",
        lambda c: c.estimator.l1_ratio != 0,  # None is deprecated, or the default
    ),
    Reason(
        "dual or max_iter=0", _LINEAR, "`dual`",
        lambda c: c.estimator.dual or c.estimator.max_iter == 0,
    ),
    Reason("callbacks", _LINEAR, "callbacks", lambda c: c.estimator._skl_callbacks),
    Reason(
        "weights of zero", _LINEAR, "all zero",
        lambda c: not _weights(c).any(),
    ),
    Reason(
        "warm_start from another shape", _LINEAR, "from coefficients of another shape",
        lambda c: c.estimator.warm_start,
    ),
    Reason(
        "(numbers|squares) overflow", _LINEAR, "whose squares overflow",
        lambda c: _numbers(c).max() > 1e100,
    ),
    Reason("metadata routing", _LINEAR, "other scores and folds", lambda c: c.others),
    Reason(
        "store_cv_results=True", _LINEAR, "`store_cv_results`",
        lambda c: c.estimator.store_cv_results,
    ),
    Reason(
        "scoring of rows left out", _LINEAR, "other scores and folds",
        lambda c: c.estimator.cv is None and c.estimator.scoring is not None,
    ),
    Reason(
        "folds that are not a number|cv=.*", _LINEAR, "other scores and folds",
        lambda c: not isinstance(c.estimator.cv, int)
        or c.estimator.cv < 2
        or c.estimator.alpha_per_target,
    ),
    Reason(
        "folds of one row or no weight", _LINEAR, "folds of one row scored by r2 or of no weight",
        lambda c: c.estimator.cv is not None
        and (len(c.X) < 2 * c.estimator.cv or c.sample_weight is not None),
    ),
    Reason(
        "scoring of another kind", _LINEAR, "other scores and folds",
        lambda c: c.estimator.scoring not in (None, "r2", "neg_mean_squared_error"),
    ),
    Reason(
        "alphas (of another kind|that are not positive)", _LINEAR,
        "penalties that are not positive",
        lambda c: np.ndim(c.estimator.alphas) != 1
        or np.asarray(c.estimator.alphas).dtype.kind not in "iuf"
        or not (np.asarray(c.estimator.alphas) > 0).all(),
    ),
    Reason(
        "few rows", _LINEAR, "fewer rows than features",
        lambda c: len(c.X) <= np.shape(c.X)[1],
    ),
    Reason(
        "penalties lost in rounding", _LINEAR, "below 1e-11 of the largest eigenvalue",
        lambda c: np.min(c.estimator.alphas) <= 1e-8 * np.linalg.norm(np.asarray(c.X), 2) ** 2,
    ),
    Reason(
        "X is sparse", _NEIGHBORS, "sparse rows",
        lambda c: _sparse(c) and hasattr(c.estimator, "metric"),
    ),
    Reason(
        "X is sparse", _TREE, "larger sparse X",
        lambda c: _sparse(c) and c.X.shape[0] * c.X.shape[1] > 1 << 26,
    ),
    Reason(
        r"X is a fitted \w+", _NEIGHBORS, "a fitted tree",
        lambda c: hasattr(c.X, "query") or hasattr(c.X, "fit"),
    ),
    Reason(
        "algorithm='ball_tree'", _NEIGHBORS, "algorithm 'ball_tree'",
        lambda c: c.estimator.algorithm == "ball_tree",
    ),
    Reason(
        "algorithm='kd_tree', metric=.*", _NEIGHBORS, "of which 'kd_tree' is an error",
        lambda c: _search(c)[0] in ("sqeuclidean", "cosine"),
    ),
    Reason(
        "(?s)metric_params=.*", _NEIGHBORS, "`metric_params` other than p",
        lambda c: set(c.estimator.metric_params) - {"p"},
    ),
    Reason("(?s)metric=.*", _NEIGHBORS, "any other metric or p", _another_metric),
    Reason(
        "algorithm='(kd_tree'|auto' takes a tree), Manhattan distances", _NEIGHBORS,
        "algorithm 'kd_tree', or 'auto' where that takes a tree", _manhattan,
    ),
    Reason(
        "splitter='random'", _TREE, '`splitter="random"`',
        lambda c: c.estimator.splitter == "random",
    ),
    Reason(
        "criterion=.*", _TREE, "criteria that are objects",
        lambda c: not isinstance(c.estimator.criterion, str),
    ),
    Reason(
        "monotonic_cst is set", _TREE, "`monotonic_cst`",
        lambda c: c.estimator.monotonic_cst is not None,
    ),
    Reason(
        "y has several outputs", _TREE, "several outputs",
        lambda c: np.ndim(c.y) == 2 and np.shape(c.y)[1] > 1,
    ),
    Reason(
        "more than 256 classes", _TREE, "more than 256 classes",
        lambda c: len(np.unique(c.y)) > 256,
    ),
    Reason("(class )?weights .*", _TREE, "weights that are no multiples", _weighed),
    Reason(
        "targets span more bits than their sums hold", _TREE, "targets spanning more than",
        lambda c: np.asarray(c.y).dtype.kind == "f",
    ),
]  # fmt: skip


def is_due(computed_by: str, call: Call) -> bool:
    """Say whether a fit was ours, or scikit-learn's for a documented reason that holds."""
    library, _, reason = computed_by.partition(": ")
    if library != "scikit-learn":
        return library == "fastml"
    found = [known for known in REASONS if re.fullmatch(known.pattern, reason)]
    return any(known.claim(call) for known in found)
