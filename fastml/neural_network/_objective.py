"""The loss of all samples as a function of the parameters, with its gradient."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.passes import Grid, TreeSum
from ..core.validation import Array
from ..data import Part
from ..execution import Passes
from ..kernels.neural_network.bundles import Samples
from ._architecture import Architecture
from ._compiled import CompiledSteps
from ._table import TableSamples, samples_of
from ._targets import Encoder

#: Rows whose gradient is found at once: a few panels a thread.
_ROWS_AT_ONCE = 2048
#: Numbers, and such steps at most, of a block of rows whose gradients are summed as one.
_NUMBERS_A_BLOCK, _STEPS_A_BLOCK = 1 << 21, 8


def rows_summed(n_features: int) -> int:
    """Return the rows of a block: by width alone."""
    return _rows_at_once(n_features) * max(
        1, min(_STEPS_A_BLOCK, _NUMBERS_A_BLOCK // (_ROWS_AT_ONCE * n_features))
    )


def _rows_at_once(n_features: int) -> int:
    return min(_ROWS_AT_ONCE, max(64, _NUMBERS_A_BLOCK // n_features // 64 * 64))


class Sums(NamedTuple):
    """The loss of some samples, and its gradient in float64."""

    loss: float
    gradient: Array


def _add(a: Sums, b: Sums) -> Sums:
    return Sums(a.loss + b.loss, a.gradient + b.gradient)


def _plus(a: float, b: float) -> float:
    return a + b


class Adder:
    """Sums losses and gradients over the fixed tree of blocks.

    Parameters
    ----------
    architecture : Architecture
    n_rows : int, of all blocks
    """

    def __init__(self, architecture: Architecture, n_rows: int) -> None:
        self._grid = Grid(rows_summed(architecture.widths[0]))
        self._steps = CompiledSteps(
            architecture, min(_rows_at_once(architecture.widths[0]), n_rows)
        )

    def gradient(self, samples: Samples, rows: Array, parameters: Array) -> Sums:
        """Return the sums over some samples, the first of which begins a block."""
        tree: TreeSum[Sums] = TreeSum(_add)
        for piece in self._grid.pieces(len(rows), 1):
            some = rows[piece.start : piece.stop]
            loss = self._steps.add_up(samples, some, parameters)
            tree.add(piece.first, 1, Sums(loss, self._steps.gradient.astype(np.float64)))
        return tree.total()

    def weight(self, weights: Array) -> float:
        """Return the sum of weights."""
        tree: TreeSum[float] = TreeSum(_plus)
        for piece in self._grid.pieces(len(weights), 1):
            tree.add(piece.first, 1, float(weights[piece.start : piece.stop].sum(dtype=np.float64)))
        return tree.total()


class _OfTable:
    """What passes over samples of a table share.

    Parameters
    ----------
    architecture : Architecture
    encoder : Encoder
    n_rows : int
    """

    def __init__(self, architecture: Architecture, encoder: Encoder, n_rows: int) -> None:
        self._arguments = architecture, encoder, n_rows
        self._encoder, self._dtype = encoder, architecture.dtype
        #: Each in use by one thread at most.
        self._adders = [Adder(architecture, n_rows)]

    def __reduce__(self) -> Any:
        return type(self), self._arguments

    def finish(self, statistics: Any, model: Any) -> Any:
        """Return the sums of all rows."""
        return statistics


class GradientPass(_OfTable):
    """Sums losses and gradients of a table's rows; the model are the parameters."""

    def statistics(self, part: Part, model: Array) -> Sums:
        """Return the sums of a piece."""
        samples = samples_of(part, self._encoder)
        try:
            adder = self._adders.pop()
        except IndexError:  # all are in use
            architecture, _, n_rows = self._arguments
            adder = Adder(architecture, n_rows)
        found = adder.gradient(samples, np.arange(len(samples.X)), model)
        self._adders.append(adder)
        return found

    def merge(self, a: Sums, b: Sums) -> Sums:
        """Return the sums of both."""
        return _add(a, b)


class WeightPass(_OfTable):
    """Sums weights of rows times those of their classes."""

    def statistics(self, part: Part, model: Any) -> float:
        """Return the sum of a piece."""
        weights = part.weights.astype(self._dtype) if part.weights.size else None
        weights = self._encoder(np.asarray(part.y), weights, self._dtype)[1]
        if weights is None:
            return float(part.stop - part.start)
        return self._adders[0].weight(weights)

    def merge(self, a: float, b: float) -> float:
        """Return the sum of both."""
        return a + b


class Objective:
    """The mean loss of some samples plus the L2 penalty.

    Computed in the element type of the network, whatever that of the parameters; sums over blocks
    of samples are float64.

    Parameters
    ----------
    architecture : Architecture
    samples : Samples or TableSamples
    rows : ndarray of int64
        The samples that count: of a table all.
    alpha : float
        The L2 penalty.

    Attributes
    ----------
    loss_gradient : ndarray (n_parameters,)
        The gradient of the loss without penalty, of the last call, times ``total``.
    total : float
        The sum of the weights.
    """

    def __init__(
        self,
        architecture: Architecture,
        samples: Samples | TableSamples,
        rows: Array,
        alpha: float,
    ) -> None:
        self.architecture, self.samples, self.rows = architecture, samples, rows
        self.alpha = float(alpha)
        self.loss_gradient = np.zeros(architecture.n_parameters, architecture.dtype)
        if isinstance(samples, TableSamples):
            arguments = architecture, samples.encoder, len(samples)
            size = rows_summed(architecture.widths[0])
            self._pass = GradientPass(*arguments)
            weighing = Passes(samples.table.targets(), size)
            self.total = float(weighing.run(WeightPass(*arguments), None))
            self._passes = Passes(samples.table, size, samples.name)
        else:
            self._adder = Adder(architecture, len(rows))
            weights = samples.weights_of(rows)
            self.total = self._adder.weight(weights) if weights.size else float(len(rows))

    def penalty(self, x: Array) -> float:
        """Return the penalty at parameters x."""
        weights = x[: self.architecture.n_weights]
        return float(0.5 * self.alpha * (weights @ weights) / self.total)

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Return the value at float64 parameters x, and the gradient."""
        parameters = x.astype(self.architecture.dtype, copy=False)
        if isinstance(self.samples, TableSamples):
            found: Sums = self._passes.run(self._pass, parameters)
        else:
            found = self._adder.gradient(self.samples, self.rows, parameters)
        self.loss_gradient = found.gradient.astype(self.architecture.dtype)
        gradient = found.gradient
        gradient[: self.architecture.n_weights] += self.alpha * x[: self.architecture.n_weights]
        return found.loss / self.total + self.penalty(x), gradient / self.total
