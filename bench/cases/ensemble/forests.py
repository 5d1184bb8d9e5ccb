"""Random forests: a fit, the votes on many rows and on one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...harness.case import FASTML, Case, Cost
from ...harness.lot import Lot
from ...harness.sizes import Size
from ...harness.targets import SKLEARN, Loss, Target
from ...peers import trees
from ..tree.fitting import table

_KIND, _NAME = "28 normal, 2 classes", "RandomForestClassifier"
#: Forests draw other rows and features; on the rows they saw all are nearly always right.
_APART = 0.02
#: Of some hundred rows that few trees of few splits saw.
_FAR_APART = 0.15
#: Of the votes on rows that were not fitted, on average: trees are other trees.
_VOTES_APART = 0.2


def check_fit(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """Compare scores on the rows of the fit."""
    assert abs(answer - truth) <= _APART, f"{name}: a score of {answer} instead of {truth}"


def check_drawn(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """Compare scores of small forests, of which each draws its own rows and features."""
    assert answer >= truth - _FAR_APART, f"{name}: a score of {answer} where {truth} is had"


def check_votes(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """Compare the mean distance of votes: each library grew its own trees."""
    assert answer.shape == truth.shape
    apart = float(np.abs(answer - truth).mean())
    assert len(answer) == 1 or apart <= _VOTES_APART, f"{name}: votes are {apart} apart"


_KINDS = {FASTML: "fastml", "scikit-learn": "sklearn", "sklearnex, 256 bins": "sklearnex"}
#: Rows and trees; ten trees stand for a hundred, of which each costs the same.
_FITS = [(20_000, 30), (100_000, 10)]


def _fit_case(n: int, n_trees: int) -> Case:
    fits = {label: trees.fit(where, _NAME, n_estimators=n_trees) for label, where in _KINDS.items()}
    fits["sklearnex"] = trees.fit(
        "sklearnex", _NAME, n_estimators=n_trees, max_bins=n, min_bin_size=1
    )
    return Case(
        group="forest, fit",
        name=f"{n_trees} trees of {n:,} × 28, 2 classes",
        rows=fits,
        inputs=lambda: table(_KIND, n),
        check=check_fit,
        headline=True,
    )


def drawn(lot: Lot) -> Case:
    """Return a fit drawn by lot; the larger the table, the fewer trees."""
    kind = lot.one_of(_KIND, "54, 44 of them binary, 7 classes", "28 normal, regression")
    name = "RandomForestRegressor" if kind.endswith("regression") else _NAME
    n = lot.whole(200, 20_000)
    n_trees = lot.whole(5, max(5, min(50, 60_000 // n)))
    depth = lot.one_of(None, lot.whole(2, 20))
    return Case(
        group="forest, fit",
        name=f"{n_trees} trees of {n:,} × {kind}, {'full' if depth is None else f'depth {depth}'}",
        rows={
            label: trees.fit(where, name, n_estimators=n_trees, max_depth=depth)
            for label, where in _KINDS.items()
        },
        inputs=lambda: table(kind, n),
        check=check_drawn,
    )


DRAWN = {"random forest": (20, drawn)}
LOSSES = [
    Loss(
        "random forest",
        "Regressions of more than 16,384 rows a tree and few levels: rows are counted level by "
        "level, tree by tree, and nodes are sorted for three splits more. oneDAL counts 256 bins.",
    )
]


def large_cases(size: Size) -> list[Case]:
    """Return the fit of a forest that takes scikit-learn half a minute."""
    return [_fit_case(100_000, 100)]


def cases(size: Size) -> list[Case]:
    """Return fits, and predictions of many rows and of one."""
    found = [
        _fit_case(*shape) for shape in size.pick(full=_FITS, quick=[(3000, 10)], tiny=[(300, 3)])
    ]
    grown, n_rows, n_trees = size.pick(
        full=(5000, 50_000, 100), quick=(2000, 5000, 30), tiny=(200, 60, 3)
    )
    for count in (n_rows, 1):
        found.append(
            Case(
                group="forest, predict",
                name=f"{count:,} × 28 through {n_trees} trees of {grown:,} rows",
                rows={
                    label.partition(",")[0]: trees.predict(
                        where,
                        _NAME,
                        lambda: table(_KIND, grown),
                        "predict_proba",
                        n_estimators=n_trees,
                    )
                    for label, where in _KINDS.items()
                },
                inputs=lambda count=count: table(_KIND, count),
                check=check_votes,
                cost=Cost(read=4.0 * 28 * count, written=16.0 * count) if count > 1 else None,
                headline=count > 1,
            )
        )
    return found


TARGETS = [
    Target("forest, fit", "30 trees of 20,000 × 28", SKLEARN, 10),
    Target("forest, fit", "30 trees of 20,000 × 28", ("sklearnex",), 1.0),
    Target("forest, fit", "10 trees of 100,000 × 28", SKLEARN, 10),
    Target("forest, fit", "10 trees of 100,000 × 28", ("sklearnex",), 1.0),
    Target("forest, predict", "50,000 × 28", SKLEARN, 10),
    Target("forest, predict", "1 × 28", SKLEARN, 10),
]
LARGE_TARGETS = [
    Target("forest, fit", "100 trees of 100,000 × 28", SKLEARN, 10),
    Target("forest, fit", "100 trees of 100,000 × 28", ("sklearnex",), 1.0),
]
