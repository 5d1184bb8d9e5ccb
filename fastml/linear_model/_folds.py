"""Scores of every penalty over folds of consecutive rows, from passes over the folds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..core.passes import Grid, TreeSum, tree_sum
from ..core.validation import Array, contiguous
from ..data import Part
from ..kernels.ops.gram import BLOCK_ROWS
from ._least_squares import solve_from
from ._moments import Moments, about_means
from ._predict import decision
from ._table import ProductsPass

#: Numbers of a block of rows whose errors are summed.
_BLOCK_NUMBERS = 1 << 18

#: Makes a pass over rows [start, stop): takes them, rows of a block, the pass and its model.
Run = Callable[[int, int, int, Any, Any], Array]


def rows_of_errors(n_features: int, n_outputs: int) -> int:
    """Return the rows of a block of errors; an output is a penalty of a target."""
    return max(256, _BLOCK_NUMBERS // max(n_features, n_outputs) // 256 * 256)


class Trained(NamedTuple):
    """What predicts a fold.

    coefs : ndarray (n_alphas * n_targets, n_features)
    constants : ndarray (n_alphas * n_targets,)
    means : ndarray (n_targets,), of the fold's own targets, but for rounding
    """

    coefs: Array
    constants: Array
    means: Array


class ErrorsPass:
    """Sums weighted squared errors of every penalty and target, and deviations from their means."""

    def statistics(self, part: Part, model: Trained) -> Array:
        """Return a piece's sums, (n_alphas + 2, n_targets), last deviations and their squares."""
        tree: TreeSum[Array] = TreeSum(self.merge)
        rows = rows_of_errors(part.X.shape[1], len(model.coefs))
        for block in Grid(rows).pieces(len(part.X), 1):
            some = slice(block.start, block.stop)
            Y = np.asarray(part.y[some], np.float64).reshape(block.stop - block.start, -1)
            predicted = decision(
                contiguous(part.X[some]), model.coefs, model.constants, np.float64
            ).reshape(len(Y), -1, Y.shape[1])
            away = Y - model.means
            sums = [(Y[:, None] - predicted) ** 2, away[:, None], away[:, None] ** 2]
            if part.weights.size:
                sums = [part.weights[some, None, None] * numbers for numbers in sums]
            tree.add(block.first, 1, np.vstack([numbers.sum(axis=0) for numbers in sums]))
        return tree.total()

    def merge(self, a: Array, b: Array) -> Array:
        """Return the sums of both."""
        return np.asarray(a + b)

    def finish(self, statistics: Array, model: Trained) -> Array:
        """Return the sums of all rows."""
        return statistics


def determination(sums: Array, weight: float) -> Array:
    """Return the coefficient of determination of every penalty, the mean over targets.

    As ``sklearn.metrics.r2_score``: where all targets are equal it is 1 if they are met, else 0.
    """
    errors, away, squares = sums[:-2], sums[-2], sums[-1]
    spread = squares - away**2 / weight
    # The vector deviations are taken from is the mean but for rounding: where that is all there
    # is of them, it is the same for every row.
    equal = spread <= 1e-10 * squares
    shares = 1.0 - errors / np.where(equal, 1.0, spread)
    return np.asarray(np.where(equal, errors == 0, shares).mean(axis=1))


def minus_mean_square(sums: Array, weight: float) -> Array:
    """Return minus the mean squared error of every penalty, the mean over targets."""
    return np.asarray(-(sums[:-2] / weight).mean(axis=1))


#: Scores that folds know.
SCORES = {
    None: determination,
    "r2": determination,
    "neg_mean_squared_error": minus_mean_square,
}


def fold_scores(
    n_rows: int, n_features: int, n_folds: int, alphas: Array, shift: Array, *, center: bool,
    scoring: str | None, run: Run,
) -> Array | None:  # fmt: skip
    """Return the mean score of every penalty over folds; None if one's rows weigh nothing.

    Weights count in fits and scores, as in scikit-learn from 1.9 on.

    Parameters
    ----------
    n_rows, n_features, n_folds : int
    alphas : ndarray (n_alphas,)
    shift : ndarray (n_features + n_targets,), products are summed about it
    center : bool
        Whether there is an intercept.
    scoring : one of SCORES
    run : callable, see Run
    """
    # As KFold cuts them: the first ones are a row longer.  It would list all rows.
    ends = [(n_rows // n_folds) * i + min(i, n_rows % n_folds) for i in range(n_folds + 1)]
    folds = list(pairwise(ends))
    fit, d = ProductsPass("RidgeCV"), n_features
    rows = rows_of_errors(d, len(alphas) * (len(shift) - d))
    products = [run(*fold, BLOCK_ROWS, fit, shift) for fold in folds]
    if not all(p[-1, -1] > 0 for p in products):
        return None
    scores = np.empty((n_folds, len(alphas)))
    for number, (start, stop) in enumerate(folds):
        train = tree_sum(np.stack([p for i, p in enumerate(products) if i != number]))
        own, _ = about_means(products[number], shift)
        if center:
            found, _ = about_means(train, shift)
        else:
            found = Moments(float(train[-1, -1]), shift, train[:-1, :-1], False)
        coefs = np.stack([solve_from(found, d, np.array([a])).coef.T for a in alphas])
        constants = found.mean[d:] - np.einsum("akp,p->ak", coefs, found.mean[:d])
        model = Trained(coefs.reshape(-1, d), constants.reshape(-1), own.mean[d:])
        sums = run(start, stop, rows, ErrorsPass(), model)
        scores[number] = SCORES[scoring](sums, own.weight)
    return np.asarray(scores.mean(axis=0))
