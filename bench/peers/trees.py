"""Trees and forests of fastml, scikit-learn, oneDAL and LightGBM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..harness.case import Row
from ..harness.workloads import Labelled
from . import cpus, from_fastml, module

_PLACES = {
    "sklearn": {"Tree": "sklearn.tree", "Forest": "sklearn.ensemble"},
    "sklearnex": {"Forest": "sklearnex.ensemble"},
}


def _kind(library: str, name: str) -> Any:
    if library == "fastml":
        return from_fastml(name)
    part = "Tree" if "Tree" in name else "Forest"
    return getattr(module(_PLACES[library][part]), name)


def score(y: Any, predicted: Any) -> float:
    """Return the share of classes that are right, or of the variance that is explained."""
    if y.dtype.kind == "i":
        return float(np.mean(y == predicted))
    return 1.0 - float(np.mean((y - predicted) ** 2) / y.var())


def fit(library: str, name: str, **settings: Any) -> Callable[[Labelled], Row]:
    """Return the factory of a row that fits: it answers with its score on the rows it saw."""

    def make(work: Labelled) -> Row:
        kind = _kind(library, name)
        jobs = {"n_jobs": cpus()} if "Forest" in name and library != "fastml" else {}
        return Row(
            lambda: kind(random_state=0, **settings, **jobs).fit(work.X, work.y),
            lambda model: score(work.y, model.predict(work.X)),
            compiles=library == "fastml",
            one_way=True,
        )

    return make


def one_round(work: Labelled) -> Row:
    """Bin the columns, and boost one tree of 255 leaves a class: less work, and approximate."""
    lightgbm = module("lightgbm")
    classes = len(np.unique(work.y)) if work.y.dtype.kind == "i" else 0
    settings: dict[str, Any] = {
        "objective": {0: "regression", 2: "binary"}.get(classes, "multiclass"),
        "num_leaves": 255, "num_threads": cpus(), "learning_rate": 1.0, "verbosity": -1,
    }  # fmt: skip
    if classes > 2:
        settings["num_class"] = classes

    def answer(model: Any) -> float:
        found = model.predict(work.X)
        if classes:
            found = found.argmax(axis=1) if classes > 2 else (found > 0.5).astype(int)
        return score(work.y, found)

    return Row(
        lambda: lightgbm.train(settings, lightgbm.Dataset(work.X, work.y), 1), answer, one_way=True
    )


def predict(
    library: str, name: str, seen: Callable[[], Labelled], method: str = "predict", **settings: Any
) -> Callable[[Labelled], Row]:
    """Return the factory of a row that predicts with what was grown from the rows ``seen`` makes.

    A single tree is the same for all libraries.
    """

    def make(work: Labelled) -> Row:
        jobs = {}
        if library != "fastml" and "Forest" in name and len(work.X) > 1:
            jobs = {"n_jobs": cpus()}  # for one row it costs more than it saves
        model, grown = _kind(library, name)(random_state=0, **settings, **jobs), seen()
        if library != "fastml" and "Tree" in name:  # its own fit would take minutes
            tree = from_fastml(name)(random_state=0, **settings).fit(grown.X, grown.y).tree_
            model.set_params(max_depth=1).fit(grown.X, grown.y)
            model.tree_ = tree
        else:
            model.fit(grown.X, grown.y)
        call = getattr(model, method)
        return Row(lambda: call(work.X), compiles=library == "fastml", one_way=True)

    return make
