"""The k-means estimator."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.cluster import kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ._estimator import samples, unchanged_on_error
from ._lloyd import Clustering, kmeans, squared_distances
from ._nearest import PreparedCenters, assign
from ._validation import Array

_ALL_ONES = np.empty(0)


class KMeans(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    ClusterMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """K-means clustering by Lloyd's algorithm, exact and parallel.

    Centres start at random, every row goes to the nearest by Euclidean distance, each
    centre moves to the mean of its rows, and so on until nothing moves.  Every label is the one
    float64 arithmetic gives, also for float32 data; results are the same bits for any
    number of threads.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {'k-means++', 'random'}, callable or array-like (n_clusters, n_features), \
            default='k-means++'
        A callable takes (X, n_clusters, random_state) and returns centres.
    n_init : 'auto' or int, default='auto'
        Runs with different starts, of which the one of least inertia is kept.  'auto' is 1
        for 'k-means++' and an array, 10 for 'random' and a callable.
    max_iter : int, default=300
    tol : float, default=1e-4
        Stop once the squared move of all centres together is at most ``tol`` times the mean
        variance of the features.
    verbose : int, default=0
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    cluster_centers_ : ndarray (n_clusters, n_features)
    labels_ : ndarray (n_samples,) of int32
        Equal to ``predict`` of the training data.
    inertia_ : float
        Weighted sum of squared distances of the rows to their centres.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Only when X has feature names that are all strings.

    References
    ----------
    Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28(2),
    1982.

    Examples
    --------
    >>> import fastml
    >>> X = [[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]]
    >>> model = fastml.KMeans(n_clusters=2, random_state=0).fit(X)
    >>> model.predict([[0.0, 0.0], [12.0, 3.0]]) == model.labels_[[0, 3]]
    array([ True,  True])
    >>> sorted(model.cluster_centers_.tolist())
    [[1.0, 2.0], [10.0, 2.0]]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "random"}), callable, "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    cluster_centers_: Array
    labels_: Array
    inertia_: float
    n_iter_: int

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: str | ArrayLike | Callable[..., ArrayLike] = "k-means++",
        n_init: str | int = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Cluster the rows of X.

        Parameters
        ----------
        X : array-like (n_samples, n_features)
            float32 stays float32; other types become float64.
        y : ignored
        sample_weight : array-like (n_samples,), default=None

        Returns
        -------
        self : KMeans

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words; the estimator is then as it was.
        """
        with unchanged_on_error(self):
            data, weights = self._checked(X, sample_weight)
            random_state = check_random_state(self.random_state)
            init = self.init
            if not isinstance(init, str) and not callable(init):
                init = self._checked_centers(data, init)
            best = self._best_run(data, weights, init, random_state)
        self.cluster_centers_ = best.centers
        self._n_features_out = self.n_clusters
        self.labels_ = best.labels
        self.inertia_ = best.inertia
        self.n_iter_ = best.n_iter
        return self

    def _best_run(
        self, X: Array, weights: Array, init: Any, random_state: np.random.RandomState
    ) -> Clustering:
        """Run k-means from each start; return the run of least inertia."""
        tol = self.tol * float(np.mean(np.var(X, axis=0))) if self.tol else 0.0
        best: Clustering | None = None
        for run in range(self._n_runs(init)):
            centers = self._start(X, weights, init, random_state)
            found = kmeans(X, centers, sample_weight=weights, max_iter=self.max_iter, tol=tol)
            if self.verbose:
                print(f"Run {run}: inertia {found.inertia} after {found.n_iter} iterations.")
            if best is None or found.inertia < best.inertia:
                best = found
        assert best is not None
        distinct = len(np.unique(best.labels))
        if distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({distinct}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return best

    def predict(self, X: ArrayLike) -> Array:
        """Return the nearest centre of each row.

        Parameters
        ----------
        X : array-like (n_samples, n_features)

        Returns
        -------
        labels : ndarray (n_samples,) of int32
        """
        check_is_fitted(self)
        data = self._checked_for_prediction(X)
        labels = np.empty(len(data), np.int32)
        assign(data, PreparedCenters.of(self.cluster_centers_), labels)
        return labels

    def fit_predict(
        self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None
    ) -> Array:
        """Return ``fit(X, sample_weight=sample_weight).labels_``."""
        labels: Array = self.fit(X, sample_weight=sample_weight).labels_
        return labels

    def transform(self, X: ArrayLike) -> Array:
        """Return the Euclidean distance of each row to each centre.

        Parameters
        ----------
        X : array-like (n_samples, n_features)

        Returns
        -------
        distances : ndarray (n_samples, n_clusters)
        """
        check_is_fitted(self)
        distances: Array = euclidean_distances(
            self._checked_for_prediction(X), self.cluster_centers_
        )
        return distances

    def score(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> float:
        """Return minus the inertia of X: the weighted sum of squared distances to its centres."""
        check_is_fitted(self)
        data = self._checked_for_prediction(X)
        weights = _check_sample_weight(sample_weight, data, dtype=np.float64)
        labels = np.empty(len(data), np.int32)
        assign(data, PreparedCenters.of(self.cluster_centers_), labels)
        inertia = squared_distances(data, self.cluster_centers_, labels) @ weights
        return -float(inertia)

    def _checked(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[Array, Array]:
        """Check everything that can be wrong before the estimator is changed."""
        X = samples(self, X, reset=True)
        if len(X) < self.n_clusters:
            raise ValueError(f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}.")
        if sample_weight is None:
            return X, _ALL_ONES
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        return X, weights

    def _checked_for_prediction(self, X: ArrayLike) -> Array:
        return samples(self, X, dtype=self.cluster_centers_.dtype)

    def _checked_centers(self, X: Array, centers: ArrayLike) -> Array:
        checked: Array = check_array(centers, dtype=X.dtype, order="C", copy=True)
        if checked.shape[0] != self.n_clusters:
            raise ValueError(
                f"The shape of the initial centers {checked.shape} does not match the number "
                f"of clusters {self.n_clusters}."
            )
        if checked.shape[1] != X.shape[1]:
            raise ValueError(
                f"The shape of the initial centers {checked.shape} does not match the number "
                f"of features of the data {X.shape[1]}."
            )
        return checked

    def _n_runs(self, init: Any) -> int:
        if not isinstance(init, str) and not callable(init):
            if self.n_init not in ("auto", 1):
                warnings.warn(
                    "Explicit initial center position passed: performing only one init in "
                    f"{type(self).__name__} instead of n_init={self.n_init}.",
                    RuntimeWarning,
                    stacklevel=3,
                )
            return 1
        if self.n_init == "auto":
            return 1 if init == "k-means++" else 10
        return int(self.n_init)

    def _start(
        self, X: Array, weights: Array, init: Any, random_state: np.random.RandomState
    ) -> Array:
        """Return centres to start from, C-contiguous and of X's type."""
        if isinstance(init, np.ndarray):
            return init.copy()
        if callable(init):
            return self._checked_centers(X, init(X, self.n_clusters, random_state=random_state))
        sample_weight = weights if weights.size else None
        if init == "k-means++":
            centers, _ = kmeans_plusplus(
                X, self.n_clusters, sample_weight=sample_weight, random_state=random_state
            )
        else:
            chances = None if sample_weight is None else weights / weights.sum()
            rows = random_state.choice(len(X), self.n_clusters, replace=False, p=chances)
            centers = X[rows]
        return np.ascontiguousarray(centers)
