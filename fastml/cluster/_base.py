"""What estimators with centres share: checks at the door, starts, assignment, distances."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from ..core.checkpoint import Checkpoint, CheckpointFile, ResumableMixin, open_checkpoint
from ..core.estimator import check_fitted, samples
from ..core.parameters import ParametersMixin
from ..core.passes import tree_sum
from ..core.sklearn_compat import check_sample_weight
from ..core.threads import new_state, run_team, team_size
from ..core.typed import Callbacks, Estimator, Transforms, Weighted
from ..core.validation import Array, check_finite, is_finite, is_plain, is_sparse
from ..data import as_table, is_blocks, sparse_samples
from ..execution import begin_log, map_blocks
from ..kernels.ops import moments
from ._distances import distances_to
from ._nearest import PreparedCenters, nearest_labels, weighted_inertia
from ._parallel import parallel_rows_of
from ._plusplus import choose_rows, moderate_samples, moderate_weights
from ._spherical import unit_rows
from ._table_fit import inertia_of

ALL_ONES = np.empty(0)
NO_CHECKPOINT = "A Checkpoint works on arrays in memory: pass an array."
_NUMBERS_A_BLOCK = 100_000


def mean_variance(X: Array) -> float:
    """Return the mean over the features of their variances, without a copy of X."""
    n_samples, n_features = X.shape
    rows = max(64, _NUMBERS_A_BLOCK // n_features)
    sums = np.empty((-(-n_samples // rows), n_features))
    members = min(team_size(n_samples * n_features), len(sums))
    with np.errstate(over="ignore", invalid="ignore"):
        center = np.zeros(n_features)
        for power in (1, 2):
            run_team(moments.sum_deviations, members, X, center, power, rows, new_state(), sums)
            center = tree_sum(sums) / n_samples
        return float(tree_sum(center) / n_features)


def checked_weights(sample_weight: ArrayLike | None, X: Array) -> Array:
    """Return the weights of X's rows as float64, (0,) if they are all one."""
    if sample_weight is None:
        return ALL_ONES
    weights = check_sample_weight(sample_weight, X, ensure_non_negative=True)
    return np.array(weights, np.float64, order="C")


def as_given(X: Array) -> Array:
    """Return X as the user passed it: read-only again where kernels have an alias."""
    given: Array = getattr(getattr(X, "base", None), "owner", X)
    return given


def to_be_seen(X: Any) -> Any:
    """Return X as callbacks may look at it."""
    return X if is_blocks(X) else as_given(X).view()


class _Centers(NamedTuple):
    centers: Array
    points: Array


class FittedCenters(_Centers):
    """The fitted state that kernels use: never changed, only replaced.

    centers : ndarray (n_clusters, n_features), what the user sees and may edit in place
    points : ndarray, the same memory, whose shape and type nobody else can change
    prepared : what was made of the points for some rows, to be used again; no part of the state
    """

    prepared: PreparedCenters

    @classmethod
    def of(cls, centers: ArrayLike, n_features: int | None = None) -> FittedCenters:
        """Check centres, which are copied only where kernels could not take them.

        Raises
        ------
        ValueError
            If they are no finite real matrix, or not of ``n_features`` columns.
        """
        array = np.asarray(centers)
        if array.ndim != 2 or 0 in array.shape:
            raise ValueError(
                f"cluster_centers_ has shape {array.shape}, expected (n_clusters, n_features)."
            )
        if n_features is not None and array.shape[1] != n_features:
            raise ValueError(
                f"cluster_centers_ has shape {array.shape}, expected (n_clusters, {n_features})."
            )
        if array.dtype.kind not in "fiub":
            raise ValueError(f"cluster_centers_ has dtype {array.dtype}, expected real numbers.")
        dtype = np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64
        plain = type(centers) is np.ndarray and array.dtype == dtype and array.dtype.isnative
        if not (plain and array.flags.carray):
            array = np.array(array, dtype, order="C", subok=False)
        check_finite(array, "cluster_centers_")
        fitted = cls(array, array.view())
        fitted.prepared = PreparedCenters(fitted.points)
        return fitted

    def __reduce__(self) -> tuple[Any, ...]:
        return FittedCenters.of, (self.centers,)


class BaseKMeans(
    ResumableMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClusterMixin,
    ParametersMixin,
    Estimator,
    Transforms,
    Weighted,
    Callbacks,
    BaseEstimator,
):
    """What estimators with centres share: assignment, distances, score, starts."""

    _fitted_centers: FittedCenters
    labels_: Array
    inertia_: float
    n_iter_: int

    n_clusters: int
    init: Any
    n_init: Any
    max_time: float | None
    _n_init: int

    @property
    def cluster_centers_(self) -> Array:
        """The centres.  Entries may be edited in place; other centres may be assigned."""
        fitted: FittedCenters | None = vars(self).get("_fitted_centers")
        if fitted is None:
            name = type(self).__name__
            raise AttributeError(f"{name!r} object has no attribute 'cluster_centers_'")
        return fitted.centers

    @cluster_centers_.setter
    def cluster_centers_(self, centers: ArrayLike) -> None:
        n_features = getattr(self, "n_features_in_", None)
        self._fitted_centers = FittedCenters.of(centers, n_features)

    def predict(self, X: ArrayLike) -> Array:
        """Return the nearest centre of each row.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            In the units of the training data.

        Returns
        -------
        labels : ndarray (n_samples,) of int32
            What float64 arithmetic gives, for float32 too; the lowest index on ties.

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words.
        """
        known = self._known_for(X)
        if known is not None:
            plain: Any = X
            labels = nearest_labels(plain, known.points, prepared=known.prepared)
            if labels is not None:
                return labels
        X, checked = self._if_sparse(X)
        if is_blocks(X):
            check_fitted(self)
            return np.asarray(map_blocks(type(self).predict, self, X))
        data, points = self._samples_and_centers(X, checked=checked)
        return self._nearest(data, points)

    def fit_predict(
        self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None
    ) -> Array:
        """Cluster the rows of X and return their labels.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            float32 stays float32; other types become float64.
        y : None, default=None
            Ignored; part of scikit-learn's interface.
        sample_weight : array-like (n_samples,), default=None
            Not negative; all one by default.

        Returns
        -------
        labels : ndarray (n_samples,) of int32
            ``fit(X, sample_weight=sample_weight).labels_``
        """
        labels: Array = self.fit(X, sample_weight=sample_weight).labels_
        return labels

    def transform(self, X: ArrayLike) -> Array:
        """Return the distance of each row to each centre.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            In the units of the training data.

        Returns
        -------
        distances : ndarray (n_samples, n_clusters)
            Euclidean, in those units, or 1 - cosine where the metric is the cosine.  Sums of
            direct differences in the type of the training data, so nothing cancels: a Euclidean
            distance is within (min(n_features, 128) + n_features / 128) / 2 + 3 units of
            round-off of itself (2**-24 for float32, 2**-53 for float64), whatever the offset and
            scale of the data.
        """
        plain: Any = X
        known = self._known_for(X)
        if known is not None and is_finite(plain):
            return distances_to(plain, known.points)
        X, checked = self._if_sparse(X)
        if is_blocks(X):
            check_fitted(self)
            return np.asarray(map_blocks(type(self).transform, self, X))
        data, points = self._samples_and_centers(X, checked=checked)
        if self._spherical:
            points = unit_rows(points)
        return distances_to(data, points, cosine=self._spherical)

    def score(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> float:
        """Return minus the inertia of X: the weighted sum of squared distances to its centres.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            In the units of the training data.
        y : None, default=None
            Ignored; part of scikit-learn's interface.
        sample_weight : array-like (n_samples,), default=None
            All one by default.

        Returns
        -------
        score : float
            Never above 0 unless weights are negative.
        """
        X, checked = self._if_sparse(X)
        if is_blocks(X):
            check_fitted(self)
            begin_log()
            return -inertia_of(self, as_table(X, None, sample_weight))
        data, points = self._samples_and_centers(X, checked=checked)
        weights = ALL_ONES
        if sample_weight is not None:
            weights = np.array(check_sample_weight(sample_weight, data))
        return -weighted_inertia(data, points, self._nearest(data, points), weights)

    def _if_sparse(self, X: Any) -> tuple[Any, bool]:
        """Return X as it is, or if it is sparse with its zeros: an array, or blocks of rows.

        And whether it has been checked: a frame's names it has no more then.
        """
        if not is_sparse(X):
            return X, False
        check_fitted(self)
        return sparse_samples(self, X, dtype=self._fitted_centers.points.dtype), True

    @property
    def _spherical(self) -> bool:
        return bool(getattr(self, "metric", "euclidean") == "cosine")

    def _known_for(self, X: Any) -> FittedCenters | None:
        """Return the centres if X needs no more checks than whether it is finite, else None.

        A one-row prediction spends most of its time in scikit-learn's validation otherwise.
        """
        attributes = self.__dict__
        fitted: FittedCenters | None = attributes.get("_fitted_centers")
        if fitted is None:
            return None
        points = fitted.points
        good = (
            is_plain(X, points.dtype)
            and X.shape[1] == points.shape[1]
            and "feature_names_in_" not in attributes
            and attributes.get("metric") != "cosine"
        )
        return fitted if good else None

    def _samples_and_centers(self, X: Any, *, checked: bool) -> tuple[Array, Array]:
        """Return X, checked, and the centres it was checked against."""
        check_fitted(self)
        points = self._fitted_centers.points
        data = X if checked and X.dtype == points.dtype else samples(self, X, dtype=points.dtype)
        if data.shape[1] != points.shape[1]:  # another thread is fitting
            raise ValueError(
                f"X has {data.shape[1]} features, but {type(self).__name__} is expecting "
                f"{points.shape[1]} features as input."
            )
        return (unit_rows(data) if self._spherical else data), points

    def _nearest(self, X: Array, points: Array) -> Array:
        labels = nearest_labels(X, points)
        if labels is None:  # scikit-learn was told to assume that it is finite
            raise ValueError("Input X contains NaN or infinity.")
        return labels

    def _checked_centers(self, X: Any, centers: ArrayLike) -> Array:
        if is_plain(centers, X.dtype) and is_finite(centers):
            checked = centers.copy()
        else:
            checked = check_array(centers, dtype=X.dtype, order="C", copy=True)
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

    def _checked_init(self, X: Any) -> Any:
        if isinstance(self.init, str) or callable(self.init):
            return self.init
        return self._checked_centers(X, self.init)

    def _n_runs(self, runs_if_not_careful: int) -> int:
        if not isinstance(self.init, str) and not callable(self.init):
            if self.n_init not in ("auto", 1):
                warnings.warn(
                    "Explicit initial center position passed: performing only one init in "
                    f"{type(self).__name__} instead of n_init={self.n_init}.",
                    RuntimeWarning,
                    stacklevel=6,
                )
            return 1
        if self.n_init == "auto":
            return 1 if self.init in ("k-means++", "k-means||") else runs_if_not_careful
        return int(self.n_init)

    def _checkpoint(
        self, X: Array, weights: Array, random_state: np.random.RandomState
    ) -> CheckpointFile | None:
        """Return the file of a fit that begins, or None if nobody wants one."""
        if not hasattr(self, "_skl_callbacks"):
            return None
        if is_blocks(X):
            if any(isinstance(c, Checkpoint) for c in self._skl_callbacks):
                raise ValueError(NO_CHECKPOINT)
            return None
        settings = self.get_params(deep=False)
        for name in ("max_time", "verbose", "copy_x"):  # which decide no bit
            settings.pop(name, None)
        if isinstance(self.random_state, np.random.RandomState):
            settings["random_state"] = random_state
        return open_checkpoint(self, settings, {"X": X, "sample_weight": weights})

    def _warn_of_time(self, n_iter: int) -> None:
        warnings.warn(
            f"max_time={self.max_time} seconds reached after {n_iter} iterations and the "
            "clustering hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=6,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_weighing(self, n_weighing: int) -> None:
        if n_weighing < self.n_clusters:
            raise ValueError(
                f"init='random' chooses among the samples whose sample_weight is not zero: "
                f"n_clusters={self.n_clusters} should be <= {n_weighing}."
            )

    def _start(
        self,
        X: Array,
        weights: Array,
        init: Any,
        random_state: np.random.RandomState,
        deadline: float = np.inf,
    ) -> Array:
        """Return new centres to start from, C-contiguous and of X's type."""
        if callable(init):
            given = as_given(X)
            start = init(given.view(), self.n_clusters, random_state=random_state)
            check_finite(X, "X", type(self).__name__)  # it may have been changed
            return self._checked_centers(X, start)
        if isinstance(init, np.ndarray):
            return init.copy()
        if init == "k-means++":
            rows = choose_rows(X, self.n_clusters, weights, random_state, deadline=deadline)
        elif init == "k-means||":
            count = self.n_clusters
            rows = parallel_rows_of(
                moderate_samples(X), moderate_weights(weights)[0], count, random_state
            )
        else:
            chances = np.full(len(X), 1 / len(X))
            if weights.size:
                moderate = moderate_weights(weights)[0]
                chances = moderate / moderate.sum()
                self._check_weighing(int(np.count_nonzero(chances)))
            rows = random_state.choice(len(X), self.n_clusters, replace=False, p=chances)
        return np.ascontiguousarray(X[rows])
