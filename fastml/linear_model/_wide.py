"""Least squares with no more rows than features: through the products of rows with each other."""

from __future__ import annotations

import numpy as np

from ..core.blas import one_blas_thread
from ..core.validation import Array
from ._factor import Factor
from ._least_squares import WELL_CONDITIONED, Solution, by_factor, penalised_by_factor, side_by_side
from ._moments import Moments, raw_products


def weighted_mean(columns: Array, weights: Array) -> Array:
    """Return the mean of the rows, exact for constant columns.

    They are moved by the heaviest: about a light one that is far away the others would be rounded.
    """
    heaviest = columns[np.argmax(weights)]
    moved = (weights[:, None] * (columns - heaviest)).sum(axis=0)
    return np.asarray(heaviest + moved / weights.sum())


def solve_wide(
    X: Array, Y: Array, weights: Array | None, alpha: Array, center: bool
) -> tuple[Solution, Moments] | None:
    """Return the solution of least norm, or with a penalty; None where numbers overflow.

    With a penalty b = F'(FF' + alpha I)^-1 B (Saunders, Gammerman and Vovk, "Ridge regression
    learning algorithm in dual variables", 1998).
    """
    d = X.shape[1]
    columns = side_by_side(X, Y)
    w = np.ones(len(X)) if weights is None else weights
    with np.errstate(all="ignore"):
        mean = weighted_mean(columns, w) if center else np.zeros(columns.shape[1])
        columns = (columns - mean) * np.sqrt(w)[:, None]
        if not np.isfinite((columns * columns).sum()):
            return None
    F, B = np.ascontiguousarray(columns[:, :d]), columns[:, d:]
    found = Moments(float(w.sum()), mean, np.empty((0, 0)), False)
    with one_blas_thread():  # its threads would wait for ours, and decide its bits
        if not alpha.any():
            return by_factor(F, B, len(F)), found
        coef = _dual(F, B, alpha)
        if coef is None:
            coef = penalised_by_factor(F, B, alpha)
    return Solution(coef, d, lambda: F), found


def _dual(F: Array, B: Array, alpha: Array) -> Array | None:
    """Return the penalised solution, or None where it is too ill-conditioned."""
    n = len(F)
    products = raw_products(F.T, np.empty((F.shape[1], 0)), None, np.zeros(n), np.float64)[:n, :n]
    each = []
    for number, penalty in enumerate(alpha):
        factor = Factor(products + penalty * np.eye(n))
        if not (factor.definite and factor.reciprocal_condition() > WELL_CONDITIONED):
            return None
        which = slice(None) if len(alpha) == 1 else slice(number, number + 1)
        each.append(factor.solve(np.ascontiguousarray(B[:, which].T)) @ F)
    return np.vstack(each).T
