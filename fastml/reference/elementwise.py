"""Functions of one number, or of one row.

Cited are Goodfellow, Bengio and Courville, *Deep Learning* (MIT Press, 2016), and Bishop, *Pattern
Recognition and Machine Learning* (Springer, 2006).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def sigmoid(z: ArrayLike) -> Array:
    """Return σ(z) = 1 / (1 + exp(-z)) elementwise, without overflow.

    With e = exp(-|z|) <= 1 it is 1 / (1 + e) for z >= 0 and e / (1 + e) below.

    Parameters
    ----------
    z : number or array of any shape

    Source: *Deep Learning*, equation 3.30.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    z = np.asarray(z)
    e = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, np.ones_like(e), e) / (1 + e))


def sigmoid_derivative(z: ArrayLike) -> Array:
    """Return σ'(z) = σ(z) (1 - σ(z)) elementwise.

    1 - σ(z) is evaluated as σ(-z), which it equals and which does not cancel.

    Parameters
    ----------
    z : number or array of any shape

    Source: *Pattern Recognition and Machine Learning*, equation 4.88.

    >>> sigmoid_derivative(np.array([0.0, 1000.0]))
    array([0.25, 0.  ])
    """
    z = np.asarray(z)
    return sigmoid(z) * sigmoid(-z)


def softmax(z: ArrayLike) -> Array:
    """Return exp(z) / Σ exp(z), the sum along the last axis, without overflow.

    Parameters
    ----------
    z : (..., n_classes), logits

    Source: *Pattern Recognition and Machine Learning*, equation 4.104; *Deep Learning*,
    equation 4.1 and the largest z subtracted as in section 4.1.

    >>> softmax([1000.0, 1000.0])
    array([0.5, 0.5])
    """
    z = np.asarray(z)
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def softplus(z: ArrayLike) -> Array:
    """Return ζ(z) = log(1 + exp(z)) elementwise, without overflow.

    Parameters
    ----------
    z : number or array of any shape

    Source: *Deep Learning*, equation 3.31.

    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    return np.asarray(np.logaddexp(0, np.asarray(z)))
