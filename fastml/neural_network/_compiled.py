"""Training calls: how a batch is cut into tickets, the working memory, and the compiled steps."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.neural_network import bundles, train
from ..kernels.neural_network.dense import sums_by_output
from ..kernels.neural_network.optimizer import GRADIENT
from ..kernels.tile import COLUMNS, lanes_of
from ._architecture import Architecture
from ._dense import on_a_line
from ._sparse import as_arrays, rows_a_call

if TYPE_CHECKING:
    from ._optimizer import Optimizer

#: A step shorter than this is done by one thread: waiting for others would cost more.
_SHARED_STEP_NANOSECONDS = 10_000
#: Return to the interpreter at least this often, for interrupts and callbacks.
_CALL_NANOSECONDS = 4e8
#: Weights whose gradient is one ticket; and at most this many rows of a weight matrix, so that
#: their activations stay in the first-level cache.
_WEIGHTS_A_TICKET, _ROWS_A_TICKET = 4096, 16
#: Where sums are split, a batch is cut into at most so many groups of blocks, each of at least so
#: much work: every group ends in sums over lanes, and is a ticket.
_GROUPS, _GROUP_NANOSECONDS = 16, 4_000


class CompiledSteps:
    """The compiled steps of one network on batches of one size, with their working memory.

    Parameters
    ----------
    architecture : Architecture
    batch_size : int
    """

    def __init__(self, architecture: Architecture, batch_size: int) -> None:
        self.architecture = architecture
        self.batch_size = batch_size
        self.gradient = np.zeros(architecture.n_parameters, architecture.dtype)
        layers, self._plan = _cut(architecture, batch_size)
        self._network = bundles.Network(layers, self.gradient)
        # A softmax takes the number of each sample's class.
        n_targets = 1 if architecture.output == "softmax" else architecture.widths[-1]
        self._kind_of_samples = (architecture.dtype, architecture.widths[0], n_targets)
        self._sums = np.zeros(self._plan.n_groups * architecture.n_parameters, architecture.dtype)
        self._block_sums = np.zeros((self._plan.n_blocks, 2))
        self._panels = np.zeros(0, architecture.dtype)

    def train(
        self,
        samples: bundles.Samples,
        rows: Array,
        parameters: Array,
        optimizer: Optimizer,
        alpha: float,
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
        losses = self.no_losses(n_epochs)
        if n_epochs == 1:  # one epoch may be long, and several calls
            self.train_some(samples, rows[0], parameters, optimizer, alpha, losses)
        else:
            bundle = optimizer.bundle(alpha, parameters)
            some, order = as_arrays(samples, rows.reshape(-1))
            self._run(some, order, parameters, bundle, losses)
            optimizer.steps += n_epochs * -(-n_rows // self.batch_size)
        return self.means(losses, alpha, n_rows)

    def train_some(
        self,
        samples: bundles.Samples,
        rows: Array,
        parameters: Array,
        optimizer: Optimizer,
        alpha: float,
        losses: Array,
    ) -> None:
        """Train for a part of an epoch: whole batches, but for its end.

        Parameters
        ----------
        losses : ndarray (1, ...), see :meth:`no_losses`
            What the part comes to is added.
        """
        for first, last in self._calls(len(rows), rows_a_call(samples)):
            bundle = optimizer.bundle(alpha, parameters)
            some, order = as_arrays(samples, rows[first:last])
            self._run(some, order, parameters, bundle, losses)
            optimizer.steps += -(-(last - first) // self.batch_size)

    def no_losses(self, n_epochs: int) -> Array:
        """Return the sums of epochs that have not begun."""
        return np.zeros((n_epochs, 1 + len(self._plan.weight_tickets)))

    @staticmethod
    def means(losses: Array, alpha: float, n_rows: int) -> Array:
        """Return the mean losses and penalties of epochs from their sums."""
        means = np.empty((len(losses), 2))
        means[:, 0] = losses[:, 0]
        means[:, 1] = 0.5 * alpha * losses[:, 1:].sum(axis=1)
        means /= n_rows
        return means

    def add_up(self, samples: bundles.Samples, rows: Array, parameters: Array) -> float:
        """Set the gradient to its sum over samples, and return the sum of their losses."""
        losses = self.no_losses(1)
        self.gradient[:] = 0
        none = [np.zeros(0, self.architecture.dtype)] * 2
        bundle = bundles.Optimizer.checked(GRADIENT, np.zeros(5), 0, none, 0, parameters)
        for first, last in self._calls(len(rows), rows_a_call(samples)):
            some, order = as_arrays(samples, rows[first:last])
            self._run(some, order, parameters, bundle, losses)
        return float(losses[0, 0])

    def nanoseconds(self, n_rows: int) -> float:
        """Estimate the time of one epoch on one thread."""
        return self._step_nanoseconds() * n_rows / self.batch_size

    def _calls(self, n_rows: int, most_rows: int) -> list[tuple[int, int]]:
        """Cut an epoch into calls of whole batches, none long enough to hold up an interrupt."""
        steps = int(min(_CALL_NANOSECONDS / self._step_nanoseconds(), most_rows / self.batch_size))
        steps = max(1, steps)
        size = steps * self.batch_size
        return [(first, min(first + size, n_rows)) for first in range(0, n_rows, size)]

    def _step_nanoseconds(self) -> float:
        return _step_nanoseconds(self.architecture, self.batch_size)

    def _run(
        self,
        samples: bundles.Samples,
        order: Array,
        parameters: Array,
        optimizer: bundles.Optimizer,
        losses: Array,
    ) -> None:
        step_time = self._step_nanoseconds()
        shared = step_time > _SHARED_STEP_NANOSECONDS
        members = team_size(step_time * len(order) / self.batch_size) if shared else 1
        bundles.require(parameters, "parameters", self.architecture.dtype, self.gradient.shape)
        network = self._network._replace(parameters=parameters)
        if (samples.X.dtype, samples.X.shape[1], samples.Y.shape[1]) != self._kind_of_samples:
            raise ValueError("the samples are not those of the network.")
        arrays = (self.gradient, self._block_panels(members), self._sums, self._block_sums)
        run_team(
            train.train, members,
            samples, network, optimizer, self._plan,
            bundles.Epochs.checked(order, losses, self._plan),
            bundles.Workspace.checked(arrays, network, self._plan, members), new_state(),
        )  # fmt: skip

    def _block_panels(self, members: int) -> Array:
        """Return panels for all blocks, or where sums are split for those of each member's group.

        Aligned on a cache line: a vector across two lines costs two loads.
        """
        plan = self._plan
        n_blocks = members * plan.group_blocks if plan.n_groups else plan.n_blocks
        n_elements = n_blocks * plan.block_size
        if self._panels.size < n_elements:
            self._panels = on_a_line(n_elements, self.architecture.dtype)
        return self._panels


def _step_nanoseconds(architecture: Architecture, batch_size: int) -> float:
    return 3 * architecture.nanoseconds(batch_size)


@lru_cache(maxsize=64)
def _cut(architecture: Architecture, batch_size: int) -> tuple[Array, bundles.Plan]:
    """Return the checked layers with the places of what training writes, and how a batch is cut.

    Kept: finding and checking them takes as long as a step of some hundred rows.
    """
    n_blocks = -(-batch_size // architecture.height)
    size = _block_size(architecture, 0)
    most = int(_step_nanoseconds(architecture, batch_size) // _GROUP_NANOSECONDS)
    group_blocks = -(-n_blocks // min(_GROUPS, max(1, most)))
    n_groups = -(-n_blocks // group_blocks)
    # Writing and reading the groups' sums costs less than sharing their activations.
    split = n_groups * architecture.n_parameters <= n_blocks * size
    layers, size = _layer_table(architecture, group_blocks if split else n_blocks)
    tickets = _weight_tickets(layers, 1 << 30 if split else _ROWS_A_TICKET)
    parameters = np.empty(architecture.n_parameters, architecture.dtype)
    network = bundles.Network.checked(layers, parameters)
    cut = (batch_size, n_blocks, group_blocks if split else 1, size, n_groups * split, tickets)
    return layers, bundles.Plan.checked(network, cut)


def _block_size(architecture: Architecture, transposed: int) -> int:
    """Return the elements of a block's workspace; tiles may read N vectors past the last."""
    height = architecture.height
    deltas = int(architecture.table[:, bundles.N_OUT].sum()) * height
    return architecture.forward_size + deltas + transposed + COLUMNS * height


def _layer_table(architecture: Architecture, summed_blocks: int) -> tuple[Array, int]:
    """Return the layer table with the places of deltas, as they are and transposed.

    And the elements of a block's workspace.
    """
    height, lanes = architecture.height, lanes_of(architecture.dtype)
    table = architecture.table.copy()
    n_out = table[:, bundles.N_OUT]
    ends = architecture.forward_size + np.cumsum(n_out * height)
    table[:, bundles.DELTA] = ends - n_out * height
    by_output = [
        sums_by_output(n_in, width, summed_blocks, lanes)
        for n_in, width in table[:, : bundles.N_OUT + 1].tolist()
    ]
    transposed = np.where(by_output, -(-n_out // lanes) * lanes * height, 0)
    at = ends[-1] + np.cumsum(transposed) - transposed
    table[:, bundles.TRANSPOSED] = np.where(by_output, at, -1)
    return table, _block_size(architecture, int(transposed.sum()))


def _weight_tickets(layers: Array, most_rows: int) -> Array:
    """Return the table of weight tickets: each a few rows of one weight matrix."""
    return np.array(
        [
            (layer, first, min(first + at_once, n_in))
            for layer, (n_in, n_out) in enumerate(layers[:, : bundles.N_OUT + 1].tolist())
            for at_once in [
                min(most_rows, max(COLUMNS, _WEIGHTS_A_TICKET // n_out // COLUMNS * COLUMNS))
            ]
            for first in range(0, n_in, at_once)
        ],
        np.int64,
    )
