"""Least squares of rows that are not all there: the same bits as in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.validation import Array, check_finite, contiguous
from ..data import Blocks, Part, Table
from ..execution import Plan, set_features, sum_over
from ..kernels.ops.gram import BLOCK_ROWS
from ._dense import multiplied_in_single
from ._least_squares import Solution, by_cholesky, refined, residual_sums, solve
from ._moments import Moments, first_rows, moments, of_float32_quality, raw_products


class Targets(Blocks):
    """Targets as a matrix of float64.

    Parameters
    ----------
    base : Blocks (n_samples,) or (n_samples, n_targets)
    """

    def __init__(self, base: Blocks) -> None:
        width = base.shape[1] if base.ndim == 2 else 1
        super().__init__((len(base), width), np.float64, base.name)
        self._base, self.readers, self.forward = base, base.readers, base.forward
        self.raw = base.raw

    def _read(self, start: int, stop: int, out: Array) -> None:
        out[...] = self._base.read(start, stop).reshape(out.shape)

    def spec(self) -> Any:
        return Targets, (self._base,)


class ProductsPass:
    """Sums the products of columns about a vector.

    Parameters
    ----------
    name : str
        The estimator, whose targets must be finite.
    single : bool
        Whether products are summed in float32.
    """

    def __init__(self, name: str, single: bool = False) -> None:
        self._name, self._single = name, single

    def statistics(self, part: Part, model: Any) -> Array:
        """Return the products of the rows of a piece; ``model`` is the vector."""
        Y = np.ascontiguousarray(part.y, np.float64).reshape(len(part.X), -1)
        check_finite(Y, "y", self._name)
        roots = np.sqrt(part.weights) if part.weights.size else None
        return self._sums(contiguous(part.X), Y, roots, model)

    def _sums(self, X: Array, Y: Array, roots: Array | None, model: Any) -> Array:
        return raw_products(X, Y, roots, model, np.float32 if self._single else np.float64)

    def merge(self, a: Array, b: Array) -> Array:
        """Return the sums of both."""
        return np.asarray(a + b)

    def finish(self, statistics: Array, model: Array) -> Array:
        """Return the sums of all rows."""
        return statistics


class ResidualsPass(ProductsPass):
    """Sums residuals times columns; the model is moments and W, see ``residual_sums``."""

    def _sums(self, X: Array, Y: Array, roots: Array | None, model: Any) -> Array:
        return residual_sums(X, Y, roots, *model)


def plan_of(X: Blocks) -> Plan:
    """Return what a fit of blocks does with rows."""
    passes = [("products, and once more where the first rows lie apart", 2)]
    if multiplied_in_single(X):
        passes.append(("residuals", 1))
    return Plan(passes, BLOCK_ROWS, 8 * (X.shape[1] + 2) ** 2, targets=8)


def first_weighted(table: Table) -> Any:
    """Return the numbers of the first rows that count."""
    first = table.weights
    return first_rows(None if first is None else first.read(0, min(BLOCK_ROWS, table.n_rows)))


def moments_of(
    estimator: Any, table: Table, center: bool, single: bool = False
) -> tuple[Table, Moments] | None:
    """Return the table of floats, its targets as a matrix, and the moments; None if they overflow.

    Parameters
    ----------
    estimator : estimator
        Whose features are set.
    center : bool
        Whether products are taken about the mean.
    single : bool
        Whether they are summed in float32.
    """
    name = type(estimator).__name__
    if table.y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    given, table = table, table.of_floats()
    table = Table(table.X, Targets(given.y), given.weights)  # type: ignore[arg-type]
    set_features(estimator, table.X)
    assert table.y is not None
    rows = first_weighted(table)
    fit = ProductsPass(name, single)

    def products(shift: Array) -> Array:
        found: Array = sum_over(table, BLOCK_ROWS, fit, shift, name).total()
        return found

    found = moments(
        table.X[rows], table.y[rows], None, center=center, single=single, products=products
    )
    if not np.isfinite(found.products).all() or not found.weight > 0:
        return None
    return table, found


def solution_of(table: Table, found: Moments, alpha: Array) -> Solution:
    """Return the solution of a table of floats from its moments.

    Parameters
    ----------
    alpha : ndarray (1,) or (n_targets,)
        Penalties.
    """
    solution = by_cholesky(found, table.X.shape[1], alpha)
    if solution is None:  # in the order of the weights: they are all needed
        weights = None if table.weights is None else table.weights[:].astype(np.float64)
        solution = solve(table.X, table.y, weights, found, alpha)  # type: ignore[arg-type]
    return solution


def solve_table(
    estimator: Any, table: Table, alpha: Array, center: bool
) -> tuple[Table, Solution, Moments] | None:
    """Return the table of floats, the solution and the moments; None where squares overflow.

    None also where the fit of an array would do something else than sum products, so that its bits
    were others: fewer rows than features.

    Parameters
    ----------
    alpha : ndarray (1,) or (n_targets,)
        Penalties.
    """
    d, name = table.X.shape[1], type(estimator).__name__
    if table.n_rows <= d:
        return None
    if multiplied_in_single(table.X):
        sums = moments_of(estimator, table, center, single=True)
        if sums is not None and of_float32_quality(sums[1], d, alpha):
            rows, single = sums

            def residuals(W: Array) -> Array:
                fit = ResidualsPass(name)
                found: Array = sum_over(rows, BLOCK_ROWS, fit, (single, W), name).total()
                return found

            refinement = refined(residuals, d, single, alpha, center)
            if refinement is not None:
                return Table(rows.X, table.y, table.weights), refinement, single
    sums = moments_of(estimator, table, center)
    if sums is None:
        return None
    rows, found = sums
    solution = solution_of(rows, found, alpha)
    return Table(rows.X, table.y, table.weights), solution, found
