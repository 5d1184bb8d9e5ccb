"""Moments of classes over any number of batches of rows."""

from __future__ import annotations

import copy
from typing import Self

import numpy as np

from ..core.passes import Grid, TreeSum
from ..core.threads import get_num_threads, new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.naive_bayes.moments import Moments, class_moments, merge_moments

#: About so many numbers make a block, and the sums of all classes stay in the second-level cache.
_NUMBERS_A_BLOCK = 1 << 16
#: So many tickets and up to twice as many share a call: of all, and of each thread.
_TICKETS, _TICKETS_A_THREAD = 32, 8
#: The first row of each class is looked for among so many rows first: most classes have one there.
_FIRST_ROWS = 4096


def heavy_rows(classes: Array, weights: Array, n_classes: int, height: int) -> Array:
    """Return for each class the heaviest row of the first block where one weighs something.

    The first of several, -1 if there is none.

    Parameters
    ----------
    height : int, rows of a block
    """
    rows = np.full(n_classes, -1, np.int64)
    for start in range(0, len(classes), height):
        own, weighing = classes[start : start + height], weights[start : start + height]
        largest = np.zeros(n_classes)
        np.maximum.at(largest, own, weighing)
        heaviest = np.flatnonzero(weighing == largest[own])[::-1]
        of_block = np.empty(n_classes, np.int64)
        of_block[own[heaviest]] = start + heaviest  # the first is written last
        new = (rows < 0) & (largest > 0)
        rows[new] = of_block[new]
        if (rows >= 0).all():
            break
    return rows


def block_rows(n_features: int, n_classes: int) -> int:
    """Return the rows of a block of the sums, which follows from the width of the work alone.

    Parameters
    ----------
    n_features, n_classes : int
        The width of the work.

    Returns
    -------
    rows : int

    Examples
    --------
    >>> block_rows(28, 2)
    2368
    """
    rows = max(_NUMBERS_A_BLOCK // n_features, 64 * n_classes, 64)
    return -(-rows // 64) * 64


def merge(earlier: Moments, later: Moments) -> Moments:
    """Return the moments of two groups of rows together; those of the later are overwritten."""
    merge_moments(*earlier, *later)
    return later


def find_moments(
    X: Array, classes: Array, weights: Array, origins: Array, ticket_blocks: int
) -> list[Moments]:
    """Return the moments of ranges of so many blocks, the last one perhaps of fewer.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), finite
        The rows.
    classes : ndarray (n_samples,) of int32, from 0 to n_classes - 1
        Numbers of the rows' classes.
    weights : ndarray (n_samples,) of float64, or (0,) for weights of one
    origins : ndarray (n_classes, n_features) of float64
        What the means are distances from.
    ticket_blocks : int
        A power of two.
    """
    X = np.ascontiguousarray(X)
    n_samples, n_features = X.shape
    n_classes = len(origins)
    rows = block_rows(n_features, n_classes)
    n_blocks = Grid(rows).n_blocks(n_samples)
    n_tickets = -(-n_blocks // ticket_blocks)
    shape = (n_tickets, n_classes, n_features)
    found = Moments(np.empty(shape[:2]), np.empty(shape), np.empty(shape))
    run_team(
        class_moments, min(team_size(0.4 * X.size), n_tickets),
        X, classes, weights, origins, rows, ticket_blocks, new_state(), *found,
    )  # fmt: skip
    return [Moments(*(array[i] for array in found)) for i in range(n_tickets)]


def blocks_a_ticket(n_blocks: int) -> int:
    """Return a power of two that cuts so many blocks into tickets.

    Each ticket leaves the sums of its rows: no more of them than the threads may need.
    """
    n_tickets = max(_TICKETS, _TICKETS_A_THREAD * get_num_threads())
    return 1 << max(0, (n_blocks // n_tickets).bit_length() - 1)


def copied(moments: Moments) -> Moments:
    """Return a copy."""
    return Moments(*(array.copy() for array in moments))


def known(origins: Array) -> Array:
    """Return origins, zeros for those there are none of yet."""
    return np.where(np.isnan(origins), 0.0, origins)


class RunningMoments:
    """The moments of all rows so far, of each class and of all classes together.

    Batches that end on whole blocks are merged over the tree that all rows in one call have.

    Parameters
    ----------
    n_classes, n_features : int
    """

    def __init__(self, n_classes: int, n_features: int) -> None:
        self._grid = Grid(block_rows(n_features, n_classes))
        #: The row of each class from which its mean is measured, see :func:`heavy_rows`; NaN before
        #: there is one.
        self._origins = np.full((n_classes, n_features), np.nan)
        self._before: Moments | None = None  # rows that did not end on a whole block
        self._tree: TreeSum[Moments] = TreeSum(merge)
        self._blocks = 0
        #: Moments of all rows as one class, each weighing one; None where they are the classes'.
        self._unweighted: RunningMoments | None = None

    def copy(self) -> Self:
        """Return an independent copy."""
        if self._before is None and not self._blocks and self._unweighted is None:
            return type(self)(*self._origins.shape)  # nothing to copy yet
        return copy.deepcopy(self)

    def start_from(self, weights: Array, means: Array, variance: Array) -> None:
        """Begin with rows of which only weights, means and variances are known."""
        shape = self._origins.shape
        if weights.shape != shape[:1] or means.shape != shape or variance.shape != shape:
            raise ValueError(
                f"Expected means and variances {shape}, got {means.shape} and {variance.shape} of "
                f"{weights.shape} classes."
            )
        seen = weights > 0
        self._origins[seen] = means[seen]
        squares = np.maximum(variance, 0.0) * weights[:, None]
        self._before = Moments(weights.astype(np.float64), np.zeros_like(squares), squares)

    def add(self, X: Array, classes: Array, weights: Array) -> None:
        """Add rows, see :func:`find_moments`.

        Raises
        ------
        ValueError
            If there are other classes or features than there were.
        """
        n_classes, n_features = self._origins.shape
        if X.shape[1] != n_features or classes.max() >= n_classes:
            raise ValueError(
                f"Expected {n_features} features and {n_classes} classes as before, got "
                f"{X.shape[1]} and {classes.max() + 1}."
            )
        if weights.size and self._unweighted is None:
            self._unweighted = RunningMoments(1, X.shape[1])
            if self._blocks or self._before is not None:
                self._unweighted._start_together(self)
        if self._unweighted is not None:
            self._unweighted.add(X, np.zeros(len(X), np.int32), np.empty(0))
        self._find_origins(X, classes, weights)
        n_blocks = self._grid.n_blocks(len(X))
        width = blocks_a_ticket(n_blocks)
        while self._blocks % width:  # ranges of this batch must be nodes of the tree of all rows
            width //= 2
        origins = known(self._origins)
        for i, moments in enumerate(find_moments(X, classes, weights, origins, width)):
            self._tree.add(self._blocks + i * width, width, moments)
        self._blocks += n_blocks
        if len(X) % self._grid.block_rows:
            self._before = self._relative()
            self._tree, self._blocks = TreeSum(merge), 0

    def take(self, origins: Array, nodes: TreeSum[Moments], n_rows: int) -> None:
        """Take the moments of so many first rows, of which ``nodes`` are those of all blocks."""
        self._origins, self._tree = origins, nodes
        self._blocks = self._grid.n_blocks(n_rows)
        if n_rows % self._grid.block_rows:
            self._before = self._relative()
            self._tree, self._blocks = TreeSum(merge), 0

    def take_together(self, unweighted: RunningMoments) -> None:
        """Take the moments of all rows as one class, each weighing one."""
        self._unweighted = unweighted

    def _find_origins(self, X: Array, classes: Array, weights: Array) -> None:
        """Take a row of every class that has none yet."""
        if weights.size:
            if np.isnan(self._origins[:, 0]).any():
                found = heavy_rows(classes, weights, len(self._origins), self._grid.block_rows)
                new = np.isnan(self._origins[:, 0]) & (found >= 0)
                self._origins[new] = X[found[new]]
            return
        for rows in (slice(0, _FIRST_ROWS), slice(None)):
            missing = np.flatnonzero(np.isnan(self._origins[:, 0]))
            for c in missing:
                at = classes[rows] == c
                first = int(at.argmax())
                if at[first]:
                    self._origins[c] = X[first]

    def _start_together(self, other: RunningMoments) -> None:
        total = other._relative()
        self._origins, self._before = together(total, other._origins)

    def _relative(self) -> Moments:
        """Return the moments of each class, its mean less its origin."""
        if not self._blocks:
            assert self._before is not None
            return copied(self._before)
        tree = TreeSum(merge)  # merging overwrites
        for first, count, moments in self._tree.nodes():
            tree.add(first, count, copied(moments))
        total = tree.total()
        return total if self._before is None else merge(self._before, total)

    def total(self) -> Moments:
        """Return the moments of each class; zero where there were no rows."""
        weights, means, squares = self._relative()
        seen = weights > 0
        means[seen] += self._origins[seen]
        return Moments(weights, means, squares)

    def variance(self) -> Array:
        """Return the variance of every feature over all rows, each weighing one."""
        if self._unweighted is not None:
            return self._unweighted.variance()
        _, moments = together(self._relative(), self._origins)
        return np.asarray(moments.squares[0] / moments.weights[0])


def together(moments: Moments, origins: Array) -> tuple[Array, Moments]:
    """Return the moments of all classes as those of one, and its origin."""
    first = int((moments.weights > 0).argmax())
    tree = TreeSum(merge)
    for c in range(len(origins)):
        weights, means, squares = (array[c : c + 1].copy() for array in moments)
        if weights[0] > 0:
            means += origins[c] - origins[first]
        tree.add(c, 1, Moments(weights, means, squares))
    return origins[first : first + 1].copy(), tree.total()
