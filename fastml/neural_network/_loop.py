"""One call of ``fit`` or ``partial_fit``, from checked samples to fitted attributes."""

from __future__ import annotations

import time
from math import isfinite
from typing import Any

from ..core.validation import Array, is_finite
from ..kernels.neural_network.bundles import Samples
from ._architecture import Architecture
from ._history import History
from ._loss import mean_loss, poisson_constant, reported
from ._messages import diverged, likely_cause, warn_out_of_time
from ._network import Network
from ._optimizer import Optimizer
from ._table import TableSamples
from ._targets import Targets


class TrainingLoop:
    """What both kinds of solvers share: an epoch's end, and what training leaves behind.

    Nothing of the estimator is changed.

    Parameters
    ----------
    estimator : BasePerceptron
    targets : Targets
    architecture : Architecture
    parameters : ndarray (n_parameters,)
        To start from; trained in place.
    samples : Samples or TableSamples
    rows : ndarray of int64
        The samples to train on: of a table all.
    held_out : Samples or None
        To validate with.
    before : dict
        The fitted attributes training goes on from; empty for a new start.
    features : dict
        The fitted attributes that tell of the columns of X.
    incremental : bool
        Whether to train for one epoch only.
    """

    def __init__(
        self,
        estimator: Any,
        targets: Targets,
        architecture: Architecture,
        parameters: Array,
        samples: Samples | TableSamples,
        rows: Array,
        held_out: Samples | None,
        *,
        before: dict[str, Any],
        features: dict[str, Any],
        incremental: bool,
    ) -> None:
        self.estimator, self.targets = estimator, targets
        self.architecture, self.parameters = architecture, parameters
        self.samples, self.rows, self.held_out = samples, rows, held_out
        self.features, self.incremental = features, incremental
        self.max_iter: int = 1 if incremental else estimator.max_iter
        early_stopping = bool(estimator.early_stopping) and held_out is not None
        self.history = History(
            before,
            validated=held_out is not None,
            early_stopping=early_stopping,
            tol=estimator.tol,
        )
        # What the last finished epoch left; with early stopping, what the best one did.
        self.kept = parameters.copy()
        self.optimizer: Optimizer | None = None
        remembered: Optimizer | None = before.get("_optimizer")
        if incremental and remembered is not None and remembered.is_for(architecture):
            self.optimizer = remembered.copied()
        elif estimator.solver != "lbfgs":
            self.optimizer = Optimizer(estimator, architecture)
        self.started = time.monotonic()

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes of an estimator whose training stops here."""
        architecture = self.architecture
        return {
            "_network": Network(architecture, self.kept.copy()),
            "_optimizer": self.optimizer,
            "n_layers_": len(architecture.widths),
            "n_outputs_": architecture.widths[-1],
            "out_activation_": architecture.output,
            **self.features,
            **self.targets.fitted(),
            **self.history.attributes(),
        }

    def end_epoch(self, loss: float) -> None:
        """Record a finished epoch.

        Raises
        ------
        DivergenceError
            If the loss or a parameter is not finite; what was kept is then the epoch before.
        """
        history = self.history
        if not (isfinite(loss) and is_finite(self.parameters)):
            some = self.some_samples()
            numbers = some.Y if self.architecture.output == "identity" else None
            X = getattr(some.X, "matrix", some.X)
            cause = likely_cause(X, numbers, self.estimator)
            raise diverged(history.n_iter, cause)
        if not history.early_stopping:
            self.kept[...] = self.parameters
        history.add_epoch(loss, len(self.rows))
        if self.estimator.verbose:
            print(f"Iteration {history.n_iter}, loss = {loss:.8f}")
        if self.held_out is not None:
            self._validate(self.held_out)

    def some_samples(self) -> Samples:
        """Return the samples, of a table the first."""
        return self.samples.first if isinstance(self.samples, TableSamples) else self.samples

    def _validate(self, held_out: Samples) -> None:
        z = Network(self.architecture, self.parameters).outputs(held_out.X)
        self.history.validation_losses.append(mean_loss(self.architecture.output, z, held_out))
        self.history.scores.append(self.targets.score(z, held_out))
        if self.estimator.verbose:
            print(f"Validation score: {self.history.scores[-1]:f}")

    def reported(self, summed: float, rows: Array, batch_size: int) -> float:
        """Return a mean loss over ``rows``, given the sum over outputs, as it is reported."""
        output = self.architecture.output
        if output == "exp":
            samples = self.some_samples()
            summed += poisson_constant(samples.Y[rows], samples.weights_of(rows), batch_size)
        return reported(output, summed, self.architecture.widths[-1])

    def record_gradient(self, gradient: Array, rows: Array) -> None:
        """Record the norms of the loss's gradient by each layer's weights, summed over ``rows``."""
        norms = self.architecture.views(gradient)[0]
        self.history.add_norms(norms, self.some_samples(), rows)

    def out_of_time(self) -> bool:
        """Say whether ``max_time`` is over, and warn if it is."""
        limit = self.estimator.max_time
        if limit is None or time.monotonic() - self.started < limit:
            return False
        warn_out_of_time(limit, self.history.n_iter)
        return True
