"""The stochastic solvers: epochs of mini-batches until nothing improves."""

from __future__ import annotations

import warnings

import numpy as np

from ..core.callbacks import FitTask
from ..core.validation import Array, is_finite
from ._blockwise import TableEpochs
from ._compiled import CompiledSteps
from ._epochs import RunAhead
from ._loop import TrainingLoop
from ._messages import tell_standstill, warn_most_epochs
from ._optimizer import Optimizer
from ._resuming import Resuming
from ._table import TableSamples


def run_epochs(
    loop: TrainingLoop, resuming: Resuming, random_state: np.random.RandomState, task: FitTask
) -> None:
    """Run epochs of mini-batches until nothing improves, or for ``max_iter`` epochs."""
    estimator, history, optimizer = loop.estimator, loop.history, loop.optimizer
    assert optimizer is not None
    steps = CompiledSteps(loop.architecture, _batch_size(estimator.batch_size, len(loop.rows)))
    epochs: RunAhead | TableEpochs
    if isinstance(loop.samples, TableSamples):
        drawn_by = random_state if estimator.shuffle else None
        epochs = TableEpochs(
            steps, loop.samples, loop.parameters, optimizer, drawn_by, estimator.alpha
        )
    else:
        epochs = RunAhead(
            steps, loop.samples, loop.rows, loop.parameters, optimizer, random_state,
            shuffle=estimator.shuffle, alpha=estimator.alpha,
        )  # fmt: skip
    resuming.begin(loop, epochs)
    most = epochs.most if _may_run_ahead(loop, optimizer, task) else 1
    ahead = 1
    while history.n_iter < estimator.max_iter:
        with task.epoch() as epoch:
            ahead = min(ahead, most, estimator.max_iter - history.n_iter)
            losses = _reported(loop, epochs.run(ahead), epochs.last_rows, steps.batch_size)
            finite = is_finite(loop.parameters)
            keep = history.epochs_to_keep(losses, estimator.n_iter_no_change, finite=finite)
            if keep < ahead:
                epochs.take_back()
                losses = _reported(loop, epochs.run(keep), epochs.last_rows, steps.batch_size)
            for loss in losses:
                loop.end_epoch(loss)
                if estimator.record_gradients:
                    loop.record_gradient(steps.gradient, _last_batch(epochs.last_rows, steps))
                if history.count_improvement():
                    loop.kept[...] = loop.parameters
                optimizer.end_epoch(history.n_samples_seen)
            ahead = 2 * ahead if keep == ahead else 1
        if history.without_improvement > estimator.n_iter_no_change:
            goes_on = optimizer.may_go_on()
            if estimator.verbose:
                tell_standstill(
                    estimator,
                    early_stopping=history.early_stopping,
                    learning_rate=optimizer.learning_rate if goes_on else None,
                )
            if not goes_on:
                return
            history.without_improvement = 0
        if loop.incremental or epoch.stop or loop.out_of_time():
            return
        resuming.save(loop, epochs)
    warn_most_epochs(estimator.max_iter)


def _may_run_ahead(loop: TrainingLoop, optimizer: Optimizer, task: FitTask) -> bool:
    """Say whether nothing but the losses has to be looked at after every epoch."""
    return not (
        task.watched
        or loop.incremental
        or loop.held_out is not None
        or loop.estimator.record_gradients
        or optimizer.schedule != "constant"
        or loop.architecture.output == "exp"  # whose constant needs the rows of each epoch
    )


def _reported(loop: TrainingLoop, found: Array, rows: Array, batch_size: int) -> list[float]:
    """Return the losses of epochs as they are reported."""
    return [loop.reported(loss, rows, batch_size) + penalty for loss, penalty in found.tolist()]


def _last_batch(rows: Array, steps: CompiledSteps) -> Array:
    """Return the rows of the last batch of an epoch."""
    return rows[(len(rows) - 1) // steps.batch_size * steps.batch_size :]


def _batch_size(wanted: int | str, n_rows: int) -> int:
    if isinstance(wanted, str):
        return min(200, n_rows)
    if wanted > n_rows:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=2,
        )
    return min(int(wanted), n_rows)
