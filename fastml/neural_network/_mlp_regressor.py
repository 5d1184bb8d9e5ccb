"""The multi-layer perceptron regressor."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from ..core.estimator import samples_and_targets
from ..core.validation import Array
from ._network import Samples
from ._perceptron import BasePerceptron, partial_fit_is_available


class MLPRegressor(RegressorMixin, BasePerceptron):  # type: ignore[misc]
    """Multi-layer perceptron for one real output or several.

    z = aW + b and a = activation(z) in every hidden layer; on top the identity trained on the
    squared error, or the exponential trained on the Poisson deviance.  Training runs whole
    epochs in compiled code; for one ``random_state`` the result is the same bits for any
    number of threads.

    Parameters
    ----------
    loss : {'squared_error', 'poisson'}, default='squared_error'
        Half the squared error; or half the Poisson deviance, for targets that are not negative.
    hidden_layer_sizes : array-like of int, default=(100,)
        Empty for linear regression.
    activation : {'identity', 'logistic', 'tanh', 'relu'} or list of them, default='relu'
        Of the hidden layers; a list names one for each.
    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
    alpha : float, default=1e-4
        L2 penalty; divided by the batch size (its weight) when added to the loss.
    batch_size : 'auto' or int, default='auto'
        'auto' is min(200, n_samples).  Not used by 'lbfgs'.
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        For 'sgd'.  'invscaling' divides ``learning_rate_init`` by t ** ``power_t`` for t samples
        seen; 'adaptive' divides the rate by 5 whenever training stands still, down to 1e-6.
    learning_rate_init : float, default=1e-3
        For 'sgd' and 'adam'.
    power_t : float, default=0.5
    max_iter : int, default=200
        Epochs; iterations of 'lbfgs'.
    shuffle : bool, default=True
        Whether rows are visited in a new order in each epoch; X is never copied for it.
    random_state : int, RandomState instance or None, default=None
        Draws the first weights, the validation samples and the orders.
    tol : float, default=1e-4
        An epoch improves if it lowers the best loss, or with early stopping raises the best
        validation score, by more than this.  For 'lbfgs' the largest entry of the gradient
        to stop at.
    verbose : bool, default=False
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last call.
    momentum : float in [0, 1], default=0.9
        For 'sgd'.
    nesterovs_momentum : bool, default=True
    early_stopping : bool, default=False
        Whether the validation score decides when to stop and which epoch's weights to keep.
        Not used by 'lbfgs'.
    validation_fraction : float in [0, 1), default=0.1
        Part of the training data set aside for early stopping, unless ``fit`` is given
        validation data.
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        For 'adam'.
    n_iter_no_change : int or inf, default=10
        Stop after more than this many epochs without improvement.
    max_fun : int, default=15000
        Evaluations of the loss by 'lbfgs'.
    weight_init : {'glorot', 'he', 'auto'}, default='glorot'
        'glorot' draws the weights and biases scikit-learn draws.  'he' fits ReLU: a variance of
        2 / n_in.  'auto' suits each layer's activation: 'he' for ReLU, Glorot's for others, four
        times as wide for sigmoids, whose slope is at most 1/4.  Both start from zero biases.
    max_time : float, default=None
        Seconds after which to stop, at the end of an epoch.
    record_gradients : bool, default=False
        Whether to record ``gradient_norms_``.

    Attributes
    ----------
    coefs_ : list of ndarray (n_in, n_out)
    intercepts_ : list of ndarray (n_out,)
    loss_, best_loss_ : float
        ``best_loss_`` is None with early stopping.
    loss_curve_ : list of float
        The mean loss of each epoch, as its batches met it.  Squared errors are averaged
        over outputs, while training lowers their sum.
    validation_scores_, validation_loss_curve_ : list of float or None
        R² and mean loss on the validation data after each epoch, where there is any.
    best_validation_score_ : float or None
    gradient_norms_ : ndarray (n_epochs, n_layers - 1)
        Norm of the loss's gradient by each layer's weights over each epoch's last batch.  Only
        with ``record_gradients``.
    n_iter_, n_layers_, n_outputs_, t_ : int
    out_activation_ : str
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Only when X has feature names that are all strings.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
    Nature 323, 1986.  Glorot and Bengio, "Understanding the difficulty of training deep
    feedforward neural networks", AISTATS 2010; He, Zhang, Ren and Sun, "Delving deep into
    rectifiers", ICCV 2015 (initialisation).

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

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: ArrayLike = (100,),
        activation: str | list[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 1e-3,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
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
        weight_init: str = "glorot",
        max_time: float | None = None,
        record_gradients: bool = False,
    ) -> None:
        super().__init__(
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            weight_init=weight_init,
            max_time=max_time,
            record_gradients=record_gradients,
        )
        self.loss = loss

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
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
        X : array-like (n_samples, n_features)
            float32 is trained in float32; other types become float64.
        y : array-like (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like (n_samples,), default=None
            Not negative; the gradient of a batch is divided by the sum of its weights.
        validation_data : tuple (X, y), default=None
            Scored after every epoch; with ``early_stopping`` it decides when to stop.

        Returns
        -------
        self : MLPRegressor

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words; the estimator is then as it was.  If the loss
            stops being finite; the parameters are those of the last finite epoch.
        """
        return self._fit(X, y, sample_weight, validation_data, incremental=False)

    @available_if(partial_fit_is_available)  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch, going on from the last call.

        Parameters
        ----------
        X, y, sample_weight
            As for ``fit``.

        Returns
        -------
        self : MLPRegressor

        Raises
        ------
        AttributeError
            For the solver 'lbfgs', which has no epochs.
        TypeError, ValueError
            As ``fit``.
        """
        return self._fit(X, y, sample_weight, None, incremental=True)

    def predict(self, X: ArrayLike) -> Array:
        """Return the prediction for each row.

        Parameters
        ----------
        X : array-like (n_samples, n_features)

        Returns
        -------
        y : ndarray (n_samples,) or (n_samples, n_outputs)
        """
        predicted = self._outputs(X, activated=True)
        return predicted[:, 0] if predicted.shape[1] == 1 else predicted

    # --- what the base asks for ------------------------------------------------------------

    def _checked(
        self, X: Any, y: Any, dtype: Any, *, reset: bool, against: str
    ) -> tuple[Array, Array]:
        data, target = samples_and_targets(self, X, y, dtype=dtype, reset=reset, y_numeric=True)
        if target.ndim == 2 and target.shape[1] == 1:
            target = column_or_1d(target, warn=True)
        if self.loss == "poisson" and target.min() < 0:
            raise ValueError(
                "Some value(s) of y are out of the valid range of the loss 'HalfPoissonLoss'."
            )
        return data, np.array(target.reshape(len(data), -1), dtype=data.dtype, order="C")

    def _output(self, Y: Array) -> tuple[str, int]:
        return ("exp" if self.loss == "poisson" else "identity"), Y.shape[1]

    def _weighted(self, Y: Array, weights: Array, *, new: bool) -> Array:
        return weights

    def _stratify(self, Y: Array) -> Array | None:
        return None

    def _score_outputs(self, z: Array, samples: Samples) -> float:
        if not np.isfinite(z).all():
            return float("nan")
        weights = samples.weights if samples.weights.size else None
        predicted = np.exp(z) if self.loss == "poisson" else z
        return float(r2_score(samples.Y, predicted, sample_weight=weights))
