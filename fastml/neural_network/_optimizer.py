"""An optimiser's rule, moments and learning rate, from one epoch to the next."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.validation import Array
from ..kernels.neural_network import optimizer
from ._network import Network

#: Below this an adaptive learning rate is not lowered any more.
_SMALLEST_RATE = 1e-6


class Optimizer:
    """What a stochastic solver remembers between epochs.

    Parameters
    ----------
    estimator : estimator with the parameters of a perceptron
    layers : Network
    """

    def __init__(self, estimator: Any, layers: Network) -> None:
        self.steps = 0
        self.learning_rate_init = float(estimator.learning_rate_init)
        self.learning_rate = self.learning_rate_init
        if estimator.solver == "adam":
            self.rule, n_moments = optimizer.ADAM, 2
            self.beta_1 = float(estimator.beta_1)
            self.schedule = "constant"
        else:
            self.beta_1 = float(estimator.momentum)
            self.schedule = str(estimator.learning_rate)
            n_moments = 1
            if estimator.momentum == 0:
                self.rule, n_moments = optimizer.DESCENT, 0
            elif estimator.nesterovs_momentum:
                self.rule = optimizer.NESTEROV
            else:
                self.rule = optimizer.MOMENTUM
        self.beta_2 = float(estimator.beta_2)
        self.epsilon = float(estimator.epsilon)
        self.power_t = float(estimator.power_t)
        self.moments = [
            np.zeros(layers.n_parameters if i < n_moments else 0, layers.dtype) for i in range(2)
        ]

    def settings(self, alpha: float) -> Array:
        """Return the settings as the kernels take them."""
        return np.array([self.learning_rate, alpha, self.beta_1, self.beta_2, self.epsilon])

    def end_epoch(self, t: int) -> None:
        """Lower the learning rate by inverse scaling, after ``t`` samples."""
        if self.schedule == "invscaling":
            self.learning_rate = self.learning_rate_init / (t + 1) ** self.power_t

    def may_go_on(self) -> bool:
        """Where training stands still: lower an adaptive learning rate and go on, or stop."""
        if self.schedule != "adaptive" or self.learning_rate <= _SMALLEST_RATE:
            return False
        self.learning_rate /= 5.0
        return True

    def update(self, parameters: Array, gradient: Array, layers: Network, alpha: float) -> Array:
        """Return the change one more step would make, without taking it.

        Parameters
        ----------
        parameters : ndarray (n_parameters,)
        gradient : ndarray (n_parameters,) of the mean loss, without the L2 penalty
        """
        after = parameters.copy()
        moments = [moment.copy() for moment in self.moments]
        for start, stop, penalty in (
            (0, layers.n_weights, alpha),
            (layers.n_weights, layers.n_parameters, 0.0),
        ):
            optimizer.optimizer_step(
                self.rule, self.settings(alpha), self.steps + 1, 1.0, penalty, start, stop,
                after, gradient, *moments,
            )  # fmt: skip
        return after - parameters
