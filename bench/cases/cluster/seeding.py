"""Greedy k-means++."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...harness.case import FASTML, NUMPY, Case, Cost, Row
from ...harness.sizes import Size
from ...harness.targets import SKLEARN, Target
from ...harness.truths import inertia
from ...harness.workloads import Array, Points, blobs
from ...peers import fastml, sklearn
from ...peers import numpy as plain

#: Potentials of different draws: over 12 seeds they stayed within 2 % of their mean.
_SPREAD = 0.1


@dataclass(frozen=True)
class _Choice:
    """What a row chose, and what it chooses where every sum is exact in float32."""

    centers: Array
    rows: Array
    exact: Array


def _whole_numbers() -> Points:
    """Return small whole numbers: no sum of squared distances is rounded, even in float32."""
    X = np.random.default_rng(7).integers(-6, 7, (2000, 4)).astype(np.float32)
    return Points(X, X[:16])


def _way(make: Any) -> Any:
    """Return the factory of a row that also answers for the whole numbers."""

    def made(work: Points) -> Row:
        row, exact = make(work), make(_whole_numbers())
        return Row(row.call, lambda found: _Choice(*found, exact.call()[1]), compiles=row.compiles)

    return made


def _truth(work: Points) -> tuple[float, Array]:
    """Return a float64 run's potential, and the rows it chooses of the whole numbers."""
    k = len(work.centers)
    centers, _ = plain.kmeans_plusplus(work.X.astype(np.float64), k, seed=1)
    whole = _whole_numbers()
    _, rows = plain.kmeans_plusplus(whole.X.astype(np.float64), len(whole.centers), seed=0)
    return inertia(work.X, centers), rows


def _check(name: str, truth: Any, answer: Any, inputs: Points) -> None:
    """Where sums are exact the rows are those of float64; elsewhere the centres are rows as good.

    Rounded sums send the same random number to a neighbouring row, and all after it elsewhere.
    """
    potential, rows = truth
    np.testing.assert_array_equal(answer.exact, rows, err_msg=name)
    np.testing.assert_array_equal(answer.centers, inputs.X[answer.rows], err_msg=name)
    assert len(np.unique(answer.rows)) == len(inputs.centers), f"{name}: a row twice"
    found = inertia(inputs.X, answer.centers)
    assert abs(found / potential - 1) <= _SPREAD, f"{name}: potential {found} is not {potential}"


def cases(size: Size) -> list[Case]:
    """Return two shapes; each centre needs one reading of X at least."""
    shapes = size.pick(
        full=[(500_000, 16, 64), (100_000, 64, 256)],
        quick=[(25_000, 16, 64)],
        tiny=[(3000, 3, 20)],
    )
    return [
        Case(
            group="k-means++",
            name=f"{n:,} × {d}, k = {k}, float32",
            rows={
                NUMPY: _way(plain.plusplus),
                FASTML: _way(fastml.plusplus),
                "scikit-learn": _way(sklearn.plusplus),
            },
            inputs=lambda a=(n, d, k): blobs(*a),
            check=_check,
            truth=_truth,
            cost=Cost(
                flops=2.0 * n * d * k * (2 + int(np.log(k))),
                read=float(k) * n * d * 4,
                written=float(k) * n * 4,
            ),
            headline=n == 500_000,
        )
        for n, d, k in shapes
    ]


TARGETS = [
    Target(
        "k-means++", "500,000 × 16, k = 64", SKLEARN, 20,
        "A pass for each centre reads all of X, packed. All are chosen in one compiled call, "
        "with candidates drawn from blocks of 512 rows. Triangle bounds over the centres spare a "
        "tenth of the rows where clusters overlap. Bytes of the rows rule out five in six, but a "
        "sixth, gathered from all over X, takes as long as all of them do in order.",
    ),
    Target(
        "k-means++", "100,000 × 64, k = 256", SKLEARN, 15,
        "Of a pass half is products of bytes, a fifth rows that these do not rule out; the first "
        "twenty or so of 256 passes look at most rows.",
    ),
]  # fmt: skip
