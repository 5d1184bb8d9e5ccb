"""The logistic objective: its value, gradient and second derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ..core.passes import Pass
from ..core.validation import Array
from ._curvature import Curvature, Inside, divide_by, factor_of
from ._factor import Factor
from ._logistic_passes import (
    Along,
    AlongPass,
    LossPass,
    Point,
    ProductsPass,
    Slope,
    SoftmaxPass,
    along_margins,
    slope_at_zero,
)
from ._moments import first_middle

#: Losses of more than this a row are taken for this where rows are float32.
_MOST_LOSS = 0.4


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
                shift = first_middle(X, weights)
                shift = shift.astype(rows.dtype).astype(np.float64)  # panels may be of X's type
        self.shift = shift
        self.penalty = np.append(np.full(d, alpha), 0.0)
        self.used = d + intercept

    @property
    def rough(self) -> bool:
        """Whether there is a faster way to evaluate the objective roughly."""
        return bool(self.rows.dtype == np.float32)

    @property
    def weight(self) -> float:
        """The sum of the weights."""
        return self.rows.weight

    def size(self, value: float) -> float:
        """Return what a decrease of the objective is compared with.

        An entry of the mean gradient, over its feature's variance, is at most half the root of the
        squared Newton step a row.  That is no more than 1e-8 where steps whose squares are 1e-15 of
        ``_MOST_LOSS`` a row are negligible.
        """
        if self.rows.dtype == np.float32:
            return min(value, _MOST_LOSS * self.weight)
        return value

    def offset(self, W: Array) -> Array:
        """Return the margins of the shift: einsum asks no BLAS, whose threads decide its bits."""
        return np.asarray(np.einsum("ki,i->k", W[:, :-1], self.shift))

    def sampled(self, step: int) -> Problem:
        """Return the objective of one row in ``step``, with as much penalty a row."""
        rows = self.rows.sampled(step)
        alpha = self.alpha * rows.weight / self.weight
        return Problem(rows, self.n_outputs, alpha, self.intercept, self.shift)

    def evaluate(
        self, W: Array, curvature: bool = False, single: bool = False, along: bool = False
    ) -> tuple[float, Array, Array]:
        """Return objective, gradient and, of two classes, the loss' second derivative.

        With ``single``, objective and gradient only to what products in float32 leave.  With
        ``along`` the last is what :meth:`scaled` takes.
        """
        found: Slope = self.rows.total(LossPass(curvature, single, along), Point(W, self.shift))
        gradient = found.gradient
        if single and self.n_outputs > 1:
            # Those of a softmax sum to zero over the classes.  What rounding adds would move all
            # classes alike, where nothing but the penalty, however small, leads back.
            gradient = gradient - gradient.mean(axis=0)
        gradient = gradient + self.penalty * W
        gradient[:, self.used :] = 0
        value = found.value + 0.5 * float((self.penalty * W * W).sum())
        return value, gradient, found.along if along else found.curvature

    def products_curvature(
        self, W: Array | None = None, at_zero: Curvature | None = None
    ) -> Curvature:
        """Return S x G near the second derivative at W, or exactly that at zero.

        With p the probabilities of a row the second derivative sums (diag(p) - pp') x xx'; G sums
        trace(diag(p) - pp') xx', S is the mean of diag(p) - pp' over its trace.

        Parameters
        ----------
        at_zero : Curvature
            That at zero: its G is scaled, and not computed again.
        """
        K, used = self.n_outputs, self.used
        if W is None:
            G = self.rows.total(ProductsPass(used, K), (self.shift, None))
            return Curvature(G, np.ones((1, 1)) if K == 1 else (np.eye(K) - 1 / K) / (K - 1))
        point = Point(W, self.shift)
        along: Along = self.rows.total(AlongPass(used, K, at_zero is not None), point)
        slope, scale = float(np.trace(along.S)), 1.0
        if at_zero is not None:
            scale = slope / (slope_at_zero(K) * self.weight)
            G = at_zero.H * scale
        else:
            G = self.rows.total(ProductsPass(used, K), (self.shift, point))
        inside = None
        if along.products is not None and along.H is not None:
            inside = Inside(point.directions(used), scale * along.products, along.H)
        return Curvature(G, along.S / slope, inside)

    def scaled(self, W: Array, at_zero: Curvature, along: Array, share: float) -> Curvature:
        """Return what :meth:`products_curvature` does of two classes, from what margins say.

        Its products are those at zero, of so large a share of the rows, not yet scaled.

        Parameters
        ----------
        along : ndarray (3,), see :meth:`evaluate`
        """
        scale = float(along[0]) / (slope_at_zero(1) * self.weight)
        V = Point(W, self.shift).directions(self.used)
        products = scale * np.einsum("jk,lk->jl", np.einsum("ji,ik->jk", V, at_zero.H), V)
        H = share * along_margins(along, float(W[0, -1]))[: len(V), : len(V)]
        return Curvature(at_zero.H, np.ones((1, 1)), Inside(V, products, H[None, :, None]), scale)

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

    def divide_by(
        self, curvature: Curvature, share: float = 1.0, factor: Factor | None = None
    ) -> Callable[[Array], Array]:
        """Return the function that divides gradients by a curvature plus the penalty.

        Parameters
        ----------
        share : float
            The curvature is that of so large a share of the rows.
        factor : Factor, default=None
            That of the products and the penalty.
        """
        return divide_by(curvature, self.penalty[: self.used], share, factor)

    def factor(self, curvature: Curvature, share: float = 1.0) -> Factor:
        """Return the factor of products and penalty: see :meth:`divide_by`."""
        return factor_of(curvature, self.penalty[: self.used], share)
