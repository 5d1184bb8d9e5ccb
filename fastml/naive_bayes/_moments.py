"""Moments of classes over any number of batches of rows."""

from __future__ import annotations

import copy
from typing import Self

import numpy as np

from ..core.passes import Grid, TreeSum
from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.naive_bayes.moments import Moments, class_moments, merge_moments

#: Numbers whose sums stay in the second-level cache, and numbers of one block, about.
_NUMBERS_A_BLOCK = 1 << 16
#: Tickets of one call, about: each leaves the moments of its rows.
_TICKETS = 64


def block_rows(n_features: int, n_classes: int) -> int:
    """Return the rows of a block of the sums, which follows from the width of the work alone.

    Parameters
    ----------
    n_features, n_classes : int

    Returns
    -------
    rows : int

    Examples
    --------
    >>> block_rows(28, 2)
    2304
    """
    rows = max(_NUMBERS_A_BLOCK // n_features, 8 * n_classes, 64)
    return -(-rows // 64) * 64


def merge(earlier: Moments, later: Moments) -> Moments:
    """Return the moments of two groups of rows together; those of the later are overwritten."""
    merge_moments(*earlier, *later)
    return later


def find_moments(
    X: Array, classes: Array, weights: Array, n_classes: int, ticket_blocks: int
) -> list[Moments]:
    """Return the moments of ranges of so many blocks, the last one perhaps of fewer.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), finite
    classes : ndarray (n_samples,) of int32, from 0 to n_classes - 1
    weights : ndarray (n_samples,) of float64, or (0,) for weights of one
    n_classes : int
    ticket_blocks : int
        A power of two.
    """
    n_samples, n_features = X.shape
    rows = block_rows(n_features, n_classes)
    n_blocks = Grid(rows).n_blocks(n_samples)
    n_tickets = -(-n_blocks // ticket_blocks)
    shape = (n_tickets, n_classes, n_features)
    found = Moments(np.empty(shape[:2]), np.empty(shape), np.empty(shape))
    run_team(
        class_moments, min(team_size(0.4 * X.size), n_tickets),
        X, classes, weights, rows, ticket_blocks, new_state(), *found,
    )  # fmt: skip
    return [Moments(*(array[i] for array in found)) for i in range(n_tickets)]


def blocks_a_ticket(n_blocks: int) -> int:
    """Return a power of two that makes some sixty tickets of so many blocks."""
    return 1 << max(0, (n_blocks // _TICKETS).bit_length() - 1)


def copied(moments: Moments) -> Moments:
    """Return a copy."""
    return Moments(*(array.copy() for array in moments))


class RunningMoments:
    """The moments of all rows so far, of each class and of all classes together.

    Batches that end on whole blocks are merged over the tree that all rows in one call have.

    Parameters
    ----------
    n_classes, n_features : int
    """

    def __init__(self, n_classes: int, n_features: int) -> None:
        self._n_classes = n_classes
        self._grid = Grid(block_rows(n_features, n_classes))
        self._before: Moments | None = None  # rows that did not end on a whole block
        self._tree: TreeSum[Moments] = TreeSum(merge)
        self._blocks = 0
        #: Moments of all rows as one class, each weighing one; None where they are the classes'.
        self._unweighted: RunningMoments | None = None

    def copy(self) -> Self:
        """Return an independent copy."""
        return copy.deepcopy(self)

    def start_from(self, weights: Array, means: Array, variance: Array) -> None:
        """Begin with rows of which only weights, means and variances are known."""
        squares = np.maximum(variance, 0.0) * weights[:, None]
        self._before = Moments(*(np.array(a, np.float64) for a in (weights, means, squares)))

    def add(self, X: Array, classes: Array, weights: Array) -> None:
        """Add rows, see :func:`find_moments`."""
        if weights.size and self._unweighted is None:
            self._unweighted = RunningMoments(1, X.shape[1])
            if self._blocks or self._before is not None:
                self._unweighted._before = together(self.total())
        if self._unweighted is not None:
            self._unweighted.add(X, np.zeros(len(X), np.int32), np.empty(0))
        n_blocks = self._grid.n_blocks(len(X))
        width = blocks_a_ticket(n_blocks)
        while self._blocks % width:  # ranges of this batch must be nodes of the tree of all rows
            width //= 2
        for i, moments in enumerate(find_moments(X, classes, weights, self._n_classes, width)):
            self._tree.add(self._blocks + i * width, width, moments)
        self._blocks += n_blocks
        if len(X) % self._grid.block_rows:
            self._before = self.total()
            self._tree, self._blocks = TreeSum(merge), 0

    def total(self) -> Moments:
        """Return the moments of each class; zero where there were no rows."""
        if not self._blocks:
            assert self._before is not None
            return copied(self._before)
        total = copy.deepcopy(self._tree).total()
        return total if self._before is None else merge(self._before, total)

    def variance(self) -> Array:
        """Return the variance of every feature over all rows, each weighing one."""
        if self._unweighted is not None:
            return self._unweighted.variance()
        (weight,), _, squares = together(self.total())
        return np.asarray(squares[0] / weight)


def together(moments: Moments) -> Moments:
    """Return the moments of all classes as those of one."""
    tree = TreeSum(merge)
    for c in range(len(moments.weights)):
        tree.add(c, 1, Moments(*(array[c : c + 1].copy() for array in moments)))
    return tree.total()
