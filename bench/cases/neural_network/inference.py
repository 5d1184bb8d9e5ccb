"""Applying a trained network to many rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...harness import checks
from ...harness.case import FASTML, NUMPY, Case, Cost, Reference, Row
from ...harness.lot import Lot
from ...harness.sizes import Size
from ...harness.targets import LIMIT, SKLEARN, Loss, Target
from ...harness.workloads import Array, Training, classification, multiply_adds, name_of
from ...peers import compiled, fastml, onnxruntime, reference, sklearn, torch
from ...peers import numpy as plain

#: Rows in every piece, so that a compiled peer meets one shape only.
_PIECE = 8192
_REFERENCE = 20_000


def _some(rows: int) -> Callable[[Callable[[Training], Row]], Callable[[Training], Row]]:
    """Return what lets a row answer for about so many of the rows only."""

    def wrap(make: Callable[[Training], Row]) -> Callable[[Training], Row]:
        def made(work: Training) -> Row:
            row = make(work)
            step = max(len(work.X) // rows, 1)
            answer = row.answer
            return Row(
                row.call,
                lambda returned: answer(returned)[::step],
                row.before,
                compiles=row.compiles,
            )

        return made

    return wrap


def _truth(work: Training) -> Array:
    from fastml import reference

    some = work.X[:: max(len(work.X) // _REFERENCE, 1)]
    return np.asarray(reference.forward(some, work.coefs, work.intercepts)[-1][:, 0])


def case(widths: list[int], n: int, dtype: str, *, headline: bool = False) -> Case:
    """Return a network applied to so many rows, in pieces of one size."""
    itemsize = np.dtype(dtype).itemsize
    unit = float(np.finfo(dtype).eps)
    rows: dict[str, Any] = {
        NUMPY: plain.probability,
        FASTML: fastml.probability,
        "scikit-learn": sklearn.probability,
        "onnxruntime": onnxruntime.probability,
        "torch": torch.probability(),
    }
    if headline:
        rows["torch compiled"] = torch.probability(compiled)
    units = sum(widths[1:])
    some = _some(_REFERENCE)
    cost = Cost(2 * multiply_adds(widths), units, units, widths[0] * itemsize, itemsize)
    return Case(
        group="inference",
        name=f"{n:,} rows through {name_of(widths)}, {dtype}",
        rows={name: some(make) for name, make in rows.items()},
        inputs=lambda: classification(widths, n, n, dtype),  # all rows, be they few
        check=checks.close(100 * unit, 0.0),
        truth=_truth,
        cost=cost.times(n),
        dtype=dtype,
        reference=Reference(some(reference.probability), min(n, _REFERENCE)),
        headline=headline,
    )


def cases(size: Size) -> list[Case]:
    """Return 16 features through 64-64-1."""
    pieces = size.pick(full=(244, 61), quick=(24, 6), tiny=(1, 1))
    return [
        case([16, 64, 64, 1], count * _PIECE, dtype, headline=dtype == "float32")
        for dtype, count in zip(("float32", "float64"), pieces, strict=True)
    ]


def drawn(lot: Lot) -> Case:
    """Return a network and a number of rows drawn by lot."""
    hidden = [lot.whole(8, 300) for _ in range(lot.random.integers(1, 4))]
    return case([lot.whole(4, 800), *hidden, 1], lot.whole(10, 3e5), "float32")


DRAWN = {"inference": (30, drawn)}
LOSSES = [
    Loss(
        "inference",
        "Layers of 20 or 23 outputs leave a third of the lanes of two vectors idle, and moving "
        "rows into panels instead takes about as long. Of 30 to 100 µs of work some 17 are over "
        "before a second thread is at work.",
    )
]


TARGETS = [
    Target("inference", "1,998,848 rows through 16-64-64-1", LIMIT, 0.7),
    Target("inference", "1,998,848 rows through 16-64-64-1", SKLEARN, 20),
]
