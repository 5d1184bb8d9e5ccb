"""The minimum of the logistic loss: Newton's method, or quasi-Newton steps preconditioned.

At w = 0 the second derivative is X'X / 4, and for K classes, on residuals that sum to zero, X'X / K
for each class (Böhning and Lindsay, "Monotonicity of quadratic-approximation algorithms", 1988).
Its Cholesky factor as the first guess of L-BFGS makes scales and correlations of columns
irrelevant.  Few features and two classes take Newton's own steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import linalg

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.linear_model import logistic as kernel
from ..kernels.ops.gram import BLOCK_ROWS, Rows, columns_of, panel_rows
from ._moments import first_shift, raw_products, run_tickets

#: Converged when half the squared Newton step is no more than this of the objective.
_RELATIVE_GAP = 1e-18
#: Newton's method up to so many columns.
_MOST_NEWTON_COLUMNS = 400
#: So many quasi-Newton steps before Newton's are tried, where there are few columns and classes.
_QUASI_NEWTON_STEPS = 40
#: Pairs of steps L-BFGS remembers.
_MEMORY = 20
#: Newton starts from the minimum of one row in so many, where there are plenty.
_SAMPLE, _ROWS_A_COLUMN = 16, 200


class Fit(NamedTuple):
    """Coefficients (n_outputs, n_features + 1), iterations, and why they ended."""

    W: Array
    n_iter: int
    converged: bool
    separated: bool


class Problem:
    """The objective sum(weight * loss) + alpha / 2 ||w||^2, about shifted features.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of float32 or float64
    target : ndarray (n_samples,) of float64: class numbers
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
        d = X.shape[1]
        nothing = np.empty((len(X), 0))
        self.shift = first_shift(X, nothing, weights) if intercept else np.zeros(d)
        self.rows = Rows.of(X, None, None, self.shift)
        self.penalty = np.append(np.full(d, alpha), 0.0)
        self.used = d + intercept

    def evaluate(self, W: Array, curvature: bool = False) -> tuple[float, Array, Array]:
        """Return objective, gradient and, if asked for, the second derivative without penalty."""
        K, width = W.shape
        n_columns = self.rows.shift.size
        strip = columns_of(1)
        padded = np.zeros((kernel.OUTPUTS + K, n_columns))
        padded[:K, :width] = W
        strips = padded.reshape(len(padded), -1, strip).transpose(1, 0, 2).reshape(-1)
        weights = np.empty(0) if self.weights is None else self.weights
        size = 1 + K * n_columns + curvature * n_columns**2
        height = panel_rows(n_columns)
        n_samples = len(self.X)
        nanoseconds = n_samples * n_columns * (K + 2 + curvature * n_columns / 2) / 8

        def run(blocks: int, first: int, last: int, levels: int, partials: Array) -> None:
            run_team(
                kernel.logistic, min(team_size(nanoseconds), last - first),
                self.rows, self.target, weights, strips, K, curvature, height, blocks, first,
                last, levels, new_state(), partials,
            )  # fmt: skip

        total = run_tickets(run, -(-n_samples // BLOCK_ROWS), size, nanoseconds)
        gradient = total[1 : 1 + K * n_columns].reshape(K, n_columns)[:, :width]
        gradient = gradient + self.penalty * W
        gradient[:, self.used :] = 0
        H = total[1 + K * n_columns :]
        if curvature:
            lower = H.reshape(n_columns, n_columns)[:width, :width].T
            H = np.tril(lower) + np.tril(lower, -1).T
        value = float(total[0] + 0.5 * np.sum(self.penalty * W * W))
        return value, gradient, H

    def preconditioner(self, H: Array) -> Any:
        """Return the function that divides gradients by H plus the penalty."""
        used = self.used
        A = H[:used, :used] + np.diag(self.penalty[:used])
        norms = np.sqrt(np.maximum(np.diag(A), 0.0))
        norms = np.where(norms > 0, norms, 1.0)
        A = A / norms / norms[:, None]
        jitter = 1e-15 * used
        while True:
            factor, info = linalg.lapack.dpotrf(A + jitter * np.eye(used), lower=0, clean=1)
            if info == 0:
                break
            jitter *= 10

        def divide(gradient: Array) -> Array:
            step = np.zeros_like(gradient)
            solved = linalg.cho_solve((factor, False), gradient[:, :used].T / norms[:, None])
            step[:, :used] = (solved / norms[:, None]).T
            return step

        return divide

    def softmax_curvature(self, W: Array) -> Array:
        """Return the second derivative of many classes, without penalty, by pairs of classes.

        What it does to vectors equal for all classes, where the loss is flat, is made definite.
        """
        K, used = len(W), self.used
        moved = [np.asarray(self.X, np.float64) - self.shift, np.ones((len(self.X), 1))]
        Z = np.hstack(moved) @ W.T
        P = np.exp(Z - Z.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        weights = 1.0 if self.weights is None else self.weights
        H = np.empty((K, used, K, used))
        empty = np.empty((len(self.X), 0))
        for a in range(K):
            for b in range(a + 1):
                slope = P[:, a] * (P[:, b] if a != b else 1 - P[:, a]) * weights
                block = raw_products(self.X, empty, np.sqrt(slope), self.shift, np.float64)
                H[a, :, b] = H[b, :, a] = (block if a == b else -block)[:used, :used]
        flat = np.mean([H[a, :, a] for a in range(K)], axis=0)
        H += flat[None, :, None, :]
        return H.reshape(K * used, K * used)

    def softmax_divide(self, H: Array) -> Any:
        """Return the function that divides gradients of many classes by H plus the penalty."""
        K, used = self.n_outputs, self.used
        A = H + np.diag(np.tile(self.penalty[:used], K))
        norms = np.sqrt(np.diag(A))
        norms = np.where(norms > 0, norms, 1.0)
        A = A / norms / norms[:, None]
        jitter = 1e-15 * len(A)
        while True:
            factor, info = linalg.lapack.dpotrf(A + jitter * np.eye(len(A)), lower=0, clean=1)
            if info == 0:
                break
            jitter *= 10

        def divide(gradient: Array) -> Array:
            step = np.zeros_like(gradient)
            solved = linalg.cho_solve((factor, False), gradient[:, :used].reshape(-1) / norms)
            step[:, :used] = (solved / norms).reshape(K, used)
            return step

        return divide

    def start(self, W: Array | None) -> Array:
        """Return the coefficients to start from, about the shift."""
        if W is None:
            return np.zeros((self.n_outputs, self.X.shape[1] + 1))
        W = np.array(W, np.float64)
        W[:, -1] += W[:, :-1] @ self.shift
        return W

    def finish(self, W: Array, n_iter: int, converged: bool) -> Fit:
        """Return the fit in the features given."""
        loss = self.evaluate(W)[0]
        weight = len(self.X) if self.weights is None else float(self.weights.sum())
        # Every loss so small that its row is on the right side by far.
        separated = self.alpha == 0 and loss < 1e-6 * min(1.0, weight)
        W = W.copy()
        W[:, -1] = W[:, -1] - W[:, :-1] @ self.shift if self.intercept else 0.0
        return Fit(W, n_iter, converged and not separated, separated)


def newton(problem: Problem, W: Array, max_iter: int) -> tuple[Array, int, bool]:
    """Take Newton's steps, halved until the objective falls."""
    two = problem.n_outputs == 1

    def evaluate(W: Array) -> tuple[float, Array, Array]:
        if two:
            return problem.evaluate(W, True)
        value, gradient, _ = problem.evaluate(W)
        return value, gradient, W

    value, gradient, H = evaluate(W)
    for n_iter in range(max_iter):
        if two:
            step = -problem.preconditioner(H)(gradient)
        else:
            step = -problem.softmax_divide(problem.softmax_curvature(W))(gradient)
        decrease = -float(np.sum(step * gradient))
        if decrease <= 2 * _RELATIVE_GAP * value:
            return W, n_iter, True
        size = 1.0
        while True:
            tried = W + size * step
            found = evaluate(tried)
            if found[0] <= value - 1e-4 * size * decrease + 1e-15 * value:
                break
            size /= 2
            if size < 1e-10:
                return W, n_iter, decrease <= 1e-12 * value
        if found[0] < 1e-13:  # separated: the loss falls to nothing
            return tried, n_iter + 1, False
        W, (value, gradient, H) = tried, found
    return W, max_iter, False


def quasi_newton(problem: Problem, W: Array, max_iter: int) -> tuple[Array, int, bool]:
    """Take the steps of L-BFGS (Nocedal and Wright, "Numerical Optimization", algorithm 7.4)."""
    roots = None if problem.weights is None else np.sqrt(problem.weights)
    empty = np.empty((len(problem.X), 0))
    H = raw_products(problem.X, empty, roots, problem.shift, np.float64)
    divide = problem.preconditioner(H / (4 if problem.n_outputs == 1 else problem.n_outputs))
    value, gradient, _ = problem.evaluate(W)
    pairs: list[tuple[Array, Array, float]] = []
    for n_iter in range(max_iter):
        q, factors = gradient.copy(), []
        for s, y, rho in reversed(pairs):
            factors.append(rho * float(np.sum(s * q)))
            q -= factors[-1] * y
        q = divide(q)
        for (s, y, rho), factor in zip(pairs, reversed(factors), strict=True):
            q += s * (factor - rho * float(np.sum(y * q)))
        decrease = float(np.sum(q * gradient))
        if decrease <= 2 * _RELATIVE_GAP * value:
            return W, n_iter, True
        size = 1.0
        while True:
            tried = W - size * q
            found = problem.evaluate(tried)
            if found[0] <= value - 1e-4 * size * decrease + 1e-15 * value:
                break
            size /= 2
            if size < 1e-10:
                break
        if size < 1e-10:
            if not pairs:
                return W, n_iter, decrease <= 1e-12 * value
            pairs = []  # they led astray: begin again from the preconditioner
            continue
        s, y = tried - W, found[1] - gradient
        product = float(np.sum(s * y))
        if product > 0:
            pairs = [*pairs[-_MEMORY + 1 :], (s, y, 1 / product)]
        W, (value, gradient, _) = tried, found
        if value < 1e-13:
            return W, n_iter + 1, False
    return W, max_iter, False


def fit_logistic(
    X: Array, target: Array, weights: Array | None, n_outputs: int, alpha: float,
    intercept: bool, max_iter: int, start: Array | None = None,
) -> Fit:  # fmt: skip
    """Return the minimum of the objective of :class:`Problem`.

    Parameters
    ----------
    start : ndarray (n_outputs, n_features + 1)
        Coefficients to start from; default: zero.
    """
    n_samples, d = X.shape
    problem = Problem(X, target, weights, n_outputs, alpha, intercept)
    by_newton = n_outputs == 1 and d <= _MOST_NEWTON_COLUMNS
    if by_newton and start is None and n_samples > _SAMPLE * _ROWS_A_COLUMN * (d + 1):
        part = slice(None, None, _SAMPLE)
        some = None if weights is None else np.ascontiguousarray(weights[part])
        sample = fit_logistic(
            np.ascontiguousarray(X[part]), np.ascontiguousarray(target[part]), some, n_outputs,
            alpha / _SAMPLE, intercept, min(max_iter, 8),
        )  # fmt: skip
        start = sample.W if np.isfinite(sample.W).all() and not sample.separated else None
    search = newton if by_newton else quasi_newton
    stubborn = n_outputs > 1 and n_outputs * (d + 1) <= _MOST_NEWTON_COLUMNS
    most = min(max_iter, _QUASI_NEWTON_STEPS) if stubborn else max_iter
    W, n_iter, converged = search(problem, problem.start(start), most)
    if stubborn and not converged and n_iter < max_iter:
        W, more, converged = newton(problem, W, max_iter - n_iter)
        n_iter += more
    return problem.finish(W, n_iter, converged)
