"""Symmetric positive definite matrices: factors with columns of unit norm."""

from __future__ import annotations

import numpy as np

from ..core.validation import Array
from ..kernels.ops import cholesky
from ..kernels.ops.strips import columns_of


class Factor:
    """The Cholesky factor of a matrix whose rows and columns are first scaled by powers of two.

    Parameters
    ----------
    A : ndarray (n, n), symmetric
    ridge : float
        Added to the diagonal of the scaled matrix, times its size.

    Attributes
    ----------
    definite : bool, whether there is a factor
    """

    def __init__(self, A: Array, ridge: float = 0.0) -> None:
        self._size = n = len(A)
        self._pitch = columns_of(n)
        self._scale, self._A = scales_of(A), A
        self._U = U = np.zeros((self._pitch, self._pitch))
        inside = U[:n, :n]
        np.divide(A, self._scale, out=inside)
        inside /= self._scale[:, None]
        U.flat[: n * (self._pitch + 1) : self._pitch + 1] += ridge * n
        U.flat[n * (self._pitch + 1) :: self._pitch + 1] = 1.0
        self.definite = bool(cholesky.factorize(U.reshape(-1), n))

    def _solve_scaled(self, B: Array) -> Array:
        X = np.zeros((len(B), self._pitch))
        X[:, : self._size] = B
        cholesky.solve(self._U.reshape(-1), self._size, X.reshape(-1))
        return X[:, : self._size]

    def solve(self, B: Array) -> Array:
        """Return, for every row b of B, the x with A x = b."""
        return self._solve_scaled(B / self._scale) / self._scale

    def least(self) -> float:
        """Return the least square of a pivot, in A's units."""
        return float(((self._U.diagonal()[: self._size] * self._scale) ** 2).min(initial=np.inf))

    def upper(self) -> Array:
        """Return U with U'U = A."""
        n = self._size
        return np.triu(self._U[:n, :n]) * self._scale

    def reciprocal_condition(self) -> float:
        """Estimate 1 / (norm of the scaled matrix * norm of its inverse), in the 1-norm.

        Higham, "FORTRAN codes for estimating the one-norm of a real or complex matrix", 1988; and
        the ratio of pivots, which no choice of vectors can miss.
        """
        n = self._size
        if n == 0:
            return 1.0
        scaled = self._A / self._scale
        scaled /= self._scale[:, None]
        size = float(np.abs(scaled).sum(axis=0).max())
        pivots = self._U.diagonal()[:n]
        x, y = np.empty((2, self._pitch))
        norm: float = cholesky.inverse_norm(self._U.reshape(-1), n, x, y)
        norm = max(norm, float((pivots.max() / pivots.min()) ** 2) / size)
        return 1.0 / (norm * size)


def scales_of(products: Array) -> Array:
    """Return powers of two near the columns' norms, one for columns of zeros."""
    norms = np.sqrt(np.maximum(products.diagonal(), 0.0))
    return np.where(norms > 0, np.ldexp(1.0, np.frexp(norms)[1] - 1), 1.0)
