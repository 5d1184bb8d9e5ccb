"""Constructors of linear models, and what their fits leave.

A type checker reads them; when the program runs these classes are empty.  A test compares them
with the constructors of scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self

from numpy.typing import ArrayLike

from ..core.typed import (
    Callbacks,
    Classes,
    ClassWeight,
    ComputedBy,
    InPieces,
    RandomState,
    Scored,
    Weighted,
)
from ..core.validation import Array


class LinearRegressionTypes(ComputedBy, Scored, Weighted, InPieces):
    """Of :class:`fastml.LinearRegression`."""

    if TYPE_CHECKING:
        rank_: int

        def __init__(
            self,
            *,
            fit_intercept: bool = True,
            copy_X: bool = True,
            tol: float = 1e-06,
            n_jobs: int | None = None,
            positive: bool = False,
        ) -> None: ...


class LogisticRegressionTypes(ComputedBy, Classes, Weighted, Callbacks):
    """Of :class:`fastml.LogisticRegression`."""

    if TYPE_CHECKING:
        n_iter_: Array

        def densify(self) -> Self: ...
        def sparsify(self) -> Self: ...

        def __init__(
            self,
            penalty: Literal["l1", "l2", "elasticnet", "deprecated"] | None = "deprecated",
            *,
            C: float = 1.0,
            l1_ratio: float | None = 0.0,
            dual: bool = False,
            tol: float = 0.0001,
            fit_intercept: bool = True,
            intercept_scaling: float = 1,
            class_weight: ClassWeight = None,
            random_state: RandomState = None,
            solver: Literal[
                "lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"
            ] = "lbfgs",
            max_iter: int = 100,
            verbose: int = 0,
            warm_start: bool = False,
            n_jobs: int | None = None,
        ) -> None: ...


class RidgeTypes(ComputedBy, Scored, Weighted, InPieces):
    """Of :class:`fastml.Ridge`."""

    if TYPE_CHECKING:
        n_iter_: Array | None
        solver_: str

        def __init__(
            self,
            alpha: float | ArrayLike = 1.0,
            *,
            fit_intercept: bool = True,
            copy_X: bool = True,
            max_iter: int | None = None,
            tol: float = 0.0001,
            solver: Literal[
                "auto", "cholesky", "lbfgs", "lsqr", "sag", "saga", "sparse_cg", "svd"
            ] = "auto",
            positive: bool = False,
            random_state: RandomState = None,
        ) -> None: ...


class RidgeCVTypes(ComputedBy, Scored, Weighted):
    """Of :class:`fastml.RidgeCV`."""

    if TYPE_CHECKING:
        alpha_: float | Array
        best_score_: float | Array
        cv_results_: Array

        def __init__(
            self,
            alphas: ArrayLike = (0.1, 1.0, 10.0),
            *,
            fit_intercept: bool = True,
            scoring: str | Callable[..., float] | None = None,
            cv: Any = None,
            gcv_mode: Literal["auto", "svd", "eigen"] | None = None,
            store_cv_results: bool = False,
            alpha_per_target: bool = False,
        ) -> None: ...
