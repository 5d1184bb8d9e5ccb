"""The memory of fits of k-means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...harness.memory import MemoryFit
from ...harness.workloads import Problem, blobs
from ...peers import faiss, from_fastml, module


def _fit(cls: Any) -> Callable[[Problem], None]:
    def fit(work: Problem) -> None:
        cls(n_clusters=len(work.centers), init=work.centers, n_init=1, max_iter=20).fit(work.X)

    return fit


MEMORY = [
    MemoryFit(
        "KMeans",
        rows={"full": 1_000_000, "quick": 200_000, "tiny": 3000},
        inputs=lambda n: blobs(n, 16, 64),
        libraries={
            "fastml": lambda: _fit(from_fastml("KMeans")),
            "scikit-learn": lambda: _fit(module("sklearn.cluster").KMeans),
            "sklearnex": lambda: _fit(module("sklearnex.cluster").KMeans),
            "faiss": lambda: module("faiss") and (lambda work: faiss.fit(work).call()),
        },
    )
]
