"""The demo's jobs: what is computed, apart from how it is shown."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from fastml import (
    KMeans,
    MLPClassifier,
    dense_backward,
    dense_forward,
    nearest_centroid,
    reference,
)

Array = NDArray[Any]
#: Called after each piece of a job, to move its progress bar.
Advance = Callable[[], None]

_DIGIT = 8
_BATCH_SIZE = 50  # neither data set leaves a last batch of a few samples, whose step would jump
ROUNDS = 5


# --- 1. the photograph -------------------------------------------------------------------


@dataclass(frozen=True)
class Quantised:
    """A photograph in few colours."""

    picture: Array  # (height, width, 3) uint8
    palette: Array  # (n_colours, 4): red, green, blue in [0, 1], share of the pixels
    centers: Array  # (n_colours, 3)
    n_iter: int
    seconds: float


def as_pixels(photograph: Array) -> Array:
    """Return (height, width, 3) uint8 as (n_pixels, 3) float32 in [0, 1]."""
    return photograph.reshape(-1, 3).astype(np.float32) / np.float32(255)


def quantise(photograph: Array, n_colours: int) -> Quantised:
    """Redraw a photograph with the ``n_colours`` centres of its pixels."""
    pixels = as_pixels(photograph)
    start = time.perf_counter()
    model = KMeans(n_clusters=n_colours, n_init=1, random_state=0).fit(pixels)
    seconds = time.perf_counter() - start
    shares = np.bincount(model.labels_, minlength=n_colours) / len(pixels)
    return Quantised(
        picture=np.rint(model.cluster_centers_ * 255)
        .astype(np.uint8)[model.labels_]
        .reshape(photograph.shape),
        palette=np.column_stack([model.cluster_centers_, shares]),
        centers=model.cluster_centers_,
        n_iter=model.n_iter_,
        seconds=seconds,
    )


# --- 2. the classifiers --------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """A two-class problem, split and scaled."""

    name: str
    X: Array
    y: Array
    X_held_out: Array
    y_held_out: Array
    hidden: tuple[int, ...]
    learning_rate: float

    @property
    def widths(self) -> str:
        """The layers' widths, as in 30-16-1."""
        return "-".join(str(width) for width in (self.X.shape[1], *self.hidden, 1))


def _problem(
    name: str, X: Array, y: Array, hidden: tuple[int, ...], learning_rate: float
) -> Problem:
    X, X_held_out, y, y_held_out = train_test_split(
        X.astype(np.float32), y, test_size=0.25, random_state=0, stratify=y
    )
    scaler = StandardScaler().fit(X)
    return Problem(
        name, scaler.transform(X), y, scaler.transform(X_held_out), y_held_out, hidden,
        learning_rate,
    )  # fmt: skip


def breast_cancer() -> Problem:
    """Return malignant against benign tumours."""
    X, y = load_breast_cancer(return_X_y=True)
    return _problem("Breast cancer", X, y, (16,), 0.1)


def digits() -> Problem:
    """Return one digit against the nine others."""
    X, y = load_digits(return_X_y=True)
    return _problem(f"Digit {_DIGIT} or not", X, (y == _DIGIT).astype(int), (32, 16), 0.3)


def classifier(problem: Problem, n_epochs: int, *, shuffle: bool = True) -> MLPClassifier:
    """Return the untrained sigmoid network for a problem, to be trained ``n_epochs`` a call."""
    return MLPClassifier(
        problem.hidden,
        activation="logistic",
        solver="sgd",
        momentum=0.0,
        batch_size=_BATCH_SIZE,
        learning_rate_init=problem.learning_rate,
        shuffle=shuffle,
        max_iter=n_epochs,
        n_iter_no_change=n_epochs,
        warm_start=True,
        random_state=np.random.RandomState(0),  # goes on from call to call, as the weights do
    )


def train_on(model: MLPClassifier, problem: Problem) -> None:
    """Train ``max_iter`` epochs from the weights of the last call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # we stop when we please
        model.fit(problem.X, problem.y)


def gradient_norms(model: MLPClassifier, X: Array, y: Array) -> list[float]:
    """Return for each layer the norm of its weights' gradient of the mean cross-entropy."""
    inputs = [X]
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        inputs.append(dense_forward(inputs[-1], W, b))
    delta = (inputs.pop() - y[:, None].astype(X.dtype)) / len(X)
    norms = []
    for layer in reversed(range(len(model.coefs_))):
        below = "logistic" if layer else "identity"
        delta, dW, _ = dense_backward(inputs[layer], model.coefs_[layer], delta, activation=below)
        norms.append(float(np.linalg.norm(dW)))
    return norms[::-1]


@dataclass(frozen=True)
class Training:
    """How training went."""

    losses: list[float]
    norms: Array  # (n_epochs, n_layers)
    accuracy: float
    majority: float  # the accuracy of always naming the commoner class


def train(problem: Problem, n_epochs: int, advance: Advance) -> Training:
    """Train epoch by epoch, taking the gradients after each."""
    model = classifier(problem, 1)
    losses, norms = [], []
    for _ in range(n_epochs):
        train_on(model, problem)
        losses.append(model.loss_)
        norms.append(gradient_norms(model, problem.X, problem.y))
        advance()
    share = float(np.mean(problem.y_held_out))
    return Training(
        losses=losses,
        norms=np.array(norms),
        accuracy=float(model.score(problem.X_held_out, problem.y_held_out)),
        majority=max(share, 1 - share),
    )


# --- 3. against NumPy ------------------------------------------------------------------------


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


def compare_assignment(pixels: Array, centers: Array, advance: Advance) -> Comparison:
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
                problem.X, targets, coefs, intercepts, order, _BATCH_SIZE,
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
