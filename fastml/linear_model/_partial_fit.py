"""Least squares of rows that come piece by piece."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from ..core.delegation import unsupported_input
from ..core.estimator import fitted_at_once
from ..core.parameters import ParametersMixin
from ..core.validation import Array, check_finite
from ..kernels.linear_model.normal import LEAST_SQUARES
from ..kernels.ops.gram import BLOCK_ROWS
from ._dense import checked_rows, set_solution
from ._least_squares import side_by_side, solve_from
from ._moments import Moments, about_means, first_shift, raw_products


class Seen(NamedTuple):
    """What is kept of the rows so far, never changed in place.

    center : bool, whether there is an intercept
    shift : ndarray (n_columns,) that products are about, or None before the first whole block
    levels : products of aligned ranges of 1, 2, 4 ... blocks, None where there is none
    n_blocks : int, whole blocks so far
    X, Y, weights : the rows after them, fewer than a block
    dtype : the widest type of X so far
    """

    center: bool
    shift: Array | None
    levels: tuple[Array | None, ...]
    n_blocks: int
    X: Array
    Y: Array
    weights: Array
    dtype: Any


def _products(X: Array, Y: Array, weights: Array, shift: Array) -> Array:
    return raw_products(X, Y, np.sqrt(weights), shift, np.float64)


def _shift(center: bool, X: Array, Y: Array, weights: Array) -> Array:
    if not center:
        return np.zeros(X.shape[1] + Y.shape[1])
    return first_shift(X, Y, weights)


def _carry(seen: Seen, count: int, X: Array, Y: Array, weights: Array) -> Seen:
    """Add an aligned range of blocks, as a binary counter adds a digit."""
    if seen.shift is None:
        seen = seen._replace(shift=_shift(seen.center, X, Y, weights))
    assert seen.shift is not None
    products = _products(X, Y, weights, seen.shift)
    levels = list(seen.levels)
    level = count.bit_length() - 1
    while True:
        levels += [None] * (level + 1 - len(levels))
        other = levels[level]
        if other is None:
            break
        products, levels[level] = other + products, None
        level += 1
    levels[level] = products
    return seen._replace(levels=tuple(levels), n_blocks=seen.n_blocks + count)


def add_rows(seen: Seen, X: Array, Y: Array, weights: Array) -> Seen:
    """Return what is kept when these rows have come, too: any cutting keeps the same."""
    missing = min(BLOCK_ROWS - len(seen.X), len(X)) if len(seen.X) else 0
    if missing:
        parts = ((seen.X, X), (seen.Y, Y), (seen.weights, weights))
        tail = [np.concatenate([old, new[:missing]]) for old, new in parts]
        seen = seen._replace(X=tail[0], Y=tail[1], weights=tail[2])
        if len(tail[0]) == BLOCK_ROWS:
            seen = _carry(seen, 1, *tail)
            seen = seen._replace(X=X[:0], Y=Y[:0], weights=weights[:0])
    start = missing
    while len(X) - start >= BLOCK_ROWS:
        count = 1 << (((len(X) - start) // BLOCK_ROWS).bit_length() - 1)
        if seen.n_blocks:
            count = min(count, seen.n_blocks & -seen.n_blocks)
        stop = start + count * BLOCK_ROWS
        part = slice(start, stop)
        seen = _carry(seen, count, np.ascontiguousarray(X[part]), Y[part], weights[part])
        start = stop
    if start < len(X):
        rest = [np.array(a[start:], order="C") for a in (X, Y, weights)]
        seen = seen._replace(X=rest[0], Y=rest[1], weights=rest[2])
    return seen


def moments_of(seen: Seen) -> Moments:
    """Return the moments of all rows so far, over the fixed tree of blocks."""
    rest = seen.X, seen.Y, seen.weights
    shift = _shift(seen.center, *rest) if seen.shift is None else seen.shift
    products = _products(*rest, shift) if len(seen.X) else None
    for level in seen.levels:
        if level is not None:
            products = level if products is None else level + products
    assert products is not None
    if seen.center:
        return about_means(products, shift)[0]
    return Moments(float(products[-1, -1]), shift, products[:-1, :-1], False)


class PartialFit(ParametersMixin):
    """``partial_fit`` of least squares, with or without a penalty."""

    def _penalties(self, n_targets: int) -> Array:
        raise NotImplementedError

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the rows of all calls so far, as one ``fit`` of all of them would.

        However they are cut into calls, the result is the same bits.  It is that of ``fit`` where
        X is float64 or has up to 64 columns, and the means of the first 256 rows are within 30
        standard deviations of those of all; else it differs by rounding.  Rows are not kept but
        for the last 4095, so where columns are nearly dependent, half the digits are lost that
        ``fit`` keeps.  A ``fit`` forgets them all.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets, as many as in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If X or y holds NaN or infinity, shapes do not match, X is sparse, ``positive`` is set
            or ``fit_intercept`` is not what it was.
        """
        mine: Any = self
        reason = "positive=True" if mine.positive else unsupported_input(X, y)
        if reason is not None:
            raise ValueError(f"partial_fit does not take {reason}.")
        with fitted_at_once(mine) as me:
            me._validate_params()
            kept = vars(me).get("_seen")
            rows, y_, weights = checked_rows(
                me, X, y, sample_weight, nonnegative=True, reset=kept is None, zeros=True
            )
            check_finite(y_, "y", type(me).__name__)
            check_finite(rows, "X", type(me).__name__)
            Y = np.asarray(y_, np.float64).reshape(len(rows), -1)
            w = np.ones(len(rows)) if weights is None else weights
            center = bool(me.fit_intercept)
            new = Seen(center, None, (), 0, rows[:0], Y[:0], w[:0], rows.dtype)
            seen, flat = kept or (new, y_.ndim == 1)
            if Y.shape[1] != seen.Y.shape[1] or flat != (y_.ndim == 1):
                raise ValueError(
                    f"y has {Y.shape[1]} targets, but the first call had {seen.Y.shape[1]}."
                )
            if center != seen.center:
                raise ValueError("fit_intercept is not what it was in the first call.")
            seen = add_rows(seen, rows, Y, w)
            seen = seen._replace(dtype=np.result_type(seen.dtype, rows.dtype))
            found = moments_of(seen)
            if not np.isfinite(found.products).all() or not found.weight > 0:
                raise ValueError("Squares of the numbers overflow, or all weights are zero.")
            penalties = self._penalties(Y.shape[1])
            small = found.products.diagonal() < LEAST_SQUARES
            if small.any() and not penalties.all():
                some = side_by_side(rows, Y)[:, small]
                if (some != some[:1]).any():  # not constant
                    raise ValueError("Squares of the numbers underflow: scale X and y.")
            solution = solve_from(found, rows.shape[1], penalties)
            set_solution(me, seen.dtype, flat, solution, found, center)
            me._seen = (seen, flat)
            me._set_rest(solution)
        return self

    def _set_rest(self, solution: Any) -> None:
        """Set the attributes that only this kind of estimator has."""
