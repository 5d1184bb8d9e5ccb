"""The loops over epochs: stochastic solvers and L-BFGS, what they record and when they stop."""

from __future__ import annotations

import time
import warnings
from copy import copy
from typing import Any

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from ..core.callbacks import FitTask
from ..core.validation import Array
from ._epochs import Epochs
from ._loss import mean_loss, poisson_constant, reported
from ._network import Fitted, Network, Samples
from ._objective import Objective
from ._optimizer import Optimizer
from ._trainer import Trainer

#: Numbers above this in X are named as the likely cause where training diverges.
_LARGE = 1e3
#: SciPy's status of a minimisation a callback has stopped.
_STOPPED_BY_CALLBACK = 99


def split(
    samples: Samples, fraction: float, random_state: np.random.RandomState, stratify: Array | None
) -> tuple[Array, Samples]:
    """Return the rows to train on, and the samples held out to validate with."""
    rows, held_out = train_test_split(
        np.arange(len(samples.X)),
        test_size=fraction,
        random_state=random_state,
        stratify=stratify,
    )
    if len(held_out) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of "
            "your dataset."
        )
    return rows, samples.of(held_out)


class Training:
    """One call of ``fit`` or ``partial_fit``, from checked samples to fitted attributes.

    Parameters
    ----------
    estimator : BasePerceptron
    layers : Network
    parameters : ndarray (n_parameters,)
        To start from; trained in place.
    samples : Samples
    rows : ndarray of int64
        The samples to train on.
    held_out : Samples or None
        To validate with.
    again : bool
        Whether training goes on from an earlier call, whose records are extended.
    incremental : bool
        Whether to train for one epoch only.
    """

    def __init__(
        self,
        estimator: Any,
        layers: Network,
        parameters: Array,
        samples: Samples,
        rows: Array,
        held_out: Samples | None,
        *,
        again: bool,
        incremental: bool,
    ) -> None:
        self.estimator, self.layers, self.parameters = estimator, layers, parameters
        self.incremental = incremental
        self.samples, self.rows, self.held_out = samples, rows, held_out
        self.early_stopping = estimator.early_stopping and held_out is not None
        # What the last finished epoch left; and the best one, judged by the validation score.
        self.kept, self.best = parameters.copy(), parameters.copy()
        before = vars(estimator) if again else {}
        self.curve: list[float] = [*(before.get("loss_curve_") or [])]
        self.scores: list[float] = [*(before.get("validation_scores_") or [])]
        self.validation_curve: list[float] = [*(before.get("validation_loss_curve_") or [])]
        self.norms: list[Array] = [*before.get("gradient_norms_", [])]
        loss, score = before.get("best_loss_"), before.get("best_validation_score_")
        self.best_loss: float = np.inf if loss is None else loss
        self.best_score: float = -np.inf if score is None else score
        self.without_improvement: int = before.get("_no_improvement_count", 0)
        self.t: int = before.get("t_", 0)
        self.n_iter = 0
        self.started = time.monotonic()

    def run(self, random_state: np.random.RandomState, data: dict[str, Any]) -> None:
        """Train, and set the fitted attributes, however training ends.

        Parameters
        ----------
        random_state : RandomState
            Shuffles the samples.
        data : dict
            What callbacks may ask for.
        """
        estimator = self.estimator
        max_iter = 1 if self.incremental else estimator.max_iter
        task = FitTask(estimator, max_iter, data, self.attributes)
        try:
            with task.running():
                if estimator.solver == "lbfgs":
                    self.lbfgs(task)
                else:
                    if not (self.incremental and hasattr(estimator, "_optimizer")):
                        estimator._optimizer = Optimizer(estimator, self.layers)
                    self.stochastic(estimator._optimizer, random_state, task)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        finally:
            for name, value in self.attributes().items():
                setattr(estimator, name, value)

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes of an estimator whose training stops here."""
        parameters = (self.best if self.early_stopping else self.kept).copy()
        coefs, intercepts = self.layers.views(parameters)
        validated = self.held_out is not None
        recorded = {"gradient_norms_": np.array(self.norms)} if self.norms else {}
        return {
            "coefs_": coefs,
            "intercepts_": intercepts,
            "_fitted": Fitted(
                self.layers, parameters, [*coefs, *intercepts], copy(self.estimator.activation)
            ),
            "loss_curve_": [*self.curve],
            "loss_": self.curve[-1] if self.curve else np.inf,
            "best_loss_": None if self.early_stopping else self.best_loss,
            "validation_scores_": [*self.scores] if validated else None,
            "validation_loss_curve_": [*self.validation_curve] if validated else None,
            "best_validation_score_": self.best_score if self.early_stopping else None,
            "n_iter_": self.n_iter,
            "n_layers_": len(self.layers.widths),
            "n_outputs_": self.layers.widths[-1],
            "out_activation_": self.layers.output,
            "t_": self.t,
            "_no_improvement_count": self.without_improvement,
            **recorded,
        }

    # --- one epoch's end -----------------------------------------------------------------

    def end_epoch(self, loss: float) -> None:
        """Record a finished epoch.

        Raises
        ------
        ValueError
            If training has diverged; what was kept is then the epoch before.
        """
        if not (np.isfinite(loss) and np.isfinite(self.parameters).all()):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain "
                "large values and need to be preprocessed. Training diverged in epoch "
                f"{self.n_iter + 1}: {self._likely_cause()} The parameters are those of the "
                "last finite epoch."
            )
        self.kept[...] = self.parameters
        self.n_iter += 1
        self.t += len(self.rows)
        self.curve.append(loss)
        if self.estimator.verbose:
            print(f"Iteration {self.n_iter}, loss = {loss:.8f}")
        if self.held_out is not None:
            self._validate(self.held_out)

    def _reported(self, summed: float, rows: Array, batch_size: int) -> float:
        """Return a mean loss over ``rows``, given the sum over outputs, as it is reported."""
        layers = self.layers
        if layers.output == "exp":
            weights = self.samples.weights_of(rows)
            summed += poisson_constant(self.samples.Y[rows], weights, batch_size)
        return reported(layers.output, summed, layers.widths[-1])

    def _likely_cause(self) -> str:
        largest = max(float(self.samples.X.max()), -float(self.samples.X.min()))
        targets = float(np.abs(self.samples.Y).max()) if self.layers.output == "identity" else 0.0
        if largest > _LARGE or targets > _LARGE:
            name, size = ("X", largest) if largest > targets else ("y", targets)
            return (
                f"{name} holds numbers as large as {size:.3g}; scale it to zero mean and unit "
                "variance."
            )
        if self.estimator.solver == "lbfgs":
            return "raise alpha, or scale the features."
        return f"learning_rate_init={self.estimator.learning_rate_init} is too large."

    def _validate(self, held_out: Samples) -> None:
        z = self.layers.outputs(held_out.X, self.parameters)
        self.validation_curve.append(mean_loss(self.layers.output, z, held_out))
        self.scores.append(self.estimator._score_outputs(z, held_out))
        if self.estimator.verbose:
            print(f"Validation score: {self.scores[-1]:f}")

    def _count_improvement(self) -> None:
        """Count the epochs since the last that improved by more than the tolerance."""
        tol = self.estimator.tol
        if self.early_stopping:
            improved = not self.scores[-1] < self.best_score + tol
            if self.scores[-1] > self.best_score:
                self.best_score = self.scores[-1]
                self.best[...] = self.parameters
        else:
            improved = not self.curve[-1] > self.best_loss - tol
            self.best_loss = min(self.best_loss, self.curve[-1])
        self.without_improvement = 0 if improved else self.without_improvement + 1

    def _out_of_time(self) -> bool:
        limit = self.estimator.max_time
        if limit is None or time.monotonic() - self.started < limit:
            return False
        warnings.warn(
            f"max_time={limit} seconds reached after {self.n_iter} iterations and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=2,
        )
        return True

    # --- the solvers -----------------------------------------------------------------------

    def stochastic(
        self, optimizer: Optimizer, random_state: np.random.RandomState, task: FitTask
    ) -> None:
        """Run epochs of mini-batches until nothing improves, or for ``max_iter`` epochs."""
        estimator = self.estimator
        trainer = Trainer(self.layers, self._batch_size())
        epochs = Epochs(
            trainer, self.samples, self.rows, self.parameters, optimizer, random_state,
            shuffle=estimator.shuffle, alpha=estimator.alpha,
        )  # fmt: skip
        most = epochs.most if self._may_run_ahead(optimizer, task) else 1
        ahead = 1
        while self.n_iter < estimator.max_iter:
            with task.epoch() as epoch:
                ahead = min(ahead, most, estimator.max_iter - self.n_iter)
                losses = self._losses(epochs.run(ahead), epochs.last_rows, trainer)
                uneventful = self._uneventful(losses)
                if uneventful < ahead:
                    epochs.take_back()
                    losses = self._losses(epochs.run(uneventful), epochs.last_rows, trainer)
                for loss in losses:
                    self.end_epoch(loss)
                    if estimator.record_gradients:
                        self._record_last_gradient(trainer, epochs.last_rows)
                    self._count_improvement()
                    optimizer.end_epoch(self.t)
                ahead = 2 * ahead if uneventful == ahead else 1
            if self.without_improvement > estimator.n_iter_no_change:
                if not self._goes_on(optimizer):
                    return
                self.without_improvement = 0
            if self.incremental or epoch.stop or self._out_of_time():
                return
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=2,
        )

    def _may_run_ahead(self, optimizer: Optimizer, task: FitTask) -> bool:
        """Say whether nothing but the losses has to be looked at after every epoch."""
        return not (
            task.watched
            or self.incremental
            or self.held_out is not None
            or self.estimator.record_gradients
            or optimizer.schedule != "constant"
            or self.layers.output == "exp"  # whose constant needs the rows of each epoch
        )

    def _losses(self, found: Array, rows: Array, trainer: Trainer) -> list[float]:
        """Return the losses of epochs as they are reported."""
        size = trainer.batch_size
        return [self._reported(loss, rows, size) + penalty for loss, penalty in found.tolist()]

    def _uneventful(self, losses: list[float]) -> int:
        """Return how many epochs pass before training diverges or stands still, at least one."""
        best, without = self.best_loss, self.without_improvement
        for i, loss in enumerate(losses):
            if not np.isfinite(loss):
                return max(i, 1)
            without = 0 if not loss > best - self.estimator.tol else without + 1
            best = min(best, loss)
            if without > self.estimator.n_iter_no_change:
                return i + 1
        finite = bool(np.isfinite(self.parameters).all())
        return len(losses) if finite else max(len(losses) - 1, 1)

    def _batch_size(self) -> int:
        n_rows = len(self.rows)
        if self.estimator.batch_size == "auto":
            return min(200, n_rows)
        if self.estimator.batch_size > n_rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
                stacklevel=2,
            )
        return min(int(self.estimator.batch_size), n_rows)

    def _goes_on(self, optimizer: Optimizer) -> bool:
        """Where training stands still, say so; lower an adaptive learning rate and go on."""
        estimator = self.estimator
        goes_on = optimizer.may_go_on()
        if estimator.verbose:
            judged = "Validation score" if self.early_stopping else "Training loss"
            done = f"Setting learning rate to {optimizer.learning_rate:f}"
            print(
                f"{judged} did not improve more than tol={estimator.tol:f} for "
                f"{estimator.n_iter_no_change} consecutive epochs. "
                f"{done if goes_on else 'Stopping.'}"
            )
        return goes_on

    def _record_last_gradient(self, trainer: Trainer, rows: Array) -> None:
        """Record the gradient of the last batch of an epoch."""
        last = (len(rows) - 1) // trainer.batch_size * trainer.batch_size
        self._record_gradient(trainer.gradient, rows[last:])

    def _record_gradient(self, gradient: Array, rows: Array) -> None:
        """Record the norm of the loss's gradient by each layer's weights, summed over ``rows``."""
        coefs, _ = self.layers.views(gradient)
        norms = np.array([np.linalg.norm(dW) for dW in coefs], dtype=np.float64)
        weight = self.samples.total_weight(rows)
        self.norms.append(norms / weight if weight else norms)

    def lbfgs(self, task: FitTask) -> None:
        """Minimise the loss of all samples by SciPy's L-BFGS-B."""
        estimator, layers = self.estimator, self.layers
        objective = Objective(layers, self.samples, self.rows, estimator.alpha)

        def end_iteration(intermediate_result: Any) -> None:
            x, fun = intermediate_result.x, float(intermediate_result.fun)
            with task.epoch() as epoch:
                self.parameters[...] = x
                penalty = objective.penalty(x)
                loss = penalty + self._reported(fun - penalty, self.rows, len(self.rows))
                self.end_epoch(loss)
                if estimator.record_gradients:
                    self._record_gradient(objective.loss_gradient, self.rows)
                self.best_loss = min(self.best_loss, loss)
            if epoch.stop or self._out_of_time():
                raise StopIteration

        result = scipy.optimize.minimize(
            objective,
            self.parameters.astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=end_iteration,
            options={
                "maxfun": estimator.max_fun,
                "maxiter": estimator.max_iter,
                "gtol": estimator.tol,
            },
        )
        if not np.isfinite(result.fun):
            self.parameters[...] = np.nan
            self.end_epoch(float(result.fun))
        if result.status not in (0, _STOPPED_BY_CALLBACK):
            warnings.warn(
                f"lbfgs failed to converge after {result.nit} iteration(s) (status="
                f"{result.status}):\n{result.message}\n\nYou might also want to scale the data "
                "as shown in:\n    https://scikit-learn.org/stable/modules/preprocessing.html",
                ConvergenceWarning,
                stacklevel=2,
            )
