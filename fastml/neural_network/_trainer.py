"""Training in compiled code: how a batch is cut into tickets, and the working memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.neural_network import network
from ..kernels.neural_network.dense import sums_by_output
from ..kernels.neural_network.optimizer import GRADIENT
from ..kernels.tile import N, lanes_of
from ._network import Network, Samples

if TYPE_CHECKING:
    from ._optimizer import Optimizer

#: A step shorter than this is done by one thread: waiting for others would cost more.
_SHARED_STEP_NANOSECONDS = 10_000
#: Return to the interpreter at least this often, for interrupts and callbacks.
_CALL_NANOSECONDS = 4e8
#: Weights whose gradient is one ticket; and at most this many rows of a weight matrix, so that
#: their activations stay in the first-level cache.
_WEIGHTS_A_TICKET, _ROWS_A_TICKET = 4096, 16
#: Where sums are split, a batch is cut into at most so many groups of blocks.
_GROUPS = 16


class Trainer:
    """How a batch is cut, by its size and the network's shape alone, and the working memory.

    Parameters
    ----------
    layers : Network
    batch_size : int
    """

    def __init__(self, layers: Network, batch_size: int) -> None:
        self.layers = layers
        self.batch_size = batch_size
        self.gradient = np.zeros(layers.n_parameters, layers.dtype)
        self.n_blocks = -(-batch_size // layers.height)
        size = self._block_size(np.zeros(len(layers.table)))
        self.group_blocks = -(-self.n_blocks // _GROUPS)
        n_groups = -(-self.n_blocks // self.group_blocks)
        # Writing and reading the groups' sums costs less than sharing their activations.
        split = n_groups * layers.n_parameters <= self.n_blocks * size
        if not split:
            self.group_blocks = 1
        self.sums = np.zeros(n_groups * layers.n_parameters if split else 0, layers.dtype)
        self.table = self._table(self.group_blocks if split else self.n_blocks)
        rows = 1 << 30 if split else _ROWS_A_TICKET
        self.tickets = np.array(
            [
                (layer, first, min(first + at_once, n_in))
                for layer, (n_in, n_out) in enumerate(self.table[:, : network.N_OUT + 1])
                for at_once in [min(rows, max(N, _WEIGHTS_A_TICKET // n_out // N * N))]
                for first in range(0, n_in, at_once)
            ],
            np.int64,
        )
        self.block_sums = np.zeros((self.n_blocks, 2))
        self._panels = np.zeros(0, layers.dtype)

    def _block_size(self, transposed: Array) -> int:
        """Return the elements of a block's workspace; tiles may read N vectors past the last."""
        layers = self.layers
        deltas = int(layers.table[:, network.N_OUT].sum()) * layers.height
        return layers.forward_size + deltas + int(transposed.sum()) + N * layers.height

    def _table(self, summed_blocks: int) -> Array:
        """Return the layer table with the places of deltas, as they are and transposed."""
        layers, lanes = self.layers, lanes_of(self.layers.dtype)
        table = layers.table.copy()
        n_out = table[:, network.N_OUT]
        ends = layers.forward_size + np.cumsum(n_out * layers.height)
        table[:, network.DELTA] = ends - n_out * layers.height
        by_output = [
            sums_by_output(n_in, width, summed_blocks, lanes)
            for n_in, width in table[:, : network.N_OUT + 1]
        ]
        transposed = np.where(by_output, -(-n_out // lanes) * lanes * layers.height, 0)
        at = ends[-1] + np.cumsum(transposed) - transposed
        table[:, network.TRANSPOSED] = np.where(by_output, at, -1)
        self.size = self._block_size(transposed)
        return table

    def _workspace(self, members: int) -> Array:
        """Return panels for all blocks, or where sums are split for those of each member's group.

        Aligned on a cache line: a vector across two lines costs two loads.
        """
        n_blocks = members * self.group_blocks if self.sums.size else self.n_blocks
        n_elements = n_blocks * self.size
        if self._panels.size < n_elements:
            itemsize = self.layers.dtype.itemsize
            memory = np.zeros(n_elements + 64, self.layers.dtype)
            first = -(memory.ctypes.data // itemsize) % (64 // itemsize)
            self._panels = memory[first : first + n_elements]
        return self._panels

    def train(
        self, samples: Samples, rows: Array, parameters: Array, optimizer: Optimizer, alpha: float
    ) -> Array:
        """Train for some epochs.

        Parameters
        ----------
        samples : Samples
        rows : ndarray (n_epochs, n_rows) of int64
            The samples each epoch trains on, in their order.
        parameters : ndarray (n_parameters,)
            Updated in place.
        optimizer : Optimizer
            Its moments are updated in place.
        alpha : float
            The L2 penalty.

        Returns
        -------
        losses : ndarray (n_epochs, 2)
            Of each epoch the mean over the samples, as their batches met it, of the sum over
            outputs; and the mean of the L2 penalty, to be added.
        """
        n_epochs, n_rows = rows.shape
        losses = np.zeros((n_epochs, 1 + len(self.tickets)))
        settings = optimizer.settings(alpha)
        # Several epochs are short, and one call; one may be long, and several.
        for first, last in self._calls(n_rows) if n_epochs == 1 else [(0, n_rows)]:
            self._run(
                samples, rows[:, first:last].reshape(-1), parameters, optimizer.rule, settings,
                optimizer.steps, optimizer.moments, losses,
            )  # fmt: skip
            optimizer.steps += n_epochs * -(-(last - first) // self.batch_size)
        penalties = 0.5 * alpha * losses[:, 1:].sum(axis=1)
        return np.asarray(np.stack([losses[:, 0], penalties], axis=1) / n_rows)

    def nanoseconds(self, n_rows: int) -> float:
        """Estimate the time of one epoch on one thread."""
        return self._step_nanoseconds() * n_rows / self.batch_size

    def add_up(self, samples: Samples, rows: Array, parameters: Array) -> float:
        """Set the gradient to its sum over samples, and return the sum of their losses."""
        losses = np.zeros((1, 1 + len(self.tickets)))
        self.gradient[:] = 0
        none = [np.zeros(0, self.layers.dtype)] * 2
        for first, last in self._calls(len(rows)):
            self._run(
                samples, rows[first:last], parameters, GRADIENT, np.zeros(5),
                0, none, losses,
            )  # fmt: skip
        return float(losses[0, 0])

    def _calls(self, n_rows: int) -> list[tuple[int, int]]:
        """Cut an epoch into calls of whole batches, none long enough to hold up an interrupt."""
        steps = max(1, int(_CALL_NANOSECONDS / self._step_nanoseconds()))
        size = steps * self.batch_size
        return [(first, min(first + size, n_rows)) for first in range(0, n_rows, size)]

    def _step_nanoseconds(self) -> float:
        return 3 * self.layers.nanoseconds(self.batch_size)

    def _run(
        self,
        samples: Samples,
        rows: Array,
        parameters: Array,
        rule: int,
        settings: Array,
        steps: int,
        moments: list[Array],
        losses: Array,
    ) -> None:
        step_time = self._step_nanoseconds()
        shared = step_time > _SHARED_STEP_NANOSECONDS
        members = team_size(step_time * len(rows) / self.batch_size) if shared else 1
        run_team(
            network.train, members,
            *samples, rows, self.table, self.tickets, self.batch_size, self.group_blocks,
            self.size, rule, settings, steps, new_state(), parameters, *moments, self.gradient,
            self._workspace(members), self.sums, self.block_sums, losses,
        )  # fmt: skip
