"""What training prints, warns of, and says when it diverges."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..core.validation import Array

#: Numbers above this in X or y are named as the likely cause where training diverges.
_LARGE = 1e3


class DivergenceError(ValueError):
    """The loss or a parameter is not finite any more."""


def diverged(n_iter: int, cause: str) -> DivergenceError:
    """Return the error for training that diverged after so many epochs."""
    kept = " The parameters are those of the last finite epoch." if n_iter else ""
    return DivergenceError(
        "Solver produced non-finite parameter weights. The input data may contain "
        "large values and need to be preprocessed. Training diverged in epoch "
        f"{n_iter + 1}: {cause}{kept}"
    )


def likely_cause(X: Array, targets: Array | None, estimator: Any) -> str:
    """Say why training probably diverged.

    Parameters
    ----------
    targets : ndarray or None
        Numbers to be learnt, where y holds such.
    """
    of_X = max(float(X.max()), -float(X.min()))
    of_y = 0.0 if targets is None else float(np.abs(targets).max())
    if max(of_X, of_y) > _LARGE:
        name, size = ("X", of_X) if of_X > of_y else ("y", of_y)
        return (
            f"{name} holds numbers as large as {size:.3g}; scale it to zero mean and unit variance."
        )
    if estimator.solver == "lbfgs":
        return "raise alpha, or scale the features."
    return f"learning_rate_init={estimator.learning_rate_init} is too large."


def warn_not_converged(message: str) -> None:
    """Warn that training ended before it converged."""
    warnings.warn(message, ConvergenceWarning, stacklevel=2)


def warn_out_of_time(limit: float, n_iter: int) -> None:
    """Warn that ``max_time`` ended training."""
    warn_not_converged(
        f"max_time={limit} seconds reached after {n_iter} iterations and the "
        "optimization hasn't converged yet."
    )


def warn_most_epochs(max_iter: int) -> None:
    """Warn that ``max_iter`` ended a stochastic solver."""
    warn_not_converged(
        f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and the "
        "optimization hasn't converged yet."
    )


def warn_lbfgs(result: Any) -> None:
    """Warn that L-BFGS ended early, with what SciPy says."""
    warn_not_converged(
        f"lbfgs failed to converge after {result.nit} iteration(s) (status="
        f"{result.status}):\n{result.message}\n\nYou might also want to scale the data "
        "as shown in:\n    https://scikit-learn.org/stable/modules/preprocessing.html"
    )


def tell_standstill(estimator: Any, *, early_stopping: bool, learning_rate: float | None) -> None:
    """Print that nothing improves, and the learning rate to go on with; None is to stop."""
    judged = "Validation score" if early_stopping else "Training loss"
    done = "Stopping." if learning_rate is None else f"Setting learning rate to {learning_rate:f}"
    print(
        f"{judged} did not improve more than tol={estimator.tol:f} for "
        f"{estimator.n_iter_no_change} consecutive epochs. {done}"
    )
