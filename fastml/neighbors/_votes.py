"""Votes and means of the neighbours that were found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, check_finite, readable
from ..kernels.neighbors import votes

#: The weights of neighbours that all count as one.
ALL_ONES = np.empty(0)
#: So few numbers are sooner looked at one by one.
_FEW = 64


def range_of(numbers: Array) -> tuple[int, int]:
    """Return the least and the largest of some integers; 0 and -1 of none.

    Of few sooner than NumPy begins to look.
    """
    if numbers.size > _FEW:
        return int(np.minimum.reduce(numbers)), int(np.maximum.reduce(numbers))
    few = numbers.tolist()
    return (min(few), max(few)) if few else (0, -1)


class Voters(NamedTuple):
    """The neighbours of some queries, and how much each of them counts.

    indices : (n_found,) int64, rows; below ``n_samples``
    weights : (n_found,) float64, or (0,) where all are one
    starts : (n_queries + 1,) int64, where each query's neighbours begin
    n_samples : int
    """

    indices: Array
    weights: Array
    starts: Array
    n_samples: int

    @classmethod
    def of(cls, indices: Array, weights: Array, starts: Array, n_samples: int) -> Self:
        """Check the neighbours.

        Raises
        ------
        ValueError
            If there is not a weight for each, or one is no row.
        """
        n_found = int(starts[-1])
        if indices.shape != (n_found,) or weights.shape not in ((0,), (n_found,)):
            raise ValueError(
                f"Expected {n_found} neighbors, got {indices.shape} and weights {weights.shape}."
            )
        least, most = range_of(indices)
        if least < 0 or most >= n_samples:
            raise ValueError(f"A neighbor is none of the {n_samples} rows.")
        return cls(indices, weights, starts, n_samples)

    @property
    def n_queries(self) -> int:
        return len(self.starts) - 1

    def _members(self, n_outputs: int) -> int:
        """Return the size of a team for so many sums a query."""
        work = 3.0 * (len(self.indices) + self.n_queries) * n_outputs
        return min(team_size(work), -(-self.n_queries // votes.BATCH))

    def vote(self, classes: Array, n_classes: int, *, shares: bool) -> tuple[Array, Array]:
        """Return the class with the most votes for each query, and the share of each class.

        Parameters
        ----------
        classes : ndarray (n_samples,) of int
            Numbers of the rows' classes, below ``n_classes``.
        n_classes : int
        shares : bool
            Whether shares are wanted.

        Returns
        -------
        labels : ndarray (n_queries,) of int64
            Of equals the first; -1 where no class has a vote.
        shares : ndarray (n_queries, n_classes) of float64, or (0, 0)

        Raises
        ------
        ValueError
            If there are not as many classes as rows, or a neighbour's is none of them.
        """
        numbers = readable(np.ascontiguousarray(classes, dtype=np.int64))
        if numbers.shape != (self.n_samples,):
            raise ValueError(f"Expected {self.n_samples} targets, got {numbers.shape}.")
        labels = np.empty(self.n_queries, np.int64)
        table = np.empty((self.n_queries, n_classes) if shares else (0, 0))
        run_team(
            votes.vote, self._members(1 + n_classes // 4),
            *self[:3], numbers, n_classes, new_state(), labels, table,
        )  # fmt: skip
        if range_of(labels)[0] < 0 and (labels == votes.UNKNOWN).any():
            raise ValueError(f"A neighbor has none of the {n_classes} classes.")
        return labels, table

    def average(self, targets: Array) -> Array:
        """Return the weighted means of targets, (n_queries,) or (n_queries, n_outputs).

        Parameters
        ----------
        targets : ndarray (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        ValueError
            If there are not as many targets as rows, or one is no finite number.
        """
        with np.errstate(over="ignore"):
            wide = readable(np.ascontiguousarray(targets, dtype=np.float64))
        if targets.dtype.kind == "O" or targets.dtype.itemsize > 8:  # None is NaN only now
            check_finite(wide, "y")
        if len(wide) != self.n_samples:
            raise ValueError(f"Expected {self.n_samples} targets, got {wide.shape}.")
        means = np.empty((self.n_queries, *wide.shape[1:]))
        flat = (len(wide), means.size // self.n_queries)
        run_team(
            votes.average, self._members(flat[1]),
            *self[:3], wide.reshape(flat), new_state(), means.reshape(self.n_queries, flat[1]),
        )  # fmt: skip
        return means


def weigh(distances: Array, starts: Array, weights: str | Callable[[Any], Any]) -> Array:
    """Return the weights of neighbours.

    Parameters
    ----------
    distances : ndarray of float64
        Those of all queries one after another, or what a function is called with: a matrix, or a
        vector of arrays.
    starts : ndarray (n_queries + 1,) of int64
    weights : 'distance' or callable

    Returns
    -------
    weights : ndarray (n_found,) of float64

    Raises
    ------
    ValueError
        If a function returns NaN.
    """
    if callable(weights):
        given = weights(distances)
        if distances.dtype == object:  # an array a query
            given = np.concatenate([ALL_ONES, *given])
        found = np.ascontiguousarray(given, dtype=np.float64).reshape(-1)
        if np.isnan(found).any():
            raise ValueError("The function given as weights has returned NaN.")
        return found
    flat = np.ascontiguousarray(distances, dtype=np.float64).reshape(-1)
    inverse = np.empty_like(flat)
    run_team(
        votes.invert_distances, team_size(2.0 * flat.size),
        readable(flat), starts, new_state(), inverse,
    )  # fmt: skip
    return inverse
