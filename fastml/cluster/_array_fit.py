"""The fit of the k-means estimator where X is an array."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..core.callbacks import FitTask
from ..core.estimator import of_features, samples
from ..core.random_state import check_random_state
from ..core.validation import Array, check_finite
from ._base import as_given, checked_weights, mean_variance
from ._lloyd import Clustering, LloydRun, Reason, advance_until
from ._plusplus import moderate_weights
from ._resuming import Runs
from ._spherical import to_unit_length, unit_rows


class ArrayFit:
    """A fit of ``KMeans`` over an array.

    Parameters
    ----------
    estimator : KMeans
    X : array-like (n_samples, n_features)
    sample_weight : array-like (n_samples,) or None
    deadline : float
        Value of ``time.monotonic`` at which to stop.

    Attributes
    ----------
    n_runs : int
        With different starts, of which the best is kept.
    exponent : int
        Weights, and with them the inertia, are divided by 2 to this power.
    """

    def __init__(
        self, estimator: Any, X: ArrayLike, sample_weight: ArrayLike | None, deadline: float
    ) -> None:
        self._estimator, self._deadline = estimator, deadline
        # With given centres nothing looks at X before the kernel, which finds out as it reads.
        given = isinstance(estimator.init, np.ndarray) and not estimator._spherical
        self._looked = not given or hasattr(estimator, "_skl_callbacks")
        data = samples(estimator, X, reset=True, finite=self._looked)
        k = estimator.n_clusters
        if len(data) < k:
            raise ValueError(f"n_samples={len(data)} should be >= n_clusters={k}.")
        self._weights, self.exponent = moderate_weights(checked_weights(sample_weight, data))
        self._random = check_random_state(estimator.random_state)
        self._init = estimator._checked_init(data)
        self.n_runs = estimator._n_runs(10)
        self._given = as_given(data).view()
        self._X = unit_rows(data) if estimator._spherical else data
        self._tol = estimator.tol * mean_variance(self._X) if estimator.tol else 0.0
        self._run: LloydRun

    def best(self, told: Any) -> Clustering:
        """Run k-means from each start; return the run of least inertia.

        Parameters
        ----------
        told : KMeans
            The estimator its callbacks are told of.
        """
        estimator = self._estimator
        task = FitTask(
            told, self.n_runs * estimator.max_iter, {"X": self._given}, self._so_far, "iteration",
        )  # fmt: skip

        def after(run: LloydRun) -> bool:
            with task.epoch() as iteration:
                if estimator.verbose:
                    inertia = run.so_far().inertia
                    print(f"Iteration {run.n_iter - 1}, inertia {inertia}.")
            runs.save()
            return iteration.stop

        file = estimator._checkpoint(self._given, self._weights, self._random)
        runs = Runs(file, self._random)
        watched = estimator.verbose or task.watched
        with task.running(), self._naming_what_is_not_finite():
            for number in range(runs.number, self.n_runs):
                run = self._run = self._run_from(runs.centers())
                runs.begin(number, run)
                stop = advance_until(run, self._deadline, after if watched else None)
                if estimator.verbose:
                    self._say_why(run)
                runs.end(run.finish())
                late = time.monotonic() >= self._deadline
                if late and (run.reason is Reason.GOING or number < self.n_runs - 1):
                    estimator._warn_of_time(run.n_iter)
                if stop or late:
                    break
        assert runs.best is not None
        estimator._warn_of_fewer_clusters(runs.best)
        runs.forget()
        return runs.best

    @contextmanager
    def _naming_what_is_not_finite(self) -> Iterator[None]:
        """Say of X, if nobody has looked before, what scikit-learn's check says."""
        try:
            yield
        except ValueError:
            if not self._looked:
                check_finite(self._given, "X", type(self._estimator).__name__)
            raise

    def _run_from(self, centers: Array | None) -> LloydRun:
        """Return a run from these centres, or from those of a new start."""
        estimator = self._estimator
        if centers is None:
            centers = estimator._start(
                self._X, self._weights, self._init, self._random, self._deadline
            )
            if estimator._spherical:
                to_unit_length(centers)
            if estimator.verbose:
                print("Initialization complete")
        return LloydRun(
            self._X,
            centers,
            sample_weight=self._weights,
            max_iter=estimator.max_iter,
            tol=self._tol,
            bounded=estimator.algorithm != "lloyd" and estimator.n_clusters > 1,
            spherical=estimator._spherical,
        )

    def _so_far(self) -> dict[str, Any]:
        """Return the fitted attributes of an estimator whose fit stops here."""
        found = self._run.so_far()  # whose arrays the kernel goes on with
        mine = replace(found, labels=found.labels.copy(), centers=found.centers.copy())
        return {**of_features(self._estimator), **mine.attributes(self.exponent)}

    def _say_why(self, run: LloydRun) -> None:
        if run.reason is Reason.CONVERGED:
            print(f"Converged at iteration {run.n_iter - 1}: strict convergence.")
        elif run.reason is Reason.WITHIN_TOLERANCE:
            print(
                f"Converged at iteration {run.n_iter - 1}: center shift {run.squared_moves} "
                f"within tolerance {self._tol}."
            )
