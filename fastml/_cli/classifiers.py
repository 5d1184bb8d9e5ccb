"""The demo's classifiers: two problems scikit-learn ships, and sigmoid networks for them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from fastml import MLPClassifier

_DIGIT = 8
BATCH_SIZE = 50  # neither data set leaves a last batch of a few samples, whose step would jump


@dataclass(frozen=True)
class Problem:
    """A two-class problem, split and scaled."""

    name: str
    X: NDArray[Any]
    y: NDArray[Any]
    X_held_out: NDArray[Any]
    y_held_out: NDArray[Any]
    hidden: tuple[int, ...]
    learning_rate: float

    @property
    def widths(self) -> str:
        """The layers' widths, as in 30-16-1."""
        return "-".join(str(width) for width in (self.X.shape[1], *self.hidden, 1))


def _problem(
    name: str, X: NDArray[Any], y: NDArray[Any], hidden: tuple[int, ...], learning_rate: float
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
        batch_size=BATCH_SIZE,
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


@dataclass(frozen=True)
class Trained:
    """A trained network, and how well it does on samples it was not trained on."""

    model: MLPClassifier
    accuracy: float
    majority: float  # the accuracy of always naming the commoner class


def train(problem: Problem, n_epochs: int) -> Trained:
    """Train with the gradients of every epoch on record."""
    model = classifier(problem, n_epochs).set_params(record_gradients=True)
    train_on(model, problem)
    share = float(np.mean(problem.y_held_out))
    return Trained(
        model=model,
        accuracy=float(model.score(problem.X_held_out, problem.y_held_out)),
        majority=max(share, 1 - share),
    )
