"""Fits by scikit-learn's own code, where an estimator has no kernel for what was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .estimator import fitted_at_once
from .validation import check_sparse, is_sparse


def fit_as_scikit_learn(estimator: Any, reason: str, fit: Callable[[Any], Any]) -> None:
    """Fit a twin of an estimator with scikit-learn's code, then take over what it found.

    The estimator stays as it was if the fit raises.  ``computed_by_`` says why it was theirs.

    Parameters
    ----------
    estimator : estimator
    reason : str
        What was asked that fastml's own code does not do.
    fit : callable
        Takes the twin and fits it.
    """
    with fitted_at_once(estimator) as twin:
        fit(twin)
        twin.computed_by_ = f"scikit-learn: {reason}"


def unsupported_input(*arrays: Any) -> str | None:
    """Return what about the input asks for scikit-learn's code, or None.

    Sparse matrices and frames, and arrays of other libraries while scikit-learn dispatches on them.
    """
    if all(type(array) is np.ndarray for array in arrays):
        return None
    from sklearn import get_config

    if any(is_sparse(array) for array in arrays):
        for array in arrays:
            check_sparse(array)
        return "sparse X"
    foreign = any(
        hasattr(a, "__array_namespace__") and not isinstance(a, np.ndarray) for a in arrays
    )
    if foreign and get_config()["array_api_dispatch"]:
        return "array API dispatch"
    return None
