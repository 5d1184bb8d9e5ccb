"""Least squares of few rows: from sums of products to coefficients in one call.

What NumPy does step by step for rows of any number takes longer than to read a thousand of them.
Here is the same arithmetic in the same order, so which of the two solved shows in no bit.
"""

from __future__ import annotations

import math

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel, kernel
from ..ops.cholesky import factorize_here, inverse_norm_here, solve_here
from ..tile import VECTORS, lanes

#: What :func:`solve_normal` returns where there is no solution: the shift was too far from the
#: means, numbers are not finite, or the products too ill-conditioned.
SOLVED, FAR, NOT_FINITE, ILL_CONDITIONED = 0, 1, 2, 3
#: Sums of squares below this have lost digits, or all of them: the squares left float64's range.
LEAST_SQUARES = 1e-270


@kernel
def first_mean(X, Y, count, shift):
    """Write the mean of the first rows, exact for constant columns.

    Parameters
    ----------
    X : IN (n_samples, n_features)
    Y : IN (n_samples, n_targets)
    count : int, rows, at least 1
    shift : OUT (n_features + n_targets,) or more, float64
    """
    d, width = X.shape[1], X.shape[1] + Y.shape[1]
    for j in range(width):
        shift[j] = 0.0
    for i in range(count):
        for j in range(d):
            shift[j] += np.float64(X[i, j]) - np.float64(X[0, j])
        for k in range(Y.shape[1]):
            shift[d + k] += np.float64(Y[i, k]) - np.float64(Y[0, k])
    for j in range(width):
        first = np.float64(X[0, j]) if j < d else np.float64(Y[0, j - d])
        shift[j] = first + shift[j] / count


@inner_kernel
def _unfold(sums, inside, width, G):
    """Write the upper triangle of the products whose sums lie in squares, strip by strip."""
    step, size = inside.shape[0], G.shape[0]
    at = 0
    for i in range(0, width, step):
        for j in range(0, i + 1, step):
            for row in range(j, min(j + step, size)):
                for column in range(max(i, row), min(i + step, size)):
                    a, b = row - j, column - i
                    G[row, column] = sums[at + (inside[a, b] if i == j else a * step + b)]
            at += step * step


@inner_kernel
def _center(G, shift, farthest, mean):
    """Move products about their means; return whether these are too far from the shift."""
    width = mean.size
    weight = G[width, width]
    far = False
    for j in range(width):
        mean[j] = G[j, width] / weight if weight != 0.0 else 0.0
    for i in range(width):
        for j in range(i, width):
            square = mean[i] * mean[j] * weight
            G[i, j] -= square
            if i == j and square > farthest * max(G[i, i], 0.0):
                far = True
    for j in range(width):
        mean[j] += shift[j]
    return far


@inner_kernel
def _all_finite(G, width):
    total = 0.0
    for i in range(width):
        for j in range(i, width):
            total += 0.0 * G[i, j]
    return total == 0.0 and G[width, width] > 0.0


@inner_kernel
def _reciprocal_condition(U, largest, size, work):
    """Estimate as ``Factor.reciprocal_condition`` of linear models does."""
    pitch = work.shape[1]
    most, least = U[0], U[0]
    for i in range(size):
        most, least = max(most, U[i * pitch + i]), min(least, U[i * pitch + i])
    ratio = most / least
    norm = inverse_norm_here(U, size, work[0], work[1])
    return 1.0 / (max(norm, ratio * ratio / largest) * largest)


@allocating_kernel
def solve_normal(sums, inside, shift, n_targets, about, limits, mean, coef, factor):
    """Solve the normal equations of rows, given their products about a shift.

    Parameters
    ----------
    sums : IN (squares,) float64, see :mod:`..ops.gram`
    inside : IN (strip, strip), where in its square each product of a strip with itself is
    shift : IN (n_features + n_targets,) or more, float64
    n_targets : int
    about : bool, whether products are taken about the means
    limits : tuple of float: the penalty, the least reciprocal condition, and the square of how many
        standard deviations a mean may be from the shift, negative where it may be any
    mean : OUT (n_features + n_targets,) float64, zero if not ``about``
    coef : OUT (n_targets, n_features) float64
    factor : OUT (n_features, n_features) float64, F with F'F = X'X + penalty, upper triangular

    Returns
    -------
    how : int, SOLVED or why not; after FAR the means are right
    """
    penalty, well_conditioned, farthest = limits
    width = mean.size
    d = width - n_targets
    step = VECTORS * lanes(sums)
    pitch = (d + step - 1) // step * step
    G = np.empty((width + 1, width + 1))
    _unfold(sums, inside, width + 1, G)
    if about:
        if _center(G, shift, farthest, mean) and farthest >= 0.0:
            return FAR
    else:
        mean[:] = 0.0
    if not _all_finite(G, width):
        return NOT_FINITE
    scale = np.empty(d)
    for i in range(width):
        if penalty == 0.0 and not G[i, i] >= LEAST_SQUARES:
            return ILL_CONDITIONED
    for i in range(d):
        G[i, i] += penalty
        if not G[i, i] > 0.0:
            return ILL_CONDITIONED
        scale[i] = math.ldexp(1.0, math.frexp(math.sqrt(G[i, i]))[1] - 1)
    U, sizes = np.zeros(pitch * pitch), np.zeros(d)
    for i in range(d):
        for j in range(d):
            entry = (G[i, j] if i <= j else G[j, i]) / scale[j] / scale[i]
            U[i * pitch + j] = entry
            sizes[j] += abs(entry)
    for i in range(d, pitch):
        U[i * pitch + i] = 1.0
    work = np.zeros((2, pitch))
    if not factorize_here(U, d):
        return ILL_CONDITIONED
    largest = 0.0  # sizes.max() takes as long to compile as a tenth of all of this
    for j in range(d):
        largest = max(largest, sizes[j])
    if not _reciprocal_condition(U, largest, d, work) > well_conditioned:
        return ILL_CONDITIONED
    right = np.zeros((n_targets, pitch))
    for k in range(n_targets):
        for i in range(d):
            right[k, i] = G[i, d + k] / scale[i]
    solve_here(U, d, right.reshape(-1))
    for k in range(n_targets):
        for i in range(d):
            coef[k, i] = right[k, i] / scale[i]
    for i in range(d):
        for j in range(d):
            factor[i, j] = U[i * pitch + j] * scale[j] if i <= j else 0.0
    return SOLVED
