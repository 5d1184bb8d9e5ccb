"""Plain NumPy for what the library's reference does not hold: peers, not truths of the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def nearest_centroid_blas(X: Array, centers: Array) -> Array:
    """Label rows by x·c - ‖c‖²/2 with one matrix product a block: NumPy at its fastest."""
    half_norms = 0.5 * np.einsum("kd,kd->k", centers, centers)
    labels = np.empty(len(X), np.int32)
    step = max(64, (1 << 18) // len(centers))
    columns = centers.T
    for start in range(0, len(X), step):
        scores = X[start : start + step] @ columns
        scores -= half_norms
        labels[start : start + step] = scores.argmax(axis=1)
    return labels


def kmeans_plusplus(X: Array, n_clusters: int, seed: int) -> tuple[Array, Array]:
    """Choose centres by greedy k-means++ (Arthur and Vassilvitskii, SODA 2007).

    Of 2 + log k candidates drawn by D² the one that lowers the potential most is kept.
    """
    rng = np.random.default_rng(seed)
    n_trials = 2 + int(np.log(n_clusters))
    squares = np.einsum("nd,nd->n", X, X)
    chosen = [int(rng.integers(len(X)))]
    closest = np.maximum(squares - 2 * X @ X[chosen[0]] + squares[chosen[0]], 0)
    for _ in range(1, n_clusters):
        cumulative = np.cumsum(closest, dtype=np.float64)
        drawn = np.searchsorted(cumulative, rng.random(n_trials) * cumulative[-1])
        candidates = np.minimum(drawn, len(X) - 1)
        D = squares[:, None] - 2 * (X @ X[candidates].T) + squares[candidates]
        np.clip(D, 0, closest[:, None], out=D)
        best = int(D.sum(axis=0).argmin())
        chosen.append(int(candidates[best]))
        closest = D[:, best].copy()
    return X[chosen], np.array(chosen)


class TanhRegression:
    """Full-batch training of tanh layers under ‖ŷ - y‖²/2 per sample with Adam."""

    def __init__(self, coefs: list[Array], intercepts: list[Array], learning_rate: float) -> None:
        self.coefs, self.intercepts = coefs, intercepts
        self.learning_rate = learning_rate
        self.first = [np.zeros_like(p) for p in [*coefs, *intercepts]]
        self.second = [np.zeros_like(p) for p in [*coefs, *intercepts]]
        self.steps = 0

    def step(self, X: Array, y: Array) -> None:
        """Take one step over all rows."""
        from fastml import reference

        hidden = ["tanh"] * (len(self.coefs) - 1)
        _, dWs, dbs = reference.loss_and_gradients(
            X, y, self.coefs, self.intercepts, activations=hidden, output="identity"
        )
        self._adam([*dWs, *dbs])

    def _adam(self, gradients: list[Array]) -> None:
        self.steps += 1
        t = self.steps
        rate = self.learning_rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        parameters = [*self.coefs, *self.intercepts]
        for p, g, m, v in zip(parameters, gradients, self.first, self.second, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= float(rate) * m / (np.sqrt(v) + 1e-8)
