"""The sigmoid and its derivative on one long array."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...harness import checks
from ...harness.case import FASTML, NUMPY, Case, Cost, Reference
from ...harness.lot import Lot
from ...harness.sizes import Size
from ...harness.targets import LIMIT, TORCH, Loss, Target
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


def case(name: str, n: int, dtype: str, *, headline: bool = False) -> Case:
    """Return σ or σ′ of so many elements.

    σ within 2 units in the last place of the true value here, 4 there; the derivative from
    σ(1 - σ) cancels in some peers: 1 - σ has an absolute error of one unit.
    """
    itemsize = np.dtype(dtype).itemsize
    unit = float(np.finfo(dtype).eps)
    derivative = name == "sigmoid_derivative"
    smallest = float(np.finfo(dtype).tiny)
    return Case(
        group="sigmoid",
        name=f"{name}, {n:,} {dtype}",
        rows={
            NUMPY: plain.sigmoid_row(name),
            FASTML: fastml.sigmoid_row(name),
            **({} if derivative else {"SciPy": scipy.sigmoid}),
            "torch": torch.sigmoid_row(name),
        },
        inputs=lambda: vector(n, dtype),
        check=checks.close(*((16 * unit, unit) if derivative else (6 * unit, smallest))),
        truth=_truth(name),
        cost=Cost(exponentials=n, divisions=n, read=n * itemsize, written=n * itemsize),
        dtype=dtype,
        reference=Reference(reference.sigmoid_row(name), min(n, _REFERENCE)),
        headline=headline,
    )


def cases(size: Size) -> list[Case]:
    """Return σ and σ′ in both element types."""
    lengths = {
        "float32": size.pick(full=64_000_000, quick=4_000_000, tiny=20_000),
        "float64": size.pick(full=16_000_000, quick=2_000_000, tiny=20_000),
    }
    return [
        case(name, n, dtype, headline=dtype == "float32")
        for dtype, n in lengths.items()
        for name in ("sigmoid", "sigmoid_derivative")
    ]


def drawn(lot: Lot) -> Case:
    """Return a length drawn by lot."""
    name = lot.one_of("sigmoid", "sigmoid_derivative")
    return case(name, lot.whole(1000, 2e7), lot.dtype())


DRAWN = {"sigmoid": (20, drawn)}
LOSSES = [
    Loss(
        "sigmoid",
        "Another thread comes through the interpreter; threads that wait in a loop outside of it "
        "begin at once. Less than 30 µs of work is not shared.",
    )
]


TARGETS = [
    Target(
        "sigmoid", "sigmoid, 64,000,000 float32", TORCH, 1.3,
        "Both wait for memory; results are written past the caches, without being read first.",
    ),
    Target("sigmoid", "sigmoid, 64,000,000 float32", LIMIT, 0.6),
]  # fmt: skip
