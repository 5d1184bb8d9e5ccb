"""The multi-layer perceptron regressor."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import StrOptions

from ..core.documentation import documented, filled
from ..core.estimator import keep_parameters
from ..core.sklearn_compat import available_if, fit_context
from ..core.validation import Array
from ..execution import over_blocks
from ..kernels.neural_network import network
from ._architecture import Activation
from ._documentation import (
    ATTRIBUTES,
    FIT,
    PARAMETERS,
    PARTIAL_FIT,
    PREDICT,
    REFERENCES,
)
from ._perceptron import BasePerceptron, partial_fit_is_available
from ._targets import Numbers


@documented(PARAMETERS, attributes=ATTRIBUTES, references=REFERENCES)
class MLPRegressor(RegressorMixin, BasePerceptron):
    """Multi-layer perceptron for one real output or several.

    z = aW + b and a = activation(z) in every hidden layer; on top the identity trained on the
    squared error, or the exponential trained on the Poisson deviance.  Training runs whole
    epochs in compiled code; for one ``random_state`` the result is the same bits for any
    number of threads.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    loss_curve_ : list of float
        The mean loss of each epoch, as its batches met it.  Squared errors are averaged
        over outputs, while training lowers their sum.
    validation_scores_, validation_loss_curve_ : list of float or None
        R² and mean loss on the validation data after each epoch, where there is any.
    {attributes}

    References
    ----------
    {references}

    Examples
    --------
    >>> import fastml
    >>> import numpy as np
    >>> X = np.linspace(-3, 3, 200).reshape(-1, 1)
    >>> y = np.sin(X[:, 0])
    >>> model = fastml.MLPRegressor(hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs")
    >>> model.set_params(random_state=0, max_iter=500).fit(X, y).score(X, y) > 0.999
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BasePerceptron._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    loss: str

    def __init__(
        self,
        loss: Literal["squared_error", "poisson"] = "squared_error",
        hidden_layer_sizes: ArrayLike = (100,),
        activation: Activation | list[Activation] = "relu",
        *,
        solver: Literal["lbfgs", "sgd", "adam"] = "adam",
        alpha: float = 1e-4,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant",
        learning_rate_init: float = 1e-3,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool | Literal["blocks"] = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        weight_init: Literal["glorot", "he", "auto"] = "glorot",
        max_time: float | None = None,
        record_gradients: bool = False,
    ) -> None:
        keep_parameters(self, locals())

    @fit_context(prefer_skip_nested_validation=True)
    @filled(**FIT)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        validation_data: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Train on X and y.

        Parameters
        ----------
        {X}
        y : array-like (n_samples,) or (n_samples, n_outputs)
            Finite real numbers, converted to X's element type; not negative for ``'poisson'``.
        {weights}

        Returns
        -------
        self : MLPRegressor

        {raises}
        """
        goes_on = self.warm_start and self._has_network()
        return self._train(
            Numbers(self.loss), X, y, sample_weight, validation_data, goes_on=goes_on
        )

    @available_if(partial_fit_is_available)
    @fit_context(prefer_skip_nested_validation=True)
    @filled(**PARTIAL_FIT)
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch, going on from the last call.

        Parameters
        ----------
        {samples}

        Returns
        -------
        self : MLPRegressor

        {raises}
        """
        goes_on = self._has_network()
        return self._train(
            Numbers(self.loss), X, y, sample_weight, goes_on=goes_on, incremental=True
        )

    @over_blocks
    @filled(**PREDICT)
    def predict(self, X: ArrayLike) -> Array:
        """Return the prediction for each row.

        Parameters
        ----------
        {X}

        Returns
        -------
        y : ndarray (n_samples,) or (n_samples, n_outputs)
        """
        predicted = self._applied(X, network.ACTIVATIONS)
        return predicted[:, 0] if predicted.shape[1] == 1 else predicted

    def _known_targets(self) -> Numbers:
        return Numbers("poisson" if self.out_activation_ == "exp" else "squared_error")
