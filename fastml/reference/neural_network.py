"""Multi-layer perceptrons: activations, layers, losses, and gradients by backpropagation.

Two textbooks are cited throughout: Goodfellow, Bengio and Courville, *Deep Learning*
(MIT Press, 2016), and Bishop, *Pattern Recognition and Machine Learning* (Springer, 2006).

What takes numbers one by one is in :mod:`.elementwise`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .elementwise import sigmoid, softmax, softplus

Array = NDArray[Any]


# --- activations -------------------------------------------------------------------------


def _activate(z: Array, activation: str) -> Array:
    if activation == "logistic":
        return sigmoid(z)
    if activation == "relu":
        return np.asarray(np.maximum(z, 0))
    if activation == "tanh":
        return np.asarray(np.tanh(z))
    return z


def activation_derivative(a: Array, activation: str) -> Array:
    """Return h'(z) elementwise from a = h(z): a layer keeps what it put out, not what it took in.

    Parameters
    ----------
    a : array of any shape
    activation : 'identity', 1; 'logistic', a (1 - a); 'relu', 1 where a > 0, else 0; 'tanh', 1 - a²

    Source: *Pattern Recognition and Machine Learning*, equations 4.88 and 5.59.

    >>> activation_derivative(np.array([0.5, 1.0]), "logistic")
    array([0.25, 0.  ])
    """
    if activation == "logistic":
        return np.asarray(a * (1 - a))
    if activation == "relu":
        return (a > 0).astype(a.dtype)
    if activation == "tanh":
        return np.asarray(1 - a * a)
    return np.ones_like(a)


# --- one layer ---------------------------------------------------------------------------


def dense_forward(X: Array, W: Array, b: Array, *, activation: str = "logistic") -> Array:
    """Return the activation of one dense layer, h(z) with z = X W + b.

    Parameters
    ----------
    X : (n_samples, n_in)
    W : (n_in, n_out)
    b : (n_out,)
    activation : 'identity', h(z) = z; 'logistic', h(z) = σ(z); 'tanh'; 'relu', h(z) = max(z, 0)

    Returns
    -------
    (n_samples, n_out)

    Source: *Deep Learning*, section 6.3.

    >>> X = np.array([[1.0, 2.0]])
    >>> W = np.array([[1.0, 0.0], [-1.0, 0.5]])
    >>> dense_forward(X, W, np.array([0.5, -1.0]), activation="identity")
    array([[-0.5,  0. ]])
    """
    return _activate(X @ W + b, activation)


def hidden_delta(delta: Array, W: Array, a: Array, *, activation: str = "logistic") -> Array:
    """Return the delta of a layer from that of the layer above: (δ Wᵀ) ∘ h'(z).

    Parameters
    ----------
    delta : (n_samples, n_out), ∂L/∂z of the layer above
    W : (n_in, n_out), its weights
    a : (n_samples, n_in), the activation of this layer, h(z); for h = σ, h'(z) = a (1 - a)
    activation : h

    Returns
    -------
    (n_samples, n_in)

    Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating
    errors", Nature 323, 1986; *Pattern Recognition and Machine Learning*, equation 5.56.

    >>> hidden_delta(np.array([[2.0]]), np.array([[1.0], [-1.0]]), np.array([[0.5, 0.5]]))
    array([[ 0.5, -0.5]])
    """
    return np.asarray((delta @ W.T) * activation_derivative(a, activation))


def dense_backward(
    X: Array, W: Array, delta: Array, *, activation: str = "identity"
) -> tuple[Array, Array, Array]:
    """Return the delta of the layer below and the gradients of one dense layer.

    delta_below = (δ Wᵀ) ∘ h'(z below), dW = Xᵀ δ, db = Σ δ over the samples.

    Parameters
    ----------
    X : (n_samples, n_in), the layer's input
    W : (n_in, n_out)
    delta : (n_samples, n_out), ∂L/∂z of the layer
    activation : the h that made X; h' is taken from X itself.  'identity' where X is data

    Returns
    -------
    delta_below : (n_samples, n_in)
    dW : (n_in, n_out)
    db : (n_out,)

    Source: *Pattern Recognition and Machine Learning*, equations 5.53 and 5.56.

    >>> X, W, delta = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([[0.5]])
    >>> delta_below, dW, db = dense_backward(X, W, delta)
    >>> delta_below, dW.ravel(), db
    (array([[1.5, 2. ]]), array([0.5, 1. ]), array([0.5]))
    """
    delta_below = hidden_delta(delta, W, X, activation=activation)
    return delta_below, X.T @ delta, delta.sum(axis=0)


def gradient_descent_step(
    parameters: Sequence[Array], gradients: Sequence[Array], learning_rate: float
) -> None:
    """Update parameters in place by one step of gradient descent: w ← w - η ∂L/∂w.

    Parameters
    ----------
    parameters : arrays of any shapes
    gradients : arrays of the same shapes
    learning_rate : η

    Source: *Pattern Recognition and Machine Learning*, equation 5.41.

    >>> W = np.array([1.0, 2.0])
    >>> gradient_descent_step([W], [np.array([10.0, -10.0])], 0.1)
    >>> W
    array([0., 3.])
    """
    for w, gradient in zip(parameters, gradients, strict=True):
        w -= learning_rate * gradient


# --- the loss ----------------------------------------------------------------------------


def binary_cross_entropy(z: Array, y: Array) -> float:
    """Return the mean over samples of L = -(y log ŷ + (1 - y) log(1 - ŷ)), ŷ = σ(z).

    Evaluated from the logit as log(1 + exp(z)) - y z, which it equals: a probability that
    has rounded to 0 or 1 would lose the loss.  Losses of several outputs add up.

    Parameters
    ----------
    z : (n_samples,) or (n_samples, n_out), logits
    y : of the same shape, targets in [0, 1]

    Source: *Pattern Recognition and Machine Learning*, equation 4.90;
    *Deep Learning*, section 6.2.2.2.

    >>> binary_cross_entropy(np.array([-1000.0, 1000.0]), np.array([1.0, 1.0]))
    500.0
    """
    return float((softplus(z) - y * z).sum() / len(z))


def cross_entropy(z: Array, y: Array) -> float:
    """Return the mean over samples of L = -Σ_j y_j log ŷ_j, ŷ = softmax(z).

    Evaluated from the logits as log Σ exp(z) - z_y, with the largest z taken out of both.

    Parameters
    ----------
    z : (n_samples, n_classes), logits
    y : (n_samples, n_classes), 1 for the class of each sample, else 0

    Source: *Pattern Recognition and Machine Learning*, equation 4.108.

    >>> cross_entropy(np.array([[0.0, -1000.0]]), np.array([[0.0, 1.0]]))
    1000.0
    """
    shifted = z - z.max(axis=1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(axis=1)) - (y * shifted).sum(axis=1)).sum() / len(z))


def squared_error(z: Array, y: Array) -> float:
    """Return the mean over samples of L = ½ Σ_j (z_j - y_j)².

    Parameters
    ----------
    z, y : (n_samples, n_out), outputs and targets

    Source: *Pattern Recognition and Machine Learning*, equation 5.11.

    >>> squared_error(np.array([[1.0, 3.0]]), np.array([[0.0, 1.0]]))
    2.5
    """
    return float(0.5 * ((z - y) ** 2).sum() / len(z))


def poisson_deviance(z: Array, y: Array) -> float:
    """Return the mean over samples of half the Poisson deviance of ŷ = exp(z) from y.

    L = Σ_j y_j log(y_j / ŷ_j) - y_j + ŷ_j.

    Parameters
    ----------
    z, y : (n_samples, n_out), logarithms of the predictions, and targets that are not negative

    Source: McCullagh and Nelder, *Generalized Linear Models*, 1989, section 2.3.

    >>> poisson_deviance(np.array([[0.0]]), np.array([[1.0]]))
    0.0
    """
    logs = y * np.log(np.where(y > 0, y, 1))
    return float((logs - y * z - y + np.exp(z)).sum() / len(z))


def output_delta(probability: Array, y: Array) -> Array:
    """Return the delta of the output layer, ∂L/∂z = ŷ - y.

    The same for each loss above with its ŷ: σ(z), softmax(z), z and exp(z).

    Parameters
    ----------
    probability : (n_samples, n_out), ŷ
    y : (n_samples, n_out), targets

    Returns
    -------
    (n_samples, n_out)

    Source: *Pattern Recognition and Machine Learning*, equation 4.91.

    >>> output_delta(np.array([[0.75]]), np.array([[1.0]]))
    array([[-0.25]])
    """
    return probability - y


# --- a network -----------------------------------------------------------------------------


# Output activations, each with the loss whose delta is ŷ - y.
_OUTPUTS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], float]]] = {
    "logistic": (sigmoid, binary_cross_entropy),
    "softmax": (softmax, cross_entropy),
    "identity": (np.asarray, squared_error),
    "exp": (np.exp, poisson_deviance),
}


def forward(
    X: Array,
    coefs: Sequence[Array],
    intercepts: Sequence[Array],
    *,
    activations: Sequence[str] | None = None,
    output: str = "logistic",
) -> list[Array]:
    """Return the activations of all layers, the input first, ŷ last.

    Parameters
    ----------
    X : (n_samples, n_features)
    coefs : for each layer its weights W, (n_in, n_out)
    intercepts : for each layer its biases b, (n_out,)
    activations : of the hidden layers; None for all logistic
    output : 'logistic', 'softmax', 'identity' or 'exp'

    Source: *Deep Learning*, algorithm 6.3.

    >>> W, b = np.array([[0.0]]), np.array([0.0])
    >>> forward(np.array([[3.0]]), [W, W], [b, b])
    [array([[3.]]), array([[0.5]]), array([[0.5]])]
    """
    names = activations or ["logistic"] * (len(coefs) - 1)
    layers = [X]
    for W, b, name in zip(coefs[:-1], intercepts[:-1], names, strict=True):
        layers.append(dense_forward(layers[-1], W, b, activation=name))
    z = dense_forward(layers[-1], coefs[-1], intercepts[-1], activation="identity")
    activate, _ = _OUTPUTS[output]
    return [*layers, activate(z)]


def loss_and_gradients(
    X: Array,
    y: Array,
    coefs: Sequence[Array],
    intercepts: Sequence[Array],
    alpha: float = 0.0,
    *,
    activations: Sequence[str] | None = None,
    output: str = "logistic",
) -> tuple[float, list[Array], list[Array]]:
    """Return the loss of a network on a batch, and its gradients by backpropagation.

    L = mean loss + α/2 Σ W² / n, with the sum over all weights of all layers: scikit-learn's
    convention.

    Parameters
    ----------
    X : (n_samples, n_features)
    y : (n_samples,) or (n_samples, n_out), targets
    coefs, intercepts, activations : as for :func:`forward`
    alpha : strength of the L2 penalty
    output : 'logistic' for the binary cross-entropy, 'softmax' for the cross-entropy,
        'identity' for the squared error, 'exp' for the Poisson deviance

    Returns
    -------
    loss : float
    dWs, dbs : lists of arrays shaped as ``coefs`` and ``intercepts``

    Source: *Deep Learning*, algorithm 6.4.

    >>> W, b = np.array([[2.0]]), np.array([0.0])
    >>> loss, dWs, dbs = loss_and_gradients(np.array([[0.0]]), np.array([1.0]), [W], [b], 0.5)
    >>> round(loss, 4), dWs[0], dbs[0]  # log 2 + 1, alpha W, ŷ - y
    (1.6931, array([[1.]]), array([-0.5]))
    """
    n_samples = len(X)
    names = activations or ["logistic"] * (len(coefs) - 1)
    *inputs, _ = forward(X, coefs, intercepts, activations=names, output=output)
    z = dense_forward(inputs[-1], coefs[-1], intercepts[-1], activation="identity")
    y = np.reshape(y, z.shape)
    activate, mean_loss = _OUTPUTS[output]
    penalty = 0.5 * alpha * sum(float((W * W).sum()) for W in coefs) / n_samples
    loss = mean_loss(z, y) + penalty

    dWs: list[Array] = []
    dbs: list[Array] = []
    delta = output_delta(activate(z), y)
    for layer in reversed(range(len(coefs))):
        a, W = inputs[layer], coefs[layer]
        dWs.insert(0, (a.T @ delta + alpha * W) / n_samples)
        dbs.insert(0, delta.sum(axis=0) / n_samples)
        if layer > 0:
            delta = hidden_delta(delta, W, a, activation=names[layer - 1])
    return loss, dWs, dbs


def train_epoch(
    X: Array,
    y: Array,
    coefs: Sequence[Array],
    intercepts: Sequence[Array],
    order: NDArray[np.integer[Any]],
    batch_size: int,
    learning_rate: float,
    alpha: float = 0.0,
) -> float:
    """Run one epoch of mini-batch gradient descent in place, and return its mean loss.

    Batches are consecutive pieces of ``order``; the last may be shorter.  The loss of a
    batch is taken before its step and weighted by its size, as in scikit-learn's
    ``loss_curve_``.

    Parameters
    ----------
    X, y, coefs, intercepts, alpha : as for :func:`loss_and_gradients`
    order : (n_samples,) integers, the order of the samples
    batch_size : samples a step
    learning_rate : η

    Source: *Deep Learning*, algorithm 8.1.

    >>> X, y = np.array([[1.0], [-1.0]]), np.array([1.0, 0.0])
    >>> W, b = np.array([[0.0]]), np.array([0.0])
    >>> losses = [train_epoch(X, y, [W], [b], np.arange(2), 2, 1.0) for _ in range(3)]
    >>> np.round(losses, 3)
    array([0.693, 0.474, 0.348])
    """
    total = 0.0
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        loss, dWs, dbs = loss_and_gradients(X[batch], y[batch], coefs, intercepts, alpha)
        gradient_descent_step([*coefs, *intercepts], [*dWs, *dbs], learning_rate)
        total += loss * len(batch)
    return total / len(order)
