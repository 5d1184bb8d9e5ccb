"""Do networks learn as well as scikit-learn's?  Held-out scores at the same settings."""

from __future__ import annotations

import statistics
import warnings
from typing import Any

import numpy as np

from ..peers import from_fastml, module
from .case import FASTML, MissingError
from .sizes import Size

_DATA = {
    "iris": ("load_iris", "MLPClassifier"),
    "wine": ("load_wine", "MLPClassifier"),
    "breast cancer": ("load_breast_cancer", "MLPClassifier"),
    "digits": ("load_digits", "MLPClassifier"),
    "diabetes": ("load_diabetes", "MLPRegressor"),
}
_SEEDS = 5


def _scores(cls: Any, X: Any, y: Any, seeds: int, max_iter: int) -> dict[str, float]:
    """Return mean and standard deviation of the held-out score over seeds of split and start."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    found = []
    for seed in range(seeds):
        parts = train_test_split(X, y, test_size=0.25, random_state=seed)
        X_train, X_test, y_train, y_test = parts
        scaler = StandardScaler().fit(X_train)
        model = cls(
            hidden_layer_sizes=(32,), learning_rate_init=0.01, max_iter=max_iter, random_state=seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(scaler.transform(X_train), y_train)
        found.append(float(model.score(scaler.transform(X_test), y_test)))
    return {"mean": statistics.fmean(found), "spread": float(np.std(found))}


def measure(size: Size) -> list[dict[str, Any]]:
    """Return for each data set the scores of both libraries; ours only where it can."""
    datasets = module("sklearn.datasets")
    networks = module("sklearn.neural_network")
    seeds, max_iter = size.pick(full=(_SEEDS, 100), quick=(1, 2), tiny=(1, 2))
    found = []
    for name in size.pick(full=list(_DATA), quick=[], tiny=["breast cancer"]):
        loader, cls = _DATA[name]
        X, y = getattr(datasets, loader)(return_X_y=True)
        kind = "accuracy" if cls == "MLPClassifier" else "R²"
        if cls == "MLPRegressor":
            y = (y - y.mean()) / y.std()
        entry: dict[str, Any] = {"data": name, "score": kind}
        try:
            entry[FASTML] = _scores(from_fastml(cls), X, y, seeds, max_iter)
        except MissingError:  # shown as missing
            pass
        entry["scikit-learn"] = _scores(getattr(networks, cls), X, y, seeds, max_iter)
        found.append(entry)
    return found
