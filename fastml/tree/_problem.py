"""What a tree is grown from, checked: the rows, what is to be predicted, and what splits keep."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from ..core.validation import Array
from ..kernels.tree.problem import ENTROPY, Limits, Targets
from ._targets import Scale

_NO_LIMIT = 1 << 30
_EPSILON = float(np.finfo(np.float64).eps)


class Problem(NamedTuple):
    """What a tree is grown from.

    X : ndarray (n_samples, n_features) of float32 or float64
    y : ndarray (n_samples,), float64 for regression
    missing : ndarray (n_features,) of bool, or None: which columns hold NaN
    weights : ndarray (n_samples,), or None: of the rows, as they were given
    classes : ndarray (n_classes,), or None for regression
    targets, scale, limits : Targets, Scale, Limits
    """

    X: Array
    y: Array
    missing: Array | None
    weights: Array | None
    classes: Array | None
    targets: Targets
    scale: Scale
    limits: Limits

    @property
    def drawing(self) -> bool:
        """Whether nodes draw the features they look at."""
        return bool(self.limits.max_features < self.X.shape[1])


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


def limits_of(
    tree: Any, shape: tuple[int, int], weights: Array | None, targets: Targets, scale: Scale
) -> Limits:
    """Return what the parameters of a tree ask of its splits, in the units of the targets."""
    n, d = shape
    leaf, split = tree.min_samples_leaf, tree.min_samples_split
    leaf = int(leaf) if isinstance(leaf, Integral) else math.ceil(leaf * n)
    split = int(split) if isinstance(split, Integral) else max(2, math.ceil(split * n))
    total = float(n) if weights is None else float(weights.sum())
    gain = max(float(tree.min_impurity_decrease) - _EPSILON, 0.0) * total / scale.weight
    if targets.criterion == ENTROPY:
        gain *= math.log(2.0)
    gain /= scale.value
    if tree.criterion not in ("poisson", "absolute_error"):
        gain /= scale.value  # twice: the square may be no number
    return Limits(
        leaf,
        tree.min_weight_fraction_leaf * total / scale.weight,
        max(split, 2 * leaf),
        _NO_LIMIT if tree.max_depth is None else int(tree.max_depth),
        max_features_of(tree.max_features, d),
        gain,
    )
