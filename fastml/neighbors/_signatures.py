"""Constructors of nearest neighbours, and what their fits leave.

A type checker reads them; when the program runs these classes are empty.  A test compares them
with the constructors of scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix
from sklearn.metrics import DistanceMetric

from ..core.typed import Classes, ComputedBy, Scored
from ..core.validation import Array

Algorithm = Literal["auto", "ball_tree", "brute", "kd_tree"]
Weights = Literal["uniform", "distance"] | Callable[[Array], Array] | None
#: More names than fit here: those of SciPy and of scikit-learn.
AnyMetric: TypeAlias = str | Callable[..., float] | DistanceMetric


class KNeighborsClassifierTypes(ComputedBy, Classes):
    """Of :class:`fastml.KNeighborsClassifier`."""

    if TYPE_CHECKING:
        effective_metric_: str
        effective_metric_params_: dict[str, Any]
        outputs_2d_: bool

        def kneighbors_graph(
            self,
            X: ArrayLike | None = None,
            n_neighbors: int | None = None,
            mode: Literal["connectivity", "distance"] = "connectivity",
        ) -> csr_matrix: ...

        def __init__(
            self,
            n_neighbors: int = 5,
            *,
            weights: Weights = "uniform",
            algorithm: Algorithm = "auto",
            leaf_size: int = 30,
            p: float = 2,
            metric: AnyMetric = "minkowski",
            metric_params: dict[str, Any] | None = None,
            n_jobs: int | None = None,
        ) -> None: ...


class KNeighborsRegressorTypes(ComputedBy, Scored):
    """Of :class:`fastml.KNeighborsRegressor`."""

    if TYPE_CHECKING:
        effective_metric_: str
        effective_metric_params_: dict[str, Any]

        def kneighbors_graph(
            self,
            X: ArrayLike | None = None,
            n_neighbors: int | None = None,
            mode: Literal["connectivity", "distance"] = "connectivity",
        ) -> csr_matrix: ...

        def __init__(
            self,
            n_neighbors: int = 5,
            *,
            weights: Weights = "uniform",
            algorithm: Algorithm = "auto",
            leaf_size: int = 30,
            p: float = 2,
            metric: AnyMetric = "minkowski",
            metric_params: dict[str, Any] | None = None,
            n_jobs: int | None = None,
        ) -> None: ...


class NearestNeighborsTypes(ComputedBy):
    """Of :class:`fastml.NearestNeighbors`."""

    if TYPE_CHECKING:
        effective_metric_: str
        effective_metric_params_: dict[str, Any]

        def kneighbors_graph(
            self,
            X: ArrayLike | None = None,
            n_neighbors: int | None = None,
            mode: Literal["connectivity", "distance"] = "connectivity",
        ) -> csr_matrix: ...
        def radius_neighbors_graph(
            self,
            X: ArrayLike | None = None,
            radius: float | None = None,
            mode: Literal["connectivity", "distance"] = "connectivity",
            sort_results: bool = False,
        ) -> csr_matrix: ...

        def __init__(
            self,
            *,
            n_neighbors: int = 5,
            radius: float = 1.0,
            algorithm: Algorithm = "auto",
            leaf_size: int = 30,
            metric: AnyMetric = "minkowski",
            p: float = 2,
            metric_params: dict[str, Any] | None = None,
            n_jobs: int | None = None,
        ) -> None: ...


class RadiusNeighborsClassifierTypes(ComputedBy, Classes):
    """Of :class:`fastml.RadiusNeighborsClassifier`."""

    if TYPE_CHECKING:
        effective_metric_: str
        effective_metric_params_: dict[str, Any]
        outputs_2d_: bool
        outlier_label_: Any  # a label, of whatever type

        def radius_neighbors_graph(
            self,
            X: ArrayLike | None = None,
            radius: float | None = None,
            mode: Literal["connectivity", "distance"] = "connectivity",
            sort_results: bool = False,
        ) -> csr_matrix: ...

        def __init__(
            self,
            radius: float = 1.0,
            *,
            weights: Weights = "uniform",
            algorithm: Algorithm = "auto",
            leaf_size: int = 30,
            p: float = 2,
            metric: AnyMetric = "minkowski",
            outlier_label: Any = None,
            metric_params: dict[str, Any] | None = None,
            n_jobs: int | None = None,
        ) -> None: ...


class RadiusNeighborsRegressorTypes(ComputedBy, Scored):
    """Of :class:`fastml.RadiusNeighborsRegressor`."""

    if TYPE_CHECKING:
        effective_metric_: str
        effective_metric_params_: dict[str, Any]

        def radius_neighbors_graph(
            self,
            X: ArrayLike | None = None,
            radius: float | None = None,
            mode: Literal["connectivity", "distance"] = "connectivity",
            sort_results: bool = False,
        ) -> csr_matrix: ...

        def __init__(
            self,
            radius: float = 1.0,
            *,
            weights: Weights = "uniform",
            algorithm: Algorithm = "auto",
            leaf_size: int = 30,
            p: float = 2,
            metric: AnyMetric = "minkowski",
            metric_params: dict[str, Any] | None = None,
            n_jobs: int | None = None,
        ) -> None: ...
