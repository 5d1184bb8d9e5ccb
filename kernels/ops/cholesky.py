"""Cholesky factors of symmetric positive definite matrices, and solutions with them.

A = U'U with U upper triangular, row by row: a block of rows of U is what is left of these rows of A
after the rows above, products that tiles sum in registers, then divided among themselves (the
left-looking algorithm; Golub and Van Loan, "Matrix Computations", 4th ed., 2013, section 4.2).  On
one thread, so it neither waits for the threads of a BLAS nor takes its bits from how many there
are.

Kernels call what is named ``_here``; the same for Python stands at the end, compiled if it is used.
"""

from __future__ import annotations

import math

from ..machine.jit import inner_kernel, kernel
from ..tile import VECTORS, fill, lane_sum, lanes, load, rank1, store
from .gram import GRAM_COLUMNS


@inner_kernel
def factorize_here(A, size):
    """Replace the upper triangle of a matrix by its factor U; return whether it has one.

    Parameters
    ----------
    A : IN/OUT flat float64, (pitch, pitch), row-major, pitch a whole number of strips; what pads
        the matrix is an identity
    size : int, rows of the matrix without padding

    Returns
    -------
    definite : bool
    """
    width = VECTORS * lanes(A)
    pitch = (size + width - 1) // width * width
    for i in range(0, size, GRAM_COLUMNS):
        for j in range(i // width * width, pitch, width):
            tile = fill(A, 0.0, VECTORS, GRAM_COLUMNS)
            for p in range(i):
                tile = rank1(tile, load(A, p * pitch + j, 0, VECTORS, 1), A, p * pitch + i, 1)
            at = i * pitch + j
            store(A, at, pitch, load(A, at, pitch, VECTORS, GRAM_COLUMNS) - tile)
        for row in range(i, i + GRAM_COLUMNS):
            pivot = A[row * pitch + row]
            if not pivot > 0:
                return False
            root = math.sqrt(pivot)
            for j in range(row, pitch):
                A[row * pitch + j] /= root
            for below in range(row + 1, i + GRAM_COLUMNS):
                share = A[row * pitch + below]
                for j in range(below, pitch):
                    A[below * pitch + j] -= share * A[row * pitch + j]
    return True


@inner_kernel
def solve_here(U, size, X):
    """Replace the rows of X by the solutions of U'U x = row.

    Parameters
    ----------
    U : IN flat float64, see :func:`factorize_here`
    size : int
    X : IN/OUT flat float64, (n_right_sides, pitch), zeros from ``size`` on
    """
    n_lanes = lanes(U)
    width = VECTORS * n_lanes
    pitch = (size + width - 1) // width * width
    # Every row of U is read once for all right sides, which are fewer and stay in the cache.
    for i in range(size):
        at, start = i * pitch, min((i + n_lanes) // n_lanes * n_lanes, pitch)
        for first in range(0, X.size, pitch):
            share = X[first + i] / U[at + i]
            X[first + i] = share
            for j in range(i + 1, start):
                X[first + j] -= share * U[at + j]
            for j in range(start, pitch, n_lanes):
                product = load(U, at + j, 0, 1, 1) * share
                store(X, first + j, 0, load(X, first + j, 0, 1, 1) - product)
    four = X.size // (4 * pitch) * 4 * pitch
    for i in range(size - 1, -1, -1):
        start = (i + n_lanes) // n_lanes * n_lanes
        for first in range(0, four, 4 * pitch):
            _find_four(U, X, i, start, pitch, first)
        for first in range(four, X.size, pitch):
            total = fill(U, 0.0, 1, 1)
            for j in range(start, pitch, n_lanes):
                total = total + load(U, i * pitch + j, 0, 1, 1) * load(X, first + j, 0, 1, 1)
            _find(U, X, i, start, pitch, first, lane_sum(total))


@inner_kernel
def _find(U, X, i, start, pitch, first, known):
    """Write unknown i of a right side, given the sum of what is known from ``start`` on."""
    for j in range(i + 1, start):
        known += U[i * pitch + j] * X[first + j]
    X[first + i] = (X[first + i] - known) / U[i * pitch + i]


@inner_kernel
def _find_four(U, X, i, start, pitch, first):
    """Write unknown i of four right sides: four sums at once, since each waits for itself."""
    b, c, d = first + pitch, first + 2 * pitch, first + 3 * pitch
    total = fill(U, 0.0, 1, 1)
    sum_b, sum_c, sum_d = fill(U, 0.0, 1, 1), fill(U, 0.0, 1, 1), fill(U, 0.0, 1, 1)
    for j in range(start, pitch, lanes(U)):
        u = load(U, i * pitch + j, 0, 1, 1)
        total = total + u * load(X, first + j, 0, 1, 1)
        sum_b = sum_b + u * load(X, b + j, 0, 1, 1)
        sum_c = sum_c + u * load(X, c + j, 0, 1, 1)
        sum_d = sum_d + u * load(X, d + j, 0, 1, 1)
    _find(U, X, i, start, pitch, first, lane_sum(total))
    _find(U, X, i, start, pitch, b, lane_sum(sum_b))
    _find(U, X, i, start, pitch, c, lane_sum(sum_c))
    _find(U, X, i, start, pitch, d, lane_sum(sum_d))


@inner_kernel
def _size(x):
    total = 0.0
    for i in range(x.size):
        total += abs(x[i])
    return total


@inner_kernel
def inverse_norm_here(U, size, x, y):
    """Estimate the 1-norm of the inverse of U'U from below.

    Higham, "FORTRAN codes for estimating the one-norm of a real or complex matrix", 1988.

    Parameters
    ----------
    U : IN flat float64, see :func:`factorize_here`
    size : int, at least 1
    x, y : OUT (pitch,) float64, working memory
    """
    for i in range(x.size):
        x[i] = y[i] = 0.0
    for i in range(size):
        x[i] = (1.0 - 2.0 * (i % 2)) * (1.0 + i / max(size - 1, 1))
    solve_here(U, size, x)
    norm = _size(x) * 2.0 / (3.0 * size)
    for i in range(x.size):
        x[i] = 1.0 / size if i < size else 0.0
    for _ in range(5):
        for i in range(x.size):
            y[i] = x[i]
        solve_here(U, size, y)
        norm = max(norm, _size(y))
        for i in range(size):
            y[i] = -1.0 if y[i] < 0 else 1.0
        solve_here(U, size, y)
        most, along = 0, 0.0
        for i in range(size):
            along += y[i] * x[i]
            if abs(y[i]) > abs(y[most]):
                most = i
        if abs(y[most]) <= along:
            break
        for i in range(x.size):
            x[i] = 1.0 if i == most else 0.0
    return norm


@kernel
def factorize(A, size):
    """Do as :func:`factorize_here` does, for Python."""
    return factorize_here(A, size)


@kernel
def solve(U, size, X):
    """Do as :func:`solve_here` does, for Python."""
    solve_here(U, size, X)


@kernel
def inverse_norm(U, size, x, y):
    """Do as :func:`inverse_norm_here` does, for Python."""
    return inverse_norm_here(U, size, x, y)
