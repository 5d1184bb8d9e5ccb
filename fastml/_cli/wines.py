"""The demo's wines: nearest neighbours and naive Bayes on a data set scikit-learn ships."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from fastml import GaussianNB, KNeighborsClassifier
from fastml.inspection import ClassDensitiesDisplay, NeighborVotesDisplay

_N_NEIGHBORS = 9
#: Two of the thirteen measurements, for a picture of the plane: flavanoids and colour intensity.
_SHOWN = [6, 9]
_QUERY = (2.2, 4.1)


@dataclass(frozen=True)
class Wines:
    """What two classifiers make of the wines of three growers."""

    X: NDArray[Any]
    y: NDArray[Any]
    names: list[str]
    n_train: int
    neighbors_accuracy: float  # on wines that were not fitted
    bayes_accuracy: float
    seconds: float


def classify() -> Wines:
    """Fit both classifiers to three quarters of the wines and label the others."""
    data = load_wine()
    y = np.array([f"grower {number + 1}" for number in data.target])
    X, X_held_out, y_fitted, y_held_out = train_test_split(
        data.data, y, test_size=0.25, random_state=0, stratify=y
    )
    scaler = StandardScaler().fit(X)
    start = time.perf_counter()
    neighbors = KNeighborsClassifier(_N_NEIGHBORS).fit(scaler.transform(X), y_fitted)
    by_neighbors = neighbors.score(scaler.transform(X_held_out), y_held_out)
    by_bayes = GaussianNB().fit(X, y_fitted).score(X_held_out, y_held_out)
    seconds = time.perf_counter() - start
    names = [name.replace("_", " ") for name in data.feature_names]
    return Wines(data.data, y, names, len(X), float(by_neighbors), float(by_bayes), seconds)


def save_votes(path: Path, wines: Wines) -> None:
    """Write the regions that neighbours vote in the plane of two measurements."""
    X = wines.X[:, _SHOWN]
    model = KNeighborsClassifier(_N_NEIGHBORS).fit(X, wines.y)
    display = NeighborVotesDisplay.from_estimator(
        model, X, wines.y, query=_QUERY, feature_names=[wines.names[p] for p in _SHOWN],
        ax=_axes(),
    )  # fmt: skip
    display.figure_.savefig(path, dpi=120)


def save_densities(path: Path, wines: Wines) -> None:
    """Write the densities of the measurements that tell most."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 5), layout="constrained")
    axes = figure.subplots(2, 3)
    model = GaussianNB().fit(wines.X, wines.y)
    display = ClassDensitiesDisplay.from_estimator(
        model, wines.X, wines.y, feature_names=wines.names, axes=axes
    )
    figure.legend(
        *display.axes_[0].get_legend_handles_labels(), loc="outside lower center", ncols=3,
        frameon=False,
    )  # fmt: skip
    figure.savefig(path, dpi=120)


def _axes() -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(6.6, 5), layout="constrained").subplots()
