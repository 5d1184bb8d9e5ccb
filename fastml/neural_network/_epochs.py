"""Epochs of a stochastic solver: one by one, or where they are short several in one call."""

from __future__ import annotations

import numpy as np

from ..core.validation import Array
from ..kernels.neural_network.bundles import Samples
from ._blockwise import epoch_order
from ._compiled import CompiledSteps
from ._optimizer import Optimizer
from ._sparse import rows_a_call

#: Calls shorter than this may hold several epochs: what an interrupt or a time limit waits for.
_CALL_NANOSECONDS = 2e7
_MOST_EPOCHS, _MOST_ROWS = 64, 1 << 22


class RunAhead:
    """Runs epochs, and can take the last ones back.

    Between two short epochs Python, and waking the other threads, would take as long as an epoch
    itself.  So a call runs ahead, twice as far each time; when it turns out that training ought
    to have stopped on the way, that call is taken back and made again, no farther than to there.

    Parameters
    ----------
    steps : CompiledSteps
    samples : Samples
    rows : ndarray of int64
        The samples to train on.
    parameters : ndarray (n_parameters,)
        Trained in place.
    optimizer : Optimizer
    random_state : RandomState
        Shuffles the rows before every epoch, or is not used.
    shuffle : bool or 'blocks'
    alpha : float
        The L2 penalty.
    """

    def __init__(
        self,
        steps: CompiledSteps,
        samples: Samples,
        rows: Array,
        parameters: Array,
        optimizer: Optimizer,
        random_state: np.random.RandomState,
        *,
        shuffle: bool | str,
        alpha: float,
    ) -> None:
        self.steps, self.samples, self.rows = steps, samples, rows
        self.parameters, self.optimizer, self.alpha = parameters, optimizer, alpha
        self.random_state, self.shuffle = random_state, shuffle
        #: Whether the rows are all there are, so that their order is their numbers.
        self._all = len(rows) == len(samples.X)
        self.order = rows if self._all and not shuffle else np.arange(len(rows))
        in_time = _CALL_NANOSECONDS / steps.nanoseconds(len(rows))
        #: How many epochs a call may hold.
        self.most = max(1, int(min(in_time, _MOST_EPOCHS, _MOST_ROWS / len(rows))))
        if rows_a_call(samples) < len(samples.X):
            self.most = 1
        self._before: tuple[Array, list[Array], int, Array, object] | None = None

    def run(self, n_epochs: int) -> Array:
        """Train; return of each epoch the mean loss and penalty (n_epochs, 2)."""
        if n_epochs > 1:
            self._before = (
                self.parameters.copy(),
                [moment.copy() for moment in self.optimizer.moments],
                self.optimizer.steps,
                self.order.copy(),
                self.random_state.get_state() if self.shuffle else None,
            )
        if n_epochs == 1 and self._all:  # no copies: they take a tenth of a short epoch
            self._next_order()
            rows = self.order[np.newaxis]
        else:
            rows = np.empty((n_epochs, len(self.rows)), np.int64)
            for of_epoch in rows:
                self._next_order()
                of_epoch[...] = self.order if self._all else self.rows[self.order]
        self.last_rows = rows[-1]
        return self.steps.train(self.samples, rows, self.parameters, self.optimizer, self.alpha)

    def _next_order(self) -> None:
        if self.shuffle == "blocks":
            n_features = self.samples.X.shape[1]
            self.order[...] = epoch_order(len(self.rows), n_features, self.random_state)
        elif self.shuffle:
            self.random_state.shuffle(self.order)

    def take_back(self) -> None:
        """Undo the last call of :meth:`run`, which held several epochs."""
        assert self._before is not None
        parameters, moments, steps, order, state = self._before
        self.parameters[...] = parameters
        for moment, before in zip(self.optimizer.moments, moments, strict=True):
            moment[...] = before
        self.optimizer.steps = steps
        self.order[...] = order
        if self.shuffle:
            self.random_state.set_state(state)  # type: ignore[arg-type]
