"""Why a network does not learn: its gradients, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..core.validation import Array
from ..functional import dense_backward
from ..kernels.neural_network.bundles import Samples
from ..neural_network._network import Network
from ..neural_network._perceptron import BasePerceptron, require_perceptron
from ..neural_network._sparse import as_arrays
from ..reference import activation_derivative

#: The delta of the first hidden layer over that of the last below which gradients vanish, and
#: above which they explode.
_VANISHING, _EXPLODING = 1e-3, 1e2
#: A step that changes a weight matrix by more than this part of it is no small step.
_LARGE_UPDATE = 0.5
#: Shares of a layer's dead units, and of saturated ones, that count as many.  In a deep network
#: of ReLUs that learns well, half of a layer may be dead; not of the only one.
_MANY_DEAD, _MANY_DEAD_OF_ONLY, _MANY_SATURATED = 0.8, 0.5, 0.3


@dataclass(frozen=True)
class GradientFlow:
    """What :func:`gradient_flow` found, one entry for each layer with weights, the output last.

    Attributes
    ----------
    widths : ndarray of int
        Units of each layer.
    activations : tuple of str
    gradient_norms : ndarray
        Norm of the derivative of the mean loss by the layer's weights.
    delta_sizes : ndarray
        Root mean square, over samples and units, of delta, a sample's loss derived by z.
    saturated : ndarray
        Share of activations, over samples and units, with a derivative below the threshold.
    dead : ndarray
        Share of units so for every sample: nothing moves them.
    activation_means, activation_spreads : ndarray
        Mean and standard deviation over samples and units.
    update_ratios : ndarray
        Norm of the change the solver's next step would make to the weights, over their norm;
        NaN for 'lbfgs'.
    verdict : {'healthy', 'vanishing', 'exploding', 'dead units'}
    remedy : str
        What to change, and why.
    """

    widths: Array
    activations: tuple[str, ...]
    gradient_norms: Array
    delta_sizes: Array
    saturated: Array
    dead: Array
    activation_means: Array
    activation_spreads: Array
    update_ratios: Array
    verdict: str
    remedy: str

    def __str__(self) -> str:
        lines = ["layer  activation  units  |dL/dW|  delta    saturated  dead   update/weight"]
        for i, name in enumerate(self.activations):
            lines.append(
                f"{i + 1:5}  {name:10}  {self.widths[i]:5}  {self.gradient_norms[i]:7.1e}  "
                f"{self.delta_sizes[i]:7.1e}  {self.saturated[i]:9.1%}  {self.dead[i]:5.1%}  "
                f"{self.update_ratios[i]:.1e}"
            )
        return "\n".join([*lines, f"{self.verdict}: {self.remedy}"])


def gradient_flow(
    estimator: BasePerceptron, X: ArrayLike, y: ArrayLike, *, saturation: float = 0.01
) -> GradientFlow:
    """Measure how the gradient flows back through a network, and say what is wrong with it.

    The delta of a layer is that of the layer above times its weights times the derivative of
    the activation.  A sigmoid's derivative is at most 1/4, so in a deep network of sigmoids
    the product shrinks with every layer and the first ones stand still; large weights make it
    grow instead; a ReLU that is negative for every sample passes nothing on at all.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted, be it for one epoch by ``partial_fit``.
    X : array-like (n_samples, n_features)
        The samples of the loss, in the units the estimator was fitted on.
    y : array-like (n_samples,) or (n_samples, n_outputs)
        Their classes or targets.
    saturation : float, default=0.01
        A unit is saturated where the derivative of its activation is below this.

    Returns
    -------
    flow : GradientFlow
        ``print`` shows it as a table.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator is no perceptron of fastml.
    TypeError, ValueError
        On bad input, in scikit-learn's words.

    References
    ----------
    Hochreiter, "The vanishing gradient problem during learning recurrent neural nets and
    problem solutions", International Journal of Uncertainty, Fuzziness and Knowledge-Based
    Systems 6(2), 1998.  Glorot and Bengio, "Understanding the difficulty of training deep
    feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> import fastml
    >>> from fastml.inspection import gradient_flow
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = fastml.MLPClassifier([30] * 10, activation="logistic", random_state=0)
    >>> gradient_flow(model.partial_fit(X / 16, y, classes=range(10)), X / 16, y).verdict
    'vanishing'
    """
    require_perceptron(estimator)
    network = estimator._fitted_network()
    layers = network.architecture
    samples = estimator._known_samples(X, y, layers)
    samples, _ = as_arrays(samples, np.arange(len(samples.X)))
    activations = network.activations(samples.X)
    deltas, gradients = _backward(network, samples, activations)
    slopes = [
        activation_derivative(a, name)
        for a, name in zip(activations, (*layers.activations, "identity"), strict=True)
    ]
    still = [slope < saturation for slope in slopes]
    flow: dict[str, Any] = {
        "widths": np.array(layers.widths[1:]),
        "activations": (*layers.activations, layers.output),
        "gradient_norms": np.array([float(np.linalg.norm(dW)) for dW, _ in gradients]),
        "delta_sizes": np.array([_root_mean_square(delta) for delta in deltas]),
        "saturated": np.array([layer.mean() for layer in still]),
        "dead": np.array([layer.all(axis=0).mean() for layer in still]),
        "activation_means": np.array([float(a.mean()) for a in activations]),
        "activation_spreads": np.array([float(a.std()) for a in activations]),
        "update_ratios": _update_ratios(estimator, network, gradients, len(samples.X)),
    }
    norms = np.array([float(np.linalg.norm(W)) for W in network.coefs])
    verdict, remedy = _judge({**flow, "weight_norms": norms})
    return GradientFlow(**flow, verdict=verdict, remedy=remedy)


def _root_mean_square(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def _backward(
    network: Network, samples: Samples, activations: list[Array]
) -> tuple[list[Array], list[tuple[Array, Array]]]:
    """Return each layer's delta, and the gradients of the mean loss by its weights and biases."""
    layers, coefs, Y = network.architecture, network.coefs, samples.Y
    if layers.output == "softmax":
        Y = np.equal(Y, np.arange(layers.widths[-1])).astype(Y.dtype)
    delta = activations[-1] - Y
    if samples.weights.size:
        delta *= (samples.weights / samples.weights.mean())[:, np.newaxis]
    inputs = [samples.X, *activations[:-1]]
    below = ("identity", *layers.activations)
    deltas = [delta]
    gradients: list[tuple[Array, Array]] = []
    for a, W, name in zip(reversed(inputs), reversed(coefs), reversed(below), strict=True):
        delta, dW, db = dense_backward(a, W, deltas[0], activation=name)
        deltas.insert(0, delta)
        gradients.insert(0, (dW / len(Y), db / len(Y)))
    return deltas[1:], gradients


def _update_ratios(
    estimator: BasePerceptron,
    network: Network,
    gradients: list[tuple[Array, Array]],
    n_samples: int,
) -> Array:
    layers = network.architecture
    optimizer = vars(estimator).get("_optimizer")
    if estimator.solver == "lbfgs" or optimizer is None or not optimizer.is_for(layers):
        return np.full(len(gradients), np.nan)
    gradient = layers.flatten(*(list(arrays) for arrays in zip(*gradients, strict=True)))
    alpha = float(estimator.alpha) / n_samples
    change = optimizer.update(network.parameters, gradient, layers.n_weights, alpha)
    pairs = zip(layers.views(change)[0], network.coefs, strict=True)
    with np.errstate(divide="ignore", invalid="ignore"):  # weights of zero
        return np.array([float(np.linalg.norm(dW) / np.linalg.norm(W)) for dW, W in pairs])


def _judge(flow: dict[str, Any]) -> tuple[str, str]:
    """Return the verdict and the remedy."""
    hidden = flow["activations"][:-1]
    if not hidden:
        return "healthy", "without a hidden layer nothing stands between the loss and the weights."
    zero = np.flatnonzero(flow["weight_norms"] == 0)
    if len(zero):
        place = f"hidden layer {zero[0] + 1}" if zero[0] < len(hidden) else "the output layer"
        return "zero weights", (
            f"all weights of {place} are 0, so nothing passes, forward or back: start anew, with "
            "weight_init='auto'."
        )
    worst = int(np.argmax(flow["dead"][:-1]))
    if flow["dead"][worst] > (_MANY_DEAD if len(hidden) > 1 else _MANY_DEAD_OF_ONLY):
        name = hidden[worst]
        which = f"hidden layer {worst + 1}" if len(hidden) > 1 else "the only hidden layer"
        cause = "negative" if name == "relu" else "saturated"
        return "dead units", (
            f"{flow['dead'][worst]:.0%} of the units of {which} ({name}) are "
            f"{cause} for every sample, so no gradient reaches them. Lower learning_rate_init, "
            "scale the features, and start anew with weight_init='auto'."
        )
    first, last = flow["delta_sizes"][0], flow["delta_sizes"][len(hidden) - 1]
    steps = np.nan_to_num(flow["update_ratios"])
    if first > _EXPLODING * last or steps.max() > _LARGE_UPDATE:
        return "exploding", (
            f"delta is {first / last:.1e} times as large at the first hidden layer as at the last, "
            f"and the next step changes a weight matrix by {steps.max():.0%}. Lower "
            "learning_rate_init, scale the features, and start with smaller weights "
            "(weight_init='glorot')."
        )
    if first < _VANISHING * last:
        return "vanishing", _remedy_for_vanishing(flow, first / last)
    return "healthy", "the gradients of all layers are of similar size."


def _remedy_for_vanishing(flow: dict[str, Any], ratio: float) -> str:
    hidden = flow["activations"][:-1]
    finding = (
        f"delta shrinks to {ratio:.1e} of itself from the last hidden layer to the first, so the "
        "first layers learn next to nothing. "
    )
    if flow["saturated"][:-1].max() > _MANY_SATURATED:
        return finding + (
            "Many units are saturated, where the activation is flat: scale the features, and "
            "start with smaller weights."
        )
    if "logistic" in hidden:
        return finding + (
            "A sigmoid's derivative is at most 1/4 and the product over layers shrinks: use "
            "activation='relu' or 'tanh', or fewer layers, or weight_init='auto'."
        )
    return finding + (
        "The first weights are too small for the depth: start with weight_init='auto', or use "
        "fewer layers."
    )
