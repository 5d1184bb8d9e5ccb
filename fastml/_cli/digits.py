"""The demo's linear model: all ten digits by logistic regression."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split

from fastml import LogisticRegression

#: A penalty strong enough for held-out digits.
_C = 0.01


@dataclass(frozen=True)
class Digits:
    """A fitted model, and how it does on digits it has not seen."""

    model: LogisticRegression
    X_held_out: NDArray[Any]
    y_held_out: NDArray[Any]
    accuracy: float
    seconds: float


def fit_digits() -> Digits:
    """Fit three quarters of the digits, as they are: no scaling."""
    X, y = load_digits(return_X_y=True)
    X, X_held_out, y, y_held_out = train_test_split(
        X.astype(np.float32), y, test_size=0.25, random_state=0, stratify=y
    )
    model = LogisticRegression(C=_C)
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    accuracy = float(model.score(X_held_out, y_held_out))
    return Digits(model, X_held_out, y_held_out, accuracy, seconds)


def save_digits(path: Path, found: Digits) -> None:
    """Write each digit's coefficients as a picture, confusions, and calibration.

    Parameters
    ----------
    path : file to write
    found : the model and the digits held out
    """
    figure = Figure(figsize=(14, 5), layout="constrained")
    parts: Any = figure.subfigures(1, 3, width_ratios=[1.3, 1, 1])
    pictures, middle, right = parts
    most = np.abs(found.model.coef_).max()
    for digit, axes in enumerate(pictures.subplots(4, 3).flat):
        axes.set_axis_off()
        if digit < 10:
            weights = found.model.coef_[digit].reshape(8, 8)
            axes.imshow(weights, cmap="RdBu", vmin=-most, vmax=most)
            axes.set_title(str(digit), fontsize=9, pad=2)
    pictures.suptitle("Coefficients: ink in blue speaks for the digit")

    ConfusionMatrixDisplay.from_estimator(
        found.model, found.X_held_out, found.y_held_out, ax=middle.subplots(), colorbar=False,
        cmap="Blues",
    )  # fmt: skip
    middle.suptitle(f"{found.accuracy:.1%} of the held-out digits right")

    axes = right.subplots()
    probabilities = found.model.predict_proba(found.X_held_out)
    is_own = found.y_held_out[:, None] == found.model.classes_
    shares, means = calibration_curve(
        is_own.ravel(), probabilities.ravel(), n_bins=8, strategy="uniform"
    )
    axes.plot([0, 1], [0, 1], ":", color="0.5", label="perfectly calibrated")
    axes.plot(means, shares, "s-", color="darkblue", label="all digits")
    axes.set_xlabel("mean predicted probability")
    axes.set_ylabel("share that is the digit")
    axes.legend()
    right.suptitle("Calibration")
    figure.savefig(path, dpi=120)
