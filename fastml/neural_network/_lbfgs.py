"""L-BFGS: SciPy's minimiser over the loss of all samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize

from ..core.callbacks import FitTask
from ._loop import TrainingLoop
from ._messages import warn_lbfgs
from ._objective import Objective

#: SciPy's status of a minimisation a callback has stopped.
_STOPPED_BY_CALLBACK = 99


def minimize(loop: TrainingLoop, task: FitTask) -> None:
    """Minimise the loss of all samples by SciPy's L-BFGS-B."""
    estimator, history = loop.estimator, loop.history
    objective = Objective(loop.architecture, loop.samples, loop.rows, estimator.alpha)

    def reported(x: Any, value: float) -> float:
        penalty = objective.penalty(x)
        return penalty + loop.reported(value - penalty, loop.rows, len(loop.rows))

    def end_iteration(intermediate_result: Any) -> None:
        x = intermediate_result.x
        with task.epoch() as epoch:
            loop.parameters[...] = x
            loss = reported(x, float(intermediate_result.fun))
            loop.end_epoch(loss)
            if estimator.record_gradients:
                loop.record_gradient(objective.loss_gradient, loop.rows)
            history.best_loss = min(history.best_loss, loss)
        if epoch.stop or loop.out_of_time():
            raise StopIteration

    result = scipy.optimize.minimize(
        objective,
        loop.parameters.astype(np.float64),
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
        loop.parameters[...] = np.nan
        loop.end_epoch(float(result.fun))
    if history.n_iter == 0:  # where it starts is where it stops, and that has a loss
        history.best_loss = min(history.best_loss, reported(result.x, float(result.fun)))
    if result.status not in (0, _STOPPED_BY_CALLBACK):
        warn_lbfgs(result)
