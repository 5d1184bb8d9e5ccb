"""The leaf of each row of a full tree: of a million rows, and of one."""

from __future__ import annotations

from typing import Any

from ...harness import checks
from ...harness.case import FASTML, Case, Cost
from ...harness.sizes import Size
from ...harness.targets import SKLEARN, Target
from ...peers import trees
from .fitting import table

_KIND, _NAME = "28 normal, 2 classes", "DecisionTreeClassifier"


def labels(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """All libraries hold the same tree."""
    checks.equal(name, truth.tolist(), answer.tolist(), inputs)


def cases(size: Size) -> list[Case]:
    """Return predictions of many rows and of one, by the same tree."""
    n, grown = size.pick(full=(1_000_000, 300_000), quick=(50_000, 20_000), tiny=(500, 300))
    found = []
    for count in (n, 1):
        method = "predict" if count > 1 else "predict_proba"
        found.append(
            Case(
                group="decision tree, predict",
                name=f"{count:,} × 28 through the full tree of {grown:,} rows",
                rows={
                    library: trees.predict(where, _NAME, lambda: table(_KIND, grown), method)
                    for library, where in ((FASTML, "fastml"), ("scikit-learn", "sklearn"))
                },
                inputs=lambda count=count: table(_KIND, count),
                check=labels,
                cost=Cost(read=4.0 * 28 * count, written=8.0 * count) if count > 1 else None,
                headline=True,
            )
        )
    return found


TARGETS = [
    Target("decision tree, predict", "1,000,000 × 28", SKLEARN, 10),
    Target("decision tree, predict", "1 × 28", SKLEARN, 10),
]
