"""Greedy k-means++."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench import checks
from bench.case import FASTML, NUMPY, Case, Cost, Row
from bench.numpy_twins import kmeans_plusplus
from bench.peers import from_fastml, module
from bench.sizes import Size
from bench.workloads import Points, blobs


def _potential(work: Points) -> Any:
    """Return the function from a choice of rows to the sum of squared distances to them."""

    def answer(returned: Any) -> float:
        from fastml import reference

        centers, rows = returned
        np.testing.assert_array_equal(centers, work.X[rows])
        sample = work.X[:: max(len(work.X) // 50_000, 1)]
        _, distances = reference.nearest_centroid(sample, centers, return_distance=True)
        return float((distances**2).sum())

    return answer


def _numpy(work: Points) -> Row:
    k = len(work.centers)
    return Row(lambda: kmeans_plusplus(work.X, k, seed=0), _potential(work))


def _fastml(work: Points) -> Row:
    function = from_fastml("kmeans_plusplus")
    k = len(work.centers)
    return Row(lambda: function(work.X, k, random_state=0), _potential(work), compiles=True)


def _sklearn(work: Points) -> Row:
    function = module("sklearn.cluster").kmeans_plusplus
    k = len(work.centers)
    return Row(lambda: function(work.X, k, random_state=0), _potential(work))


def cases(size: Size) -> list[Case]:
    """Return two shapes; each centre needs one reading of X at least."""
    shapes = size.pick(
        full=[(500_000, 16, 64), (100_000, 64, 256)],
        quick=[(25_000, 16, 64)],
        tiny=[(400, 3, 5)],
    )
    return [
        Case(
            group="k-means++",
            name=f"{n:,} × {d}, k = {k}, float32",
            rows={NUMPY: _numpy, FASTML: _fastml, "scikit-learn": _sklearn},
            inputs=lambda a=(n, d, k): blobs(*a),
            # Three draws of one random variable: potentials differ by some per cent.
            check=checks.number(0.5),
            cost=Cost(
                flops=2.0 * n * d * k * (2 + int(np.log(k))),
                read=float(k) * n * d * 4,
                written=float(k) * n * 4,
            ),
            headline=n == 500_000,
        )
        for n, d, k in shapes
    ]
