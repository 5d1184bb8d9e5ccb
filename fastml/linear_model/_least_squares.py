"""Least squares from moments, and where squares lose too much, from orthogonal factors.

Columns are scaled to unit norm before anything is decided, so units decide nothing.  A Cholesky
factorisation of the scaled products is accepted only with its condition estimate; otherwise all
rows are reduced to a triangle by Householder transformations, block by block, and its singular
values decide the rank.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg

from ..core.blas import one_blas_thread
from ..core.validation import Array
from ..kernels.linear_model.logistic import RESIDUALS
from ..kernels.linear_model.normal import LEAST_SQUARES
from ..kernels.ops.strips import Rows
from ._factor import Factor
from ._logistic_passes import pass_over
from ._moments import Moments

#: Smallest reciprocal condition of scaled products whose solution keeps eight digits or more.
WELL_CONDITIONED = 1e-7
#: The same where products are of float32 quality, and residuals of float64.
_WELL_CONDITIONED_SINGLE = 1e-5
#: Refinement ends where the next step would change no more than this, and after so many.
_REFINED, _MOST_REFINEMENTS = 1e-12, 6
#: Sums of squares below which products with targets that are as small vanish.
_SMALL_SQUARES = 1e-30
#: Rows of a block that is reduced to a triangle.
_BLOCK_ROWS = 4096


class Solution(NamedTuple):
    """Coefficients (n_features, n_targets), the rank, and F with F'F = X'X centred.

    factor : callable, makes F
    intercept : ndarray (n_targets,), about the means, or None for zero
    """

    coef: Array
    rank: int
    factor: Callable[[], Array]
    intercept: Array | None = None


def factors(moments: Moments, n_features: int, alpha: Array) -> list[Factor] | None:
    """Return the factor for every penalty, or None where one is too ill-conditioned.

    Parameters
    ----------
    alpha : ndarray (1,) or (n_targets,)
        Penalties of the squared norms of the coefficients.
    """
    products = moments.products[:n_features, :n_features]
    found = []
    for penalty in alpha:
        penalised = products
        if penalty:
            penalised = products.copy()
            penalised.flat[:: n_features + 1] += penalty
        if not (penalised.diagonal() > 0).all():
            return None
        factor = Factor(penalised)
        least = _WELL_CONDITIONED_SINGLE if moments.single else WELL_CONDITIONED
        if not (factor.definite and factor.reciprocal_condition() > least):
            return None
        found.append(factor)
    return found


def solve_each(found: list[Factor], right: Array) -> Array:
    """Return the solutions (n_targets, n_features), of one factor for all or one each."""
    if len(found) == 1:
        return found[0].solve(right)
    return np.vstack([f.solve(r[None]) for f, r in zip(found, right, strict=True)])


def vanished(moments: Moments, n_features: int) -> bool:
    """Say whether products may have lost digits, or all of them, because they are so small."""
    squares = moments.products.diagonal()
    of_X, of_Y = squares[:n_features].min(initial=1.0), squares[n_features:].min(initial=1.0)
    return bool(of_X < LEAST_SQUARES or (of_Y < LEAST_SQUARES and of_X < _SMALL_SQUARES))


def by_cholesky(moments: Moments, n_features: int, alpha: Array) -> Solution | None:
    """Solve the normal equations, or return None where they are too ill-conditioned."""
    if not alpha.all() and vanished(moments, n_features):
        return None
    found = factors(moments, n_features, alpha)
    if found is None:
        return None
    coef = solve_each(found, moments.products[:n_features, n_features:].T)
    return Solution(coef.T, n_features, found[0].upper)


def residual_sums(X: Array, Y: Array, roots: Array | None, moments: Moments, W: Array) -> Array:
    """Return the sums (n_targets, width) of the residuals W (x, y, 1) times these columns."""
    rows, nothing = Rows.of(X, Y, roots, moments.mean), np.empty(0)
    return pass_over(rows, nothing.astype(np.int32), nothing, W, RESIDUALS).gradient


def refined(
    residuals: Callable[[Array], Array], n_features: int, moments: Moments, alpha: Array,
    center: bool,
) -> Solution | None:  # fmt: skip
    """Solve with products of float32 quality, then again for what float64 residuals leave.

    Every step divides the error by the inverse of the condition times the products' error; None
    where that is not ten at least (Higham, "Accuracy and Stability", 2nd ed., section 12.1).

    Parameters
    ----------
    residuals : callable
        Returns :func:`residual_sums` of all rows, given W.
    """
    d = n_features
    found = factors(moments, d, alpha)
    if found is None:
        return None
    coef = solve_each(found, moments.products[:d, d:].T)
    penalty = np.broadcast_to(alpha, len(coef))[:, None]
    W = np.zeros((len(coef), d + len(coef) + 1))
    W[:, d:-1] = np.eye(len(coef))
    before = 1.0
    units = np.sqrt(np.diag(moments.products)[:d] + np.max(alpha))
    for _ in range(_MOST_REFINEMENTS):
        W[:, :d] = -coef
        sums = residuals(W)
        step = solve_each(found, sums[:, :d] - penalty * coef)
        coef = coef + step
        if center:
            W[:, -1] -= sums[:, -1] / moments.weight
        whole = np.linalg.norm(coef * units)
        size = float(np.linalg.norm(step * units) / whole) if whole > 0 else 0.0
        ratio, before = size / before, size
        if size * min(ratio, 1.0) <= _REFINED:
            return Solution(coef.T, d, found[0].upper, -W[:, -1])
        if not ratio < 0.1:
            break
    return None


def side_by_side(X: Array, Y: Array) -> Array:
    """Return the columns of both, float64 and in C order, whatever order X is in.

    NumPy and BLAS add columns in another order than rows: the bits would depend on it.
    """
    columns = np.empty((len(X), X.shape[1] + Y.shape[1]))
    columns[:, : X.shape[1]], columns[:, X.shape[1] :] = X, Y
    return columns


def reduced(X: Array, Y: Array, roots: Array | None, moments: Moments) -> tuple[Array, Array]:
    """Return (F, B) of at most n_features + n_targets rows: min ||X b - Y|| is min ||F b - B||.

    Rows are centred, multiplied by the roots of their weights and reduced by Householder's
    transformations, heavy rows first: the smaller rows then keep their digits (Cox and Higham,
    "Stability of Householder QR factorization for weighted least squares", 1998).
    """
    n_features = X.shape[1]
    order = None if roots is None else np.argsort(-roots, kind="stable")
    if roots is not None and order is not None:
        order = order[: np.count_nonzero(roots)]
    n_rows = len(X) if order is None else len(order)
    width = n_features + Y.shape[1]
    block = max(_BLOCK_ROWS, 2 * width)
    triangle = np.empty((0, width))
    for start in range(0, n_rows, block):
        rows: Any = slice(start, start + block) if order is None else order[start : start + block]
        some = side_by_side(X[rows], Y[rows]) - moments.mean
        if roots is not None:
            some *= roots[rows][:, None]
        triangle = np.vstack([triangle, some])
        if len(triangle) > width:
            triangle = linalg.qr(triangle, mode="r", overwrite_a=True, check_finite=False)[0]
            triangle = triangle[:width]
    return triangle[:, :n_features], triangle[:, n_features:]


def _norms(F: Array) -> Array:
    """Return the norms of columns, however small their numbers are."""
    unit = np.ldexp(1.0, np.frexp(np.abs(F).max(axis=0, initial=0.0))[1])
    return np.asarray(np.linalg.norm(F / unit, axis=0) * unit)


def by_factor(F: Array, B: Array, n_samples: int) -> Solution:
    """Return the solution of min ||F b - B|| of least norm, in the units given.

    The rank is that of F with columns of unit norm.
    """
    n_features, n_targets = F.shape[1], B.shape[1]
    norms = _norms(F)
    largest = norms.max(initial=0.0)
    used = np.flatnonzero(norms > 0) if largest > 0 else np.empty(0, np.int64)
    coef = np.zeros((n_features, n_targets))
    if not len(used):
        return Solution(coef, 0, lambda: F)
    U, s, Vt = linalg.svd(F[:, used] / norms[used], full_matrices=False, check_finite=False)
    least = max(n_samples, n_features) * np.finfo(np.float64).eps * s[0]
    rank = int((s > least).sum())
    found = (U[:, :rank].T @ B) / s[:rank, None]
    if rank == len(used):
        coef[used] = (Vt.T @ found) / norms[used, None]
        return Solution(coef, rank, lambda: F)
    # Of all b with V' (norms b) = found, the shortest: Q R = norms V, b = Q R'^-1 found.
    scale = norms[used] / largest
    order = np.argsort(-scale, kind="stable")
    Q, R, pivots = linalg.qr((Vt[:rank].T * scale[:, None])[order], mode="economic", pivoting=True)
    shortest = Q @ linalg.solve_triangular(R, found[pivots], trans="T")
    coef[used[order]] = shortest / largest
    return Solution(coef, rank, lambda: F)


def penalised_by_factor(F: Array, B: Array, alpha: Array) -> Array:
    """Return argmin ||F b - B||^2 + alpha ||b||^2, a penalty for all targets or one each."""
    U, s, Vt = linalg.svd(F, full_matrices=False, check_finite=False)
    projected = U.T @ B
    penalty = np.broadcast_to(alpha, B.shape[1])
    least = max(F.shape) * np.finfo(np.float64).eps * s.max(initial=0.0)
    kept = (s > least)[:, None]
    denominator = s[:, None] ** 2 + penalty
    filtered = np.divide(
        s[:, None] * projected, denominator, out=np.zeros_like(projected),
        where=kept & (denominator > 0),
    )  # fmt: skip
    return np.asarray(Vt.T @ filtered)


def solve(X: Array, Y: Array, weights: Array | None, moments: Moments, alpha: Array) -> Solution:
    """Return the least-squares or ridge solution of rows whose moments are known in float64."""
    n_samples, n_features = X.shape
    if n_samples > n_features or alpha.any():
        found = by_cholesky(moments, n_features, alpha)
        if found is not None:
            return found
    roots = None if weights is None else np.sqrt(weights)
    with one_blas_thread():  # its threads would wait for ours, and decide its bits
        F, B = reduced(X, Y, roots, moments)
        if not alpha.any():
            return by_factor(F, B, n_samples)
        return Solution(penalised_by_factor(F, B, alpha), n_features, lambda: F)


def solve_from(moments: Moments, n_features: int, alpha: Array) -> Solution:
    """Return the solution where the rows are gone: to half the digits if ill-conditioned."""
    found = by_cholesky(moments, n_features, alpha)
    if found is not None:
        return found
    products = moments.products[:n_features, :n_features]
    right = moments.products[:n_features, n_features:]
    scale = np.sqrt(np.maximum(np.diag(products), 0.0))
    used = scale > 0
    scale = np.where(used, scale, 1.0)
    F = np.zeros((n_features, n_features))
    B = np.zeros_like(right)
    if used.any():
        with one_blas_thread():
            s, V = linalg.eigh(products / scale / scale[:, None], check_finite=False)
        kept = s > max(moments.weight, n_features) * np.finfo(np.float64).eps * s[-1]
        roots = np.sqrt(s[kept])[:, None]
        F = (roots * V[:, kept].T) * scale
        B = (V[:, kept].T @ (right / scale[:, None])) / roots
    if not alpha.any():
        return by_factor(F, B, len(F))
    return Solution(penalised_by_factor(F, B, alpha), n_features, lambda: F)
