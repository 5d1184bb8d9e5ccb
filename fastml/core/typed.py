"""What a type checker is told of methods and attributes that come from scikit-learn.

scikit-learn has no types, so whatever an estimator inherits from it would be ``Any``.  The classes
here stand before its classes and say what they give; when the program runs they are empty.  The
constructors are in the ``_signatures.py`` of each family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from .validation import Array

#: Where numbers are drawn from.
RandomState = int | np.random.RandomState | None
#: Weights by class.
ClassWeight = Mapping[Any, float] | Literal["balanced"] | None
#: Whether metadata is asked for, or under which name; None has it refused.
_Request = bool | str | None


class Estimator:
    """Parameters, and what a fit has seen of the rows."""

    if TYPE_CHECKING:
        n_features_in_: int
        feature_names_in_: Array

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...


class ComputedBy(Estimator):
    """An estimator that says whose code ran."""

    if TYPE_CHECKING:
        computed_by_: str


class Scored:
    """What predicts can be scored."""

    if TYPE_CHECKING:

        def score(
            self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
        ) -> float: ...
        def set_score_request(self, *, sample_weight: _Request = ...) -> Self: ...


class Classes(Scored):
    """What tells classes; of several outputs there would be a list of them."""

    if TYPE_CHECKING:
        classes_: Array


class Weighted:
    """Fits take weights."""

    if TYPE_CHECKING:

        def set_fit_request(self, **requests: _Request) -> Self: ...
        def set_score_request(self, *, sample_weight: _Request = ...) -> Self: ...


class InPieces:
    """Fits in pieces take metadata, too."""

    if TYPE_CHECKING:

        def set_partial_fit_request(self, **requests: _Request) -> Self: ...


class Transforms:
    """What transforms has named columns."""

    if TYPE_CHECKING:

        def fit_transform(
            self, X: ArrayLike, y: None = None, *, sample_weight: ArrayLike | None = None
        ) -> Array: ...
        def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array: ...
        def set_output(
            self, *, transform: Literal["default", "pandas", "polars"] | None = None
        ) -> Self: ...


class Callbacks:
    """Fits that tell others how they go."""

    if TYPE_CHECKING:

        def set_callbacks(self, *callbacks: Any) -> Self: ...
