"""The k-means estimator."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions

from ..core.estimator import fitted_at_once
from ..core.sklearn_compat import fit_context, with_callbacks
from ..core.validation import is_sparse
from ..data import Blocks, sparse_samples
from ..execution import Plan, table_of
from ._array_fit import ArrayFit
from ._base import BaseKMeans, checked_weights
from ._bundles import block_rows
from ._lloyd import Clustering
from ._parallel import ROUNDS
from ._table_kmeans import TableFit

#: Labels counted at once: NumPy makes each as wide as a pointer.
_LABELS_AT_ONCE = 1 << 17

#: Names of ways to choose the first centres.
Start = Literal["k-means++", "k-means||", "random"]
#: Bytes a row takes while the last labels are found: label, limit, and the label to be counted.
_TEMPORARY = 16


class KMeans(BaseKMeans):
    """K-means clustering by Lloyd's algorithm: exact, bounded and parallel.

    Centres start at random, every row goes to the nearest by Euclidean distance, each
    centre moves to the mean of its rows, and so on until nothing moves.  Every label is the one
    float64 arithmetic gives, also for float32 data; results are the same bits for any
    number of threads.  X is never copied, so a ``numpy.memmap`` is read where it lies.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    init : {'k-means++', 'k-means||', 'random'}, callable or array-like (n_clusters, n_features), \
            default='k-means++'
        'k-means||' takes five passes over the rows where 'k-means++' takes one for each cluster,
        for a start about as good.  A callable takes (X, n_clusters, random_state) and returns
        centres.
    n_init : 'auto' or int, default='auto'
        Runs with different starts, of which the one of least inertia is kept.  'auto' is 1
        for 'k-means++', 'k-means||' and an array, 10 for 'random' and a callable.
    max_iter : int, default=300
        Iterations of one run at most.
    tol : float, default=1e-4
        Stop once the squared move of all centres together is at most ``tol`` times the mean
        variance of the features.
    verbose : int, default=0
        Whether to print the inertia after every iteration.
    random_state : int, RandomState instance or None, default=None
        Where the starts are drawn from; an int gives the same result every time.
    copy_x : bool, default=True
        For scikit-learn's sake: X is neither copied nor changed either way.
    algorithm : {'auto', 'lloyd', 'elkan'}, default='auto'
        'lloyd' compares every row with every centre in every iteration; 'auto' and 'elkan'
        keep bounds that spare most rows.  All give the same result.
    metric : {'euclidean', 'cosine'}, default='euclidean'
        'cosine' is spherical k-means: rows are taken, and centres kept, at unit length.  It
        is the one case that copies X.
    max_time : float, default=None
        Seconds after which to stop, with the best so far and a ConvergenceWarning; none by
        default.  Looked at between iterations, and while a start is chosen: what is missing of
        it is then drawn at random.  One iteration is always done.

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
        Comparisons of a row with all centres, over all iterations of that run and the last pass,
        which finds the labels of the last centres or shows that they stand still.  With
        ``algorithm='lloyd'`` at least ``n_iter_ + 1`` times the number of rows, and more by that
        number for each time that labels stood still but the sum of all rows moved a centre.
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

    n_decided_: int
    n_scored_: int

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "k-means||", "random"}), callable, "array-like"],
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
        init: Start | ArrayLike | Callable[..., ArrayLike] = "k-means++",
        n_init: Literal["auto"] | int = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
        copy_x: bool = True,
        algorithm: Literal["auto", "lloyd", "elkan"] = "auto",
        metric: Literal["euclidean", "cosine"] = "euclidean",
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

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Cluster the rows of X.

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
        self : KMeans

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words, or where squared distances overflow; the
            estimator is then as it was.
        """
        deadline = np.inf if self.max_time is None else time.monotonic() + self.max_time
        with fitted_at_once(self) as twin:
            names = None
            if is_sparse(X):
                rows = sparse_samples(twin, X, reset=True)
                names = getattr(twin, "feature_names_in_", None)  # of a frame
                if sample_weight is not None:
                    sample_weight = checked_weights(sample_weight, rows)
                X = rows
            table = table_of(twin, X, None, sample_weight)
            fit: ArrayFit | TableFit
            if table is None:
                fit = ArrayFit(twin, X, sample_weight, deadline)
            else:
                fit = TableFit(twin, table, deadline)
            twin._n_init = fit.n_runs
            twin._warn_of_one_cluster()
            for name, value in fit.best(self).attributes(fit.exponent).items():
                setattr(twin, name, value)
            twin._n_features_out = twin.n_clusters
            if names is not None:
                twin.feature_names_in_ = names
        return self

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows."""
        (n_samples, d), k = X.shape, self.n_clusters
        passes_of = {"k-means++": k, "k-means||": ROUNDS + 1}
        drawn = passes_of.get(self.init, 0) if isinstance(self.init, str) else 0
        runs = 1 if self.n_init == "auto" and drawn else self._n_runs(10)
        passes = [("extremes and variance", 2 if self.tol else 1)]
        if drawn:
            passes.append(("start", runs * drawn))
        passes += [("iterations", runs * (self.max_iter + 1)), ("labels", runs)]
        return Plan(
            passes, block_rows(d, k), 8 * k * (d + 2), True, 4 * n_samples, temporary=_TEMPORARY
        )

    def _warn_of_one_cluster(self) -> None:
        if self.algorithm == "elkan" and self.n_clusters == 1:
            warnings.warn(
                "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
                RuntimeWarning,
                stacklevel=5,
            )

    def _warn_of_fewer_clusters(self, best: Clustering) -> None:
        sizes = np.zeros(self.n_clusters, np.int64)
        for start in range(0, len(best.labels), _LABELS_AT_ONCE):
            some = best.labels[start : start + _LABELS_AT_ONCE]
            sizes += np.bincount(some, minlength=self.n_clusters)
        distinct = np.count_nonzero(sizes)
        if distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({distinct}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=6,
            )
