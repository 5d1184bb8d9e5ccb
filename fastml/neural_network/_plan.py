"""What a fit of blocks does with rows, or what keeps it from taking blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import Blocks
from ..execution import Plan
from ._blockwise import rows_at_a_time, rows_shuffled
from ._objective import rows_summed

#: Orders of the rows that are shuffled at a time: of what is read ahead and what is trained on.
_ORDERS = 4


def needs_arrays(estimator: Any) -> str:
    """Return what asks for arrays in memory, or nothing."""
    if estimator.solver != "lbfgs":
        if estimator.shuffle not in (False, "blocks"):
            return "shuffle=True"
        if estimator.early_stopping:
            return "early_stopping"
    if estimator.record_gradients:
        return "record_gradients"
    if getattr(estimator, "loss", "squared_error") == "poisson":
        return "loss='poisson'"
    return ""


def plan_of(estimator: Any, X: Blocks) -> Plan:
    """Return what a fit of blocks does with rows."""
    d = X.shape[1]
    parameters = 8 * (sum(np.atleast_1d(estimator.hidden_layer_sizes)) + 1) * (d + 1)
    if estimator.solver == "lbfgs":
        passes = [("losses and gradients", estimator.max_fun)]
        return Plan(passes, rows_summed(d), parameters)
    rows = rows_at_a_time(*X.shape)
    return Plan(
        [("epochs", estimator.max_iter)], rows_shuffled(*X.shape), parameters,
        shuffled=2 * rows * (d + 1) * (4 if X.dtype == np.float32 else 8),
        besides=_ORDERS * 8 * rows,
    )  # fmt: skip
