"""Margins, probabilities and labels of rows under given coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.threads import ALONE, new_state, run_team, team_size
from ..core.validation import Array, check_finite
from ..kernels.linear_model import predict as kernel
from ..kernels.linear_model.rowwise import HEIGHT

_NO_LABELS = np.empty(0, np.int32)
_NO_OUTPUT = {np.dtype(kind): np.empty((0, 0), kind) for kind in (np.float32, np.float64)}
#: Work of a ticket, in multiply-adds.
_WORK_PER_TICKET = 1 << 16
#: So few rows are predicted sooner than anything is shared.
_FEW_ROWS = 8


def _run(
    X: Array, coef: Array, intercept: Array, kind: int, out: Array, labels: Array, name: str
) -> None:
    n_outputs, d = coef.shape
    n = len(X)
    nanoseconds = 0.15 * n * (d + 16) * n_outputs
    if nanoseconds < ALONE or n <= _FEW_ROWS:
        rows = X if X.flags.c_contiguous else np.array(X, order="C")
        if not kernel.predict_alone(rows, coef, intercept, kind, out, labels):
            check_finite(X, "X", name)
        return
    sources = X, X.reshape(-1) if X.flags.c_contiguous else np.empty(0, X.dtype)
    rows_a_ticket = max(2, _WORK_PER_TICKET // (d * n_outputs + 16) // HEIGHT) * HEIGHT
    finite = np.empty(-(-n // rows_a_ticket), np.bool_)
    run_team(
        kernel.predict, min(team_size(nanoseconds), len(finite)),
        sources, coef, intercept, kind, rows_a_ticket, new_state(), out, labels, finite,
    )  # fmt: skip
    if not finite.all():
        check_finite(X, "X", name)


def decision(X: Array, coef: Array, intercept: Array, dtype: Any, name: str = "") -> Array:
    """Return the margins (n_samples, n_outputs).

    Parameters
    ----------
    X : ndarray (n_samples, n_features), contiguous; looked at for numbers that are not finite
    coef : ndarray (n_outputs, n_features), C-contiguous
    intercept : ndarray (n_outputs,)
    dtype : float32 or float64, of the result
    name : str, the estimator's, for errors
    """
    out = np.empty((len(X), len(coef)), dtype)
    _run(X, coef, intercept, kernel.MARGINS, out, _NO_LABELS, name)
    return out


def probabilities(X: Array, coef: Array, intercept: Array, dtype: Any, name: str = "") -> Array:
    """Return the probabilities (n_samples, n_classes): see :func:`decision`."""
    out = np.empty((len(X), max(2, len(coef))), dtype)
    _run(X, coef, intercept, kernel.PROBABILITIES, out, _NO_LABELS, name)
    return out


def labels(X: Array, coef: Array, intercept: Array, dtype: Any, name: str = "") -> Array:
    """Return the number of each row's class: see :func:`decision`."""
    found = np.empty(len(X), np.int32)
    _run(X, coef, intercept, kernel.LABELS, _NO_OUTPUT[np.dtype(dtype)], found, name)
    return found
