"""The loss of all samples as a function of the parameters, with its gradient."""

from __future__ import annotations

import numpy as np

from ..core.validation import Array
from ..kernels.neural_network.bundles import Samples
from ._architecture import Architecture
from ._compiled import CompiledSteps

#: Rows whose gradient is found at once: a few panels a thread.
_ROWS_AT_ONCE = 2048


class Objective:
    """The mean loss of some samples plus the L2 penalty.

    Computed in the element type of the network, whatever that of the parameters.

    Parameters
    ----------
    architecture : Architecture
    samples : Samples
    rows : ndarray of int64
        The samples that count.
    alpha : float
        The L2 penalty.
    """

    def __init__(
        self, architecture: Architecture, samples: Samples, rows: Array, alpha: float
    ) -> None:
        self.architecture, self.samples, self.rows = architecture, samples, rows
        self.alpha = float(alpha)
        self.total = samples.total_weight(rows)
        self._steps = CompiledSteps(architecture, min(_ROWS_AT_ONCE, len(rows)))

    @property
    def loss_gradient(self) -> Array:
        """The gradient of the loss without penalty, of the last call, times ``total``."""
        return self._steps.gradient

    def penalty(self, x: Array) -> float:
        """Return the penalty at parameters x."""
        weights = x[: self.architecture.n_weights]
        return float(0.5 * self.alpha * (weights @ weights) / self.total)

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Return the value at float64 parameters x, and the gradient."""
        parameters = x.astype(self.architecture.dtype, copy=False)
        loss = self._steps.add_up(self.samples, self.rows, parameters) / self.total
        gradient = self._steps.gradient.astype(np.float64)
        gradient[: self.architecture.n_weights] += self.alpha * x[: self.architecture.n_weights]
        return loss + self.penalty(x), gradient / self.total
