"""The memory of fits of perceptrons."""

from __future__ import annotations

from ...harness.memory import MemoryFit
from ...harness.workloads import classification
from ...peers import fastml, module, sklearn, torch

MEMORY = [
    MemoryFit(
        "MLPClassifier",
        rows={"full": 200_000},
        inputs=lambda n: classification([64, 64, 64, 1], n, 256),
        libraries={
            "fastml": lambda: lambda work: fastml.epoch()(work).call(),
            "scikit-learn": lambda: lambda work: sklearn.epoch()(work).call(),
            "torch": lambda: module("torch") and (lambda work: torch.epoch()(work).call()),
        },
    )
]
