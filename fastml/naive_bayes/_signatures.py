"""Constructors of naive Bayes, and what its fits leave.

A type checker reads them; when the program runs these classes are empty.  A test compares them
with the constructors of scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from ..core.typed import Classes, ComputedBy, InPieces, Weighted
from ..core.validation import Array


class BernoulliNBTypes(ComputedBy, Classes, Weighted, InPieces):
    """Of :class:`fastml.BernoulliNB`."""

    if TYPE_CHECKING:
        class_log_prior_: Array

        def __init__(
            self,
            *,
            alpha: float | ArrayLike = 1.0,
            force_alpha: bool = True,
            binarize: float | None = 0.0,
            fit_prior: bool = True,
            class_prior: ArrayLike | None = None,
        ) -> None: ...


class CategoricalNBTypes(ComputedBy, Classes, Weighted, InPieces):
    """Of :class:`fastml.CategoricalNB`."""

    if TYPE_CHECKING:
        class_log_prior_: Array
        feature_log_prob_: list[Array]

        def __init__(
            self,
            *,
            alpha: float = 1.0,
            force_alpha: bool = True,
            fit_prior: bool = True,
            class_prior: ArrayLike | None = None,
            min_categories: int | ArrayLike | None = None,
        ) -> None: ...


class ComplementNBTypes(ComputedBy, Classes, Weighted, InPieces):
    """Of :class:`fastml.ComplementNB`."""

    if TYPE_CHECKING:
        class_log_prior_: Array
        feature_all_: Array

        def __init__(
            self,
            *,
            alpha: float | ArrayLike = 1.0,
            force_alpha: bool = True,
            fit_prior: bool = True,
            class_prior: ArrayLike | None = None,
            norm: bool = False,
        ) -> None: ...


class GaussianNBTypes(ComputedBy, Classes, Weighted, InPieces):
    """Of :class:`fastml.GaussianNB`."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            priors: ArrayLike | None = None,
            var_smoothing: float = 1e-9,
        ) -> None: ...


class MultinomialNBTypes(ComputedBy, Classes, Weighted, InPieces):
    """Of :class:`fastml.MultinomialNB`."""

    if TYPE_CHECKING:
        class_log_prior_: Array

        def __init__(
            self,
            *,
            alpha: float | ArrayLike = 1.0,
            force_alpha: bool = True,
            fit_prior: bool = True,
            class_prior: ArrayLike | None = None,
        ) -> None: ...
