"""Greedy k-means++ seeding."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.cluster import plusplus
from ._bundles import seeding_draw, seeding_panels, seeding_samples, seeding_screen

#: Rows of a block: a candidate is looked for in one of them, row by row.
BLOCK_ROWS = 512
#: Blocks of a ticket at most, and tickets there should be at least.
_TICKET_BLOCKS, _TICKETS = 8, 64
#: Return to the interpreter at least this often, for interrupts.
_CALL_NANOSECONDS = 4e8
#: Largest weights between these are taken as they are: float32 holds their products with squares.
_LIGHTEST, _HEAVIEST = 2.0**-20, 2.0**20
#: So are rows whose largest number is between these, by type.
_MODERATE = {np.dtype("f4"): (2.0**-20, 2.0**30), np.dtype("f8"): (2.0**-400, 2.0**400)}
#: Squares of so small a part of the largest number are lost in float32 beside its own; it is among
#: so many first rows that such are looked for.
_FAR_APART, _FIRST_ROWS = 2.0**-45, 1024


def moderate_weights(sample_weight: Array) -> tuple[Array, int]:
    """Return weights times a power of two that keeps their sums from overflow and underflow.

    Returns
    -------
    weights, exponent : ndarray and int
        The old ones are 2**exponent times the new ones: 0 but for extreme weights.
    """
    exponent = moderate_factor(float(sample_weight.max()) if sample_weight.size else 1.0)
    return (np.ldexp(sample_weight, -exponent) if exponent else sample_weight), exponent


def moderate_factor(largest: float) -> int:
    """Return the exponent of the power of two to divide weights by, by the largest of them."""
    if _LIGHTEST <= largest <= _HEAVIEST or largest == 0.0:
        return 0
    return int(np.frexp(largest)[1])


def moderate_samples(X: Array) -> Array:
    """Return X times a power of two that keeps squares of differences in its type's range.

    X itself but for extreme data: the rows chosen are the same wherever no square leaves the range.
    Rows that are :func:`too_far_apart` go on in float64.
    """
    largest = float(max(X.max(), -X.min()))
    if too_far_apart(X, largest):
        return X.astype(np.float64)
    exponent = moderate_exponent(largest, X.dtype)
    return np.ldexp(X, -exponent) if exponent else X


def moderate_exponent(largest: float, dtype: Any) -> int:
    """Return the exponent of the power of two to divide rows by, by their largest number."""
    least, most = _MODERATE[dtype]
    if least <= largest <= most or largest == 0.0:
        return 0
    return int(np.frexp(largest)[1])


def too_far_apart(X: Any, largest: float) -> bool:
    """Say whether float32, times whatever power of two, does not hold the squares of all rows.

    Float64 holds those of all float32.

    Parameters
    ----------
    X : ndarray or Blocks (n_samples, n_features)
    largest : float, the largest absolute number
    """
    if X.dtype != np.float32:
        return False
    first = X[:_FIRST_ROWS]
    of_rows = np.maximum(first.max(axis=1), -first.min(axis=1))
    return bool(((of_rows > 0) & (of_rows < _FAR_APART * largest)).any())


def choose_rows(
    X: Array,
    n_clusters: int,
    sample_weight: Array,
    random_state: np.random.RandomState,
    n_local_trials: int | None = None,
    deadline: float = np.inf,
) -> Array:
    """Return the rows greedy k-means++ starts from.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), finite
    sample_weight : ndarray (n_samples,), or (0,) for weights of one
    deadline : float, default: none
        Value of ``time.monotonic`` from which on the rows still missing are drawn at random.
    """
    n_samples, n_features = X.shape
    n_candidates = 2 + int(np.log(n_clusters)) if n_local_trials is None else n_local_trials
    sample_weight = moderate_weights(sample_weight)[0]
    # Chances even where they are equal: the same draws as scikit-learn's.
    chances = sample_weight if sample_weight.size else np.ones(n_samples)
    chosen = np.empty(n_clusters, np.int64)
    chosen[0] = random_state.choice(n_samples, p=chances / chances.sum())
    if n_clusters == 1:
        return chosen
    uniforms = np.zeros((n_clusters, n_candidates))
    uniforms[:-1] = random_state.uniform(size=(n_clusters - 1, n_candidates))
    X = moderate_samples(X)
    samples = seeding_samples(X, sample_weight)
    draw = seeding_draw(X, n_clusters, n_candidates, int(chosen[0]), BLOCK_ROWS)
    n_columns = draw.points.size // n_features
    screen = seeding_screen(X, n_clusters, n_columns)
    kept = seeding_panels(X, n_clusters if screen is None else 0)
    n_blocks = -(-n_samples // BLOCK_ROWS)
    ticket_blocks = min(max(1, n_blocks // _TICKETS), _TICKET_BLOCKS)
    nanoseconds = n_samples * (n_features * n_columns / 30 + 10)
    at_once = max(1, int(_CALL_NANOSECONDS / nanoseconds))
    for first in range(0, n_clusters, at_once):
        last = min(first + at_once, n_clusters)
        run_team(
            plusplus.choose_rows, min(team_size(nanoseconds * (last - first)), n_blocks),
            samples, uniforms, BLOCK_ROWS, ticket_blocks, first, last, draw, kept, screen,
            new_state(),
        )  # fmt: skip
        if last < n_clusters and time.monotonic() >= deadline:
            others = np.setdiff1d(np.arange(n_samples), draw.chosen[:last])
            draw.chosen[last:] = random_state.choice(others, n_clusters - last, replace=False)
            break
    return draw.chosen
