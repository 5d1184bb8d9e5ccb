"""Naive Bayes by its definitions.

Bayes' rule for a row x and a class c reads P(c | x) = P(c) P(x | c) / P(x), and *naive* means that
the features are taken as independent within a class: P(x | c) is the product over the features.
What is compared is the joint log-likelihood, log P(c) + sum over p of log P(x_p | c).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def class_moments(
    X: ArrayLike, classes: ArrayLike, n_classes: int, sample_weight: ArrayLike | None = None
) -> tuple[Array, Array, Array]:
    """Return each class's weight, means and weighted squared deviations from them, in two passes.

    Parameters
    ----------
    X : array-like (n_samples, n_features)
    classes : array-like (n_samples,)
        The number of each row's class.
    n_classes : int
    sample_weight : array-like (n_samples,), default=None
        Weights of one by default.

    Returns
    -------
    weights : ndarray (n_classes,) of float64
    means, squares : ndarray (n_classes, n_features) of float64
        Zero for a class without weight.

    Examples
    --------
    >>> class_moments([[1.0], [3.0], [5.0]], [0, 0, 1], 2)[2].tolist()
    [[2.0], [0.0]]
    """
    X = np.asarray(X, np.float64)
    classes = np.asarray(classes)
    w = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    weights = np.zeros(n_classes)
    means, squares = np.zeros((2, n_classes, X.shape[1]))
    for c in range(n_classes):
        rows, share = X[classes == c], w[classes == c]
        weights[c] = share.sum()
        if weights[c] > 0:
            means[c] = share @ rows / weights[c]
            means[c] += share @ (rows - means[c]) / weights[c]  # what the first mean has rounded
            squares[c] = share @ (rows - means[c]) ** 2
    return weights, means, squares


def gaussian_joint_log_likelihood(
    X: ArrayLike, theta: ArrayLike, variance: ArrayLike, prior: ArrayLike
) -> Array:
    """Return log P(c) - sum log(2 pi var) / 2 - sum (x - theta)^2 / var / 2 in float64.

    Summed in the order of the features.

    Parameters
    ----------
    X : array-like (n_samples, n_features)
    theta, variance : array-like (n_classes, n_features)
        Means and variances, the latter positive.
    prior : array-like (n_classes,)

    Returns
    -------
    likelihoods : ndarray (n_samples, n_classes)

    Examples
    --------
    >>> gaussian_joint_log_likelihood([[0.0]], [[0.0]], [[1.0]], [1.0]).round(4).tolist()
    [[-0.9189]]
    """
    X = np.asarray(X, np.float64)
    theta, variance = np.asarray(theta, np.float64), np.asarray(variance, np.float64)
    totals = np.zeros((len(X), len(theta)))
    for p in range(X.shape[1]):
        gaps = X[:, p, None] - theta[:, p]
        totals += gaps * gaps / variance[:, p]
    return gaussian_constants(variance, prior) - 0.5 * totals


def gaussian_constants(variance: ArrayLike, prior: ArrayLike) -> Array:
    """Return the part of a Gaussian joint log-likelihood that does not depend on the row.

    Parameters
    ----------
    variance : array-like (n_classes, n_features)
    prior : array-like (n_classes,)
        0 gives minus infinity.

    Returns
    -------
    constants : ndarray (n_classes,)

    Examples
    --------
    >>> gaussian_constants([[1.0]], [0.0]).tolist()
    [-inf]
    """
    with np.errstate(divide="ignore"):
        log_prior = np.log(np.asarray(prior, np.float64))
    logs = np.log(2.0 * np.pi * np.asarray(variance, np.float64))
    return np.asarray(log_prior - 0.5 * logs.sum(axis=1))


def class_counts(
    X: ArrayLike, classes: ArrayLike, n_classes: int, sample_weight: ArrayLike | None = None
) -> tuple[Array, Array]:
    """Return each class's weight and the weighted sums of its features, in the order of the rows.

    Parameters
    ----------
    X : array-like (n_samples, n_features)
    classes : array-like (n_samples,)
        The number of each row's class.
    n_classes : int
    sample_weight : array-like (n_samples,), default=None
        Weights of one by default.

    Returns
    -------
    weights : ndarray (n_classes,) of float64
    counts : ndarray (n_classes, n_features) of float64

    Examples
    --------
    >>> class_counts([[1, 0], [2, 5]], [0, 0], 1)[1].tolist()
    [[3.0, 5.0]]
    """
    X = np.asarray(X, np.float64)
    w = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    weights, counts = np.zeros(n_classes), np.zeros((n_classes, X.shape[1]))
    for row, c, weight in zip(X, np.asarray(classes), w, strict=True):
        weights[c] += weight
        counts[c] += weight * row
    return weights, counts


def linear_joint_log_likelihood(X: ArrayLike, W: ArrayLike, b: ArrayLike) -> Array:
    """Return sum over p of x_p W_cp, in the order of the features, plus b_c.

    With W the logarithms of the features' probabilities and b those of the classes this is the
    multinomial model; Bernoulli's has log(P / (1 - P)) for W, and adds the sum of log(1 - P) to b.

    Parameters
    ----------
    X : array-like (n_samples, n_features)
    W : array-like (n_classes, n_features)
    b : array-like (n_classes,)

    Returns
    -------
    likelihoods : ndarray (n_samples, n_classes) of float64

    Examples
    --------
    >>> linear_joint_log_likelihood([[1.0, 2.0]], [[1.0, 1.0]], [0.5]).tolist()
    [[3.5]]
    """
    X, W = np.asarray(X, np.float64), np.asarray(W, np.float64)
    totals = np.zeros((len(X), len(W)))
    for p in range(X.shape[1]):
        totals += X[:, p, None] * W[:, p]
    return totals + np.asarray(b, np.float64)
