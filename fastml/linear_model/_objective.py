"""The logistic objective: its value, gradient and second derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..core.passes import Pass
from ..core.validation import Array
from ._factor import Factor
from ._logistic_passes import LossPass, Point, Products, ProductsPass, Slope, SoftmaxPass
from ._moments import first_shift

#: What is added to every class's share of the curvature.
_LEAST_SHARE = 1e-10


class Rows(Protocol):
    """Rows of class numbers and weights that passes go over, in memory or not."""

    shape: tuple[int, ...]
    dtype: Any
    #: The sum of the weights.
    weight: float

    def total(self, fit: Pass[Any, Any], model: Any = None) -> Any:
        """Make one pass over all rows."""

    def first(self) -> tuple[Array, Array | None]:
        """Return the first rows that count, and their weights where zeros are among them."""

    def sampled(self, step: int) -> Rows:
        """Return one row in ``step``, in memory."""


class Curvature(NamedTuple):
    """A second derivative without the penalty: H, or ``by_class`` x H (Kronecker) if that is given.

    H : ndarray (n_outputs * used, n_outputs * used), or (used, used)
    by_class : ndarray (n_outputs, n_outputs) of trace 1, or None
    """

    H: Array
    by_class: Array | None = None


class Problem:
    """The objective sum(weight * loss) + alpha / 2 ||w||^2, about shifted features.

    Parameters
    ----------
    rows : Rows
    n_outputs : int, 1 for two classes
    alpha : float
    intercept : bool
    shift : ndarray (n_features,), default=None
        Near the means; those of the first rows by default.
    """

    def __init__(
        self, rows: Rows, n_outputs: int, alpha: float, intercept: bool, shift: Array | None = None
    ) -> None:
        self.rows, self.n_outputs = rows, n_outputs
        self.alpha, self.intercept = alpha, intercept
        d = rows.shape[1]
        if shift is None:
            shift = np.zeros(d)
            if intercept:
                X, weights = rows.first()
                shift = first_shift(X, np.empty((len(X), 0)), weights)
                shift = shift.astype(rows.dtype).astype(np.float64)  # panels may be of X's type
        self.shift = shift
        self.penalty = np.append(np.full(d, alpha), 0.0)
        self.used = d + intercept

    @property
    def weight(self) -> float:
        """The sum of the weights."""
        return self.rows.weight

    def offset(self, W: Array) -> Array:
        """Return the margins of the shift: einsum asks no BLAS, whose threads decide its bits."""
        return np.asarray(np.einsum("ki,i->k", W[:, :-1], self.shift))

    def sampled(self, step: int) -> Problem:
        """Return the objective of one row in ``step``, with as much penalty a row."""
        rows = self.rows.sampled(step)
        alpha = self.alpha * rows.weight / self.weight
        return Problem(rows, self.n_outputs, alpha, self.intercept, self.shift)

    def evaluate(self, W: Array, curvature: bool = False) -> tuple[float, Array, Array]:
        """Return objective, gradient and, of two classes, the loss' second derivative."""
        found: Slope = self.rows.total(LossPass(curvature), Point(W, self.shift))
        gradient = found.gradient + self.penalty * W
        gradient[:, self.used :] = 0
        value = found.value + 0.5 * float((self.penalty * W * W).sum())
        return value, gradient, found.curvature

    def products_curvature(self, W: Array | None = None) -> Curvature:
        """Return S x G near the second derivative at W, or exactly that at zero.

        With p the probabilities of a row the second derivative sums (diag(p) - pp') x xx'; G sums
        trace(diag(p) - pp') xx', S is the mean of diag(p) - pp' over its trace.
        """
        K = self.n_outputs
        point = None if W is None else Point(W, self.shift)
        found: Products = self.rows.total(ProductsPass(self.used, K), (self.shift, point))
        if K == 1:
            return Curvature(found.H, np.ones((1, 1)))
        if W is None:
            return Curvature(found.H, (np.eye(K) - 1 / K) / (K - 1))
        return Curvature(found.H, found.S / np.trace(found.S))

    def softmax_curvature(self, W: Array) -> Curvature:
        """Return the second derivative of many classes, by pairs of classes."""
        K, used = len(W), self.used
        H: Array = self.rows.total(SoftmaxPass(used, K), Point(W, self.shift))
        # The loss is flat along vectors equal for all classes: make that definite.
        flat = np.mean([H[a, :, a] for a in range(K)], axis=0)
        H += flat[None, :, None, :]
        return Curvature(H.reshape(K * used, K * used))

    def curvature(self, W: Array) -> Curvature:
        """Return the second derivative of two classes."""
        H = self.evaluate(W, True)[2]
        return Curvature(H[: self.used, : self.used])

    def divide_by(self, curvature: Curvature, share: float = 1.0) -> Callable[[Array], Array]:
        """Return the function that divides gradients by a curvature plus the penalty.

        Parameters
        ----------
        share : float
            The curvature is that of so large a share of the rows.
        """
        used = self.used
        H, S = curvature.H / share, curvature.by_class
        n_blocks = len(H) // used
        penalty = np.tile(self.penalty[:used], n_blocks)
        if S is not None:
            penalty *= len(S) - 1 or 1
            # Classes that are decided leave eigenvalues that rounding makes negative.
            definite = S + _LEAST_SHARE * np.eye(len(S))
            mixed = np.linalg.inv(definite + np.full_like(S, 1 / len(S) ** 2) * (len(S) > 1))
        ridge = 1e-15
        while not (factor := Factor(H + np.diag(penalty), ridge)).definite:
            if not ridge < 1:  # numbers overflow
                raise FloatingPointError("no second derivative")
            ridge *= 10

        def divide(gradient: Array) -> Array:
            step = np.zeros_like(gradient)
            right = gradient[:, :used]
            if S is None:
                right = right.reshape(1, -1)
                step[:, :used] = factor.solve(right).reshape(gradient.shape[0], used)
            else:
                step[:, :used] = factor.solve(np.einsum("ab,bi->ai", mixed, right))
            return step

        return divide
