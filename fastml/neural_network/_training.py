"""One training, by the solver that was chosen, whatever ends it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..core.callbacks import FitTask
from ._lbfgs import minimize
from ._loop import TrainingLoop
from ._messages import DivergenceError
from ._resuming import Resuming
from ._stochastic import run_epochs


def train(
    loop: TrainingLoop,
    resuming: Resuming,
    random_state: np.random.RandomState,
    data: dict[str, Any],
) -> DivergenceError | None:
    """Train.

    Parameters
    ----------
    loop : TrainingLoop
    resuming : Resuming
        Where to go on from, and what is written to go on from later.
    random_state : RandomState
        Shuffles the samples.
    data : dict
        What callbacks may ask for.

    Returns
    -------
    error : DivergenceError or None
        To be told when the estimator holds what the last finite epoch left.
    """
    task = FitTask(loop.estimator, loop.max_iter, data, loop.attributes)
    try:
        with task.running():
            if loop.estimator.solver == "lbfgs":
                minimize(loop, task)
            else:
                run_epochs(loop, resuming, random_state, task)
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
        return None  # to be gone on with, where there is a checkpoint
    except DivergenceError as error:
        resuming.forget()
        return error
    resuming.forget()
    return None
