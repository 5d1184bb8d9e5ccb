"""What the estimators of nearest neighbours share: which code runs, fitting, and searching."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.neighbors import BallTree, KDTree
from sklearn.neighbors._base import NeighborsBase
from sklearn.utils.validation import validate_data

from ..core.classes import check_classes, number_classes
from ..core.estimator import (
    FLOATS,
    as_of_now,
    check_fitted,
    fitted_at_once,
    take_plain,
    take_plain_pair,
)
from ..core.parameters import ParametersMixin
from ..core.validation import Array, check_finite, check_sparse, is_sparse, shape_of
from ..execution import over_blocks
from ._metrics import MANHATTAN, Metric, prepare, rows_to_read, tree_pays
from ._votes import ALL_ONES, Voters, weigh

#: Metrics that are computed here, and whether scikit-learn's k-d trees know them.
_METRICS = {"euclidean": True, "l2": True, "minkowski": True, "sqeuclidean": False, "cosine": False}
_METRICS.update(dict.fromkeys(MANHATTAN, True))


def why_not(estimator: Any, X: Any) -> str:
    """Return why scikit-learn's code fits an estimator to X; empty where ours does."""
    if isinstance(X, KDTree | BallTree | NeighborsBase):
        return f"X is a fitted {type(X).__name__}"  # whose search, if it is ours, is taken over
    if is_sparse(X):
        check_sparse(X)
        return "X is sparse"
    if estimator.algorithm not in ("auto", "brute", "kd_tree"):
        return f"algorithm={estimator.algorithm!r}"
    given = dict(estimator.metric_params or {})
    p = given.pop("p", estimator.p)
    if given:
        return f"metric_params={estimator.metric_params!r}"
    metric = estimator.metric
    if not (isinstance(metric, str) and metric in _METRICS):
        return f"metric={metric!r}"
    if metric == "minkowski" and p not in (1, 2):
        return f"metric='minkowski', p={p!r}"
    if metric in MANHATTAN or (metric == "minkowski" and p == 1):
        return _why_no_tree(estimator.algorithm, shape_of(X))
    if estimator.algorithm == "kd_tree" and not _METRICS[metric]:
        return f"algorithm='kd_tree', metric={metric!r}"  # which is an error there
    return ""


def _why_no_tree(algorithm: str, shape: tuple[int, ...]) -> str:
    """Return why Manhattan distances are scikit-learn's; empty where brute force is wanted."""
    if algorithm == "kd_tree":
        return "algorithm='kd_tree', Manhattan distances"
    if algorithm == "auto" and len(shape) == 2 and tree_pays(*shape):
        return "algorithm='auto' takes a tree, Manhattan distances"
    return ""


class FastSearch(ParametersMixin):
    """What an estimator of nearest neighbours gains over scikit-learn's.

    Dense rows, and Euclidean, squared Euclidean and cosine distances by brute force and by k-d
    trees, Manhattan distances by brute force, are computed here; the rest by scikit-learn.
    """

    computed_by_: str
    metric: str
    metric_params: Any
    p: Any
    algorithm: str
    _search: Metric | None

    def _fit(self, X: Any, y: Any = None) -> Any:
        reason = why_not(self, X)
        with fitted_at_once(self) as twin:
            if not reason:
                twin.algorithm = "brute"  # scikit-learn's part makes no tree; no parameter stays
            if reason or not twin._fit_plain(X, y):
                super(FastSearch, twin)._fit(X, y)  # type: ignore[misc]
            if reason:
                twin._search = getattr(X, "_search", None)
                twin.computed_by_ = "fastml" if twin._search else f"scikit-learn: {reason}"
                return self
            rows = twin._fit_X
            if rows.dtype not in (np.float32, np.float64):
                with np.errstate(over="ignore"):
                    rows = rows.astype(np.float64)
                check_finite(rows, "X", type(self).__name__)  # of what is longer than a double
            search = prepare(rows, twin.effective_metric_, self.algorithm)
            twin._fit_X, twin._search = rows_to_read(search), search
            twin.computed_by_ = "fastml"
        return self

    def _fit_plain(self, X: Any, y: Any) -> bool:
        """Set what scikit-learn's ``_fit`` would, where its checks are too much; say whether.

        They take longer than a thousand rows, and of plain arrays would find nothing else to say.
        """
        classes = isinstance(self, ClassifierMixin)
        supervised = classes or isinstance(self, RegressorMixin)
        if self.metric_params is not None or not (y is None or supervised):
            return False
        if supervised and not take_plain_pair(X, y, self, FLOATS, reset=True):
            return False
        if not take_plain(X, self, FLOATS, reset=True):
            return False
        if classes:
            check_classes(y)
            self.classes_, numbers = number_classes(y)
            self.outputs_2d_, self._y = False, numbers.astype(np.intp)
        elif supervised:
            self._y = y
        metric = self.metric
        if metric == "minkowski":
            metric = "manhattan" if self.p == 1 else "euclidean"
        self.effective_metric_params_: dict[str, Any] = {}
        self.effective_metric_, self._fit_method, self._tree = metric, "brute", None
        self._fit_X, self.n_samples_fit_ = X, len(X)
        return True

    def _search_for(self, X: Any) -> Metric | None:
        """Return what finds the neighbours of queries, or None where scikit-learn does."""
        if not is_sparse(X):
            return getattr(self, "_search", None)
        check_sparse(X)
        if self._search is not None and self.algorithm == "kd_tree":
            raise ValueError(
                "kd_tree does not support sparse matrices. Densify the data, or set "
                "algorithm='brute'"
            )
        return None

    def _queries(self, X: ArrayLike) -> Array:
        if take_plain(X, self, FLOATS, reset=False):
            return X
        checked = validate_data(
            self, X, reset=False, dtype=[np.float64, np.float32], order="C", ensure_all_finite=False
        )
        check_finite(checked, "X", type(self).__name__)
        return np.asarray(checked)


class FastNeighbors(FastSearch):
    """Queries for the nearest rows, for the estimators that have them."""

    n_neighbors: int
    weights: Any
    n_samples_fit_: int

    @overload
    def kneighbors(
        self,
        X: ArrayLike | None = ...,
        n_neighbors: int | None = ...,
        return_distance: Literal[True] = ...,
    ) -> tuple[Array, Array]: ...
    @overload
    def kneighbors(
        self,
        X: ArrayLike | None = ...,
        n_neighbors: int | None = ...,
        *,
        return_distance: Literal[False],
    ) -> Array: ...
    @overload
    def kneighbors(
        self,
        X: ArrayLike | None,
        n_neighbors: int | None,
        return_distance: bool,
    ) -> Array | tuple[Array, Array]: ...
    @over_blocks
    def kneighbors(
        self,
        X: ArrayLike | None = None,
        n_neighbors: int | None = None,
        return_distance: bool = True,
    ) -> Array | tuple[Array, Array]:
        """Find the nearest rows of every query, the nearest first.

        Parameters
        ----------
        X : array-like (n_queries, n_features), default=None
            The queries; the fitted rows by default, of which none is its own neighbour.
        n_neighbors : int, default=None
            How many; the estimator's ``n_neighbors`` by default.
        return_distance : bool, default=True
            Whether distances are returned too.

        Returns
        -------
        distances : ndarray (n_queries, n_neighbors) of float64
            Only with ``return_distance``.  Float64 sums of squared differences in the order of the
            features, and their square roots; half such a sum over unit vectors for 'cosine'.
        indices : ndarray (n_queries, n_neighbors)
            The rows' numbers; of two rows equally far the lower one comes first.

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words.
        """
        self = as_of_now(self)
        check_fitted(self)
        search = self._search_for(X)
        if search is None:
            theirs: Any = super()
            return theirs.kneighbors(X, n_neighbors, return_distance)  # type: ignore[no-any-return]
        if n_neighbors is None:
            n_neighbors = self.n_neighbors
        elif n_neighbors <= 0:
            raise ValueError(f"Expected n_neighbors > 0. Got {n_neighbors:d}")
        elif not isinstance(n_neighbors, int | np.integer):
            raise TypeError(
                f"n_neighbors does not take {type(n_neighbors)} value, enter integer value"
            )
        of_base = X is None
        queries = search.X if X is None else self._queries(X)
        n_samples = len(search.X)
        if n_neighbors + of_base > n_samples:
            sign = "<" if of_base else "<="
            raise ValueError(
                f"Expected n_neighbors {sign} n_samples_fit, but n_neighbors = {n_neighbors}, "
                f"n_samples_fit = {n_samples}, n_samples = {len(queries)}"
            )
        distances, indices = search.nearest(queries, int(n_neighbors) + of_base)
        if of_base:
            distances, indices = without_themselves(distances, indices)
        indices = indices.astype(np.intp, copy=False)
        return (distances, indices) if return_distance else indices

    def _voters(self, X: ArrayLike | None) -> Voters:
        """Return the neighbours of each query and their weights."""
        distances, indices = self.kneighbors(X)
        starts, given = np.arange(0, indices.size + 1, indices.shape[1]), ALL_ONES
        if self.weights not in (None, "uniform"):
            given = weigh(distances, starts, self.weights)
        flat = np.ascontiguousarray(indices, dtype=np.int64).reshape(-1)
        return Voters.of(flat, given, starts, self.n_samples_fit_)


class FastRadius(FastSearch):
    """Queries for all rows within a radius, for the estimators that have them."""

    radius: float
    weights: Any
    n_samples_fit_: int

    @overload
    def radius_neighbors(
        self,
        X: ArrayLike | None = ...,
        radius: float | None = ...,
        return_distance: Literal[True] = ...,
        sort_results: bool = ...,
    ) -> tuple[Array, Array]: ...
    @overload
    def radius_neighbors(
        self,
        X: ArrayLike | None = ...,
        radius: float | None = ...,
        *,
        return_distance: Literal[False],
        sort_results: bool = ...,
    ) -> Array: ...
    @overload
    def radius_neighbors(
        self,
        X: ArrayLike | None,
        radius: float | None,
        return_distance: bool,
        sort_results: bool = ...,
    ) -> Array | tuple[Array, Array]: ...
    @over_blocks
    def radius_neighbors(
        self,
        X: ArrayLike | None = None,
        radius: float | None = None,
        return_distance: bool = True,
        sort_results: bool = False,
    ) -> Array | tuple[Array, Array]:
        """Find all rows within a radius of every query.

        Parameters
        ----------
        X : array-like (n_queries, n_features), default=None
            The queries; the fitted rows by default, of which none is its own neighbour.
        radius : float, default=None
            How far a row may be, that far included; the estimator's ``radius`` by default.
        return_distance : bool, default=True
            Whether distances are returned too.
        sort_results : bool, default=False
            Whether the nearest come first, the lower row on ties; else rows are in their order.

        Returns
        -------
        distances : ndarray (n_queries,) of arrays of float64
            Only with ``return_distance``.  Float64 sums of squared differences in the order of the
            features, and their square roots: a row is within the radius if this number is.
        indices : ndarray (n_queries,) of arrays
            The rows' numbers.

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words.
        """
        self = as_of_now(self)
        check_fitted(self)
        search = self._search_for(X)
        if search is None:
            theirs: Any = super()
            return theirs.radius_neighbors(  # type: ignore[no-any-return]
                X, radius, return_distance=return_distance, sort_results=sort_results
            )
        if sort_results and not return_distance:
            raise ValueError("return_distance must be True if sort_results is True.")
        distances, indices, starts = self._within(search, X, radius)
        if sort_results:
            bounds = starts.tolist()
            for start, stop in pairwise(bounds):
                order = distances[start:stop].argsort(kind="stable")
                distances[start:stop] = distances[start:stop][order]
                indices[start:stop] = indices[start:stop][order]
        near = _objects(indices.astype(np.intp, copy=False), starts)
        return (_objects(distances, starts), near) if return_distance else near

    def _within(
        self, search: Metric, X: ArrayLike | None, radius: float | None = None
    ) -> tuple[Array, Array, Array]:
        """Return distances, rows and where each query's begin, see :func:`._search.within`."""
        queries = search.X if X is None else self._queries(X)
        limit = self.radius if radius is None else radius
        if type(limit) is float:
            limits = np.empty(len(queries))
            limits.fill(limit)
        else:
            limits = np.broadcast_to(np.asarray(limit, dtype=np.float64), (len(queries),))
        distances, indices, starts = search.within(queries, limits)
        if X is None:
            others = indices != np.repeat(np.arange(len(queries)), np.diff(starts))
            distances, indices = distances[others], indices[others]
            starts = np.append(0, np.cumsum(others))[starts]
        return distances, indices, starts

    def _voters(self, search: Metric, X: ArrayLike | None) -> Voters:
        """Return the rows within the radius of each query and their weights."""
        distances, indices, starts = self._within(search, X)
        given = ALL_ONES
        if self.weights not in (None, "uniform"):
            lengths = _objects(distances, starts) if callable(self.weights) else distances
            given = weigh(lengths, starts, self.weights)
        return Voters.of(indices, given, starts, self.n_samples_fit_)


def _objects(flat: Array, starts: Array) -> Array:
    """Return a vector of arrays, one a query, each with memory of its own."""
    bounds = starts.tolist()  # numbers of Python slice sooner
    vector = np.empty(len(bounds) - 1, dtype=object)
    for i in range(len(vector)):
        vector[i] = flat[bounds[i] : bounds[i + 1]].copy()
    return vector


def without_themselves(squares: Array, indices: Array) -> tuple[Array, Array]:
    """Take every row out of its own neighbours; the first where so many are as near."""
    others = indices != np.arange(len(indices))[:, None]
    others[others.all(axis=1), 0] = False
    shape = (len(indices), indices.shape[1] - 1)
    return squares[others].reshape(shape), indices[others].reshape(shape)
