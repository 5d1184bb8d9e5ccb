"""What MLPClassifier and MLPRegressor share: parameters, checks, initial weights, layers."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from copy import copy
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ..core.estimator import samples, unchanged_on_error
from ..core.validation import Array
from ._network import ACTIVATIONS, Fitted, Network, Samples
from ._training import Training, split

#: Elements of an X small enough to be checked in a shorter way.
_FEW_NUMBERS = 4096
_NO_WEIGHTS: dict[Any, Array] = {
    np.dtype(kind): np.empty(0, kind) for kind in (np.float32, np.float64)
}


def partial_fit_is_available(estimator: Any) -> bool:
    """Return whether the solver has epochs.

    Raises
    ------
    AttributeError
        If not: then there is no ``partial_fit``.
    """
    if estimator.solver not in ("sgd", "adam"):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


class BasePerceptron(CallbackSupportMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A multi-layer perceptron, trained in compiled code."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS)), "array-like"],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "weight_init": [StrOptions({"glorot", "he", "auto"})],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "record_gradients": ["boolean"],
    }

    coefs_: list[Array]
    intercepts_: list[Array]
    loss_: float
    best_loss_: float | None
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    best_validation_score_: float | None
    gradient_norms_: Array
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    t_: int
    n_features_in_: int

    @abstractmethod
    def __init__(
        self,
        *,
        hidden_layer_sizes: ArrayLike,
        activation: str | list[str],
        solver: str,
        alpha: float,
        batch_size: int | str,
        learning_rate: str,
        learning_rate_init: float,
        power_t: float,
        max_iter: int,
        shuffle: bool,
        random_state: int | np.random.RandomState | None,
        tol: float,
        verbose: bool,
        warm_start: bool,
        momentum: float,
        nesterovs_momentum: bool,
        early_stopping: bool,
        validation_fraction: float,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        n_iter_no_change: float,
        max_fun: int,
        weight_init: str,
        max_time: float | None,
        record_gradients: bool,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.weight_init = weight_init
        self.max_time = max_time
        self.record_gradients = record_gradients

    # --- what the two estimators differ in ---------------------------------------------

    @abstractmethod
    def _checked(
        self, X: Any, y: Any, dtype: Any, *, reset: bool, against: str
    ) -> tuple[Array, Array]:
        """Return X checked, and targets as :class:`Samples` holds them.

        Classes must be the 'same' as those known, or just 'known'; against 'nothing' they
        become the known ones.
        """

    @abstractmethod
    def _output(self, Y: Array) -> tuple[str, int]:
        """Return the output activation and the number of outputs targets need."""

    @abstractmethod
    def _weighted(self, Y: Array, weights: Array, *, new: bool) -> Array:
        """Return the weights of samples times those of their classes, perhaps found anew."""

    @abstractmethod
    def _stratify(self, Y: Array) -> Array | None:
        """Return the labels a split into training and validation samples keeps in proportion."""

    @abstractmethod
    def _score_outputs(self, z: Array, samples: Samples) -> float:
        """Return the score of held-out samples from the output layer's z."""

    def _check_first_call(self, classes: ArrayLike | None) -> None:
        """Check the classes ``partial_fit`` was given."""

    # --- training ------------------------------------------------------------------------

    def _fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        validation_data: tuple[ArrayLike, ArrayLike] | None,
        *,
        incremental: bool,
        classes: ArrayLike | None = None,
    ) -> Self:
        with unchanged_on_error(self):
            again = hasattr(self, "coefs_") and (self.warm_start or incremental)
            if incremental:
                self._check_first_call(classes)
                if self.early_stopping:
                    raise ValueError("partial_fit does not support early_stopping=True")
            against = "same" if again and self.warm_start else "known" if incremental else "nothing"
            data = self._samples(X, y, sample_weight, again=again, against=against)
            random_state = check_random_state(self.random_state)
            layers, parameters = self._initial(data, random_state, again=again)
            rows = np.arange(len(data.X))
            held_out: Samples | None = None
            if validation_data is not None:
                held_out = self._validation_samples(validation_data, layers)
            elif self.early_stopping and self.solver != "lbfgs":
                rows, held_out = split(
                    data, self.validation_fraction, random_state, self._stratify(data.Y)
                )
            metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        training = Training(
            self, layers, parameters, data, rows, held_out, again=again, incremental=incremental
        )
        training.run(random_state, {"X": X, "y": y, "metadata": metadata})
        return self

    def _samples(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        *,
        again: bool,
        against: str,
    ) -> Samples:
        """Return what can be trained on, after every check."""
        kind = self.coefs_[0].dtype if again else (np.float64, np.float32)
        data, Y = self._checked(X, y, kind, reset=not again, against=against)
        weights = _NO_WEIGHTS[data.dtype]
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, data, dtype=data.dtype, ensure_non_negative=True, copy=True
            )
        return Samples(data, Y, self._weighted(Y, weights, new=True))

    def _validation_samples(self, validation_data: Any, layers: Network) -> Samples:
        try:
            X, y = validation_data
        except (TypeError, ValueError):
            raise ValueError(
                "validation_data must be a tuple (X, y), got "
                f"{type(validation_data).__name__} instead."
            ) from None
        return self._known_samples(X, y, layers)

    def _known_samples(self, X: ArrayLike, y: ArrayLike, layers: Network) -> Samples:
        """Return samples of the kind these layers were made for, for another purpose than fit."""
        data, Y = self._checked(X, y, layers.dtype, reset=False, against="known")
        if self._output(Y) != (layers.output, layers.widths[-1]):
            raise ValueError("y is of another kind than the targets of fit.")
        return Samples(data, Y, self._weighted(Y, _NO_WEIGHTS[data.dtype], new=False))

    def _activations_of(self, n_hidden: int) -> list[str]:
        """Return the activation of each hidden layer."""
        if isinstance(self.activation, str):
            return [self.activation] * n_hidden
        names = list(self.activation)
        for name in names:
            if name not in ACTIVATIONS:
                raise ValueError(
                    "The 'activation' parameter must hold the names of activations, among "
                    f"{sorted(ACTIVATIONS)}. Got {name!r} instead."
                )
        if len(names) != n_hidden:
            raise ValueError(
                f"activation holds {len(names)} names, but there are {n_hidden} hidden layers."
            )
        return names

    def _initial(
        self, data: Samples, random_state: np.random.RandomState, *, again: bool
    ) -> tuple[Network, Array]:
        """Return the network and its parameters before training: random, or the last ones."""
        output, n_outputs = self._output(data.Y)
        if again:
            layers = self._network()
            if (output, n_outputs) != (layers.output, layers.widths[-1]):
                raise ValueError(
                    f"y needs {n_outputs} outputs of activation '{output}', but the estimator "
                    f"was fitted with {layers.widths[-1]} of '{layers.output}'."
                )
            return layers, layers.flatten(self.coefs_, self.intercepts_)
        hidden = list(np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=object)))
        if any(not isinstance(width, Integral) or width <= 0 for width in hidden):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        names = self._activations_of(len(hidden))
        dtype = data.X.dtype
        layers = Network([data.X.shape[1], *hidden, n_outputs], names, dtype, output)
        parameters = np.empty(layers.n_parameters, dtype)
        # scikit-learn scales the output layer by the activation of the hidden ones.
        scaled_by = [*names, names[-1] if names else str(self.activation)]
        for W, b, name, last in zip(
            *layers.views(parameters), scaled_by, [False] * len(hidden) + [True], strict=True
        ):
            bound, bias_bound = self._bounds(W.shape, name, last=last)
            W[...] = random_state.uniform(-bound, bound, W.shape)
            b[...] = random_state.uniform(-bias_bound, bias_bound, b.shape)
        return layers, parameters

    def _bounds(
        self, shape: tuple[int, ...], activation: str, *, last: bool
    ) -> tuple[float, float]:
        """Return the bounds of a layer's first weights and biases."""
        n_in, n_out = shape
        if self.weight_init == "glorot":
            bound = float(np.sqrt((2.0 if activation == "logistic" else 6.0) / (n_in + n_out)))
            return bound, bound
        if self.weight_init == "he" or (activation == "relu" and not last):
            return float(np.sqrt(6.0 / n_in)), 0.0
        # The sigmoid's slope at 0 is 1/4: four times the weights keep the signal's size.
        gain = 4.0 if activation == "logistic" and not last else 1.0
        return gain * float(np.sqrt(6.0 / (n_in + n_out))), 0.0

    # --- the fitted network ----------------------------------------------------------------

    def _network(self) -> Network:
        """Return the layers of the fitted weights."""
        widths = [len(self.coefs_[0]), *(W.shape[1] for W in self.coefs_)]
        names = self._activations_of(len(widths) - 2)
        return Network(widths, names, self.coefs_[0].dtype, self.out_activation_)

    def _fitted_network(self) -> tuple[Network, Array]:
        """Return the layers and flat parameters of the fitted weights, remembered between calls."""
        fitted: Fitted | None = vars(self).get("_fitted")
        arrays = [*self.coefs_, *self.intercepts_]
        if (
            fitted is None
            or len(fitted.arrays) != len(arrays)
            or not all(map(operator.is_, fitted.arrays, arrays))
            or fitted.activation != self.activation
        ):
            layers = self._network()
            parameters = layers.flatten(self.coefs_, self.intercepts_)
            # Views from here on, so that a weight changed in place is changed.
            self.coefs_, self.intercepts_ = layers.views(parameters)
            arrays = [*self.coefs_, *self.intercepts_]
            fitted = self._fitted = Fitted(layers, parameters, arrays, copy(self.activation))
        return fitted.layers, fitted.parameters

    def __getstate__(self) -> Any:
        state = dict(super().__getstate__())
        state.pop("_fitted", None)  # twice the weights
        return state

    def _ready(self, X: ArrayLike) -> tuple[Array, Network, Array]:
        """Return X checked, the layers and the parameters.

        A few rows that are just what the kernels take are checked here: scikit-learn's checks
        would take ten times as long as the network.
        """
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        layers, parameters = self._fitted_network()
        if not (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype == layers.dtype
            and 0 < X.size <= _FEW_NUMBERS
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
            and np.isfinite(X).all()
        ):
            X = samples(self, X, dtype=layers.dtype)
        return X, layers, parameters

    def _outputs(self, X: ArrayLike, *, activated: bool) -> Array:
        """Return the output layer's z, or its activation, for every row of X."""
        data, layers, parameters = self._ready(X)
        return layers.outputs(data, parameters, activated=activated)

    def activations(self, X: ArrayLike) -> list[Array]:
        """Return the output of every layer, the last one being that of the network.

        Parameters
        ----------
        X : array-like (n_samples, n_features)

        Returns
        -------
        activations : list of ndarray (n_samples, n_units)
            One for each hidden layer, then the output layer's: probabilities for a
            classifier, predictions for a regressor.
        """
        from ..functional import dense_forward

        below, layers, _ = self._ready(X)
        result = []
        for W, b, name in zip(self.coefs_, self.intercepts_, layers.activations, strict=False):
            below = dense_forward(below, W, b, activation=name)
            result.append(below)
        return [*result, self._outputs(X, activated=True)]
