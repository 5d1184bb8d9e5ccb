"""Greedy k-means++ seeding."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.validation import _check_sample_weight, check_array

from ._threads import new_state, run_team, team_size
from ._validation import Array
from .kernels import plusplus
from .kernels.tile import N

_ROWS_A_TICKET = 2048


class _Seeding:
    """The closest distances and potentials of a seeding under way."""

    def __init__(self, X: Array, sample_weight: Array, n_candidates: int) -> None:
        n_samples, n_features = X.shape
        self.X = X
        self.sample_weight = sample_weight.astype(X.dtype, copy=False)
        self.n_candidates = n_candidates
        n_columns = -(-(1 + n_candidates) // N) * N
        self.points = np.zeros((n_features, n_columns), X.dtype)
        self.closest = np.full(n_samples, np.inf, X.dtype)
        self.potentials = np.empty((-(-n_samples // _ROWS_A_TICKET), 1 + n_candidates))
        nanoseconds = n_samples * (n_features * n_columns / 30 + 10)
        self.members = min(team_size(nanoseconds), len(self.potentials))

    def weigh(self, center: int, candidates: Array) -> Array:
        """Count a centre in; return the potential now and with each candidate (rows)."""
        self.points[:, 0] = self.X[center]
        self.points[:, 1 : 1 + len(candidates)] = self.X[candidates].T
        run_team(
            plusplus.candidate_potentials, self.members,
            self.X, self.sample_weight, self.points.reshape(-1), len(candidates), _ROWS_A_TICKET,
            new_state(), self.closest, self.potentials,
        )  # fmt: skip
        totals: Array = self.potentials.sum(axis=0)
        return totals

    def draw(self, column: int, center: int, uniforms: Array) -> Array:
        """Draw rows with chances proportional to their weighted closest distances.

        ``center``, whose potentials stand in ``column``, is counted in.
        """
        running = np.cumsum(self.potentials[:, column])
        rows = np.empty(len(uniforms), np.intp)
        for i, value in enumerate(uniforms * running[-1]):
            block = min(int(np.searchsorted(running, value)), len(running) - 1)
            before = running[block - 1] if block else 0.0
            start = block * _ROWS_A_TICKET
            stop = min(start + _ROWS_A_TICKET, len(self.X))
            rows[i] = plusplus.draw_row(
                self.X, self.sample_weight, self.closest, self.X[center], start, stop,
                value - before,
            )  # fmt: skip
        return rows


def choose_rows(
    X: Array,
    n_clusters: int,
    sample_weight: Array,
    random_state: np.random.RandomState,
    n_local_trials: int | None = None,
) -> Array:
    """Return the rows greedy k-means++ starts from.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), finite
    sample_weight : ndarray (n_samples,), or (0,) for weights of one
    """
    n_candidates = 2 + int(np.log(n_clusters)) if n_local_trials is None else n_local_trials
    seeding = _Seeding(X, sample_weight, n_candidates)
    chosen = np.empty(n_clusters, np.intp)
    # Chances even where they are equal: the same draws as scikit-learn's.
    weights = sample_weight if sample_weight.size else np.ones(len(X))
    chosen[0] = random_state.choice(len(X), p=weights / weights.sum())
    column = 0
    if n_clusters > 1:
        # The first potentials: there are no candidates yet, so the centre stands in for them.
        seeding.weigh(chosen[0], np.repeat(chosen[0], n_candidates))
    for cluster in range(1, n_clusters):
        uniforms = random_state.uniform(size=n_candidates)
        candidates = seeding.draw(column, chosen[cluster - 1], uniforms)
        totals = seeding.weigh(chosen[cluster - 1], candidates)
        column = 1 + int(np.argmin(totals[1:]))
        chosen[cluster] = candidates[column - 1]
    return chosen


@validate_params(
    {
        "X": ["array-like"],
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "sample_weight": ["array-like", None],
        "x_squared_norms": ["array-like", None],
        "random_state": ["random_state"],
        "n_local_trials": [Interval(Integral, 1, None, closed="left"), None],
    },
    prefer_skip_nested_validation=True,
)  # type: ignore[untyped-decorator]
def kmeans_plusplus(
    X: ArrayLike,
    n_clusters: int,
    *,
    sample_weight: ArrayLike | None = None,
    x_squared_norms: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_local_trials: int | None = None,
) -> tuple[Array, Array]:
    """Choose initial centres by greedy k-means++.

    Each centre is the best of several candidates, drawn with chances proportional to the
    weighted squared distance to the closest centre so far.

    Parameters
    ----------
    X : array-like (n_samples, n_features)
    n_clusters : int
    sample_weight : array-like (n_samples,), default=None
    x_squared_norms : array-like (n_samples,), default=None
        Not needed: distances are direct differences.  Checked for scikit-learn's sake.
    random_state : int, RandomState instance or None, default=None
    n_local_trials : int, default=None
        Candidates for each centre but the first; 2 + log(n_clusters) by default.

    Returns
    -------
    centers : ndarray (n_clusters, n_features)
    indices : ndarray (n_clusters,)
        The rows of X the centres are.

    Raises
    ------
    TypeError, ValueError
        On bad input, in scikit-learn's words.

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.

    Examples
    --------
    >>> import fastml
    >>> centers, indices = fastml.kmeans_plusplus([[0.0], [0.1], [9.0]], 2, random_state=0)
    >>> sorted(indices.tolist())[-1]
    2
    """
    data: Array = check_array(X, dtype=[np.float64, np.float32])
    weights = np.empty(0)
    if sample_weight is not None:
        weights = _check_sample_weight(sample_weight, data, dtype=np.float64)
    if len(data) < n_clusters:
        raise ValueError(f"n_samples={len(data)} should be >= n_clusters={n_clusters}.")
    if x_squared_norms is not None:
        norms: Any = check_array(x_squared_norms, dtype=data.dtype, ensure_2d=False)
        if norms.shape[0] != len(data):
            raise ValueError(
                f"The length of x_squared_norms {norms.shape[0]} should be equal to the length "
                f"of n_samples {len(data)}."
            )
    generator = check_random_state(random_state)
    rows = choose_rows(data, n_clusters, weights, generator, n_local_trials)
    return data[rows], rows
