"""The nearest rows of many queries and of a few, with the rows prepared before the clock starts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...harness.case import FASTML, Case, Cost
from ...harness.lot import Lot
from ...harness.sizes import Size
from ...harness.targets import BEST, SKLEARN, Loss, Target
from ...harness.workloads import Search
from ...peers import faiss, fastml, scipy, sklearn, sklearnex

#: Rows, queries, features, neighbours.
SHAPES = [
    (100_000, 10_000, 16, 5),
    (1_000_000, 1_000, 32, 10),
    (100_000, 10_000, 64, 10),
    (60_000, 2_000, 784, 5),
    (100_000, 10_000, 3, 5),
    (1_000_000, 20, 32, 10),
    (1_000_000, 1, 32, 10),
]
MANHATTAN = (100_000, 1_000, 16, 5)
#: Queries whose neighbours are compared with the definition's.
_CHECKED = 10


def points(n: int, n_queries: int, d: int, k: int) -> Search:
    """Return normal rows and queries, float32."""
    random = np.random.default_rng(0)
    X = random.standard_normal((n, d), dtype=np.float32)
    return Search(X, random.standard_normal((n_queries, d), dtype=np.float32), k)


def truth(work: Search) -> Any:
    """Return the neighbours of the first queries by the definition."""
    from fastml import reference

    found = [
        reference.kneighbors(work.X, work.queries[i : i + 1], work.k)[1]
        for i in range(min(_CHECKED, len(work.queries)))
    ]
    return np.concatenate(found)


def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """Compare the first queries' neighbours: all of ours, all but 2 in 100 of a peer's."""
    wrong = int((answer[: len(truth)] != truth).sum())
    allowed = 0 if name.startswith(FASTML) else truth.size // 50 + 1
    assert wrong <= allowed, f"{name}: {wrong} of {truth.size} neighbours differ"


def _case(n: int, n_queries: int, d: int, k: int) -> Case:
    rows = {
        FASTML: fastml.neighbors("minkowski"),
        "scikit-learn": sklearn.neighbors("brute"),
        "sklearnex": sklearnex.neighbors("brute"),
        "faiss": faiss.neighbors,
    }
    if d <= 8:
        rows["scikit-learn, tree"] = sklearn.neighbors("kd_tree")
        rows["sklearnex, tree"] = sklearnex.neighbors("kd_tree")
        rows["SciPy, tree"] = scipy.neighbors
    return Case(
        group="nearest neighbours",
        name=f"{n:,} × {d}, {n_queries:,} queries, k = {k}",
        rows=rows,
        inputs=lambda: points(n, n_queries, d, k),
        check=check,
        truth=truth,
        cost=Cost(2.0 * n * n_queries * d, read=4.0 * n * d),
        headline=True,
    )


def truth_of_manhattan(work: Search) -> Any:
    """Return the neighbours of the first queries by the definition."""
    from fastml import reference

    queries = work.queries[:_CHECKED]
    distances = reference.manhattan_distances(work.X, queries)
    return np.argsort(distances, axis=1, kind="stable")[:, : work.k]


def _manhattan(n: int, n_queries: int, d: int, k: int) -> Case:
    return Case(
        group="nearest neighbours, Manhattan",
        name=f"{n:,} × {d}, {n_queries:,} queries, k = {k}",
        rows={
            FASTML: fastml.neighbors("manhattan"),
            "scikit-learn": sklearn.neighbors("brute", "manhattan"),
        },
        inputs=lambda: points(n, n_queries, d, k),
        check=check,
        truth=truth_of_manhattan,
        cost=Cost(2.0 * n * n_queries * d, read=4.0 * n * d),
    )


def drawn(lot: Lot) -> Case:
    """Return a shape drawn by lot: from one query to some tenths of a second's work."""
    d, k = lot.whole(1, 800), lot.whole(1, 30)
    n = lot.whole(1_000, min(1e6, 3e7 / d))
    return _case(n, lot.whole(1, min(1e4, max(1, 3e9 / (n * d)))), d, k)


DRAWN = {"nearest neighbours": (20, drawn)}
LOSSES = [
    Loss(
        "nearest neighbours",
        "Of 1,077 rows of 781 features, the distances of candidates as they are defined, one "
        "number after the other in float64, take two fifths of our time.",
    )
]


def cases(size: Size) -> list[Case]:
    """Return the shapes, and one of Manhattan distances."""
    shapes = size.pick(
        full=SHAPES,
        quick=[(n // 20, max(1, q // 20), d, k) for n, q, d, k in SHAPES],
        tiny=[(500, 40, 3, 4), (300, 1, 20, 2)],
    )
    manhattan = size.pick(full=MANHATTAN, quick=(5_000, 100, 16, 5), tiny=(300, 10, 20, 2))
    return [*(_case(*shape) for shape in shapes), _manhattan(*manhattan)]


TARGETS = [
    Target("nearest neighbours", "100,000 × 16,", BEST, 2.0),
    Target("nearest neighbours", "1,000,000 × 32, 1,000 queries", BEST, 1.8),
    Target("nearest neighbours", "100,000 × 64,", BEST, 1.4),
    Target("nearest neighbours", "60,000 × 784,", BEST, 1.0),
    Target("nearest neighbours", "100,000 × 3,", ("SciPy, tree",), 1.0),
    Target("nearest neighbours", "1,000,000 × 32, 20 queries", ("faiss", *SKLEARN), 1.0),
    Target("nearest neighbours", "1,000,000 × 32, 1 queries", ("faiss", *SKLEARN), 1.0),
]
