"""Passes over rows: the seam between a fit and where its data lies.

A fit that is not stochastic is a few passes over the rows, and a pass is three functions:

- ``statistics(piece, model)``: what some rows say, for instance the sums of the clusters;
- ``merge(a, b)``: what two groups of rows say together, the first group before the second;
- ``finish(statistics, model)``: the next model, from what all rows say.

Rows are cut into *reduction blocks* by a :class:`Grid`, whose size depends on the width of the
work (features, clusters) only: never on the number of rows, threads, files or workers.  Statistics
are merged over the fixed binary tree of block numbers that :mod:`fastml.kernels.ops.sums`
describes, so a fit is the same bits wherever the blocks were computed, and a stream whose length
nobody knows has the same grid.  A *piece* is an aligned range of blocks, hence one node of the
tree: a worker that did many blocks hands over few statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

S = TypeVar("S")
Model = TypeVar("Model")


class Piece(NamedTuple):
    """An aligned range of blocks: ``n_blocks``, a power of two, from a multiple of it on.

    first, n_blocks : int, blocks
    start, stop : int, rows; the last block of all may be short
    """

    first: int
    n_blocks: int
    start: int
    stop: int


class Grid(NamedTuple):
    """How rows are cut into reduction blocks.

    block_rows : int, rows of a block: a function of the width of the work alone
    """

    block_rows: int

    def n_blocks(self, n_rows: int) -> int:
        """Return the number of blocks, the last one perhaps short."""
        return -(-n_rows // self.block_rows)

    def pieces(
        self, n_rows: int, most_blocks: int = 1 << 62, first: int = 0, end: int | None = None
    ) -> Iterator[Piece]:
        """Cut all rows, or blocks [first, end), into pieces of at most so many blocks, in order.

        The pieces are the widest that are aligned, so of equally many blocks but for the first and
        last ones.

        Parameters
        ----------
        n_rows : int
        most_blocks : int, default: no limit
        first, end : int, default: all blocks

        Examples
        --------
        >>> [piece[:2] for piece in Grid(10).pieces(65, most_blocks=4)]
        [(0, 4), (4, 2), (6, 1)]
        """
        n_blocks = self.n_blocks(n_rows) if end is None else end
        while first < n_blocks:
            count = 1 << (min(most_blocks, n_blocks - first).bit_length() - 1)
            if first:
                count = min(count, first & -first)
            start = first * self.block_rows
            yield Piece(first, count, start, min(start + count * self.block_rows, n_rows))
            first += count


class TreeSum(Generic[S]):
    """Merges the statistics of pieces over the fixed tree, in whatever order they come.

    Parameters
    ----------
    merge : callable
        Takes the statistics of two groups of rows, the first before the second.

    Examples
    --------
    >>> tree = TreeSum(lambda a, b: f"({a}{b})")
    >>> for block in (2, 0, 1):
    ...     tree.add(block, 1, "abc"[block])
    >>> tree.total()
    '((ab)c)'
    """

    def __init__(self, merge: Callable[[S, S], S]) -> None:
        self._merge = merge
        self._nodes: dict[tuple[int, int], S] = {}  # (first block, count) -> statistics

    def add(self, first: int, count: int, statistics: S) -> None:
        """Add the statistics of ``count`` blocks from ``first`` on, an aligned range.

        Raises
        ------
        ValueError
            If the range is not aligned, or meets one that was added before.
        """
        if count < 1 or count & (count - 1) or first % count:
            raise ValueError(f"blocks [{first}, {first + count}) are no aligned range.")
        for other, width in self._nodes:
            if other < first + count and first < other + width:
                raise ValueError(f"blocks [{first}, {first + count}) were added already.")
        while True:
            left = first & ~count
            sibling = self._nodes.pop((first ^ count, count), None)
            if sibling is None:
                break
            pair = (statistics, sibling) if left == first else (sibling, statistics)
            first, count, statistics = left, 2 * count, self._merge(*pair)
        self._nodes[first, count] = statistics

    def nodes(self) -> list[tuple[int, int, S]]:
        """Return the first block, the number of blocks and the statistics of every range so far."""
        return [(first, count, found) for (first, count), found in sorted(self._nodes.items())]

    def total(self) -> S:
        """Return the statistics of all blocks.

        Raises
        ------
        ValueError
            If blocks are missing before the last that was added, or none was.
        """
        nodes = sorted(self._nodes.items(), reverse=True)
        if not nodes or sum(count for (_, count), _ in nodes) != sum(nodes[0][0]):
            raise ValueError("blocks are missing.")
        total = nodes[0][1]
        for _, statistics in nodes[1:]:
            total = self._merge(statistics, total)
        return total


def tree_sum(blocks: NDArray[Any]) -> Any:
    """Return the sum of the rows of an array over the fixed tree of their numbers.

    Parameters
    ----------
    blocks : ndarray (n_blocks, ...), at least one

    Examples
    --------
    >>> import numpy as np
    >>> float(tree_sum(np.array([1e16, 1.0, 1.0])))  # (1e16 + 1) + 1, each rounded to even
    1e+16
    """
    while len(blocks) > 1:
        pairs = blocks[:-1:2] + blocks[1::2]
        blocks = np.concatenate([pairs, blocks[-1:]]) if len(blocks) % 2 else pairs
    return blocks[0]


class Pass(Protocol[Model, S]):
    """What a fit made of passes provides."""

    def statistics(self, piece: Any, model: Model) -> S:
        """Return what the rows of a piece say, given the model so far.

        ``piece`` is a Piece, or has its fields and the rows.
        """

    def merge(self, a: S, b: S) -> S:
        """Return what two groups of rows say together; may reuse the memory of the first."""

    def finish(self, statistics: S, model: Model) -> Model:
        """Return the next model."""


def run_pass(fit: Pass[Model, S], pieces: Iterable[Piece], model: Model) -> Model:
    """Make one pass over all pieces and return the next model.

    Parameters
    ----------
    fit : Pass
    pieces : iterable of Piece
        All blocks, each once.
    model : object
        Whatever ``fit`` takes for the model so far.
    """
    tree = TreeSum(fit.merge)
    for piece in pieces:
        tree.add(piece.first, piece.n_blocks, fit.statistics(piece, model))
    return fit.finish(tree.total(), model)
