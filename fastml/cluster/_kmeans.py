"""The k-means estimator."""

from __future__ import annotations

import time
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
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import cosine_distances, euclidean_distances
from sklearn.preprocessing import normalize
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ..core.callbacks import FitTask
from ..core.estimator import samples, unchanged_on_error
from ..core.validation import Array
from ..kernels.cluster import lloyd
from ._lloyd import Clustering, Run, advance_until, squared_distances
from ._nearest import label
from ._plusplus import choose_rows

_ALL_ONES = np.empty(0)
_NUMBERS_AT_ONCE = 1 << 20


def mean_variance(X: Array) -> float:
    """Return the mean over the features of their variances, without a copy of X."""
    mean = X.mean(axis=0, dtype=np.float64)
    total = np.zeros(X.shape[1])
    rows = max(1, _NUMBERS_AT_ONCE // X.shape[1])
    for start in range(0, len(X), rows):
        total += ((X[start : start + rows] - mean) ** 2).sum(axis=0)
    return float((total / len(X)).mean())


class BaseKMeans(
    CallbackSupportMixin,  # type: ignore[misc]
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    ClusterMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """What estimators with centres share: assignment, distances, score, starts."""

    cluster_centers_: Array
    labels_: Array
    inertia_: float
    n_iter_: int

    n_clusters: int
    init: Any
    n_init: Any
    _n_init: int

    def predict(self, X: ArrayLike) -> Array:
        """Return the nearest centre of each row.

        Parameters
        ----------
        X : array-like (n_samples, n_features)

        Returns
        -------
        labels : ndarray (n_samples,) of int32
            What float64 arithmetic gives, for float32 too; the lowest index on ties.

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words.
        """
        data = self._plain(X)
        if data is not None:
            labels = label(data, self.cluster_centers_)
            if labels is not None:
                return labels
        return self._assigned(self._samples_to_predict(X))

    def fit_predict(
        self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None
    ) -> Array:
        """Return ``fit(X, sample_weight=sample_weight).labels_``."""
        labels: Array = self.fit(X, sample_weight=sample_weight).labels_
        return labels

    def transform(self, X: ArrayLike) -> Array:
        """Return the distance of each row to each centre.

        Parameters
        ----------
        X : array-like (n_samples, n_features)

        Returns
        -------
        distances : ndarray (n_samples, n_clusters)
            Euclidean, or 1 - cosine where the metric is the cosine.
        """
        check_is_fitted(self)
        pairwise = cosine_distances if self._spherical else euclidean_distances
        distances: Array = pairwise(self._samples_to_predict(X), self.cluster_centers_)
        return distances

    def score(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> float:
        """Return minus the inertia of X: the weighted sum of squared distances to its centres."""
        data = self._samples_to_predict(X)
        weights = _check_sample_weight(sample_weight, data, dtype=np.float64)
        inertia = squared_distances(data, self.cluster_centers_, self._assigned(data)) @ weights
        return -float(inertia)

    @property
    def _spherical(self) -> bool:
        return bool(getattr(self, "metric", "euclidean") == "cosine")

    def _plain(self, X: ArrayLike) -> Array | None:
        """Return X if it needs no more checks than the kernel makes, else None.

        A one-row prediction spends most of its time in scikit-learn's validation otherwise.
        """
        centers = getattr(self, "cluster_centers_", None)
        if (
            centers is not None
            and type(X) is np.ndarray
            and X.dtype == centers.dtype
            and X.ndim == 2
            and X.shape[0] > 0
            and X.shape[1] == centers.shape[1]
            and X.flags.carray
            and not self._spherical
            and not hasattr(self, "feature_names_in_")
        ):
            return X
        return None

    def _samples_to_predict(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        data = samples(self, X, dtype=self.cluster_centers_.dtype)
        return normalize(data) if self._spherical else data

    def _assigned(self, X: Array) -> Array:
        labels = label(X, self.cluster_centers_)
        assert labels is not None  # X is finite
        return labels

    def _checked(self, X: ArrayLike, sample_weight: ArrayLike | None) -> tuple[Array, Array]:
        """Return the samples and their weights, (0,) if they are all one."""
        data = samples(self, X, reset=True)
        if len(data) < self.n_clusters:
            raise ValueError(f"n_samples={len(data)} should be >= n_clusters={self.n_clusters}.")
        if sample_weight is None:
            return data, _ALL_ONES
        weights: Array = _check_sample_weight(
            sample_weight, data, dtype=np.float64, ensure_non_negative=True
        )
        return data, weights

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

    def _n_runs(self, runs_if_not_careful: int) -> int:
        if not isinstance(self.init, str) and not callable(self.init):
            if self.n_init not in ("auto", 1):
                warnings.warn(
                    "Explicit initial center position passed: performing only one init in "
                    f"{type(self).__name__} instead of n_init={self.n_init}.",
                    RuntimeWarning,
                    stacklevel=3,
                )
            return 1
        if self.n_init == "auto":
            return 1 if self.init == "k-means++" else runs_if_not_careful
        return int(self.n_init)

    def _start(
        self, X: Array, weights: Array, init: Any, random_state: np.random.RandomState
    ) -> Array:
        """Return new centres to start from, C-contiguous and of X's type."""
        if callable(init):
            return self._checked_centers(X, init(X, self.n_clusters, random_state=random_state))
        if isinstance(init, np.ndarray):
            return init.copy()
        if init == "k-means++":
            rows = choose_rows(X, self.n_clusters, weights, random_state)
        else:
            chances = weights / weights.sum() if weights.size else np.full(len(X), 1 / len(X))
            rows = random_state.choice(len(X), self.n_clusters, replace=False, p=chances)
        return np.ascontiguousarray(X[rows])


class KMeans(BaseKMeans):
    """K-means clustering by Lloyd's algorithm: exact, bounded and parallel.

    Centres start at random, every row goes to the nearest by Euclidean distance, each
    centre moves to the mean of its rows, and so on until nothing moves.  Every label is the one
    float64 arithmetic gives, also for float32 data; results are the same bits for any
    number of threads.  X is never copied, so a ``numpy.memmap`` is read where it lies.

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
    copy_x : bool, default=True
        For scikit-learn's sake: X is neither copied nor changed either way.
    algorithm : {'auto', 'lloyd', 'elkan'}, default='auto'
        'lloyd' compares every row with every centre in every iteration; 'auto' and 'elkan'
        keep bounds that spare most rows.  All give the same result.
    metric : {'euclidean', 'cosine'}, default='euclidean'
        'cosine' is spherical k-means: rows are taken, and centres kept, at unit length.  It
        is the one case that copies X.
    max_time : float, default=None
        Seconds after which to stop, with the best so far.

    Attributes
    ----------
    cluster_centers_ : ndarray (n_clusters, n_features)
    labels_ : ndarray (n_samples,) of int32
        Equal to ``predict`` of the training data.
    inertia_ : float
        Weighted sum of squared distances of the rows to their centres.
    n_iter_ : int
    n_decided_ : int
        Comparisons of a row with all centres that float64 had to decide, over all iterations
        of the run that was kept.
    n_scored_ : int
        Comparisons of a row with all centres in that run; without bounds it would be
        ``n_iter_`` times the number of rows.
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Only when X has feature names that are all strings.

    References
    ----------
    Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28(2),
    1982.  Hamerly, "Making k-means even faster", SDM 2010.  Dhillon and Modha, "Concept
    decompositions for large sparse text data using clustering", Machine Learning 42, 2001.

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
        "copy_x": ["boolean"],
        "algorithm": [StrOptions({"auto", "lloyd", "elkan"})],
        "metric": [StrOptions({"euclidean", "cosine"})],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
    }

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
        copy_x: bool = True,
        algorithm: str = "auto",
        metric: str = "euclidean",
        max_time: float | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.metric = metric
        self.max_time = max_time

    @with_callbacks  # type: ignore[untyped-decorator]
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
        started = time.perf_counter()
        deadline = np.inf if self.max_time is None else started + self.max_time
        with unchanged_on_error(self):
            data, weights = self._checked(X, sample_weight)
            random_state = check_random_state(self.random_state)
            init = self.init
            if not isinstance(init, str) and not callable(init):
                init = self._checked_centers(data, init)
            self._n_init = self._n_runs(10)
            if self.algorithm == "elkan" and self.n_clusters == 1:
                warnings.warn(
                    "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' "
                    "instead.",
                    RuntimeWarning,
                    stacklevel=2,
                )
            best = self._best_run(data, weights, init, random_state, deadline)
            for name, value in self._attributes(best).items():
                setattr(self, name, value)
        self._n_features_out = self.n_clusters
        return self

    @staticmethod
    def _attributes(found: Clustering) -> dict[str, Any]:
        return {
            "cluster_centers_": found.centers,
            "labels_": found.labels,
            "inertia_": found.inertia,
            "n_iter_": found.n_iter,
            "n_decided_": found.decided,
            "n_scored_": found.scored,
        }

    def _best_run(
        self,
        X: Array,
        weights: Array,
        init: Any,
        random_state: np.random.RandomState,
        deadline: float,
    ) -> Clustering:
        """Run k-means from each start; return the run of least inertia."""
        if self._spherical:
            X = normalize(X)
        tol = self.tol * mean_variance(X) if self.tol else 0.0
        best: Clustering | None = None
        run: Run

        def attributes() -> dict[str, Any]:
            return self._attributes(run.so_far())

        task = FitTask(self, self._n_init * self.max_iter, {"X": X}, attributes, "iteration")

        def after(run: Run) -> bool:
            with task.epoch() as iteration:
                if self.verbose:
                    inertia = run.so_far().inertia
                    print(f"Iteration {run.n_iter - 1}, inertia {inertia}.")
            return iteration.stop

        watched = self.verbose or task.watched
        with task.running():
            for _ in range(self._n_init):
                centers = self._start(X, weights, init, random_state)
                if self._spherical:
                    normalize(centers, copy=False)
                if self.verbose:
                    print("Initialization complete")
                run = Run(
                    X,
                    centers,
                    sample_weight=weights,
                    max_iter=self.max_iter,
                    tol=tol,
                    bounded=self.algorithm != "lloyd" and self.n_clusters > 1,
                    spherical=self._spherical,
                )
                stop = advance_until(run, deadline, after if watched else None)
                if self.verbose:
                    self._say_why(run, tol)
                found = run.finish()
                if best is None or found.inertia < best.inertia:
                    best = found
                if stop:
                    break
            assert best is not None
        self._warn_of_fewer_clusters(best)
        return best

    @staticmethod
    def _say_why(run: Run, tol: float) -> None:
        reason = run.control[lloyd.STOP]
        if reason == lloyd.CONVERGED:
            print(f"Converged at iteration {run.n_iter - 1}: strict convergence.")
        elif reason == lloyd.WITHIN_TOLERANCE:
            shift = float((run.moves**2).sum())
            print(
                f"Converged at iteration {run.n_iter - 1}: center shift {shift} within "
                f"tolerance {tol}."
            )

    def _warn_of_fewer_clusters(self, best: Clustering) -> None:
        distinct = len(np.unique(best.labels))
        if distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({distinct}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=5,
            )
