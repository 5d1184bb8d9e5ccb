"""The demo's races: the same work done by the library and by its reference in NumPy."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastml import nearest_centroid, reference

from .classifiers import BATCH_SIZE, Problem, classifier, train_on

#: Called after each round of a race, to move its progress bar.
Advance = Callable[[], None]

ROUNDS = 5


@dataclass(frozen=True)
class Comparison:
    """The same work done twice, after the results were seen to agree."""

    work: str
    seconds: float
    reference_seconds: float
    difference: str


def _race(
    first: Callable[[], Any], second: Callable[[], Any], advance: Advance
) -> tuple[float, float]:
    """Return the shortest time of each, taken in turns so that both meet the same machine."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for i, work in enumerate((first, second)):
            start = time.perf_counter()
            work()
            best[i] = min(best[i], time.perf_counter() - start)
        advance()
    return best[0], best[1]


def compare_assignment(pixels: NDArray[Any], centers: NDArray[Any], advance: Advance) -> Comparison:
    """Find the nearest colour of every pixel, with the library and in plain NumPy."""
    labels = nearest_centroid(pixels, centers)
    expected = reference.nearest_centroid(pixels, centers)
    if not np.array_equal(labels, expected):
        raise RuntimeError("the labels differ from the reference's: please report this")
    seconds = _race(
        lambda: nearest_centroid(pixels, centers),
        lambda: reference.nearest_centroid(pixels, centers),
        advance,
    )
    return Comparison(
        f"nearest of {len(centers)} colours, {len(pixels):,} rows", *seconds, "none (labels)"
    )


def compare_training(problem: Problem, n_epochs: int, advance: Advance) -> Comparison:
    """Train from the same weights in the same order, with the library and in plain NumPy."""
    model = classifier(problem, n_epochs, shuffle=False)
    train_on(model, problem)
    coefs = [W.copy() for W in model.coefs_]
    intercepts = [b.copy() for b in model.intercepts_]
    targets = problem.y.astype(problem.X.dtype)
    order = np.arange(len(problem.X))

    def train_reference() -> None:
        for _ in range(n_epochs):
            reference.train_epoch(
                problem.X, targets, coefs, intercepts, order, BATCH_SIZE,
                problem.learning_rate, model.alpha,
            )  # fmt: skip

    train_on(model, problem)
    train_reference()
    difference = max(
        float(np.abs(ours - theirs).max())
        for ours, theirs in zip(
            [*model.coefs_, *model.intercepts_], [*coefs, *intercepts], strict=True
        )
    )
    if difference > 1e-3:  # float32, and every step works on the roundings of the last
        raise RuntimeError(f"the weights differ from the reference's by {difference:.1e}")
    seconds = _race(lambda: train_on(model, problem), train_reference, advance)
    return Comparison(
        f"{n_epochs} epochs of {problem.widths}, {len(problem.X):,} rows",
        *seconds,
        f"{difference:.0e} (weights)",
    )
