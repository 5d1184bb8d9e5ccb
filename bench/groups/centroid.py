"""Nearest centroid: KMeans.predict at seven shapes, in both element types."""

from __future__ import annotations

from bench import checks
from bench.case import Case
from bench.clusters import nearest_cost, nearest_rows
from bench.sizes import Size
from bench.workloads import points

SHAPES = [
    (1_000_000, 2, 3),
    (1_000_000, 8, 16),
    (1_000_000, 16, 64),
    (200_000, 64, 128),
    (100_000, 128, 1024),
    (60_000, 784, 10),
    (60_000, 784, 256),
]


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
        Case(
            group="nearest centroid",
            name=f"{n:,} × {d}, k = {k:,}, {dtype}",
            rows=nearest_rows(dtype),
            inputs=lambda a=(n, d, k, dtype): points(*a),
            check=checks.labels(dtype),
            cost=nearest_cost(n, d, k, dtype),
            dtype=dtype,
            headline=dtype == "float32",
        )
        for dtype in ("float32", "float64")
        for n, d, k in shapes_of[dtype]
    ]
