"""The mini-batch k-means estimator."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, StrOptions

from ..core.callbacks import FitTask
from ..core.checkpoint import Checkpoint, CheckpointFile, State
from ..core.estimator import fitted_at_once, of_features
from ..core.random_state import check_random_state
from ..core.sklearn_compat import fit_context, with_callbacks
from ..core.typed import InPieces
from ..core.validation import Array, is_sparse
from ..data import Blocks
from ..execution import Plan, begin_log, table_of
from ._base import ALL_ONES, BaseKMeans, as_given, checked_weights
from ._batches import Progress, RunningMeans, labels_and_inertia
from ._resuming import batches_state, restore_batches
from ._sources import ArraySource, Source, TableSource, plan_of
from ._sparse import in_memory, samples_or_rows


class Resume(NamedTuple):
    """Where to go on, and how long.

    file : CheckpointFile or None
    found : State or None, what was in it
    deadline : float, value of ``time.monotonic`` after which no batch is begun
    """

    file: CheckpointFile | None
    found: State | None
    deadline: float


class MiniBatchKMeans(BaseKMeans, InPieces):
    """K-means clustering by small random batches of rows.

    Each step draws a batch, gives its rows to their nearest centres and moves every centre to
    the mean of all rows it has been given so far.  Far less work than :class:`KMeans` on
    large data, for a slightly larger inertia.  Labels are exact, sums are float64, and results
    are the same bits for any number of threads.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    init : {'k-means++', 'random'}, callable or array-like (n_clusters, n_features), \
            default='k-means++'
        A callable takes (X, n_clusters, random_state) and returns centres.
    max_iter : int, default=100
        Stop after batches of as many rows in all as ``max_iter`` times those of X.
    batch_size : int, default=1024
        Rows of a batch.
    verbose : int, default=0
        Whether to print the inertia of every batch.
    compute_labels : bool, default=True
        Whether to find ``labels_`` and the inertia of all rows in the end.
    random_state : int, RandomState instance or None, default=None
        Where starts and batches are drawn from; an int gives the same result every time.
    tol : float, default=0.0
        Stop once the squared move of all centres together is at most ``tol`` times the mean
        variance of the features.  0 turns this off.
    max_no_improvement : int or None, default=10
        Stop after so many batches in a row that do not lower the smoothed inertia.
        None turns this off.
    init_size : int or None, default=None
        How many rows are drawn to choose a start among.  By default three batches, or
        ``3 * n_clusters`` if that is fewer rows than clusters.
    n_init : 'auto' or int, default='auto'
        Starts that are tried, of which the one of least inertia on a sample is used.  'auto' is
        1 for 'k-means++' and an array, 3 for 'random' and a callable.
    reassignment_ratio : float, default=0.01
        A centre given less than this fraction of what the busiest one was is moved to a row
        drawn at random, from time to time.
    max_time : float, default=None
        Seconds after which no other batch is begun, with a ConvergenceWarning; none by default.
        Looked at after every batch, and while a start is chosen: what is missing of it is then
        drawn at random.  One batch is always done.

    Attributes
    ----------
    cluster_centers_ : ndarray (n_clusters, n_features)
    labels_ : ndarray (n_samples,) of int32
        Equal to ``predict`` of the training data, after ``partial_fit`` of the last batch.
        Only with ``compute_labels``.
    inertia_ : float
        Weighted sum of squared distances of the rows to their centres; without
        ``compute_labels``, an estimate from the last batches.
    n_iter_ : int
        Rows of all batches by rows of X, rounded up.
    n_steps_ : int
        Batches done.
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Only when X has feature names that are all strings.

    See Also
    --------
    KMeans : Looks at all rows in each iteration.

    References
    ----------
    Sculley, "Web-scale k-means clustering", WWW 2010.

    Examples
    --------
    >>> import fastml
    >>> X = [[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]]
    >>> model = fastml.MiniBatchKMeans(n_clusters=2, random_state=0).fit(X)
    >>> model.predict([[0.0, 0.0], [12.0, 3.0]]) == model.labels_[[0, 3]]
    array([ True,  True])

    A stream of batches:

    >>> stream = fastml.MiniBatchKMeans(n_clusters=2, random_state=0)
    >>> for batch in (X[::2], X[1::2]):
    ...     stream = stream.partial_fit(batch)
    >>> sorted(stream.cluster_centers_[:, 0].tolist())
    [1.0, 10.0]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "random"}), callable, "array-like"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
        "compute_labels": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
        "init_size": [Interval(Integral, 1, None, closed="left"), None],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "reassignment_ratio": [Interval(Real, 0, None, closed="left")],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
    }

    n_steps_: int

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Literal["k-means++", "random"] | ArrayLike | Callable[..., ArrayLike] = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: Literal["auto"] | int = "auto",
        reassignment_ratio: float = 0.01,
        max_time: float | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
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
            Rows are drawn with chances proportional to their weights.

        Returns
        -------
        self : MiniBatchKMeans

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words; the estimator is then as it was.
        """
        deadline = np.inf if self.max_time is None else time.monotonic() + self.max_time
        with fitted_at_once(self) as twin:
            source = twin._source(X, sample_weight)
            random_state = check_random_state(twin.random_state)
            file = None
            if isinstance(source, ArraySource):
                file = twin._checkpoint(as_given(source.X), source.weights, random_state)
            found = None if file is None else file.read()
            if found is None:
                start = twin._best_start(source, random_state, deadline)
            else:
                twin._check_against(source)
                start = found.arrays["points"].copy()
            means = RunningMeans(start)
            twin._n_since_last_reassign = 0
            resume = Resume(file, found, deadline)
            n_steps, mean_inertia = twin._run(source, means, random_state, resume, self)
            twin._set_fitted(means, random_state)
            twin.n_steps_ = n_steps
            twin.n_iter_ = math.ceil(n_steps * min(twin.batch_size, len(source)) / len(source))
            if twin.compute_labels:
                twin.labels_, twin.inertia_ = source.labels(means.points)
            else:
                vars(twin).pop("labels_", None)  # of a fit before
                twin.inertia_ = mean_inertia * source.total_weight()
            with np.errstate(over="ignore"):
                twin.inertia_ = float(np.ldexp(twin.inertia_, source.exponent))
            if file is not None:
                file.remove()
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Bring the centres up to date with one batch.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            The batch.  The first one chooses the start, and must have ``n_clusters`` rows.
        y : None, default=None
            Ignored; part of scikit-learn's interface.
        sample_weight : array-like (n_samples,), default=None
            Not negative; all one by default.

        Returns
        -------
        self : MiniBatchKMeans

        Raises
        ------
        TypeError, ValueError
            On bad input, in scikit-learn's words; the estimator is then as it was.
        """
        with fitted_at_once(self) as twin:
            if hasattr(twin, "cluster_centers_"):
                dtype = twin._fitted_centers.points.dtype
                data = in_memory(samples_or_rows(twin, X, dtype=dtype))
                weights = checked_weights(sample_weight, data)
                random_state = twin._random_state
                means = RunningMeans.resumed(twin._fitted_centers.points, twin._means, twin._counts)
            else:
                data = in_memory(samples_or_rows(twin, X, reset=True))
                weights = checked_weights(sample_weight, data)
                random_state = check_random_state(twin.random_state)
                twin._check_against(data)
                start = twin._start_from_sample(
                    ArraySource(data, weights), twin._checked_init(data), random_state
                )
                means = RunningMeans(start)
                twin.n_steps_ = twin._n_since_last_reassign = 0
            twin._step(means, data, weights, random_state)
            twin._set_fitted(means, random_state)
            twin.n_steps_ += 1
            if twin.compute_labels:
                twin.labels_, twin.inertia_ = labels_and_inertia(data, means.points, weights)
        return self

    def _source(self, X: Any, sample_weight: Any) -> Source:
        """Return what batches are drawn from."""
        table = None if is_sparse(X) else table_of(self, X, None, sample_weight)
        if table is None:
            begin_log()
            data = samples_or_rows(self, X, reset=True)
            return ArraySource(data, checked_weights(sample_weight, data))
        if any(isinstance(c, Checkpoint) for c in getattr(self, "_skl_callbacks", [])):
            raise ValueError("A Checkpoint works on arrays in memory: pass an array.")
        return TableSource(self, table)

    def _plan(self, X: Blocks) -> Plan:
        """Return what a fit of blocks does with rows."""
        return plan_of(self, X)

    def _set_fitted(self, means: RunningMeans, random_state: np.random.RandomState) -> None:
        """Set what both ways of fitting leave behind."""
        self.cluster_centers_ = means.points
        self._means = means.means
        self._counts = means.counts
        self._random_state = random_state
        self._n_features_out = self.n_clusters

    def _check_against(self, X: Array | Source) -> None:
        """Check parameters against the data, and settle those that follow from both."""
        if len(X) < self.n_clusters:
            raise ValueError(f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}.")
        self._n_init = self._n_runs(3)
        size = self.init_size
        if size is None:
            size = 3 * min(self.batch_size, len(X))
        elif size < self.n_clusters:
            warnings.warn(
                f"init_size={size} should be larger than n_clusters={self.n_clusters}. "
                "Setting it to min(3*n_clusters, n_samples)",
                RuntimeWarning,
                stacklevel=3,
            )
        if size < self.n_clusters:
            size = 3 * self.n_clusters
        self._init_size = min(size, len(X))

    def _best_start(
        self, source: Source, random_state: np.random.RandomState, deadline: float
    ) -> Array:
        """Return the start whose inertia on a sample is least."""
        self._check_against(source)
        init = self._checked_init(source)
        rows = random_state.randint(0, len(source), self._init_size)
        sample, sample_weights = source.take(rows)
        best, least = None, np.inf
        for number in range(1, self._n_init + 1):
            centers = self._start_from_sample(source, init, random_state, deadline)
            inertia = labels_and_inertia(sample, centers, sample_weights)[1]
            if self.verbose:
                print(f"Inertia for init {number}/{self._n_init}: {inertia}")
            if best is None or inertia < least:
                best, least = centers, inertia
            if time.monotonic() >= deadline:
                break
        assert best is not None
        return best

    def _start_from_sample(
        self,
        source: Source,
        init: Any,
        random_state: np.random.RandomState,
        deadline: float = np.inf,
    ) -> Array:
        rows: Any = slice(None)
        if self._init_size < len(source):
            rows = random_state.randint(0, len(source), self._init_size)
        X, weights = source.take(rows)
        if not weights.any():  # a sample of weightless rows only
            weights = ALL_ONES
        return self._start(X, weights, init, random_state, deadline)

    def _run(
        self,
        source: Source,
        means: RunningMeans,
        random_state: np.random.RandomState,
        resume: Resume,
        told: MiniBatchKMeans,
    ) -> tuple[int, float]:
        """Do batches until there is a reason to stop; return how many, and the mean inertia.

        Callbacks are told of the estimator ``told``.
        """
        n_samples = len(source)
        batch_size = min(self.batch_size, n_samples)
        n_steps = self.max_iter * n_samples // batch_size
        progress = Progress(
            smoothing=min(2 * batch_size / (n_samples + 1), 1.0),
            tol=self.tol * source.variance() if self.tol else 0.0,
            max_no_improvement=self.max_no_improvement,
        )
        draw_rows = source.drawer(random_state)
        batch = np.empty((batch_size, source.shape[1]), source.dtype)
        before = means.points.copy()
        step, reason, inertia = 0, None, 0.0
        if resume.found is not None:
            restore_batches(resume.found, means, progress, random_state)
            step = resume.found.numbers["step"]
            self._n_since_last_reassign = resume.found.numbers["since_reassigned"]
            reason, inertia = resume.found.numbers["reason"], resume.found.numbers["last"]

        def attributes() -> dict[str, Any]:
            labels, inertia = source.labels(means.points)
            return {
                **of_features(self),
                "cluster_centers_": means.points.copy(),
                "labels_": labels,
                "inertia_": inertia,
                "n_steps_": step,
                "n_iter_": math.ceil(step * batch_size / n_samples),
            }

        def state() -> State:
            numbers = {
                "step": step, "since_reassigned": self._n_since_last_reassign, "reason": reason,
                "last": inertia,
            }  # fmt: skip
            return batches_state(means, progress, random_state, numbers)

        task = FitTask(told, n_steps, {"X": source.given}, attributes, "step")
        with task.running():
            while step < n_steps and reason is None:
                step += 1
                with task.epoch() as ended:
                    source.fill(draw_rows(batch_size), batch)
                    before[:] = means.points
                    inertia = self._step(means, batch, ALL_ONES, random_state) / batch_size
                    if self.verbose:
                        print(f"Minibatch step {step}/{n_steps}: mean batch inertia: {inertia}")
                    if step > 1:  # the first inertia is that of the start
                        reason = progress.reason_to_stop(inertia, before, means.points)
                if resume.file is not None:
                    resume.file.offer(state)
                if reason is not None and self.verbose:
                    print(f"Converged ({reason}) at step {step}/{n_steps}")
                if reason is not None or ended.stop:
                    break
                if step < n_steps and time.monotonic() >= resume.deadline:
                    self._warn_of_time(step)
                    break
        return step, inertia if progress.inertia is None else progress.inertia

    def _step(
        self, means: RunningMeans, batch: Array, weights: Array, random_state: np.random.RandomState
    ) -> float:
        """Do one batch; return its inertia."""
        self._n_since_last_reassign += len(batch)
        reassigns = self._n_since_last_reassign >= 10 * self.n_clusters or not means.counts.all()
        inertia = means.take(batch, weights)
        if reassigns:
            self._n_since_last_reassign = 0
            n_reassigned = means.reassign(batch, self.reassignment_ratio, random_state)
            if self.verbose and n_reassigned:
                print(f"[MiniBatchKMeans] Reassigning {n_reassigned} cluster centers.")
        return inertia
