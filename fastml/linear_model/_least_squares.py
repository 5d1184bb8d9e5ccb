"""Least squares from moments, and where squares lose too much, from orthogonal factors.

Columns are scaled to unit norm before anything is decided, so units decide nothing.  A Cholesky
factorisation of the scaled products is accepted only with its condition estimate (LAPACK's
``pocon``); otherwise all rows are reduced to a triangle by Householder transformations, block by
block, and its singular values decide the rank.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import linalg

from ..core.validation import Array
from ._moments import Moments

#: Smallest reciprocal condition of scaled products whose solution keeps eight digits or more.
_WELL_CONDITIONED = 1e-7
#: Rows of a block that is reduced to a triangle.
_BLOCK_ROWS = 4096


class Solution(NamedTuple):
    """Coefficients (n_features, n_targets), the rank, and a factor F with F'F = X'X centred."""

    coef: Array
    rank: int
    factor: Array


def scales_of(products: Array) -> Array:
    """Return powers of two near the columns' norms, zero for columns of zeros."""
    norms = np.sqrt(np.maximum(np.diag(products), 0.0))
    return np.where(norms > 0, np.ldexp(1.0, np.frexp(norms)[1] - 1), 0.0)


def by_cholesky(moments: Moments, n_features: int, alpha: Array) -> Solution | None:
    """Solve the normal equations, or return None where they are too ill-conditioned.

    Parameters
    ----------
    alpha : ndarray (1,) or (n_targets,)
        Penalties of the squared norms of the coefficients.
    """
    products = moments.products[:n_features, :n_features]
    right = moments.products[:n_features, n_features:]
    coef = np.empty_like(right)
    factor = products
    for number, penalty in enumerate(alpha):
        penalised = products + penalty * np.eye(n_features)
        scale = scales_of(penalised)
        if not (scale > 0).all():
            return None
        scaled = penalised / scale / scale[:, None]
        norm = np.abs(scaled).sum(axis=0).max()
        factor, info = linalg.lapack.dpotrf(scaled, lower=0, clean=1)
        if info != 0:
            return None
        condition, info = linalg.lapack.dpocon(factor, norm)
        if info != 0 or not condition > _WELL_CONDITIONED:
            return None
        which = slice(None) if len(alpha) == 1 else slice(number, number + 1)
        solved = linalg.cho_solve((factor, False), right[:, which] / scale[:, None])
        coef[:, which] = solved / scale[:, None]
        factor = factor * scale
    return Solution(coef, n_features, factor)


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
        some = np.hstack([np.asarray(X[rows], np.float64), Y[rows]]) - moments.mean
        if roots is not None:
            some *= roots[rows][:, None]
        triangle = np.vstack([triangle, some])
        if len(triangle) > width:
            triangle = linalg.qr(triangle, mode="r", overwrite_a=True, check_finite=False)[0]
            triangle = triangle[:width]
    return triangle[:, :n_features], triangle[:, n_features:]


def by_factor(F: Array, B: Array, n_samples: int) -> Solution:
    """Return the solution of min ||F b - B|| of least norm, in the units given.

    The rank is that of F with columns of unit norm.
    """
    n_features, n_targets = F.shape[1], B.shape[1]
    norms = np.linalg.norm(F, axis=0)
    largest = norms.max(initial=0.0)
    used = np.flatnonzero(norms > 0) if largest > 0 else np.empty(0, np.int64)
    coef = np.zeros((n_features, n_targets))
    if not len(used):
        return Solution(coef, 0, F)
    U, s, Vt = linalg.svd(F[:, used] / norms[used], full_matrices=False, check_finite=False)
    least = max(n_samples, n_features) * np.finfo(np.float64).eps * s[0]
    rank = int((s > least).sum())
    found = (U[:, :rank].T @ B) / s[:rank, None]
    if rank == len(used):
        coef[used] = (Vt.T @ found) / norms[used, None]
        return Solution(coef, rank, F)
    # Of all b with V' (norms b) = found, the shortest: Q R = norms V, b = Q R'^-1 found.
    scale = norms[used] / largest
    order = np.argsort(-scale, kind="stable")
    Q, R, pivots = linalg.qr((Vt[:rank].T * scale[:, None])[order], mode="economic", pivoting=True)
    shortest = Q @ linalg.solve_triangular(R, found[pivots], trans="T")
    coef[used[order]] = shortest / largest
    return Solution(coef, rank, F)


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
    """Return the least-squares or ridge solution of rows whose moments are known."""
    n_samples, n_features = X.shape
    if n_samples > n_features or alpha.any():
        found = by_cholesky(moments, n_features, alpha)
        if found is not None:
            return found
    roots = None if weights is None else np.sqrt(weights)
    F, B = reduced(X, Y, roots, moments)
    if not alpha.any():
        return by_factor(F, B, n_samples)
    return Solution(penalised_by_factor(F, B, alpha), n_features, F)
