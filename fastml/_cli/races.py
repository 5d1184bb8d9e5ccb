"""The demo's races: the same work done by fastml, by NumPy in blocks, and by scikit-learn."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sklearn.neural_network
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin

from fastml import nearest_centroid, reference

from .classifiers import Problem, classifier, train_on

#: Called after each round of a race, to move its progress bar.
Advance = Callable[[], None]

ROUNDS = 5
OURS = "fastml"
#: Rows of a block whose scores stay in a cache.
_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Comparison:
    """The same work done in several ways, after the results were seen to agree.

    work : what was done
    seconds : the shortest time of each way, by its name
    difference : of the results
    """

    work: str
    seconds: dict[str, float]
    difference: str


def _race(ways: dict[str, Callable[[], Any]], advance: Advance) -> dict[str, float]:
    """Return the shortest time of each, taken in turns so that all meet the same machine."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, work in ways.items():
            start = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - start)
        advance()
    return best


def nearest_in_blocks(X: NDArray[Any], centers: NDArray[Any]) -> NDArray[np.intp]:
    """Return the nearest centre of every row: BLAS in blocks that stay in a cache."""
    labels = np.empty(len(X), np.intp)
    half_norms = (centers**2).sum(axis=1) / 2
    scores = np.empty((_BLOCK_ROWS, len(centers)), X.dtype)
    for start in range(0, len(X), _BLOCK_ROWS):
        rows = X[start : start + _BLOCK_ROWS]
        found = scores[: len(rows)]
        np.matmul(rows, centers.T, out=found)
        found -= half_norms
        found.argmax(axis=1, out=labels[start : start + len(rows)])
    return labels


def compare_assignment(pixels: NDArray[Any], centers: NDArray[Any], advance: Advance) -> Comparison:
    """Find the nearest colour of every pixel in each way; ours are the reference's."""
    labels = nearest_centroid(pixels, centers)
    if not np.array_equal(labels, reference.nearest_centroid(pixels, centers)):
        raise RuntimeError("the labels differ from the reference's: please report this")
    ways: dict[str, Callable[[], Any]] = {
        OURS: lambda: nearest_centroid(pixels, centers),
        "NumPy": lambda: nearest_in_blocks(pixels, centers),
        "scikit-learn": partial(pairwise_distances_argmin, pixels, centers),
    }
    others = [np.count_nonzero(ways[name]() != labels) for name in ways if name != OURS]
    if max(others) > len(labels) // 1000:  # in float32 two centres may be equally near
        raise RuntimeError("the labels differ from NumPy's or scikit-learn's: please report this")
    work = f"nearest of {len(centers)} colours, {len(pixels):,} rows"
    return Comparison(work, _race(ways, advance), f"{max(others)} labels")


def compare_training(problem: Problem, n_epochs: int, advance: Advance) -> Comparison:
    """Train from the same weights in the same order, with fastml and with scikit-learn."""
    model = classifier(problem, n_epochs, shuffle=False)
    train_on(model, problem)
    names = set(sklearn.neural_network.MLPClassifier().get_params())
    given = {name: value for name, value in model.get_params().items() if name in names}
    other = sklearn.neural_network.MLPClassifier(**given)

    def train_other() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            other.fit(problem.X, problem.y)

    train_other()
    other.coefs_ = [W.copy() for W in model.coefs_]
    other.intercepts_ = [b.copy() for b in model.intercepts_]
    train_on(model, problem)
    train_other()
    difference = max(
        float(np.abs(ours - theirs).max())
        for ours, theirs in zip(
            [*model.coefs_, *model.intercepts_],
            [*other.coefs_, *other.intercepts_],
            strict=True,
        )
    )
    if not difference <= 1e-3:  # float32, and every step works on the roundings of the last
        raise RuntimeError(f"the weights differ from scikit-learn's by {difference:.1e}")
    ways = {OURS: lambda: train_on(model, problem), "scikit-learn": train_other}
    work = f"{n_epochs} epochs of {problem.widths}, {len(problem.X):,} rows"
    return Comparison(work, _race(ways, advance), f"{difference:.0e} (weights)")
