"""The fit of the k-means estimator where X is blocks."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..core.callbacks import FitTask
from ..core.checkpoint import Checkpoint
from ..core.estimator import of_features
from ..core.random_state import check_random_state
from ..core.validation import Array
from ..data import Table
from ..execution import Passes, last_pass, set_features
from ._lloyd import Clustering, Reason
from ._parallel import parallel_rows, rows_drawn
from ._spherical import to_unit_length
from ._table_draws import Chances
from ._table_fit import UNSEEN, Scaled, TableRun, at_unit_length, look_at, moderate_table
from ._table_seeding import plusplus_rows


class TableFit:
    """A fit of ``KMeans`` over a table.

    Parameters
    ----------
    estimator : KMeans
    table : Table
    deadline : float
        Value of ``time.monotonic`` at which to stop.
    """

    def __init__(self, estimator: Any, table: Table, deadline: float) -> None:
        if any(isinstance(c, Checkpoint) for c in getattr(estimator, "_skl_callbacks", [])):
            raise ValueError("A Checkpoint works on arrays in memory: pass an array.")
        self._estimator, self._deadline = estimator, deadline
        self._given = table
        table = table.of_floats().for_many_passes()
        k = estimator.n_clusters
        if table.n_rows < k:
            raise ValueError(f"n_samples={table.n_rows} should be >= n_clusters={k}.")
        set_features(estimator, table.X)
        self._random = check_random_state(estimator.random_state)
        self._init = estimator._checked_init(np.empty((1, table.X.shape[1]), table.X.dtype))
        if estimator._spherical:
            table = at_unit_length(table)
        self.n_runs = estimator._n_runs(10)
        self._name = type(estimator).__name__
        self._seen = UNSEEN
        if self._is_to_be_seen(table):
            self._seen = look_at(table, self._name, bool(estimator.tol))
        self.exponent = self._seen.exponent
        if self.exponent:
            weights = Scaled(table.weights.astype(np.float64), -self.exponent)  # type: ignore[union-attr]
            table = Table(table.X, table.y, weights)
            table.seen = True
        self.table = table

    def _is_to_be_seen(self, table: Table) -> bool:
        """Say whether anything must be known of all rows before the first iteration.

        If not, that is the first to see whether they are finite.
        """
        drawn = not isinstance(self._init, np.ndarray) and self._init != "random"
        return bool(self._estimator.tol) or drawn or table.weights is not None

    def best(self, told: Any) -> Clustering:
        """Run k-means from each start; return the run of least inertia.

        Parameters
        ----------
        told : KMeans
            The estimator its callbacks are told of.
        """
        estimator = self._estimator
        tol = estimator.tol * self._seen.variance if estimator.tol else 0.0
        bounded = estimator.algorithm != "lloyd" and estimator.n_clusters > 1
        runs = TableRun.of(
            self.table, estimator.n_clusters, self._name, max_iter=estimator.max_iter, tol=tol,
            bounded=bounded, spherical=estimator._spherical,
        )  # fmt: skip
        best: Clustering | None = None
        so_far: list[Any] = []
        data = {"X": self._given.X, "metadata": last_pass}
        task = FitTask(
            told, self.n_runs * estimator.max_iter, data,
            lambda: {
                **of_features(estimator),
                "cluster_centers_": so_far[0].points.copy(), "n_iter_": so_far[0].n_iter,
            },
            "iteration",
        )  # fmt: skip
        with task.running():
            for number in range(self.n_runs):
                centers = self._start()
                if estimator._spherical:
                    to_unit_length(centers)
                if estimator.verbose:
                    print("Initialization complete")
                stop, n_iter, model = False, 0, None
                for model in runs.models(centers):
                    so_far[:] = [model]
                    if model.n_iter == n_iter:  # part of an iteration
                        continue
                    n_iter = model.n_iter
                    with task.epoch() as iteration:
                        if estimator.verbose:
                            print(f"Iteration {n_iter - 1}.")
                    stop = iteration.stop
                    if stop or time.monotonic() >= self._deadline:
                        break
                assert model is not None
                found = runs.finish(model)
                if best is None or found.inertia < best.inertia:
                    best = found
                late = time.monotonic() >= self._deadline
                going = model.reason in (Reason.GOING, Reason.EMPTY_CLUSTER)
                if late and (going or number < self.n_runs - 1):
                    estimator._warn_of_time(model.n_iter)
                if stop or late:
                    break
        assert best is not None
        estimator._warn_of_fewer_clusters(best)
        return best

    def _start(self) -> Array:
        """Return centres to start from."""
        init, table, k = self._init, self.table, self._estimator.n_clusters
        if isinstance(init, np.ndarray):
            return init.copy()
        if callable(init):
            given = init(np.asarray(table.X), k, random_state=self._random)
            found: Array = self._estimator._checked_centers(table.X, given)
            return found
        if init == "random":
            chances = Chances(table)
            self._estimator._check_weighing(chances.n_weighing)
            return np.asarray(table.X[chances.different(k, self._random)])
        moderate = moderate_table(table, self._seen.largest)
        if init == "k-means||":
            row = np.array([Chances(moderate).one(self._random)])
            passes = Passes(moderate, rows_drawn(table.X.shape[1]))
            first = int(row[0]), moderate.X[row]
            return np.asarray(table.X[parallel_rows(passes.run, first, k, self._random)])
        return np.asarray(table.X[plusplus_rows(moderate, k, self._random)])
