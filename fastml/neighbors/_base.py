"""What the estimators of nearest neighbours share: which code runs, fitting, and searching."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from sklearn.neighbors import BallTree, KDTree
from sklearn.neighbors._base import NeighborsBase
from sklearn.utils.validation import check_is_fitted, validate_data

from ..core.estimator import unchanged_on_error
from ..core.validation import Array, check_finite, readable
from ._search import Base, by_definition, nearest, within

#: Up to so many float64 queries of float32 rows are sooner answered than the rows packed again.
_FEW_WIDE_QUERIES = 32


class Search(NamedTuple):
    """What a fit leaves for queries: one object, replaced as a whole.

    base : Base
    squared : bool, whether the metric is the squared distance
    """

    base: Base
    squared: bool


def why_not(estimator: Any, X: Any) -> str:
    """Return why scikit-learn's code fits an estimator to X; empty where ours does."""
    if isinstance(X, KDTree | BallTree | NeighborsBase):
        return f"X is a fitted {type(X).__name__}"  # whose search, if it is ours, is taken over
    if scipy.sparse.issparse(X):
        return "X is sparse"
    if estimator.algorithm not in ("auto", "brute"):
        return f"algorithm={estimator.algorithm!r}"
    given = dict(estimator.metric_params or {})
    p = given.pop("p", estimator.p)
    if given:
        return f"metric_params={estimator.metric_params!r}"
    if estimator.metric == "minkowski":
        return "" if p == 2 else f"metric='minkowski', p={p!r}"
    if isinstance(estimator.metric, str) and estimator.metric in (
        "euclidean",
        "l2",
        "sqeuclidean",
    ):
        return ""
    return f"metric={estimator.metric!r}"


class FastSearch:
    """What an estimator of nearest neighbours gains over scikit-learn's.

    Dense rows and (squared) Euclidean distances, by brute force, are computed here; the rest by
    scikit-learn.
    """

    computed_by_: str

    def _fit(self, X: Any, y: Any = None) -> Any:
        reason = why_not(self, X)
        with unchanged_on_error(self):
            if reason:
                super()._fit(X, y)  # type: ignore[misc]
                self._search: Search | None = getattr(X, "_search", None)
                self.computed_by_ = "fastml" if self._search else f"scikit-learn: {reason}"
                return self
            twin = copy.copy(self)
            twin.algorithm = "brute"  # type: ignore[attr-defined]
            super(FastSearch, twin)._fit(X, y)  # type: ignore[misc]
            fitted = dict(vars(twin))
            for name in self.get_params(deep=False):  # type: ignore[attr-defined]
                fitted.pop(name)
            rows = fitted["_fit_X"]
            if rows.dtype not in (np.float32, np.float64):
                rows = rows.astype(np.float64)
            base = Base.of(rows)
            for array in base[:4]:
                array.flags.writeable = False
            fitted["_fit_X"] = base.X
            fitted["_search"] = Search(base, self.metric == "sqeuclidean")  # type: ignore[attr-defined]
            fitted["computed_by_"] = "fastml"
            vars(self).update(fitted)
        return self

    def _queries(self, X: ArrayLike) -> Array:
        checked = validate_data(
            self, X, reset=False, dtype=[np.float64, np.float32], order="C", ensure_all_finite=False
        )
        check_finite(checked, "X", type(self).__name__)
        return np.asarray(checked)


class FastNeighbors(FastSearch):
    """Queries for the nearest rows, for the estimators that have them."""

    n_neighbors: int

    def kneighbors(
        self,
        X: ArrayLike | None = None,
        n_neighbors: int | None = None,
        return_distance: bool = True,
    ) -> Any:
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
            features, and their square roots.
        indices : ndarray (n_queries, n_neighbors)
            The rows' numbers; of two rows equally far the lower one comes first.

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words.
        """
        check_is_fitted(self)
        search = getattr(self, "_search", None)
        if search is None or scipy.sparse.issparse(X):
            return super().kneighbors(X, n_neighbors, return_distance)  # type: ignore[misc]
        if n_neighbors is None:
            n_neighbors = self.n_neighbors
        elif n_neighbors <= 0:
            raise ValueError(f"Expected n_neighbors > 0. Got {n_neighbors:d}")
        elif not isinstance(n_neighbors, int | np.integer):
            raise TypeError(
                f"n_neighbors does not take {type(n_neighbors)} value, enter integer value"
            )
        of_base = X is None
        queries = search.base.X if X is None else self._queries(X)
        n_samples = len(search.base.X)
        if n_neighbors + of_base > n_samples:
            sign = "<" if of_base else "<="
            raise ValueError(
                f"Expected n_neighbors {sign} n_samples_fit, but n_neighbors = {n_neighbors}, "
                f"n_samples_fit = {n_samples}, n_samples = {len(queries)}"
            )
        squares, indices = search_rows(search.base, queries, int(n_neighbors) + of_base)
        if of_base:
            squares, indices = without_themselves(squares, indices)
        indices = indices.astype(np.intp, copy=False)
        if not return_distance:
            return indices
        return squares if search.squared else np.sqrt(squares), indices


class FastRadius(FastSearch):
    """Queries for all rows within a radius, for the estimators that have them."""

    radius: float

    def radius_neighbors(
        self,
        X: ArrayLike | None = None,
        radius: float | None = None,
        return_distance: bool = True,
        sort_results: bool = False,
    ) -> Any:
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
        check_is_fitted(self)
        search = getattr(self, "_search", None)
        if search is None or scipy.sparse.issparse(X):
            return super().radius_neighbors(  # type: ignore[misc]
                X, radius, return_distance=return_distance, sort_results=sort_results
            )
        if sort_results and not return_distance:
            raise ValueError("return_distance must be True if sort_results is True.")
        queries = search.base.X if X is None else self._queries(X)
        limit = self.radius if radius is None else radius
        limits = np.broadcast_to(np.asarray(limit, dtype=np.float64), (len(queries),))
        distances, indices, starts = within(search.base, queries, limits, search.squared)
        near, far = [], []
        for i in range(len(queries)):
            part = slice(starts[i], starts[i + 1])
            rows, lengths = indices[part].astype(np.intp), distances[part].copy()
            if X is None:
                others = rows != i
                rows, lengths = rows[others], lengths[others]
            if sort_results:
                order = np.argsort(lengths, kind="stable")
                rows, lengths = rows[order], lengths[order]
            near.append(rows)
            far.append(lengths)
        return (_objects(far), _objects(near)) if return_distance else _objects(near)


def _objects(arrays: list[Array]) -> Array:
    """Return a vector whose elements are arrays, of whatever lengths."""
    vector = np.empty(len(arrays), dtype=object)
    for i, array in enumerate(arrays):
        vector[i] = array
    return vector


def search_rows(base: Base, queries: Array, n_neighbors: int) -> tuple[Array, Array]:
    """Return what :func:`nearest` does for queries of either type of floats."""
    if queries.dtype != base.X.dtype:
        if base.X.dtype == np.float64:
            queries = queries.astype(np.float64)
        elif len(queries) <= _FEW_WIDE_QUERIES:
            return by_definition(base, queries, n_neighbors)
        else:
            with np.errstate(over="ignore"):
                single = queries.astype(np.float32)
            if (single == queries).all():
                queries = single
            else:
                base = Base.of(base.X.astype(np.float64))
    return nearest(base, readable(queries), n_neighbors)


def without_themselves(squares: Array, indices: Array) -> tuple[Array, Array]:
    """Take every row out of its own neighbours; the first where so many are as near."""
    others = indices != np.arange(len(indices))[:, None]
    others[others.all(axis=1), 0] = False
    shape = (len(indices), indices.shape[1] - 1)
    return squares[others].reshape(shape), indices[others].reshape(shape)
