"""Epochs over blocks of rows: what ``shuffle='blocks'`` means, and epochs of a table.

Rows are cut into blocks, a tenth of which at a time are a buffer whose rows are shuffled (Xu et
al., "In-database machine learning with CorgiPile", SIGMOD 2022): a file is read in long stretches,
and rows that stood together are trained on far apart.  Which blocks, is drawn anew in every epoch,
one out of every ten that follow each other: were any blocks drawn, a buffer of sorted rows would
hold more of one class and less of another.  Block sizes follow the shape of X alone, so an array, a
file and any limit give the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..core.passes import Piece
from ..core.readers import read_ahead
from ..core.validation import Array
from ..execution import room
from ..kernels.neural_network.bundles import Samples
from ._compiled import CompiledSteps
from ._optimizer import Optimizer
from ._table import TableSamples

#: Blocks of X, about, but of so many numbers; blocks of a buffer are a tenth of all.
_BLOCKS, _FEWEST_NUMBERS, _MOST_NUMBERS = 1000, 1 << 11, 1 << 18
_BUFFERS_AN_EPOCH = 10


def rows_shuffled(n_rows: int, n_features: int) -> int:
    """Return the rows of a block."""
    fewest, most = max(1, _FEWEST_NUMBERS // n_features), max(1, _MOST_NUMBERS // n_features)
    return min(max(n_rows // _BLOCKS, fewest), most)


def rows_at_a_time(n_rows: int, n_features: int) -> int:
    """Return the rows whose blocks are shuffled together, at most."""
    block = rows_shuffled(n_rows, n_features)
    n_blocks = -(-n_rows // block)
    return min(-(-n_blocks // _BUFFERS_AN_EPOCH) * block, n_rows)


class Buffer(NamedTuple):
    """The blocks of a buffer, and the order of their rows, in the order of the blocks.

    starts, stops : ndarray of int64, rows of the blocks
    order : ndarray (n_rows,) of int64
    """

    starts: Array
    stops: Array
    order: Array

    def rows(self) -> Array:
        """Return the numbers of the rows, in order."""
        pairs = zip(self.starts.tolist(), self.stops.tolist(), strict=True)
        return np.concatenate([np.arange(*pair) for pair in pairs])[self.order]


def buffers(
    n_rows: int, n_features: int, random_state: np.random.RandomState | None
) -> Iterator[Buffer]:
    """Yield the buffers of an epoch; without a generator, rows as they come."""
    block = rows_shuffled(n_rows, n_features)
    n_blocks = -(-n_rows // block)
    for blocks in _blocks_of_buffers(n_blocks, random_state):
        starts = blocks * block
        stops = np.minimum(starts + block, n_rows)
        count = int((stops - starts).sum())
        inner = np.arange(count) if random_state is None else random_state.permutation(count)
        yield Buffer(starts, stops, inner)


def _blocks_of_buffers(n_blocks: int, random_state: np.random.RandomState | None) -> list[Array]:
    """Return the blocks of each buffer, in order: of as many neighbours each has one."""
    width = -(-n_blocks // _BUFFERS_AN_EPOCH)
    if random_state is None:
        return [np.arange(at, min(at + width, n_blocks)) for at in range(0, n_blocks, width)]
    n_buffers = -(-n_blocks // width)
    firsts = np.arange(0, n_blocks, n_buffers)
    drawn = random_state.random_sample((len(firsts), n_buffers)).argsort(axis=1, kind="stable")
    return [found[found < n_blocks] for found in (firsts[:, None] + drawn).T]


def epoch_order(n_rows: int, n_features: int, random_state: np.random.RandomState) -> Array:
    """Return the order of the rows of an epoch."""
    found = [buffer.rows() for buffer in buffers(n_rows, n_features, random_state)]
    return np.concatenate(found)


class TableEpochs:
    """Runs epochs over samples of a table, the next buffer read meanwhile.

    Parameters
    ----------
    steps : CompiledSteps
    samples : TableSamples
    parameters : ndarray (n_parameters,)
        Trained in place.
    optimizer : Optimizer
    random_state : RandomState or None
        Draws blocks and rows; None for rows as they come.
    alpha : float
        The L2 penalty.
    """

    most = 1

    def __init__(
        self,
        steps: CompiledSteps,
        samples: TableSamples,
        parameters: Array,
        optimizer: Optimizer,
        random_state: np.random.RandomState | None,
        alpha: float,
    ) -> None:
        self.steps, self.samples, self.alpha = steps, samples, alpha
        self.parameters, self.optimizer = parameters, optimizer
        self.random_state = random_state
        self.last_rows = self.order = np.empty(0, np.int64)
        self._table = samples.table.settled()
        n_rows, n_features = samples.shape
        most = rows_at_a_time(n_rows, n_features)
        #: In front there is room for the rows the buffer before has left of its last batch.
        self._rooms = [self._room(most + steps.batch_size) for _ in range(2)]

    def _room(self, n_rows: int) -> Samples:
        first = self.samples.first
        n_features, n_outputs = first.X.shape[1], first.Y.shape[1]
        weights = room((n_rows,), first.X.dtype) if first.weights.size else None
        X, Y = (room((n_rows, width), first.X.dtype) for width in (n_features, n_outputs))
        return Samples.checked(X, Y, weights)

    def _read(self, buffer: Buffer, memory: Samples) -> tuple[Samples, Array]:
        """Write the rows of a buffer to memory; return it, and the rows in their order."""
        at = self.steps.batch_size
        check = None if self._table.seen else self.samples.name
        for start, stop in zip(buffer.starts.tolist(), buffer.stops.tolist(), strict=True):
            part = self._table.read(Piece(0, 1, start, stop), check=check)
            found = self.samples.samples_of(part)
            for out, array in zip(memory, found, strict=True):
                if out.size:
                    out[at : at + len(array)] = array
            at += stop - start
        return memory, self.steps.batch_size + buffer.order

    def run(self, n_epochs: int) -> Array:
        """Train; return of each epoch the mean loss and penalty (n_epochs, 2)."""
        n_rows, n_features = self.samples.shape
        size = self.steps.batch_size
        found = []
        for _ in range(n_epochs):
            losses, left = self.steps.no_losses(1), 0
            jobs = buffers(n_rows, n_features, self.random_state)
            carried: Samples | None = None
            for memory, order in read_ahead(jobs, self._read, list(self._rooms), 1):
                rows = order
                if carried is not None:
                    for out, array in zip(memory, carried, strict=True):
                        out[: len(array)] = array
                    rows = np.concatenate([np.arange(left), order])
                whole = len(rows) // size * size
                self.steps.train_some(
                    memory, rows[:whole], self.parameters, self.optimizer, self.alpha, losses
                )
                carried, left = memory.of(rows[whole:]), len(rows) - whole
            if carried is not None and left:
                self.steps.train_some(
                    carried, np.arange(left), self.parameters, self.optimizer, self.alpha, losses
                )
            self._table.seen = True
            found.append(self.steps.means(losses, self.alpha, n_rows))
        return np.concatenate(found)

    def take_back(self) -> None:
        """Undo the last call: there never were several epochs."""
        raise NotImplementedError
