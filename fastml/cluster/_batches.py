"""Mini-batch k-means, batch by batch: running means, when to stop, which rows to draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.validation import Array
from ..kernels.cluster import minibatch
from ._bundles import batch_levels, block_rows, check_array, prepare, prepared_centers
from ._nearest import weighted_inertia, write_labels


def labels_and_inertia(X: Array, points: Array, weights: Array) -> tuple[Array, float]:
    """Return the nearest centre of every row, and the weighted sum of squared distances.

    Raises
    ------
    ValueError
        If a row holds NaN or infinity, or the sum overflows for weights of one.
    """
    labels = np.empty(len(X), np.int32)
    if write_labels(X, points, labels) < 0:
        raise ValueError("Input X contains NaN or infinity.")
    return labels, weighted_inertia(X, points, labels, weights)


class RunningMeans:
    """Centres that are the means of all rows they have been given so far.

    Parameters
    ----------
    points : ndarray (n_clusters, n_features), C-contiguous: the centres; changed in place
    """

    def __init__(self, points: Array) -> None:
        self.points = points
        self.counts = np.zeros(len(points))
        self.means = points.astype(np.float64)
        self._centers = prepared_centers(points)
        k, d = points.shape
        self._totals, self._inertia = np.empty((k, d + 2)), np.empty(d)
        self._rows = block_rows(d, k)
        self._levels: tuple[int, Array] = 0, np.empty(0)

    @classmethod
    def resumed(cls, points: Array, means: Array, counts: Array) -> RunningMeans:
        """Return means to go on with, from the centres where somebody has changed them.

        Raises
        ------
        ValueError
            If there are more or fewer of them, or of features, or somebody has put other means or
            counts into the place of ours.
        """
        if points.shape != np.shape(means):
            raise ValueError(
                f"cluster_centers_ has shape {points.shape}, expected {np.shape(means)}."
            )
        if type(means) is np.memmap and type(counts) is np.memmap:  # joblib maps files
            means, counts = np.array(means, order="C"), np.array(counts, order="C")
        check_array("_means", means, points.shape, np.float64)
        check_array("_counts", counts, points.shape[:1], np.float64)
        new = cls(points.copy())
        new.counts = counts.copy()
        unchanged = means.astype(points.dtype) == points
        new.means[unchanged] = means[unchanged]
        return new

    def arrays(self) -> dict[str, Array]:
        """Return all that the next batches depend on, and change."""
        return {"points": self.points, "counts": self.counts, "means": self.means}

    def take(self, batch: Array, weights: Array) -> float:
        """Give every row to its nearest centre, then move the centres; return the inertia.

        Raises
        ------
        ValueError
            If a row holds NaN or infinity, or the means overflow.
        """
        labels = np.empty(len(batch), np.int32)
        prepare(self._centers)
        if write_labels(batch, self.points, labels, centers=self._centers) < 0:
            raise ValueError("Input X contains NaN or infinity.")
        if self._levels[0] != len(batch):
            self._levels = len(batch), batch_levels(len(batch), self.points, self._rows)
        if not minibatch.sum_batch(
            batch, weights, labels, self.points, self._rows, self._levels[1], self._totals,
            self._inertia,
        ):  # fmt: skip
            raise ValueError(f"labels must be from 0 to {len(self.points) - 1}.")
        if not minibatch.move_centers(self._totals, self.counts, self.means, self.points):
            raise ValueError("Sums of X and sample_weight overflow. Scale them to smaller numbers.")
        return float(self._inertia.sum())

    def reassign(self, batch: Array, ratio: float, random_state: np.random.RandomState) -> int:
        """Move the centres given least to rows of the batch, drawn at random; return how many.

        Those are meant that were given less than ``ratio`` times what the one given most was,
        but at most half as many as the batch has rows.
        """
        most = self.counts.argmax()
        least = self.counts < ratio * self.counts[most]
        least[most] = False
        if np.count_nonzero(least) > 0.5 * len(batch):
            least[np.argsort(self.counts)[len(batch) // 2 :]] = False
        n_least = int(np.count_nonzero(least))
        if n_least:
            rows = random_state.choice(len(batch), n_least, replace=False)
            self.points[least] = self.means[least] = batch[rows]
            # A count of zero would have them reassigned again at once.
            self.counts[least] = self.counts[~least].min()
        return n_least


class Progress:
    """Decides when to stop, by the moves of the centres and the smoothed inertia of batches."""

    def __init__(self, smoothing: float, tol: float, max_no_improvement: int | None) -> None:
        self.smoothing, self.tol, self.max_no_improvement = smoothing, tol, max_no_improvement
        self.inertia: float | None = None
        self._best = np.inf
        self._no_improvement = 0

    def numbers(self) -> dict[str, float | int | None]:
        """Return all that the next decisions depend on, for a checkpoint."""
        return {
            "inertia": self.inertia, "best": self._best, "no_improvement": self._no_improvement,
        }  # fmt: skip

    def restore(self, numbers: Mapping[str, Any]) -> None:
        """Go on from ``numbers``."""
        self.inertia, self._best = numbers["inertia"], numbers["best"]
        self._no_improvement = numbers["no_improvement"]

    def reason_to_stop(self, inertia: float, before: Array, centers: Array) -> str | None:
        """Take note of a batch's mean inertia and move; return why to stop, or None to go on."""
        if self.inertia is None:
            self.inertia = inertia
        else:
            self.inertia += self.smoothing * (inertia - self.inertia)
        moved = centers.astype(np.float64) - before  # whose squares float32 may not hold
        if self.tol > 0 and (moved**2).sum() <= self.tol:
            return "small centers change"
        if self.inertia < self._best:
            self._best = self.inertia
            self._no_improvement = 0
        else:
            self._no_improvement += 1
        if self.max_no_improvement is not None and self._no_improvement >= self.max_no_improvement:
            return "lack of improvement in inertia"
        return None


def row_drawer(
    n_samples: int, running: Array, random_state: np.random.RandomState
) -> Callable[[int], Array]:
    """Return a function that draws rows, with chances proportional to their weights.

    Parameters
    ----------
    n_samples : int
    running : ndarray (n_samples,), the weights' running sum, or (0,) for weights of one; changed
    random_state : RandomState
    """
    if not running.size:
        return lambda size: (random_state.random_sample(size) * n_samples).astype(np.int64)
    running /= running[-1]
    # To the right of equal values, so that rows of weight zero are never drawn.
    return lambda size: running.searchsorted(random_state.random_sample(size), side="right")
