"""What differs between versions of scikit-learn, and its decorators with their types.

Weights that are all zero are refused from scikit-learn 1.9 on; here they are with every version.
Callbacks came with scikit-learn 1.9.  Below that, estimators of fastml that have callbacks still
take them, under the same rules: ``set_callbacks``, and objects with ``setup``, ``teardown``,
``on_fit_task_begin`` and ``on_fit_task_end``.  Nothing hands them on from a meta-estimator to those
inside it.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from numbers import Real
from typing import Any, Self, TypeVar

import numpy as np
from sklearn import _config
from sklearn.base import _fit_context
from sklearn.utils._param_validation import validate_params as _validate_params
from sklearn.utils.metaestimators import available_if as _available_if
from sklearn.utils.validation import _check_sample_weight

from .validation import Array, check_finite

__all__ = [
    "CallbackSupportMixin",
    "available_if",
    "check_sample_weight",
    "fit_context",
    "validate_params",
    "with_callbacks",
]

Method = TypeVar("Method", bound=Callable[..., Any])


class Context:
    """A task of a fit that callbacks are told of.

    Parameters
    ----------
    callbacks : list
    estimator : estimator
    task_name : str
    task_id : int
    max_subtasks : int or None
    parent : Context or None
    """

    def __init__(
        self,
        callbacks: list[Any],
        estimator: Any,
        task_name: str,
        task_id: int,
        max_subtasks: int | None,
        parent: Context | None = None,
    ) -> None:
        self.callbacks, self.parent = callbacks, parent
        self.estimator_name = type(estimator).__name__
        self.task_name, self.task_id, self.max_subtasks = task_name, task_id, max_subtasks
        self._estimator, self._n_subtasks = estimator, 0
        self._begun: list[Any] = []

    def subcontext(self, task_name: str = "", max_subtasks: int | None = 0) -> Context:
        """Return the next task within this one."""
        number, self._n_subtasks = self._n_subtasks, self._n_subtasks + 1
        return Context(
            self.callbacks, self._estimator, task_name, number, max_subtasks, parent=self
        )

    def call_on_fit_task_begin(self, **told: Any) -> Context:
        """Tell the callbacks that the task begins."""
        self._tell("on_fit_task_begin", **told)
        return self

    def call_on_fit_task_end(self, **told: Any) -> bool:
        """Tell the callbacks that the task ends; return whether one asks to stop."""
        return self._tell("on_fit_task_end", **told)

    def setup(self) -> None:
        """Tell the callbacks that the fit begins."""
        for callback in self.callbacks:
            self._begun.append(callback)
            callback.setup(self._estimator, self)

    def teardown(self) -> None:
        """Tell the callbacks that heard of the fit that it has ended, one way or the other."""
        errors: list[Exception] = []
        for callback in self._begun:
            try:
                callback.teardown(self._estimator, self)
            except Exception as error:  # the others are to hear of it, too
                errors.append(error)
        if errors:
            raise errors[0]

    def _tell(
        self, hook: str, estimator: Any, reconstruction_attributes: Any = None, **told: Any
    ) -> bool:
        stop = False
        for callback in self.callbacks:
            method = getattr(callback, hook)
            wanted = {}
            for name, parameter in inspect.signature(method).parameters.items():
                if parameter.kind is not parameter.KEYWORD_ONLY:
                    continue
                if name == "fitted_estimator":
                    attributes = reconstruction_attributes and reconstruction_attributes()
                    wanted[name] = _with_attributes(estimator, attributes)
                else:
                    value = told.get(name)
                    wanted[name] = value() if callable(value) else value
            stop |= bool(method(estimator, self, **wanted))
        return stop


def _with_attributes(estimator: Any, attributes: dict[str, Any] | None) -> Any:
    """Return a copy of an estimator that is fitted so, or None if it cannot be."""
    if attributes is None:
        return None
    fitted = copy.copy(estimator)
    for name, value in attributes.items():
        setattr(fitted, name, value)
    return fitted


class _Callbacks:
    """``set_callbacks`` where scikit-learn has none."""

    _skl_callbacks: list[Any]
    _callback_fit_ctx: Context

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Set the callbacks of fits to come; none to take them away.

        Parameters
        ----------
        *callbacks : objects
            With ``setup``, ``teardown`` and the hooks of tasks.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError
            If one has no such methods.
        """
        hooks = ("setup", "teardown", "on_fit_task_begin", "on_fit_task_end")
        for callback in callbacks:
            if isinstance(callback, type) or not all(hasattr(callback, hook) for hook in hooks):
                raise TypeError("callbacks must be instances following the FitCallback protocol.")
        if callbacks:
            self._skl_callbacks = list(callbacks)
        else:
            vars(self).pop("_skl_callbacks", None)
        return self

    def _init_callback_context(self, max_subtasks: int | None = 0) -> Context:
        context = Context(getattr(self, "_skl_callbacks", []), self, "fit", 0, max_subtasks)
        self._callback_fit_ctx = context
        context.setup()
        return context

    def __sklearn_clone__(self) -> Self:
        clone: Self = super().__sklearn_clone__()  # type: ignore[misc]
        if hasattr(self, "_skl_callbacks"):
            clone._skl_callbacks = self._skl_callbacks
        return clone


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """Return scikit-learn's decorator of a fit: it looks at the parameters first."""
    found: Callable[[Method], Method] = _fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )

    def decorated(fit: Method) -> Method:
        if _settings is None or fit.__name__ == "partial_fit":
            return _ending(found(fit)) if _theirs is None else found(_ended(fit))
        return _in_context(fit, prefer_skip_nested_validation)

    return decorated


def _in_context(fit: Method, skip_nested: bool) -> Method:
    """Do as scikit-learn's decorator of a fit, in 2 microseconds where that takes 20.

    It looks up and sets every setting twice, by name.
    """

    @functools.wraps(fit)
    def fitted(self: Any, *args: Any, **keywords: Any) -> Any:
        settings = _settings()
        before = settings.copy()
        if not before["skip_parameter_validation"]:
            self._validate_params()
        settings["skip_parameter_validation"] = skip_nested or before["skip_parameter_validation"]
        try:
            return fit(self, *args, **keywords)
        finally:
            settings.update(before)
            if "_callback_fit_ctx" in vars(self):
                _end_callbacks(self)

    return fitted  # type: ignore[return-value]


def _end_callbacks(estimator: Any) -> None:
    """Tell the callbacks of a fit that it has ended, and take away what was noted of them."""
    notes = vars(estimator)
    if _theirs is None:
        context = notes.pop("_callback_fit_ctx", None)
        if context is not None:
            context.teardown()
    elif notes.get("_skl_callbacks_to_teardown"):
        with _their_context(estimator):
            pass
    else:  # scikit-learn would look twice, and another thread's fit may end in between
        notes.pop("_callback_fit_ctx", None)
        notes.pop("_skl_callbacks_to_teardown", None)


def _ending(fit: Method) -> Method:
    """Have the callbacks told of a fit's end, as scikit-learn does from 1.9 on."""

    @functools.wraps(fit)
    def told(self: Any, *args: Any, **keywords: Any) -> Any:
        try:
            return fit(self, *args, **keywords)
        finally:
            context = vars(self).pop("_callback_fit_ctx", None)
            if context is not None:
                context.teardown()

    return told  # type: ignore[return-value]


def _ended(fit: Method) -> Method:
    """Take away what scikit-learn notes of a fit without callbacks, before it looks for that.

    It looks twice, and another thread's fit of the same estimator may end in between.
    """

    @functools.wraps(fit)
    def noted(self: Any, *args: Any, **keywords: Any) -> Any:
        try:
            return fit(self, *args, **keywords)
        finally:
            notes = vars(self)
            if not notes.get("_skl_callbacks_to_teardown"):
                notes.pop("_callback_fit_ctx", None)
                notes.pop("_skl_callbacks_to_teardown", None)

    return noted  # type: ignore[return-value]


_REFUSES_ZEROS = "allow_all_zero_weights" in inspect.signature(_check_sample_weight).parameters


def check_sample_weight(
    sample_weight: Any, X: Any, *, allow_all_zero_weights: bool = False, **how: Any
) -> Array:
    """Return weights as scikit-learn checks them, a float64 for each row.

    Parameters
    ----------
    sample_weight : array-like (n_samples,), number or None
    X : array-like or sparse matrix (n_samples, n_features)
    allow_all_zero_weights : bool, default=False
        Whether weights may all be zero.
    **how
        ``ensure_non_negative`` and ``copy``, for scikit-learn.

    Returns
    -------
    weights : ndarray (n_samples,) of float64

    Raises
    ------
    TypeError, ValueError
        If they are no weights, in scikit-learn's words.
    """
    if isinstance(sample_weight, Real):  # which scikit-learn takes as it is
        check_finite(np.asarray(sample_weight, np.float64), "sample_weight")
    if _REFUSES_ZEROS:
        how["allow_all_zero_weights"] = allow_all_zero_weights
    weights: Array = _check_sample_weight(sample_weight, X, dtype=np.float64, **how)
    if not (_REFUSES_ZEROS or allow_all_zero_weights or weights.any()):
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def validate_params(
    constraints: dict[str, Any], *, prefer_skip_nested_validation: bool
) -> Callable[[Method], Method]:
    """Return scikit-learn's decorator of a function: it looks at the parameters first."""
    found: Callable[[Method], Method] = _validate_params(
        constraints, prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return found


def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Return scikit-learn's decorator of a method that not every estimator has."""
    found: Callable[[Method], Method] = _available_if(check)
    return found


def with_callbacks(fit: Method) -> Method:
    """Have the callbacks of a fit torn down when it ends, where they are scikit-learn's."""
    decorated: Method = fit if _theirs is None else _theirs.with_callbacks(_ended(fit))
    return decorated


#: Returns what a thread has set of scikit-learn's settings, to be changed in place.
_settings: Any = getattr(_config, "_get_threadlocal_config", None)
_their_context: Any = None
try:
    import sklearn.callback as _theirs
    from sklearn.callback import _callback_support

    _their_context = _callback_support.callback_management_context
except ImportError:
    _theirs = None
CallbackSupportMixin: Any = _Callbacks if _theirs is None else _theirs.CallbackSupportMixin
