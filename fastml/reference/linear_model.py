"""Linear models in plain NumPy: the truth their kernels are tested against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def gram(
    X: ArrayLike, Y: ArrayLike, weights: ArrayLike | None = None
) -> tuple[float, Array, Array, Array, Array, Array]:
    """Return the sum of the weights, the means of X and Y, and X'WX, X'WY, Y'WY about them.

    X is (n_samples, n_features), Y (n_samples, n_targets), W the diagonal of the weights; two
    passes in float64.
    """
    A: Array = np.asarray(X, np.float64)
    B: Array = np.asarray(Y, np.float64)
    w: Array = np.ones(len(A)) if weights is None else np.asarray(weights, np.float64)
    total = float(w.sum())
    X_mean, y_mean = (np.array([np.dot(w, c) for c in C.T], np.float64) / total for C in (A, B))
    A, B = A - X_mean, B - y_mean
    XtX, XtY, YtY = (np.array((P.T * w) @ Q, np.float64) for P, Q in ((A, A), (A, B), (B, B)))
    return total, X_mean, y_mean, XtX, XtY, YtY


def least_squares(X: ArrayLike, Y: ArrayLike, alpha: float = 0.0) -> tuple[Array, Array]:
    """Return (coef, intercept) of argmin ||X b + c - Y||^2 + alpha ||b||^2.

    The normal equations about the means: (X'X + alpha I) b = X'Y, c = mean(Y) - mean(X) b.
    """
    _, X_mean, y_mean, XtX, XtY, _ = gram(X, Y)
    coef = np.linalg.solve(XtX + alpha * np.eye(len(XtX)), XtY)
    return coef, y_mean - X_mean @ coef


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + exp(-z))."""
    e = np.exp(-np.abs(z))
    return np.where(z < 0, e, 1.0) / (1.0 + e)


def logistic_loss(w: Array, X: Array, y: Array, alpha: float) -> tuple[float, Array]:
    """Return the loss sum(softplus(z) - y z) + alpha / 2 ||w||^2 of z = Xw, and its gradient.

    The derivative of the cross entropy by the logit is delta = p - y with p = sigmoid(z).
    """
    z = X @ w
    loss = np.logaddexp(0.0, z) - y * z
    delta = sigmoid(z) - y
    return float(loss.sum() + alpha / 2 * w @ w), X.T @ delta + alpha * w


def newton_logistic(X: Array, y: Array, alpha: float, n_steps: int = 50) -> Array:
    """Minimise the logistic loss by Newton's method: H = X' diag(p (1 - p)) X + alpha I."""
    w = np.zeros(X.shape[1])
    for _ in range(n_steps):
        p = sigmoid(X @ w)
        H = (X.T * (p * (1 - p))) @ X + alpha * np.eye(len(w))
        w = w - np.linalg.solve(H, logistic_loss(w, X, y, alpha)[1])
    return w
