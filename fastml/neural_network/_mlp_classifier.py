"""The multi-layer perceptron classifier."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call

from ..core.classes import name_classes
from ..core.documentation import documented, filled
from ..core.estimator import as_of_now, keep_parameters
from ..core.scoring import ScoresClasses
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
from ._targets import Classes


@documented(PARAMETERS, attributes=ATTRIBUTES, references=REFERENCES)
class MLPClassifier(ScoresClasses, ClassifierMixin, BasePerceptron):
    """Multi-layer perceptron for two classes, many classes or many labels.

    z = aW + b and a = activation(z) in every hidden layer; on top a sigmoid trained on the
    binary cross-entropy (two classes, or several labels) or softmax trained on the
    cross-entropy (several classes).  Training runs whole epochs in compiled code; for one
    ``random_state`` the result is the same bits for any number of threads.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
        The classes, sorted.
    loss_curve_ : list of float
        The mean loss of each epoch, as its batches met it.
    validation_scores_, validation_loss_curve_ : list of float or None
        Accuracy and mean loss on the validation data after each epoch, where there is any.
    {attributes}

    References
    ----------
    {references}

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

    class_weight: Mapping[Any, float] | str | None
    classes_: Array
    _class_weights: Array | None

    def __init__(
        self,
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
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
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
        y : array-like (n_samples,) or (n_samples, n_labels)
            Classes, or an indicator matrix of labels.
        {weights}

        Returns
        -------
        self : MLPClassifier

        {raises}
        """
        goes_on = self.warm_start and self._has_network()
        known = self.classes_ if goes_on else None
        targets = Classes(self.class_weight, known, all_present=True)
        return self._train(targets, X, y, sample_weight, validation_data, goes_on=goes_on)

    @available_if(partial_fit_is_available)
    @fit_context(prefer_skip_nested_validation=True)
    @filled(**PARTIAL_FIT)
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
        {samples}
        classes : array-like (n_classes,), default=None
            All classes there will be: needed in the first call.

        Returns
        -------
        self : MLPClassifier

        {raises}
        """
        known = self._classes_to_learn(classes)
        goes_on = self._has_network()
        targets = Classes(self.class_weight, known, all_present=goes_on and self.warm_start)
        return self._train(targets, X, y, sample_weight, goes_on=goes_on, incremental=True)

    def _classes_to_learn(self, classes: ArrayLike | None) -> Array:
        """Return the classes of a first call of ``partial_fit``, or those known."""
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight '{self.class_weight}' is not supported for partial_fit. Compute "
                "the weights of all data by sklearn.utils.class_weight.compute_class_weight and "
                "pass them as a dict."
            )
        holder = SimpleNamespace(classes_=getattr(self, "classes_", None))  # changes it
        _check_partial_fit_first_call(holder, classes)
        return np.asarray(holder.classes_)

    @filled(**PREDICT)
    def predict(self, X: ArrayLike) -> Array:
        """Return the most probable class of each row, or the labels more probable than not.

        Parameters
        ----------
        {X}

        Returns
        -------
        y : ndarray (n_samples,), or (n_samples, n_labels) of 0 and 1
            A sparse matrix if that is what ``fit`` was given.
        """
        self = as_of_now(self)
        decided = self._decided(X)
        return csr_matrix(decided) if vars(self).get("_sparse_labels") else decided

    @over_blocks
    @filled(**PREDICT)
    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        {X}

        Returns
        -------
        probabilities : ndarray (n_samples, n_classes)
        """
        self = as_of_now(self)
        found = self._applied(X, network.BOTH_SIDES)
        return found if len(self.classes_) > 1 else np.ones_like(found[:, :1])

    @over_blocks
    @filled(**PREDICT)
    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of the probabilities, finite for every finite z.

        Parameters
        ----------
        {X}

        Returns
        -------
        log_probabilities : ndarray (n_samples, n_classes)
        """
        self = as_of_now(self)
        z = self._applied(X, network.SCORES)
        if self.out_activation_ == "softmax":
            z = z - z.max(axis=1, keepdims=True)  # the largest is 0: no exponential overflows
            return np.asarray(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))
        if len(self.classes_) == 1:
            return np.zeros_like(z)
        if z.shape[1] == 1:
            z = np.concatenate([-z, z], axis=1)
        return np.asarray(-np.logaddexp(0, -z))

    # --- what is learnt ----------------------------------------------------------------------

    def _known_targets(self) -> Classes:
        return Classes(self._class_weights, self.classes_)

    @over_blocks
    def _decided(self, X: ArrayLike) -> Array:
        """Return the class of each row, or its labels."""
        z = self._applied(X, network.SCORES)
        n_classes = z.shape[1]
        if self.out_activation_ == "softmax":
            codes = z.argmax(axis=1)
        elif z.shape[1] > 1:
            return (z > 0).astype(np.int64)
        elif len(self.classes_) > 1:
            codes, n_classes = (z > 0).reshape(-1), 2
        else:
            codes = np.zeros(len(z), np.intp)
        return name_classes(self.classes_, codes, n_classes)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
