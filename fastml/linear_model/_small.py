"""Least squares of a few thousand plain rows: three calls of kernels and nothing between them.

The same numbers as :mod:`._dense`, to the bit, where that takes longer to say what is to be done
than to do it.  Whatever is out of the ordinary is left to it: errors, ill-conditioned columns,
numbers out of range, fits on a cluster.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..core.estimator import is_plain_target
from ..core.threads import new_state, run_team
from ..core.validation import Array, is_plain
from ..kernels.linear_model import normal as kernel
from ..kernels.ops import gram
from ..kernels.ops.strips import Rows, columns_of, panel_rows
from ..kernels.ops.sums import Tickets
from ._dense import multiplied_in_single
from ._least_squares import WELL_CONDITIONED, Solution
from ._moments import FARTHEST_MEAN, FIRST_ROWS, Moments

#: More columns are worth a fit's other steps; more rows than a block are for several threads.
_MOST_COLUMNS = 128
_NO_WEIGHTS = np.empty(0)
_NO_PRODUCTS = np.empty((0, 0))
_LIKE = np.empty(0)
_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


@cache
def _layout(width: int) -> tuple[int, int, int, Array, Tickets]:
    """Return the columns of whole strips, rows of a panel, sums, places in a strip, one ticket."""
    n_columns = columns_of(width)
    step = columns_of(1)
    return (
        n_columns, panel_rows(n_columns), gram.squares(n_columns, np.float64),
        gram.entries_of_a_strip(step), Tickets.of(1, 0, 1),
    )  # fmt: skip


def solved_at_once(
    estimator: Any, X: Any, y: Any, penalty: float, center: bool
) -> tuple[Any, bool, Solution, Moments] | None:
    """Return what ``set_solution`` takes, of plain rows without weights; None if others must.

    Of these rows ``estimator`` then knows the number of features.

    Parameters
    ----------
    penalty : float, not negative
    """
    if type(X) is not np.ndarray or X.dtype not in _FLOATS or not is_plain(X, X.dtype):
        return None
    n, d = X.shape
    if not d < n <= gram.BLOCK_ROWS or d > _MOST_COLUMNS or multiplied_in_single(X):
        return None
    Y = _targets(y, X)
    if Y is None:
        return None
    n_targets = Y.shape[1]
    width = d + n_targets
    n_columns, height, n_sums, inside, ticket = _layout(width + 1)
    shift = np.zeros(n_columns)
    if center:
        kernel.first_mean(X, Y, min(n, FIRST_ROWS), shift)
    mean, coef, factor = np.empty(width), np.empty((n_targets, d)), np.empty((d, d))
    sums = np.empty((1, n_sums))
    farthest = FARTHEST_MEAN**2
    while True:
        rows = Rows(X, Y, _NO_WEIGHTS, shift)
        run_team(gram.gram, 1, rows, _LIKE, height, ticket, new_state(), sums)
        how = kernel.solve_normal(
            sums[0], inside, shift, n_targets, center, (penalty, WELL_CONDITIONED, farthest),
            mean, coef, factor,
        )  # fmt: skip
        if how != kernel.FAR:
            break
        shift[:width] = mean
        farthest = -1.0
    if how != kernel.SOLVED:
        return None
    attributes = vars(estimator)
    attributes.pop("feature_names_in_", None)
    attributes["n_features_in_"] = d
    found = Moments(float(n), mean, _NO_PRODUCTS, False)
    return X.dtype, y.ndim == 1, Solution(coef.T, d, lambda: factor), found


def _targets(y: Any, X: Array) -> Array | None:
    """Return plain targets as a matrix that kernels take beside X, or None."""
    if type(y) is not np.ndarray or y.ndim == 0 or len(y) != len(X):
        return None
    if y.ndim == 1 and is_plain_target(y):
        kept = y.dtype == np.float64 or y.dtype == X.dtype
        return (y if kept else y.astype(np.float64)).reshape(-1, 1)
    if y.ndim == 2 and y.shape[1] <= _MOST_COLUMNS and is_plain(y, np.float64):
        return y
    return None
