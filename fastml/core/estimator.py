"""What all estimators share."""

from __future__ import annotations

from typing import Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import (
    _check_y,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from .validation import Array, check_finite, is_plain, readable

Estimator = TypeVar("Estimator", bound=Any)

#: What scikit-learn notes on an estimator during a fit, to end its callbacks by: it takes these
#: away itself, and only the fit that brought them may.
_NOTES_OF_CALLBACKS = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")

_NO_PARAMETERS = ("self", "__class__")

#: Types of rows that are taken as they are: objects, since types are slow to compare.
FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
#: Types of targets that are taken as they are.
_NUMBERS = "?bBhHiIlLqQfd"


def keep_parameters(estimator: object, arguments: dict[str, Any]) -> None:
    """Keep what a constructor was given, each under its own name, as scikit-learn wants it.

    Parameters
    ----------
    estimator : object
    arguments : dict
        What ``locals()`` returns at the beginning of ``__init__``.
    """
    given = {name: value for name, value in arguments.items() if name not in _NO_PARAMETERS}
    vars(estimator).update(given)


def as_of_now(estimator: Estimator) -> Estimator:
    """Return a twin with the attributes of this moment, whatever other threads fit meanwhile."""
    twin = object.__new__(type(estimator))
    twin.__dict__ = estimator.__dict__.copy()  # in one step, and four times as fast as an update
    return twin


def check_fitted(estimator: Any) -> None:
    """Raise NotFittedError, as scikit-learn does, for an estimator that is not fitted.

    scikit-learn collects its tags first, ten microseconds; what has counted features is fitted.
    """
    if "n_features_in_" not in vars(estimator):
        check_is_fitted(as_of_now(estimator))  # another thread may be fitting


class fitted_at_once:  # noqa: N801 (it is used as a function)
    """Yield a twin to fit; the estimator takes over in one step what it has at the end.

    Another thread that predicts meanwhile sees the last fit or this one, and nothing in between.
    If the block raises, the estimator is as it was, or as another thread has fitted it since.
    """

    __slots__ = ("_estimator", "_twin")

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator

    def __enter__(self) -> Any:
        self._twin = as_of_now(self._estimator)
        return self._twin

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        if kind is not None:
            return
        others = {*self._estimator._get_param_names(), *_NOTES_OF_CALLBACKS}
        fitted = {name: value for name, value in vars(self._twin).items() if name not in others}
        mine = vars(self._estimator)
        mine.update(fitted)
        for name in mine.keys() - fitted.keys() - others:
            mine.pop(name, None)  # which another thread may have done


def of_features(estimator: Any) -> dict[str, Any]:
    """Return the attributes that scikit-learn's checks of X have set."""
    names = ("n_features_in_", "feature_names_in_")
    return {name: vars(estimator)[name] for name in names if name in vars(estimator)}


def samples(
    estimator: object,
    X: ArrayLike,
    *,
    reset: bool = False,
    dtype: Any = FLOATS,
    finite: bool = True,
) -> Array:
    """Return X checked as the samples of ``estimator``: finite, of its number of features.

    float32 and float64 are kept; other types become float64, or ``dtype`` if it is one type.
    ``finite`` is False for a kernel that finds out itself, as it reads X.
    """
    if take_plain(X, estimator, dtype, reset=reset, finite=finite):
        return X
    checked: Array = readable(
        validate_data(estimator, X, reset=reset, dtype=_kinds(dtype), ensure_all_finite=False)
    )
    if finite:
        check_finite(checked, "X", type(estimator).__name__)
    return checked


def take_plain(
    X: Any, estimator: object, dtype: Any, *, reset: bool, finite: bool = True
) -> TypeGuard[Array]:
    """Check X, and remember its features, where scikit-learn's checks are too much; say whether.

    They cost as much as thousands of rows, and of such arrays would find nothing else to say.
    """
    # Each attribute of an array that is asked for takes longer than a function call.
    if type(X) is not np.ndarray:
        return False
    kind, shape, attributes = X.dtype, X.shape, estimator.__dict__
    if not (kind is dtype or (kind in dtype if type(dtype) is tuple else kind == dtype)):
        return False
    if len(shape) != 2 or 0 in shape or not X.flags.carray:
        return False
    if reset:
        if finite:
            check_finite(X, "X", type(estimator).__name__)
        attributes.pop("feature_names_in_", None)
        attributes["n_features_in_"] = shape[1]
        return True
    if shape[1] != attributes.get("n_features_in_") or "feature_names_in_" in attributes:
        return False
    if finite:
        check_finite(X, "X", type(estimator).__name__)
    return True


def take_plain_pair(X: Any, y: Any, estimator: object, dtype: Any, *, reset: bool) -> bool:
    """Check X and a vector of targets as :func:`take_plain` does X; say whether that was enough.

    Whether X is finite is not looked at.
    """
    plain = is_plain_target(y) and take_plain(X, estimator, dtype, reset=reset, finite=False)
    if not plain:
        return False
    try:
        check_finite(y, "y", type(estimator).__name__)
        if len(X) != len(y):
            check_consistent_length(X, y)  # which says so
    except ValueError:
        check_finite(X, "X", type(estimator).__name__)  # of two faults the one named first
        raise
    return True


def samples_and_targets(
    estimator: object,
    X: ArrayLike,
    y: ArrayLike,
    *,
    reset: bool,
    dtype: Any = FLOATS,
    finite: bool = True,
    multi_output: bool = True,
    y_numeric: bool = False,
) -> tuple[Array, Array]:
    """Return X checked as by :func:`samples`, and as many targets."""
    if y is not None and take_plain(X, estimator, dtype, reset=reset, finite=finite):
        targets = y if is_plain_target(y) else None
        if targets is None:
            targets = _check_y(
                y, multi_output=multi_output, y_numeric=y_numeric, estimator=estimator
            )
        else:
            check_finite(targets, "y", type(estimator).__name__)
        if len(X) != targets.shape[0]:  # they may be sparse
            check_consistent_length(X, targets)  # which says so
        return X, targets
    found: tuple[Array, Array] = validate_data(
        estimator,
        X,
        y,
        multi_output=multi_output,
        y_numeric=y_numeric,
        reset=reset,
        dtype=_kinds(dtype),
        ensure_all_finite=False,
    )
    data = readable(found[0])
    if finite:
        check_finite(data, "X", type(estimator).__name__)
    return data, found[1]


def is_plain_target(y: Any) -> TypeGuard[Array]:
    """Say whether scikit-learn's checks would find nothing of a vector but what is not finite."""
    if type(y) is not np.ndarray or y.dtype.char not in _NUMBERS or not y.dtype.isnative:
        return False
    return is_plain(y, y.dtype, ndim=1)


def _kinds(dtype: Any) -> Any:
    return list(dtype) if isinstance(dtype, tuple) else dtype
