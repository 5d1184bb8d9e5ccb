"""The sigmoid and its derivative on one long array."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...harness import checks
from ...harness.case import FASTML, NUMPY, Case, Cost, Reference
from ...harness.sizes import Size
from ...harness.targets import LIMIT, TORCH, Target
from ...harness.workloads import Array, Vector, vector
from ...peers import fastml, reference, scipy, torch
from ...peers import numpy as plain

_REFERENCE = 1_000_000


def _truth(name: str) -> Any:
    """Return the reference's values of the elements that are compared."""

    def truth(work: Vector) -> Array:
        row = reference.sigmoid_row(name)(Vector(work.x[work.sample]))
        return np.asarray(row.call())

    return truth


def cases(size: Size) -> list[Case]:
    """Return σ and σ′ in both element types."""
    found = []
    for dtype, n in (
        ("float32", size.pick(full=64_000_000, quick=4_000_000, tiny=20_000)),
        ("float64", size.pick(full=16_000_000, quick=2_000_000, tiny=20_000)),
    ):
        itemsize = np.dtype(dtype).itemsize
        # σ within 2 units in the last place of the true value here, 4 there; the derivative
        # from σ(1 - σ) cancels in some peers: 1 - σ has an absolute error of one unit.
        unit = float(np.finfo(dtype).eps)
        for name, rows, tolerance in (
            ("sigmoid", {"SciPy": scipy.sigmoid}, (6 * unit, float(np.finfo(dtype).tiny))),
            ("sigmoid_derivative", {}, (16 * unit, unit)),
        ):
            found.append(
                Case(
                    group="sigmoid",
                    name=f"{name}, {n:,} {dtype}",
                    rows={
                        NUMPY: plain.sigmoid_row(name),
                        FASTML: fastml.sigmoid_row(name),
                        **rows,
                        "torch": torch.sigmoid_row(name),
                    },
                    inputs=lambda n=n, dtype=dtype: vector(n, dtype),
                    check=checks.close(*tolerance),
                    truth=_truth(name),
                    cost=Cost(exponentials=n, divisions=n, read=n * itemsize, written=n * itemsize),
                    dtype=dtype,
                    reference=Reference(reference.sigmoid_row(name), min(n, _REFERENCE)),
                    headline=dtype == "float32",
                )
            )
    return found


TARGETS = [
    Target(
        "sigmoid", "sigmoid, 64,000,000 float32", TORCH, 1.3,
        "Both wait for memory; results are written past the caches, without being read first.",
    ),
    Target("sigmoid", "sigmoid, 64,000,000 float32", LIMIT, 0.6),
]  # fmt: skip
