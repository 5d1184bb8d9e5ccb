"""The memory of fits of trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...harness.memory import MemoryFit
from ...harness.sizes import LARGE
from ...harness.workloads import Labelled
from ...peers import from_fastml
from .fitting import table


def _fit(cls: Any) -> Callable[[Labelled], None]:
    def fit(work: Labelled) -> None:
        cls(random_state=0).fit(work.X, work.y)

    return fit


MEMORY = [
    MemoryFit(
        "DecisionTreeClassifier, full, 28 features",
        rows={LARGE: 1_000_000, "tiny": 3000},
        inputs=lambda n: table("28 normal, 2 classes", n),
        libraries={"fastml": lambda: _fit(from_fastml("DecisionTreeClassifier"))},
    )
]
