"""The demo's tumours: a tree to be read and a forest, on a data set scikit-learn ships."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from fastml import DecisionTreeClassifier, RandomForestClassifier
from fastml.inspection import TreeDisplay

_LEAVES, _TREES = 6, 100


@dataclass(frozen=True)
class Tumours:
    """What a small tree and a forest make of tumours."""

    tree: DecisionTreeClassifier
    feature_names: list[str]
    class_names: list[str]
    n_train: int
    tree_accuracy: float  # on tumours that were not fitted
    forest_accuracy: float
    seconds: float


def grow() -> Tumours:
    """Grow both from three quarters of the tumours and label the others."""
    data = load_breast_cancer()
    X, X_held_out, y, y_held_out = train_test_split(
        data.data, data.target, test_size=0.25, random_state=0, stratify=data.target
    )
    start = time.perf_counter()
    tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES).fit(X, y)
    forest = RandomForestClassifier(_TREES, random_state=0).fit(X, y)
    by_tree, by_forest = tree.score(X_held_out, y_held_out), forest.score(X_held_out, y_held_out)
    seconds = time.perf_counter() - start
    names = [str(name) for name in data.feature_names], [str(name) for name in data.target_names]
    return Tumours(tree, *names, len(X), float(by_tree), float(by_forest), seconds)


def save_tree(path: Path, tumours: Tumours) -> None:
    """Write what the small tree asks."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 6.2), layout="constrained")
    TreeDisplay.from_estimator(
        tumours.tree, feature_names=tumours.feature_names, class_names=tumours.class_names,
        max_depth=9, ax=figure.subplots(),
    )  # fmt: skip
    figure.savefig(path, dpi=120)
