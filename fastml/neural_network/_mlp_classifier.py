"""The multi-layer perceptron classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from scipy.special import log_softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import check_consistent_length, column_or_1d

from ..core.estimator import samples, samples_and_targets
from ..core.validation import Array
from ._network import Samples
from ._perceptron import BasePerceptron, partial_fit_is_available
from ._targets import two_classes


class MLPClassifier(ClassifierMixin, BasePerceptron):  # type: ignore[misc]
    """Multi-layer perceptron for two classes, many classes or many labels.

    z = aW + b and a = activation(z) in every hidden layer; on top a sigmoid trained on the
    binary cross-entropy (two classes, or several labels) or softmax trained on the
    cross-entropy (several classes).  Training runs whole epochs in compiled code; for one
    ``random_state`` the result is the same bits for any number of threads.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(100,)
        Empty for logistic regression.
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
    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes, multiplied into those of the samples; 'balanced' weighs each
        class by the inverse of its share.
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
    classes_ : ndarray (n_classes,)
    coefs_ : list of ndarray (n_in, n_out)
    intercepts_ : list of ndarray (n_out,)
    loss_, best_loss_ : float
        ``best_loss_`` is None with early stopping.
    loss_curve_ : list of float
        The mean loss of each epoch, as its batches met it.
    validation_scores_, validation_loss_curve_ : list of float or None
        Accuracy and mean loss on the validation data after each epoch, where there is any.
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
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = fastml.MLPClassifier((32,), random_state=0, learning_rate_init=0.01, tol=1e-3)
    >>> model.fit(X / 16, y).score(X / 16, y) > 0.99
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BasePerceptron._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    classes_: Array

    def __init__(
        self,
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
        class_weight: Mapping[Any, float] | str | None = None,
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
        self.class_weight = class_weight

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
        y : array-like (n_samples,) or (n_samples, n_labels)
            Classes, or an indicator matrix of labels.
        sample_weight : array-like (n_samples,), default=None
            Not negative; the gradient of a batch is divided by the sum of its weights.
        validation_data : tuple (X, y), default=None
            Scored after every epoch; with ``early_stopping`` it decides when to stop.

        Returns
        -------
        self : MLPClassifier

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
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch, going on from the last call.

        Parameters
        ----------
        X, y, sample_weight
            As for ``fit``.
        classes : array-like (n_classes,), default=None
            All classes there will be: needed in the first call.

        Returns
        -------
        self : MLPClassifier

        Raises
        ------
        AttributeError
            For the solver 'lbfgs', which has no epochs.
        TypeError, ValueError
            As ``fit``.
        """
        return self._fit(X, y, sample_weight, None, incremental=True, classes=classes)

    def predict(self, X: ArrayLike) -> Array:
        """Return the most probable class of each row, or the labels more probable than not.

        Parameters
        ----------
        X : array-like (n_samples, n_features)

        Returns
        -------
        y : ndarray (n_samples,), or (n_samples, n_labels) of 0 and 1
        """
        return self._decided(self._outputs(X, activated=False))

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        X : array-like (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray (n_samples, n_classes)
        """
        data, layers, parameters = self._ready(X)
        if not self._has_one_output():
            return layers.outputs(data, parameters, activated=True)
        return layers.both_probabilities(data, parameters)

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of the probabilities, finite for every finite z.

        Parameters
        ----------
        X : array-like (n_samples, n_features)

        Returns
        -------
        log_probabilities : ndarray (n_samples, n_classes)
        """
        z = self._outputs(X, activated=False)
        if self.out_activation_ == "softmax":
            return np.asarray(log_softmax(z, axis=1))
        if self._has_one_output():
            z = np.concatenate([-z, z], axis=1)
        return np.asarray(-np.logaddexp(0, -z))

    # --- what the base asks for ------------------------------------------------------------

    def _check_first_call(self, classes: ArrayLike | None) -> None:
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight '{self.class_weight}' is not supported for partial_fit. Compute "
                "the weights of all data by sklearn.utils.class_weight.compute_class_weight and "
                "pass them as a dict."
            )
        _check_partial_fit_first_call(self, classes)

    def _checked(
        self, X: Any, y: Any, dtype: Any, *, reset: bool, against: str
    ) -> tuple[Array, Array]:
        classes = two_classes(y)
        if classes is not None:
            data = samples(self, X, dtype=dtype, reset=reset)
            check_consistent_length(data, y)
            return data, self._encoded(y, classes, against=against).astype(data.dtype)
        data, y = samples_and_targets(self, X, y, dtype=dtype, reset=reset)
        if issparse(y):
            y = y.toarray()
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError("Multioutput target data is not supported with label binarization")
        return data, self._encoded(y, unique_labels(y), against=against).astype(data.dtype)

    def _encoded(self, y: Array, classes: Array, *, against: str) -> Array:
        """Return the numbers of classes as a column, or an indicator matrix of labels."""
        if against == "nothing" or not hasattr(self, "classes_"):
            self.classes_ = classes
        elif against == "same" and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}"
            )
        elif not set(classes) <= set(self.classes_):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )
        if y.ndim == 2:
            if y.shape[1] != len(self.classes_):
                raise ValueError(
                    f"`y` has {y.shape[1]} labels, but `self.classes_` has {self.classes_}."
                )
            return y.astype(bool)
        if len(self.classes_) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the data "
                f"contains only one class: {self.classes_[0]!r}"
            )
        if len(self.classes_) == 2:
            return np.asarray(y == self.classes_[1])[:, np.newaxis]
        return np.asarray(np.searchsorted(self.classes_, y)[:, np.newaxis])

    def _output(self, Y: Array) -> tuple[str, int]:
        if Y.shape[1] > 1:
            return "logistic", Y.shape[1]
        n_classes = len(self.classes_)
        return ("softmax", n_classes) if n_classes > 2 else ("logistic", 1)

    def _weighted(self, Y: Array, weights: Array, *, new: bool) -> Array:
        if self.class_weight is None:
            return weights
        if Y.shape[1] > 1:
            raise ValueError("class_weight is not supported for multilabel targets.")
        codes = Y[:, 0].astype(np.intp)
        if new:
            self._class_weights = compute_class_weight(
                self.class_weight,
                classes=self.classes_,
                y=self.classes_[codes],
                sample_weight=weights if weights.size else None,
            )
        of_class: Array = self._class_weights[codes].astype(Y.dtype)
        return of_class * weights if weights.size else of_class

    def _stratify(self, Y: Array) -> Array | None:
        # As scikit-learn does: only for two classes.
        return Y.astype(bool) if self._output(Y) == ("logistic", 1) else None

    def _has_one_output(self) -> bool:
        return len(self.intercepts_[-1]) == 1

    def _decided(self, z: Array) -> Array:
        """Return the classes or labels that z stands for."""
        if self.out_activation_ == "softmax":
            codes = z.argmax(axis=1)
        elif z.shape[1] > 1:
            return (z > 0).astype(np.int64)
        else:
            codes = (z[:, 0] > 0).astype(np.intp)
        return np.asarray(self.classes_[codes])

    def _score_outputs(self, z: Array, samples: Samples) -> float:
        if not np.isfinite(z).all():
            return float("nan")
        if self._output(samples.Y)[0] == "softmax":
            right = z.argmax(axis=1) == samples.Y[:, 0]
        else:
            right = ((z > 0) == samples.Y).all(axis=1)
        return float(np.average(right, weights=samples.weights if samples.weights.size else None))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
