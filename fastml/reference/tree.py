"""Decision trees by the definition: every split is tried, every score is exact.

Gini, squared and absolute error are compared as fractions, criteria with logarithms to 60 digits.
A split sends the rows with x <= t to the left, and those where x is missing (NaN) to one side; t
lies in the middle between two values that follow each other in the node.  The best split has the
largest score, equal ones the lowest feature, then missing values on the right, then the lowest
threshold.

Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees", 1984.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_DIGITS = 60
#: Scores with logarithms that differ by less than this, times their terms, are the same: of
#: children with equal means a rounding of the targets changes the 32nd digit.
_SAME = Decimal(10) ** -27


class Split(NamedTuple):
    """A split of some rows.

    feature : int
    threshold : float; infinite where all values are on the left
    missing_left : bool
    left : ndarray (n_rows,) of bool
    score : Fraction or Decimal
    size : Fraction or Decimal
        Of its terms, without their signs.
    """

    feature: int
    threshold: float
    missing_left: bool
    left: NDArray[np.bool_]
    score: Any
    size: Any


def _x_log(x: Fraction, y: Fraction) -> Decimal:
    """Return x log y, 0 where x is."""
    if x == 0:
        return Decimal(0)
    return (
        Decimal(x.numerator)
        / Decimal(x.denominator)
        * (Decimal(y.numerator) / Decimal(y.denominator)).ln()
    )


def child_score(y: NDArray[Any], weights: NDArray[Any], criterion: str) -> Any:
    """Return what a child adds to the score of a split: weight times impurity, sign reversed,
    without what depends on the parent alone.

    Parameters
    ----------
    y : ndarray (n_rows,) of classes or targets
    weights : ndarray (n_rows,)
    criterion : {"gini", "entropy", "log_loss", "squared_error", "friedman_mse", "poisson",\
            "absolute_error"}

    Returns
    -------
    score : Fraction or Decimal, or None where a Poisson child has no targets above 0
    """
    exact = [Fraction(float(w)) for w in weights]
    total = sum(exact, Fraction(0))
    if criterion in ("gini", "entropy", "log_loss"):
        classes: dict[Any, Fraction] = {}
        for label, weight in zip(y.tolist(), exact, strict=True):
            classes[label] = classes.get(label, Fraction(0)) + weight
        if criterion == "gini":
            return sum((w * w for w in classes.values()), Fraction(0)) / total
        return sum((_x_log(w, w / total) for w in classes.values()), Decimal(0))
    if criterion == "absolute_error":
        middle = Fraction(median(y, weights))
        return -sum(
            (w * abs(Fraction(float(v)) - middle) for v, w in zip(y, exact, strict=True)),
            Fraction(0),
        )
    targets = sum((w * Fraction(float(v)) for v, w in zip(y, exact, strict=True)), Fraction(0))
    if criterion == "poisson":
        return _x_log(targets, targets / total) if targets > 0 else None
    return targets * targets / total


def median(y: NDArray[Any], weights: NDArray[Any]) -> float:
    """Return the weighted median: below and above it at most half of the weight.

    Halfway between two targets where each side of it has half of the weight.
    """
    order = np.argsort(y, kind="stable")
    exact = [Fraction(float(w)) for w in weights[order]]
    total, below, place = sum(exact, Fraction(0)), exact[0], 0
    while 2 * below < total:
        place += 1
        below += exact[place]
    lower = float(y[order[place]])
    return lower if 2 * below > total else (lower + float(y[order[place + 1]])) / 2


def _total(y: NDArray[Any], weights: NDArray[Any], criterion: str) -> Any:
    """Return the sum of what logarithms are multiplied by; 0 for a criterion without any."""
    if criterion in ("entropy", "log_loss"):
        return Decimal(float(weights.sum()))
    return Decimal(float(weights @ y)) if criterion == "poisson" else 0


def splits(
    X: NDArray[Any],
    y: NDArray[Any],
    weights: NDArray[Any],
    criterion: str,
    *,
    min_samples_leaf: int = 1,
    min_weight_leaf: float = 0.0,
) -> Iterator[Split]:
    """Yield every split of some rows, in the order in which equal ones are preferred.

    Parameters
    ----------
    X : ndarray (n_rows, n_features)
    y, weights, criterion : as :func:`child_score`; weights are above 0
    min_samples_leaf : int, default=1
    min_weight_leaf : float, default=0
    """
    total = _total(y, weights, criterion)
    for feature in range(X.shape[1]):
        x = X[:, feature]
        missing = np.isnan(x)
        values = np.unique(x[~missing])
        for missing_left in (False, True) if missing.any() else (False,):
            for i, value in enumerate(values):
                left = (x <= value) | (missing & missing_left)
                n_left = int(left.sum())
                if min(n_left, len(x) - n_left) < max(min_samples_leaf, 1):
                    continue
                if min(weights[left].sum(), weights[~left].sum()) < min_weight_leaf:
                    continue
                threshold = np.inf
                if i + 1 < len(values):
                    a, b = float(value), float(values[i + 1])
                    threshold = a / 2 + b / 2
                    threshold = a if threshold >= b else threshold
                sides = [child_score(y[side], weights[side], criterion) for side in (left, ~left)]
                if None not in sides:
                    size = abs(sides[0]) + abs(sides[1]) + total
                    yield Split(feature, threshold, missing_left, left, sum(sides), size)


def best_split(
    X: NDArray[Any], y: NDArray[Any], weights: NDArray[Any], criterion: str, **least: Any
) -> Split | None:
    """Return the best split of some rows, or None: parameters as of :func:`splits`."""
    best = None
    with localcontext() as context:
        context.prec = _DIGITS
        for split in splits(X, y, weights, criterion, **least):
            margin = _SAME * split.size if isinstance(split.score, Decimal) else 0
            if best is None or split.score > best.score + margin:
                best = split
    return best


def grow(
    X: NDArray[Any],
    y: NDArray[Any],
    weights: NDArray[Any],
    criterion: str,
    *,
    max_depth: int = 1 << 30,
    min_samples_split: int = 2,
    **least: Any,
) -> list[tuple[int, float, int]]:
    """Return the nodes of a tree in pre-order: feature (-1 for a leaf), threshold, rows.

    Parameters
    ----------
    X, y, weights, criterion : as :func:`splits`
    max_depth : int, default: no limit
    min_samples_split : int, default=2
    **least : parameters of :func:`splits`
    """
    n = len(y)
    split = None
    if max_depth > 0 and n >= min_samples_split and np.any(y != y[0]):
        split = best_split(X, y, weights, criterion, **least)
    if split is None:
        return [(-1, -2.0, n)]
    nodes = [(split.feature, split.threshold, n)]
    for side in (split.left, ~split.left):
        nodes += grow(
            X[side],
            y[side],
            weights[side],
            criterion,
            max_depth=max_depth - 1,
            min_samples_split=min_samples_split,
            **least,
        )
    return nodes
