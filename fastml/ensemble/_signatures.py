"""Constructors of forests, and what their fits leave.

A type checker reads them; when the program runs these classes are empty.  A test compares them
with the constructors of scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike

from ..core.typed import Classes, ClassWeight, ComputedBy, RandomState, Scored, Weighted
from ..core.validation import Array
from ..tree import DecisionTreeClassifier, DecisionTreeRegressor


class RandomForestClassifierTypes(ComputedBy, Classes, Weighted):
    """Of :class:`fastml.RandomForestClassifier`."""

    if TYPE_CHECKING:
        n_classes_: int
        oob_decision_function_: Array
        n_outputs_: int
        oob_score_: float
        estimators_: list[DecisionTreeClassifier]
        estimators_samples_: list[Array]
        feature_importances_: Array

        def decision_path(self, X: ArrayLike) -> tuple[Any, Array]: ...
        def predict_log_proba(self, X: ArrayLike) -> Array: ...

        def __init__(
            self,
            n_estimators: int = 100,
            *,
            criterion: Literal["gini", "entropy", "log_loss"] = "gini",
            max_depth: int | None = None,
            min_samples_split: float = 2,
            min_samples_leaf: float = 1,
            min_weight_fraction_leaf: float = 0.0,
            max_features: float | Literal["sqrt", "log2"] | None = "sqrt",
            max_leaf_nodes: int | None = None,
            min_impurity_decrease: float = 0.0,
            bootstrap: bool = True,
            oob_score: bool | Callable[..., float] = False,
            n_jobs: int | None = None,
            random_state: RandomState = None,
            verbose: int = 0,
            warm_start: bool = False,
            class_weight: ClassWeight
            | Literal["balanced_subsample"]
            | Sequence[Mapping[Any, float]] = None,
            ccp_alpha: float = 0.0,
            max_samples: float | None = None,
            monotonic_cst: ArrayLike | None = None,
        ) -> None: ...


class RandomForestRegressorTypes(ComputedBy, Scored, Weighted):
    """Of :class:`fastml.RandomForestRegressor`."""

    if TYPE_CHECKING:
        oob_prediction_: Array
        n_outputs_: int
        oob_score_: float
        estimators_: list[DecisionTreeRegressor]
        estimators_samples_: list[Array]
        feature_importances_: Array

        def decision_path(self, X: ArrayLike) -> tuple[Any, Array]: ...

        def __init__(
            self,
            n_estimators: int = 100,
            *,
            criterion: Literal["squared_error", "absolute_error", "poisson"] = "squared_error",
            max_depth: int | None = None,
            min_samples_split: float = 2,
            min_samples_leaf: float = 1,
            min_weight_fraction_leaf: float = 0.0,
            max_features: float | Literal["sqrt", "log2"] | None = 1.0,
            max_leaf_nodes: int | None = None,
            min_impurity_decrease: float = 0.0,
            bootstrap: bool = True,
            oob_score: bool | Callable[..., float] = False,
            n_jobs: int | None = None,
            random_state: RandomState = None,
            verbose: int = 0,
            warm_start: bool = False,
            ccp_alpha: float = 0.0,
            max_samples: float | None = None,
            monotonic_cst: ArrayLike | None = None,
        ) -> None: ...
