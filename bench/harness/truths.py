"""What answers are compared with where ``fastml.reference`` would take minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..peers import numpy as plain
from .workloads import Array, Points, Training


def sampled(make: Callable[[Any], Any], rows: int) -> Callable[[Any], Any]:
    """Return the truth of a row of the reference on every so manyth sample, about ``rows``."""

    def truth(work: Any) -> Any:
        return make(replace(work, X=work.X[:: max(len(work.X) // rows, 1)])).call()

    return truth


def trained(work: Training, optimizer: Callable[[plain.Network], Any]) -> Array:
    """Return the parameters after one epoch in float64."""
    wide = replace(
        work,
        X=work.X.astype(np.float64),
        y=work.y.astype(np.float64),
        coefs=[W.astype(np.float64) for W in work.coefs],
        intercepts=[b.astype(np.float64) for b in work.intercepts],
    )
    row = plain.epochs(optimizer)(wide)
    row.call()
    return np.asarray(row.answer(None))


def inertia(X: Array, centers: Array) -> float:
    """Return Σ d(x, nearest centre)² over all rows, in float64."""
    centers = centers.astype(np.float64)
    total = 0.0
    for start in range(0, len(X), 65536):
        block = X[start : start + 65536].astype(np.float64)
        labels = np.empty(len(block), np.int32)
        plain.label(block, centers, labels, plain.scores_room(block, centers))
        total += float(((block - centers[labels]) ** 2).sum())
    return total


def exact_labels(work: Points) -> Array:
    """Return the reference's labels of all rows: by float64 products, re-decided where in doubt.

    Products of d features are off by at most about d units of the squared norms they cancel
    from; rows whose two best scores are nearer than that are left to the reference.
    """
    from fastml import reference

    X, centers = work.X, work.centers.astype(np.float64)
    half_norms = 0.5 * np.einsum("kd,kd->k", centers, centers)
    labels = np.empty(len(X), np.int32)
    unit = np.finfo(np.float64).eps
    step = max(64, (1 << 18) // len(centers))
    for start in range(0, len(X), step):
        block = X[start : start + step].astype(np.float64)
        scores = block @ centers.T
        scores -= half_norms
        part = scores.argmax(axis=1)
        best = scores[np.arange(len(block)), part]
        scores[np.arange(len(block)), part] = -np.inf
        gap = best - scores.max(axis=1)
        size = 0.5 * np.einsum("nd,nd->n", block, block) + half_norms.max()
        doubtful = gap <= 8 * (X.shape[1] + 8) * unit * size
        if doubtful.any():
            part[doubtful] = reference.nearest_centroid(
                X[start : start + step][doubtful], work.centers
            )
        labels[start : start + step] = part
    return labels
