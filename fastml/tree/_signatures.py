"""Constructors of trees, and what their fits leave.

A type checker reads them; when the program runs these classes are empty.  A test compares them
with the constructors of scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike

from ..core.typed import Classes, ClassWeight, ComputedBy, RandomState, Scored, Weighted
from ..core.validation import Array


class DecisionTreeClassifierTypes(ComputedBy, Classes, Weighted):
    """Of :class:`fastml.DecisionTreeClassifier`."""

    if TYPE_CHECKING:
        n_classes_: int
        n_outputs_: int
        max_features_: int

        def predict_log_proba(self, X: ArrayLike) -> Array: ...

        def __init__(
            self,
            *,
            criterion: Literal["gini", "entropy", "log_loss"] = "gini",
            splitter: Literal["best", "random"] = "best",
            max_depth: int | None = None,
            min_samples_split: float = 2,
            min_samples_leaf: float = 1,
            min_weight_fraction_leaf: float = 0.0,
            max_features: float | Literal["sqrt", "log2"] | None = None,
            random_state: RandomState = None,
            max_leaf_nodes: int | None = None,
            min_impurity_decrease: float = 0.0,
            class_weight: ClassWeight | Sequence[Mapping[Any, float]] = None,
            ccp_alpha: float = 0.0,
            monotonic_cst: ArrayLike | None = None,
        ) -> None: ...


class DecisionTreeRegressorTypes(ComputedBy, Scored, Weighted):
    """Of :class:`fastml.DecisionTreeRegressor`."""

    if TYPE_CHECKING:
        n_outputs_: int
        max_features_: int

        def __init__(
            self,
            *,
            criterion: Literal["squared_error", "absolute_error", "poisson"] = "squared_error",
            splitter: Literal["best", "random"] = "best",
            max_depth: int | None = None,
            min_samples_split: float = 2,
            min_samples_leaf: float = 1,
            min_weight_fraction_leaf: float = 0.0,
            max_features: float | Literal["sqrt", "log2"] | None = None,
            random_state: RandomState = None,
            max_leaf_nodes: int | None = None,
            min_impurity_decrease: float = 0.0,
            ccp_alpha: float = 0.0,
            monotonic_cst: ArrayLike | None = None,
        ) -> None: ...
