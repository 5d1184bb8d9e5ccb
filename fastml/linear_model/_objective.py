"""The logistic objective: its value, gradient and second derivative, in passes over the rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.linear_model import logistic as kernel
from ..kernels.linear_model import margins
from ..kernels.ops.gram import BLOCK_ROWS
from ..kernels.ops.strips import Rows
from ..kernels.ops.sums import Tickets
from ._factor import Factor
from ._moments import first_shift, raw_products, run_tickets
from ._predict import probabilities

_NOTHING = np.empty(0)
#: Curvature of wider float32 rows is summed in float32: it only says where to go.
_MOST_DOUBLE_COLUMNS = 64
#: What is added to every class's share of the curvature.
_LEAST_SHARE = 1e-10


def pass_over(
    rows: Rows, target: Array, weights: Array, W: Array, link: int, curvature: bool = False
) -> tuple[float, Array, Array]:
    """Return loss, gradient (n_outputs, width) and second derivative (width, width) or nothing.

    Parameters
    ----------
    rows : Rows
    target : ndarray (n_samples,) of int32, or (0,)
    weights : ndarray (n_samples,) of float64, or (0,)
    W : ndarray (n_outputs, width), width at most that of the packed rows
    link : int, see the kernel
    """
    K, width = W.shape
    n_samples, n_columns = len(rows.X), rows.shift.size
    packed = margins.weights_as_packed(W, n_columns)
    work = kernel.Work.of(link, K, curvature, n_columns)
    size = 1 + K * n_columns + curvature * n_columns**2
    nanoseconds = n_samples * (n_columns * (K + 2 + curvature * n_columns / 2) / 8 + 10 * K)

    def run(tickets: Tickets, partials: Array) -> None:
        members = min(team_size(nanoseconds), tickets.last - tickets.first)
        run_team(
            kernel.loss_gradient, members,
            rows, target, weights, packed, work, tickets, new_state(), partials,
        )  # fmt: skip

    total = run_tickets(run, -(-n_samples // BLOCK_ROWS), size, nanoseconds)
    gradient = total[1 : 1 + K * n_columns].reshape(K, n_columns)[:, :width]
    H = total[1 + K * n_columns :]
    if curvature:
        lower = H.reshape(n_columns, n_columns)[:width, :width].T
        H = np.tril(lower) + np.tril(lower, -1).T
    return float(total[0]), np.array(gradient), H


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
    X : ndarray (n_samples, n_features) of float32 or float64
    target : ndarray (n_samples,) of int32: class numbers
    weights : ndarray (n_samples,) of float64, or None
    n_outputs : int, 1 for two classes
    alpha : float
    intercept : bool
    """

    def __init__(
        self, X: Array, target: Array, weights: Array | None, n_outputs: int, alpha: float,
        intercept: bool,
    ) -> None:  # fmt: skip
        self.X, self.target, self.weights = X, target, weights
        self.n_outputs, self.alpha, self.intercept = n_outputs, alpha, intercept
        self.weight = float(len(X) if weights is None else weights.sum())
        d = X.shape[1]
        nothing = np.empty((len(X), 0))
        shift = first_shift(X, nothing, weights) if intercept else np.zeros(d)
        self.shift = shift.astype(X.dtype).astype(np.float64)  # panels may be of X's type
        self.rows = Rows.of(X, None, None, self.shift)
        self.penalty = np.append(np.full(d, alpha), 0.0)
        self.used = d + intercept

    def offset(self, W: Array) -> Array:
        """Return the margins of the shift: einsum asks no BLAS, whose threads decide its bits."""
        return np.asarray(np.einsum("ki,i->k", W[:, :-1], self.shift))

    def sampled(self, step: int) -> Problem:
        """Return the objective of one row in ``step``, with as much penalty a row."""
        part = slice(None, None, step)
        weights = None if self.weights is None else np.ascontiguousarray(self.weights[part])
        X, target = (np.ascontiguousarray(a[part]) for a in (self.X, self.target))
        weight = float(len(X) if weights is None else weights.sum())
        alpha = self.alpha * weight / self.weight
        sample = Problem(X, target, weights, self.n_outputs, alpha, self.intercept)
        sample.shift = self.shift
        sample.rows = Rows.of(X, None, None, self.shift)
        return sample

    def evaluate(self, W: Array, curvature: bool = False) -> tuple[float, Array, Array]:
        """Return objective, gradient and, of two classes, the loss' second derivative."""
        link = kernel.TWO_CLASSES if self.n_outputs == 1 else kernel.MANY_CLASSES
        weights = _NOTHING if self.weights is None else self.weights
        value, gradient, H = pass_over(self.rows, self.target, weights, W, link, curvature)
        gradient += self.penalty * W
        gradient[:, self.used :] = 0
        return value + 0.5 * float((self.penalty * W * W).sum()), gradient, H

    def weighted_products(self, weights: Array) -> Array:
        """Return X' diag(weights) X of the features and the one, in the precision of X."""
        single = self.X.dtype == np.float32 and self.used > _MOST_DOUBLE_COLUMNS
        kind = np.float32 if single else np.float64
        products = raw_products(
            self.X, np.empty((len(self.X), 0)), np.sqrt(weights), self.shift, kind
        )
        return products[: self.used, : self.used]

    def _probabilities(self, W: Array) -> Array:
        intercept = W[:, -1] - self.offset(W)
        return probabilities(self.X, np.ascontiguousarray(W[:, :-1]), intercept, np.float64)

    def products_curvature(self, W: Array | None = None) -> Curvature:
        """Return S x G near the second derivative at W, or exactly that at zero.

        With p the probabilities of a row the second derivative sums (diag(p) - pp') x xx'; G sums
        trace(diag(p) - pp') xx', S is the mean of diag(p) - pp' over its trace.
        """
        K = self.n_outputs
        weights = np.ones(len(self.X)) if self.weights is None else self.weights
        if K == 1:
            S, slopes = np.ones((1, 1)), weights / 4
        elif W is None:
            S, slopes = (np.eye(K) - 1 / K) / (K - 1), weights * (K - 1) / K
        else:
            P = self._probabilities(W)
            slopes = weights * (1 - (P * P).sum(axis=1))
            S = -np.einsum("ia,ib,i->ab", P, P, weights)
            S[np.diag_indices(K)] += np.einsum("i,ia->a", weights, P)
            S /= np.trace(S)
        return Curvature(self.weighted_products(slopes), S)

    def softmax_curvature(self, W: Array) -> Curvature:
        """Return the second derivative of many classes, by pairs of classes."""
        K, used = len(W), self.used
        P = self._probabilities(W)
        weights = 1.0 if self.weights is None else self.weights
        H = np.empty((K, used, K, used))
        for a in range(K):
            for b in range(a + 1):
                slope = P[:, a] * (P[:, b] if a != b else 1 - P[:, a]) * weights
                block = self.weighted_products(slope)
                H[a, :, b] = H[b, :, a] = block if a == b else -block
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
