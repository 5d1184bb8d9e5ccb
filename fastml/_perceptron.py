"""The multi-layer perceptron estimator."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from ._estimator import samples, unchanged_on_error
from ._network import ACTIVATIONS, Network, Trainer
from ._validation import Array
from .functional import sigmoid
from .kernels import optimizer


class MLPClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Multi-layer perceptron for two classes, trained on the binary cross-entropy.

    z = aW + b and a = activation(z) in every hidden layer, a sigmoid on top.  Training runs
    whole epochs in compiled code; for one ``random_state`` the result is the same bits for
    any number of threads.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(100,)
        Empty for logistic regression.
    activation : {'identity', 'logistic', 'tanh', 'relu'}, default='relu'
        Of the hidden layers.
    solver : {'sgd', 'adam'}, default='adam'
    alpha : float, default=1e-4
        L2 penalty; divided by the batch size when added to the loss.
    batch_size : 'auto' or int, default='auto'
        'auto' is min(200, n_samples).
    learning_rate_init : float, default=1e-3
    max_iter : int, default=200
        Epochs.
    shuffle : bool, default=True
        Whether rows are visited in a new order in each epoch; X is never copied for it.
    random_state : int, RandomState instance or None, default=None
    tol : float, default=1e-4
        An epoch improves if it lowers the best loss by more than this.
    verbose : bool, default=False
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last call.
    momentum : float in [0, 1], default=0.9
        For 'sgd'.
    nesterovs_momentum : bool, default=True
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        For 'adam'.
    n_iter_no_change : int, default=10
        Stop after more than this many epochs without improvement.

    Attributes
    ----------
    classes_ : ndarray (2,)
    coefs_ : list of ndarray (n_in, n_out)
    intercepts_ : list of ndarray (n_out,)
    loss_, best_loss_ : float
    loss_curve_ : list of float
        The mean loss of each epoch, as its batches met it.
    n_iter_, n_layers_, n_outputs_, t_ : int
    out_activation_ : str
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Only when X has feature names that are all strings.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
    Nature 323, 1986.  Glorot and Bengio, "Understanding the difficulty of training deep
    feedforward neural networks", AISTATS 2010 (initialisation).

    Examples
    --------
    >>> import fastml
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> model = fastml.MLPClassifier((16,), activation="logistic", random_state=0)
    >>> model.set_params(learning_rate_init=0.01, max_iter=50).fit(X, y).score(X, y) > 0.97
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "solver": [StrOptions({"sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    }

    classes_: Array
    coefs_: list[Array]
    intercepts_: list[Array]
    loss_: float
    best_loss_: float
    loss_curve_: list[float]
    n_iter_: int

    def __init__(
        self,
        hidden_layer_sizes: ArrayLike = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate_init: float = 1e-3,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on X and y.

        Parameters
        ----------
        X : array-like (n_samples, n_features)
            float32 is trained in float32; other types become float64.
        y : array-like (n_samples,)
            Labels of two classes.

        Returns
        -------
        self : MLPClassifier

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words; the estimator is then as it was.
        FloatingPointError
            If the loss stops being finite; the parameters are those of the last finite epoch.
        """
        with unchanged_on_error(self):
            data, targets, classes = self._checked(X, y)
            again = self.warm_start and hasattr(self, "coefs_")
            if again and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the "
                    f"previous call to fit. Previously got {self.classes_}, `y` has {classes}"
                )
            random_state = check_random_state(self.random_state)
            layers, parameters = self._initial(data, random_state, again=again)
        self.classes_ = classes
        self._train(layers, parameters, data, targets, random_state, self.max_iter)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the more probable class of each row.

        Parameters
        ----------
        X : array-like (n_samples, n_features)

        Returns
        -------
        y : ndarray (n_samples,)
        """
        z = self._outputs(X)
        labels: Array = self.classes_[(z > 0).astype(np.intp)]
        return labels

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray (n_samples, 2)
        """
        z = self._outputs(X)
        # Each from its own side: 1 - p would lose the small one.
        return np.stack([sigmoid(-z), sigmoid(z)], axis=1)

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of the probability of each class, finite for every finite z."""
        z = self._outputs(X)
        return np.stack([-np.logaddexp(0, z), -np.logaddexp(0, -z)], axis=1)

    def _outputs(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        data = samples(self, X, dtype=self.coefs_[0].dtype)
        layers = self._network()
        return layers.outputs(data, layers.flatten(self.coefs_, self.intercepts_))[:, 0]

    def _network(self) -> Network:
        """Return the layers of the fitted weights."""
        widths = [len(self.coefs_[0]), *(W.shape[1] for W in self.coefs_)]
        hidden = [self.activation] * (len(widths) - 2)
        return Network(widths, hidden, self.coefs_[0].dtype)

    def _checked(self, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array, Array]:
        """Return X, the targets (n_samples, 1) in X's type, and the classes."""
        data: Array
        target: Array
        data, target = validate_data(
            self, X, y, multi_output=True, dtype=[np.float64, np.float32], reset=True
        )
        kind = type_of_target(target, input_name="y")
        if kind in ("continuous", "continuous-multioutput"):
            raise ValueError(
                f"Unknown label type: {kind}. Maybe you are trying to fit a classifier, which "
                "expects discrete classes on a regression target with continuous values."
            )
        if kind != "binary" and not (kind == "multiclass" and target.ndim == 1):
            raise ValueError(
                f"Only binary classification is supported. The type of the target is {kind}."
            )
        classes, codes = np.unique(column_or_1d(target, warn=True), return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the data "
                f"contains only one class: {classes[0]!r}"
            )
        if len(classes) > 2:
            raise ValueError(
                f"Only binary classification is supported. The type of the target is {kind}."
            )
        return data, codes.reshape(-1, 1).astype(data.dtype), classes

    def _initial(
        self, X: Array, random_state: np.random.RandomState, *, again: bool
    ) -> tuple[Network, Array]:
        """Return the network and its parameters before training: Glorot's, or the last ones."""
        if again:
            layers = self._network()
            return layers, layers.flatten(self.coefs_, self.intercepts_)
        hidden = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=np.int64)).tolist()
        if any(width <= 0 for width in hidden):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        layers = Network([X.shape[1], *hidden, 1], [self.activation] * len(hidden), X.dtype)
        parameters = np.empty(layers.n_parameters, X.dtype)
        for W, b in zip(*layers.views(parameters), strict=True):
            bound = np.sqrt((2.0 if self.activation == "logistic" else 6.0) / sum(W.shape))
            W[...] = random_state.uniform(-bound, bound, W.shape)
            b[...] = random_state.uniform(-bound, bound, b.shape)
        return layers, parameters

    def _rule(self) -> int:
        if self.solver == "adam":
            return optimizer.ADAM
        if self.momentum == 0:
            return optimizer.DESCENT
        return optimizer.NESTEROV if self.nesterovs_momentum else optimizer.MOMENTUM

    def _train(
        self,
        layers: Network,
        parameters: Array,
        X: Array,
        Y: Array,
        random_state: np.random.RandomState,
        max_iter: int,
    ) -> None:
        """Run epochs until the loss stands still; keep the last finished one."""
        n_samples = len(X)
        batch_size = 200 if self.batch_size == "auto" else int(self.batch_size)
        trainer = Trainer(layers, parameters, self._rule(), min(batch_size, n_samples))
        beta_1 = self.beta_1 if self.solver == "adam" else self.momentum
        settings = np.array(
            [self.learning_rate_init, self.alpha, beta_1, self.beta_2, self.epsilon]
        )
        order = np.arange(n_samples)
        curve: list[float] = []
        kept = parameters.copy()
        best, without_improvement = np.inf, 0
        with self._results_of(layers, kept, curve, n_samples):
            while len(curve) < max_iter:
                if self.shuffle:
                    random_state.shuffle(order)
                loss = trainer.epoch(X, Y, order, settings)
                if not (np.isfinite(loss) and np.isfinite(parameters).all()):
                    raise FloatingPointError(
                        f"The loss is not finite after epoch {len(curve) + 1}: training "
                        "diverged. Lower learning_rate_init, or scale the features. The "
                        "parameters are those of the epoch before."
                    )
                kept[...] = parameters
                curve.append(loss)
                if self.verbose:
                    print(f"Iteration {len(curve)}, loss = {loss:.8f}")
                without_improvement = 0 if loss <= best - self.tol else without_improvement + 1
                best = min(best, loss)
                if without_improvement > self.n_iter_no_change:
                    return
        if max_iter > 1:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=4,
            )

    @contextmanager
    def _results_of(
        self, layers: Network, kept: Array, curve: list[float], n_samples: int
    ) -> Iterator[None]:
        """Set the fitted attributes from the last finished epoch, however training ends."""
        try:
            yield
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        finally:
            self.coefs_, self.intercepts_ = layers.views(kept)
            self.loss_curve_ = curve
            self.loss_ = curve[-1] if curve else np.inf
            self.best_loss_ = min(curve, default=np.inf)
            self.n_iter_ = len(curve)
            self.t_ = len(curve) * n_samples
            self.n_layers_ = len(layers.widths)
            self.n_outputs_ = layers.widths[-1]
            self.out_activation_ = "logistic"
