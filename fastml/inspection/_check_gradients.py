"""Backpropagation against central differences."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_scalar

from ..core.random_state import check_random_state
from ..core.validation import Array
from ..neural_network._objective import Objective
from ..neural_network._perceptron import BasePerceptron, require_perceptron

#: Gradients below this part of the largest are compared with that, not with themselves: there a
#: difference of two losses is rounding.
_SMALLEST_COMPARED = 1e-5


@dataclass(frozen=True)
class GradientCheck:
    """What :func:`check_gradients` found.

    Attributes
    ----------
    parameters : ndarray (n_checked,) of int
        Positions in the flat parameters, which hold all weights, layer by layer, then all biases.
    backpropagated, differences : ndarray (n_checked,)
        The two gradients.
    largest_error : float
        Largest difference of the two, relative to the larger.
    """

    parameters: Array
    backpropagated: Array
    differences: Array
    largest_error: float

    def __str__(self) -> str:
        return (
            f"{len(self.parameters)} gradients checked: backpropagation and central differences "
            f"differ by {self.largest_error:.1e} at most, relative to the larger."
        )


def check_gradients(
    estimator: BasePerceptron,
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_checked: int = 200,
    step: float = 1e-5,
    random_state: int | np.random.RandomState | None = 0,
) -> GradientCheck:
    """Compare the gradient of the loss with central differences, in float64.

    The loss is the one ``fit`` lowers, its L2 penalty included.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted, be it for one epoch by ``partial_fit``.
    X : array-like (n_samples, n_features)
        The samples of the loss, in the units the estimator was fitted on.
    y : array-like (n_samples,) or (n_samples, n_outputs)
        Their classes or targets.
    n_checked : int, default=200
        Parameters to check, drawn at random; all of them if there are no more.
    step : float, default=1e-5
        Length of the step to either side.  At the kink of a ReLU the two gradients may differ.
    random_state : int, RandomState instance or None, default=0
        Draws the parameters that are checked.

    Returns
    -------
    check : GradientCheck

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator is no perceptron of fastml.
    TypeError, ValueError
        On bad input, in scikit-learn's words; if ``n_checked`` is below 1, or ``step`` is not
        positive.

    Examples
    --------
    >>> import fastml
    >>> from fastml.inspection import check_gradients
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = fastml.MLPClassifier((8,), activation="tanh", random_state=0)
    >>> check_gradients(model.partial_fit(X, y, classes=range(3)), X, y).largest_error < 1e-5
    True
    """
    require_perceptron(estimator)
    check_scalar(n_checked, "n_checked", Integral, min_val=1)
    check_scalar(step, "step", Real, min_val=0, include_boundaries="neither")
    network = estimator._fitted_network()
    layers, parameters = network.architecture.of_dtype(np.float64), network.parameters
    samples = estimator._known_samples(X, y, layers)
    loss = Objective(layers, samples, np.arange(len(samples.X)), estimator.alpha)
    x = parameters.astype(np.float64)
    _, gradient = loss(x)
    n = min(int(n_checked), x.size)
    chosen = np.sort(check_random_state(random_state).permutation(x.size)[:n])
    differences = np.empty(n)
    for i, position in enumerate(chosen):
        before = x[position]
        x[position] = before + step
        rise, _ = loss(x)
        x[position] = before - step
        fall, _ = loss(x)
        x[position] = before
        differences[i] = (rise - fall) / (2 * step)
    exact = gradient[chosen]
    floor = max(_SMALLEST_COMPARED * float(np.abs(gradient).max()), np.finfo(np.float64).tiny)
    scale = np.maximum(np.maximum(np.abs(exact), np.abs(differences)), floor)
    largest = float((np.abs(exact - differences) / scale).max())
    return GradientCheck(chosen, exact, differences, largest)
