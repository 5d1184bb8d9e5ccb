"""Nearest centroid: KMeans.predict at seven shapes, in both element types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...harness import checks
from ...harness.case import FASTML, NUMPY, Case, Cost, Reference, Row
from ...harness.lot import Lot
from ...harness.sizes import Size
from ...harness.targets import BEST, LIMIT, Target
from ...harness.truths import exact_labels
from ...harness.workloads import points
from ...peers import faiss, fastml, reference, sklearn, sklearnex
from ...peers import numpy as plain

SHAPES = [
    (1_000_000, 2, 3),
    (1_000_000, 8, 16),
    (1_000_000, 16, 64),
    (200_000, 64, 128),
    (100_000, 128, 1024),
    (60_000, 784, 10),
    (60_000, 784, 256),
]
#: Multiply-adds the reference, which takes differences in float64, is given: 0.1 s.
_REFERENCE = 5e7


def rows(dtype: str) -> dict[str, Callable[[Any], Row]]:
    """Return every way to label rows of this type; faiss knows float32 only."""
    found = {
        NUMPY: plain.nearest,
        FASTML: fastml.nearest,
        "scikit-learn": sklearn.nearest,
        "sklearnex": sklearnex.nearest,
    }
    return {**found, "faiss": faiss.nearest} if dtype == "float32" else found


def cost(n: int, d: int, k: int, dtype: str) -> Cost:
    """Return one multiply-add a feature and centre, X read once, labels written once."""
    return Cost(2.0 * n * d * k, read=n * d * np.dtype(dtype).itemsize, written=4 * n)


def tracked(n: int, d: int, k: int) -> Reference:
    """Return the reference on as many rows as it labels in about 0.1 s."""
    return Reference(reference.nearest, min(n, max(1, int(_REFERENCE / (d * k)))))


def cases(size: Size) -> list[Case]:
    """Return the seven shapes."""
    shapes = size.pick(
        full=SHAPES,
        quick=[(n // 40, d, k) for n, d, k in SHAPES],
        tiny=[(300, 2, 3), (200, 30, 17)],
    )
    shapes_of = {
        "float32": shapes,
        "float64": [(n // 4, d, k) for n, d, k in shapes[: size.pick(full=7, quick=4, tiny=1)]],
    }
    return [
        case(n, d, k, dtype, headline=dtype == "float32")
        for dtype in ("float32", "float64")
        for n, d, k in shapes_of[dtype]
    ]


def case(n: int, d: int, k: int, dtype: str, *, headline: bool = False) -> Case:
    """Return one shape."""
    return Case(
        group="nearest centroid",
        name=f"{n:,} × {d}, k = {k:,}, {dtype}",
        rows=rows(dtype),
        inputs=lambda: points(n, d, k, dtype),
        check=checks.labels(dtype),
        truth=exact_labels,
        cost=cost(n, d, k, dtype),
        dtype=dtype,
        reference=tracked(n, d, k),
        headline=headline,
    )


def drawn(lot: Lot) -> Case:
    """Return a shape drawn by lot: few rows and many, up to a second's work of a peer."""
    d, k, dtype = lot.whole(1, 2000), lot.whole(2, 3000), lot.dtype()
    most = min(2e6, 3e10 / (d * k), 1e9 / d)
    found = case(lot.whole(300, max(300, most)), d, k, dtype)
    if lot.one_of(True, False):  # the other door must be as quick
        found.rows[FASTML] = fastml.nearest_function
    return found


DRAWN = {"nearest centroid": (40, drawn)}


_EPILOGUE = (
    "With 16 features and 64 centres, on one thread, products take two thirds of the time, packing "
    "and moving rows an eighth, best, runner-up and index a ninth, certificates and what is around "
    "them as much. The index in the low bits of the score would save one operation and send more "
    "rows to float64."
)
_NARROW = (
    "With few features best, runner-up and index, 5 vector operations a score, take as long as "
    "the products, and what is left is memory. Rows side by side are loaded by whole vectors, "
    "which spared most of packing; prefetching helps from half a cache line a row."
)
_WIDE = (
    "784 features of 32 rows do not fit the first-level cache. With few centres rows are taken as "
    "they lie, lanes along the features, four at a time while all centres pass; a row to come is "
    "asked for a line at a time between products, as many lines at once held up what was loaded "
    "there. On one thread products take half of the time, moving rows a fifth, memory the rest."
)
_SHARES = [
    ("1,000,000 × 2, k = 3,", 0.5, _NARROW),
    ("1,000,000 × 8, k = 16,", 0.5, _NARROW),
    ("1,000,000 × 16, k = 64,", 0.75, _EPILOGUE),
    ("200,000 × 64, k = 128,", 0.75, _EPILOGUE),
    ("100,000 × 128, k = 1,024,", 0.75, ""),
    ("60,000 × 784, k = 10,", 0.5, _WIDE),
    ("60,000 × 784, k = 256,", 0.75, _WIDE),
]
TARGETS = [
    *[Target("nearest centroid", name, BEST, 1.3) for name, _, _ in _SHARES],
    *[
        Target("nearest centroid", f"{name} float32", LIMIT, share, tried)
        for name, share, tried in _SHARES
    ],
]
