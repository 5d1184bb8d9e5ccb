"""The large nodes of one level, as they are handed to the kernels."""

from __future__ import annotations

import math

import numpy as np

from ..core.validation import Array
from ..kernels.tree.level import Edges
from ..kernels.tree.problem import GINI, POISSON, SQUARED_ERROR, Targets
from ..kernels.tree.refine import Splits

_JOBS_AT_ONCE, _LEAST_SLOTS, _MOST_SLOTS = 8, 4, 64
#: A node to count, its sibling or -1, where the parent's histograms begin, the row of their shifts,
#: whether the first is searched, whether the second is.
Pair = tuple[int, int, int, int, bool, bool]


def whole_total(targets: Targets, n_used: int) -> Array:
    """Return the statistics of all rows, so many of them of a weight above 0."""
    total = np.zeros(targets.size, np.int64)
    weights = targets.weights if len(targets.weights) else None
    if targets.n_classes:  # below 2**52, so that float64 is exact
        total[: targets.n_classes] = np.bincount(
            targets.classes, weights, minlength=targets.n_classes
        )
    else:
        sums = targets.sums
        total[0] = n_used if weights is None else weights.sum()
        total[1:4] = sums.sum(axis=0) if weights is None else (sums * weights[:, None]).sum(axis=0)
    if weights is not None:
        total[-1] = n_used
    return total


def rows_in(targets: Targets, totals: Array) -> Array:
    """Return how many rows each node has, from what its targets add up to."""
    if len(targets.weights):
        return totals[:, -1]
    return totals.sum(axis=1) if targets.n_classes else totals[:, 0]


class LargeNodes:
    """The nodes of one level, and how they are counted.

    pairs : list of Pair
    before : the histograms of the level above
    """

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.starts: list[int] = []
        self.stops: list[int] = []
        self.totals: list[Array] = []
        self.keys: list[int] = []
        self.searched: list[bool] = []
        self.pairs: list[Pair] = []
        self.before: Array = np.empty(0, np.int32)

    def add(self, node: int, start: int, stop: int, total: Array, key: int, searched: bool) -> int:
        """Add a node and return its number in the level."""
        self.ids.append(node)
        self.starts.append(start)
        self.stops.append(stop)
        self.totals.append(total)
        self.keys.append(key)
        self.searched.append(searched)
        return len(self.ids) - 1


def jobs_of(pairs: list[Pair], first_slots: Array, last_slots: Array) -> Array:
    """Return the tickets of a search: see ``kernels.tree.level``.

    Parameters
    ----------
    pairs : list of Pair
    first_slots, last_slots : ndarray (n_nodes,) of int, which slots of each counted node
    """
    jobs = []
    groups = -(-_JOBS_AT_ONCE // len(pairs))
    for first, second, *rest in pairs:
        begin, end = int(first_slots[first]), int(last_slots[first])
        width = min(max(-(-(end - begin) // groups), _LEAST_SLOTS), _MOST_SLOTS)
        for slot in range(begin, end, width):
            last = min(slot + width, end)
            jobs.append((first, second, rest[0], rest[1], slot, last, rest[2], rest[3]))
    return np.array(jobs, np.int64)


def empty_edges(n: int, d: int, size: int) -> Edges:
    """Return Edges of n nodes that are still to be found."""
    return Edges(
        np.full((n, d), -np.inf),
        np.full((n, d), -np.inf),
        np.zeros((n, d), np.int32),
        np.zeros((n, d), np.int32),
        np.zeros((n, d), np.int32),
        np.zeros((n, d, size), np.int64),
    )


def empty_splits(n: int, size: int) -> Splits:
    """Return n Splits that are still to be found."""
    return Splits(
        np.full(n, -np.inf),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.zeros((n, 2)),
        np.zeros((n, size), np.int64),
    )


def own_score(targets: Targets, total: Array) -> float:
    """Return the score of a node that is not split: of classes, or by Poisson deviance."""
    if targets.criterion == POISSON:
        weight, y = float(total[0]), float(total[1]) * targets.limb + float(total[2])
        return y * math.log(y / weight) if y > 0 else 0.0
    weights = total[: targets.n_classes] * targets.factors.astype(float)
    weight = float(weights.sum())
    if targets.criterion == GINI:
        return float((weights**2).sum()) / weight
    weights = weights[weights > 0]
    return float((weights * np.log(weights)).sum()) - weight * math.log(weight)


def gain_of(targets: Targets, total: Array, left: Array, score: float) -> float:
    """Return by how much a split's score exceeds its node's own; of squared error without loss."""
    if targets.criterion != SQUARED_ERROR:
        return score - own_score(targets, total)
    limb = int(targets.limb)
    w, w_left = int(total[0]), int(left[0])
    y, y_left = (int(each[1]) * limb + int(each[2]) for each in (total, left))
    return (y_left * w - y * w_left) ** 2 / (w_left * (w - w_left) * w)
