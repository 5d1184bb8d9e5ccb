"""Functions on arrays, for people who bring their own training loop."""

from __future__ import annotations

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from .cluster._nearest import nearest_labels
from .core.validation import Array, common_dtype, matrix, output
from .neural_network import _dense
from .neural_network._elementwise import apply_sigmoid


def sigmoid(x: ArrayLike, out: Array | None = None) -> Array:
    """Compute the logistic sigmoid 1 / (1 + exp(-x)), elementwise.

    Within 2 units in the last place of the correctly rounded result; never overflows.  A
    result below the smallest normal number is zero.

    Parameters
    ----------
    x : array-like of real numbers, any shape
        float32 and float16 are computed in float32, everything else in float64.
    out : ndarray, default=None
        Where to write, of x's shape and the result's dtype; may be x itself.

    Returns
    -------
    out : ndarray of x's shape

    Raises
    ------
    TypeError
        If x does not hold real numbers, or ``out`` is not an array.
    ValueError
        If ``out`` has another shape or dtype than the result.

    Examples
    --------
    >>> import fastml
    >>> fastml.sigmoid([0.0, 1000.0, -1000.0])
    array([0.5, 1. , 0. ])
    """
    return apply_sigmoid(x, out, derivative=False)


def sigmoid_derivative(x: ArrayLike, out: Array | None = None) -> Array:
    """Compute the derivative of the sigmoid, sigmoid(x) (1 - sigmoid(x)), elementwise.

    Never above 1/4, at x = 0: the root of the vanishing gradient.  Computed as
    p - p**2 with p = sigmoid(-abs(x)), within 4 units in the last place.

    Parameters
    ----------
    x : array-like of real numbers, any shape
        float32 and float16 are computed in float32, everything else in float64.
    out : ndarray, default=None
        Where to write, of x's shape and the result's dtype; may be x itself.

    Returns
    -------
    out : ndarray of x's shape

    Raises
    ------
    TypeError
        If x does not hold real numbers, or ``out`` is not an array.
    ValueError
        If ``out`` has another shape or dtype than the result.

    Examples
    --------
    >>> import fastml
    >>> fastml.sigmoid_derivative([0.0, 1000.0])
    array([0.25, 0.  ])
    """
    return apply_sigmoid(x, out, derivative=True)


def dense_forward(
    X: ArrayLike,
    W: ArrayLike,
    b: ArrayLike,
    *,
    activation: str = "logistic",
    out: Array | None = None,
) -> Array:
    """Compute one dense layer, activation(XW + b).

    Parameters
    ----------
    X : array-like (n_samples, n_in)
        The layer's input, finite: float32 or smaller floats are computed in float32 if W and b
        are such too, everything else in float64.
    W : array-like (n_in, n_out)
        Weights, finite; column j holds those of unit j.
    b : array-like (n_out,)
        Biases, finite.
    activation : {'identity', 'logistic', 'tanh', 'relu'}, default='logistic'
        What is applied to every element of XW + b.
    out : ndarray (n_samples, n_out), default=None
        Where to write, of the result's dtype; a new array by default.

    Returns
    -------
    out : ndarray (n_samples, n_out)
        float32 if all three inputs are, else float64.

    Raises
    ------
    TypeError, ValueError
        On inputs that are not finite real numbers, on shapes that do not match, on an
        ``out`` of another shape or dtype.

    Examples
    --------
    >>> import fastml
    >>> fastml.dense_forward([[1.0, 2.0]], [[3.0], [4.0]], [-11.0])
    array([[0.5]])
    """
    return _dense.dense_forward(X, W, b, activation=activation, out=out)


def dense_backward(
    X: ArrayLike,
    W: ArrayLike,
    delta: ArrayLike,
    *,
    activation: str = "identity",
    out: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Carry a delta back through one dense layer.

    Parameters
    ----------
    X : array-like (n_samples, n_in)
        The layer's input, the activation of the layer below.
    W : array-like (n_in, n_out)
        The layer's weights, finite.
    delta : array-like (n_samples, n_out)
        dL/dz of this layer, finite.
    activation : {'identity', 'logistic', 'tanh', 'relu'}, default='identity'
        The activation of the layer below, whose derivative is taken from X; 'identity' gives
        dL/dX itself.
    out : ndarray (n_samples, n_in), default=None
        Where to write ``delta_below``, of the common dtype of X, W and delta, writable.

    Returns
    -------
    delta_below : ndarray (n_samples, n_in)
        (delta W^T) times the derivative: dL/dz of the layer below; ``out`` if that is given.
    dW : ndarray (n_in, n_out)
        X^T delta.
    db : ndarray (n_out,)
        The sum of delta over the samples.

    Raises
    ------
    TypeError, ValueError
        On inputs that are not finite real numbers or whose shapes do not match, or an ``out`` of
        another shape or dtype.

    Examples
    --------
    >>> import fastml
    >>> fastml.dense_backward([[1.0, 2.0]], [[3.0], [4.0]], [[0.5]])
    (array([[1.5, 2. ]]), array([[0.5],
           [1. ]]), array([0.5]))
    """
    return _dense.dense_backward(X, W, delta, activation=activation, out=out)


@overload
def nearest_centroid(
    X: ArrayLike,
    centers: ArrayLike,
    *,
    return_distance: Literal[False] = False,
    out: Array | None = None,
) -> Array: ...
@overload
def nearest_centroid(
    X: ArrayLike,
    centers: ArrayLike,
    *,
    return_distance: Literal[True],
    out: Array | None = None,
) -> tuple[Array, Array]: ...


def nearest_centroid(
    X: ArrayLike, centers: ArrayLike, *, return_distance: bool = False, out: Array | None = None
) -> Array | tuple[Array, Array]:
    """Find the centre nearest to each row, by Euclidean distance.

    Every label is the one float64 arithmetic gives, whatever the dtype, with the lowest index
    on ties: rows whose best score leads by less than rounding may account for are decided
    again by direct differences in float64.

    Parameters
    ----------
    X : array-like (n_samples, n_features)
        Finite real numbers.
    centers : array-like (n_clusters, n_features)
        Finite real numbers.
    return_distance : bool, default=False
        Whether to return the distances too, in the units of X.
    out : ndarray (n_samples,) of int32, default=None
        Where to write the labels.

    Returns
    -------
    labels : ndarray (n_samples,) of int32
    distances : ndarray (n_samples,)
        Only with ``return_distance``: summed in float64 by direct differences, then
        rounded to the dtype of X.

    Raises
    ------
    TypeError, ValueError
        On inputs that are not finite real numbers, on numbers of features that differ, on an
        ``out`` of another shape or dtype.

    Examples
    --------
    >>> import fastml
    >>> fastml.nearest_centroid([[0.0], [0.9], [5.0]], [[0.0], [1.0]], return_distance=True)
    (array([0, 1, 1], dtype=int32), array([0. , 0.1, 4. ]))
    """
    dtype = common_dtype(X, centers)
    X = matrix(X, "X", dtype, finite=False)  # the kernel sees what is not finite
    centers = np.ascontiguousarray(matrix(centers, "centers", dtype))
    if X.shape[1] != centers.shape[1]:
        raise ValueError(
            f"Incompatible dimension for X and centers matrices: X.shape[1] == {X.shape[1]} "
            f"while centers.shape[1] == {centers.shape[1]}"
        )
    result = None if out is None else output(out, (X.shape[0],), np.int32)
    distances = np.empty(X.shape[0], dtype) if return_distance else None
    labels = nearest_labels(X, centers, distances)
    if labels is None:
        matrix(X, "X", dtype)  # says what is not finite
        raise ValueError("Input X contains NaN or infinity.")  # or scikit-learn assumed it is not
    if result is None:
        result = labels
    else:
        result[...] = labels
    return result if distances is None else (result, distances)
