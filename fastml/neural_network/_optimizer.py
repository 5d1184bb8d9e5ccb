"""What a stochastic solver remembers, and its learning rate, from one epoch to the next."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from ..core.validation import Array
from ..kernels.neural_network import bundles, optimizer
from ._architecture import Architecture

#: Below this an adaptive learning rate is not lowered any more.
_SMALLEST_RATE = 1e-6


class Optimizer:
    """What a stochastic solver remembers between epochs.

    Parameters
    ----------
    estimator : estimator with the parameters of a perceptron
    architecture : Architecture
    """

    def __init__(self, estimator: Any, architecture: Architecture) -> None:
        self.steps = 0
        self.learning_rate_init = float(estimator.learning_rate_init)
        self.learning_rate = self.learning_rate_init
        self.n_moments = 1
        if estimator.solver == "adam":
            self.rule, self.n_moments = optimizer.ADAM, 2
            self.beta_1 = float(estimator.beta_1)
            self.schedule = "constant"
        else:
            self.beta_1 = float(estimator.momentum)
            self.schedule = str(estimator.learning_rate)
            if estimator.momentum == 0:
                self.rule, self.n_moments = optimizer.DESCENT, 0
            elif estimator.nesterovs_momentum:
                self.rule = optimizer.NESTEROV
            else:
                self.rule = optimizer.MOMENTUM
        self.beta_2 = float(estimator.beta_2)
        self.epsilon = float(estimator.epsilon)
        self.power_t = float(estimator.power_t)
        self.moments = [
            np.zeros(architecture.n_parameters if i < self.n_moments else 0, architecture.dtype)
            for i in range(2)
        ]

    def copied(self) -> Optimizer:
        """Return an optimiser that goes on from here, and leaves this one as it is."""
        other = copy(self)
        other.moments = [moment.copy() for moment in self.moments]
        return other

    def is_for(self, architecture: Architecture) -> bool:
        """Return whether what is remembered belongs to parameters of this architecture."""
        sizes = [architecture.n_parameters if i < self.n_moments else 0 for i in range(2)]
        return [moment.size for moment in self.moments] == sizes and all(
            moment.dtype == architecture.dtype for moment in self.moments
        )

    def bundle(self, alpha: float, parameters: Array) -> bundles.Optimizer:
        """Return the optimiser as kernels take it, for parameters its moments belong to."""
        rates = self.learning_rate, alpha, self.beta_1, self.beta_2, self.epsilon
        settings = np.array(rates, np.float64)
        return bundles.Optimizer.checked(
            self.rule, settings, self.steps, self.moments, self.n_moments, parameters
        )

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

    def update(self, parameters: Array, gradient: Array, n_weights: int, alpha: float) -> Array:
        """Return the change one more step would make, without taking it.

        Parameters
        ----------
        parameters : ndarray (n_parameters,)
            The first ``n_weights`` are weights, the others biases.
        gradient : ndarray (n_parameters,) of the mean loss, without the L2 penalty
        """
        after = parameters.copy()
        bundle = self.copied().bundle(alpha, after)
        optimizer.optimizer_step(bundle, n_weights, after, gradient)
        return after - parameters
