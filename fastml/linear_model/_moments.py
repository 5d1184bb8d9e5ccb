"""Weights, means and centred products of rows: all that least squares asks of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.ops import gram as kernel
from ..kernels.ops.strips import Rows, columns_of, panel_rows
from ..kernels.ops.sums import Tickets

#: Where a mean is so many standard deviations from the shift, products are taken anew about it: the
#: square is what they lose of their digits.
FARTHEST_MEAN = 30.0
#: Strips of columns that are worth packing rows once more.
_STRIPS_A_SHARE = 2
#: Return to the interpreter about this often, for interrupts.
_CALL_NANOSECONDS = 3e8
#: Memory of partial sums: as many tickets as fit, but enough to share.
_PARTIAL_BYTES, _MOST_TICKETS, _FEWEST_TICKETS = 1 << 26, 64, 8
#: Tickets are shared where members would be done so much later than if all had the same.
_UNEVEN = 1.12
#: Rows whose mean is the first guess of all rows' mean.
FIRST_ROWS = 256
#: Mean squares of columns below this, or above its inverse, are left to float64.
_LEAST_SQUARE = 1e-24
#: Sums of squares that float32 holds to some digits, and a penalty beside which those it does not
#: hold are nothing: they are below 2**-149 a row.
_LEAST_SUM, _PENALTY_BESIDE_NOTHING = 2.0**-100, 2.0**-90
#: Where a feature of the first rows is so many times as far from the mean as it is on average, the
#: mean is near none of them.
_FAR_ROW = 32.0
#: Curvature of wider float32 rows is summed in float32: it only says where to go.
_MOST_DOUBLE_COLUMNS = 64


class Moments(NamedTuple):
    """What some rows say about columns: features, then targets.

    weight : float, sum of the weights
    mean : ndarray (n_columns,), weighted, or zero where nothing was centred
    products : ndarray (n_columns, n_columns), weighted products about the mean
    single : bool, whether products were summed in float32
    """

    weight: float
    mean: Array
    products: Array
    single: bool


def first_rows(weights: Array | None) -> Any:
    """Return the numbers of the first rows that count, given the first block's weights."""
    if weights is not None:
        chosen = np.flatnonzero(weights[: kernel.BLOCK_ROWS])[:FIRST_ROWS]
        if len(chosen):
            return chosen
    return slice(FIRST_ROWS)


def first_shift(X: Array, Y: Array, weights: Array | None) -> Array:
    """Return the mean of the first rows that count, exact for constant columns."""
    chosen = first_rows(weights)
    features, targets = X[chosen], Y[chosen]
    n, d = features.shape
    # In one memory order, which decides the order NumPy adds in.
    some = np.empty((n, d + targets.shape[1]))
    some[:, :d], some[:, d:] = features, targets
    first = some[0].copy()
    some -= first
    return np.asarray(first + np.add.reduce(some, axis=0) / n)


def first_middle(X: Array, weights: Array | None) -> Array:
    """Return :func:`first_shift` of features; medians where single rows are far from all others.

    For who cannot look for the means first: beside a shift far away the digits of others are lost.
    """
    shift = first_shift(X, np.empty((len(X), 0)), weights)
    rows = X[first_rows(weights)]
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.abs(rows - shift)
        far = apart.max(axis=0) > _FAR_ROW * apart.mean(axis=0)
    if far.any():
        shift[far] = np.median(rows[:, far].astype(np.float64), axis=0)
    return shift


def run_tickets(
    run: Callable[[Tickets, int, Array], None], n_blocks: float, size: int, nanoseconds: float,
    most_shares: int = 1,
) -> Array:  # fmt: skip
    """Have tickets of blocks summed, some at a time; return the sums over the fixed tree.

    Parameters
    ----------
    run : callable
        Takes tickets, how many members they deserve, and the partial sums to write, a row a ticket
        and share.
    n_blocks : float, the last of which may be a part of one
    size : int, float64 numbers of one partial sum
    nanoseconds : float, all tickets on one thread
    most_shares : int
        So many may share a ticket, each of which leaves zeros where others have their sums: the
        same bits.
    """
    most = max(_FEWEST_TICKETS, min(_MOST_TICKETS, _PARTIAL_BYTES // (8 * size)))
    blocks = 1
    while blocks * most < n_blocks:
        blocks *= 2
    n_tickets = math.ceil(n_blocks / blocks)
    members = team_size(nanoseconds)
    shares = min(most_shares, members) if _uneven(n_blocks / blocks, members) else 1
    partials = np.empty((n_tickets * shares, size))
    step = max(2 * members, int(n_tickets * _CALL_NANOSECONDS / (1 + nanoseconds)))
    step += -step % members  # or some would wait for others at the end of every call
    for first in range(0, n_tickets, step):
        last = min(first + step, n_tickets)
        tickets = Tickets.of(blocks, first, last, shares)
        run(tickets, min(members, (last - first) * shares), partials)
    if shares > 1:
        partials = partials.reshape(n_tickets, shares, size).sum(axis=1)
    width = 1
    while width < n_tickets:
        right = partials[width :: 2 * width]
        partials[: 2 * width * len(right) : 2 * width] += right
        width *= 2
    return np.asarray(partials[0])


def _uneven(n_tickets: float, members: int) -> bool:
    """Say whether some members would wait for others who take a ticket more, or part of one."""
    whole, rest = divmod(n_tickets, 1)
    longest = max(-(-whole // members), whole // members + rest)
    return longest * members > _UNEVEN * n_tickets


def raw_products(X: Array, Y: Array, roots: Array | None, shift: Array, panel_type: Any) -> Array:
    """Return the Gram matrix of [X, Y, 1] about ``shift``, symmetric, in float64."""
    rows = Rows.of(X, Y, roots, shift, panel_type)
    n_columns, width = rows.shift.size, X.shape[1] + Y.shape[1] + 1
    height = panel_rows(n_columns, panel_type)
    like = np.empty(0, panel_type)
    n_blocks = len(X) / kernel.BLOCK_ROWS
    nanoseconds = len(X) * n_columns * (n_columns + 16) / (90 if panel_type == np.float32 else 70)

    def run(tickets: Tickets, members: int, partials: Array) -> None:
        run_team(kernel.gram, members, rows, like, height, tickets, new_state(), partials)

    # All pack the rows, so that a share has enough strips to multiply them with.
    shares = max(1, n_columns // columns_of(1, panel_type) // _STRIPS_A_SHARE)
    size = kernel.squares(n_columns, panel_type)
    total = run_tickets(run, n_blocks, size, nanoseconds, shares)
    return np.array(kernel.symmetric(total, n_columns, panel_type)[:width, :width])


def moments(
    X: Array,
    Y: Array,
    weights: Array | None = None,
    *,
    center: bool = True,
    shift: Array | None = None,
    single: bool = False,
    products: Callable[[Array], Array] | None = None,
) -> Moments:
    """Return the moments of rows; numbers that are not finite make the products not finite.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of float32 or float64
    Y : ndarray (n_samples, n_targets) of float64, or float32 beside float32 rows
    weights : ndarray (n_samples,) of float64, or None for weights of one
    center : bool
        Whether products are taken about the mean.
    shift : ndarray (n_features + n_targets,)
        A guess of the mean; default: that of the first rows.
    single : bool
        Whether to multiply in float32 and sum panels in float64: products to eight digits.
    products : callable
        Sums the products about a shift where X and Y are only the first rows; default: theirs.
    """
    panel_type = np.float32 if single else np.float64
    roots = None if weights is None else np.sqrt(weights)
    width = X.shape[1] + Y.shape[1]

    def about(shift: Array) -> Array:
        if products is not None:
            return products(shift)
        return raw_products(X, Y, roots, shift, panel_type)

    if not center:
        raw = about(np.zeros(width))
        return Moments(float(raw[-1, -1]), np.zeros(width), raw[:-1, :-1], single)
    again = shift is None
    shift = first_shift(X, Y, weights) if shift is None else shift
    if single:
        shift = shift.astype(np.float32).astype(np.float64)
    while True:
        found, far = about_means(about(shift), shift, single)
        if not (again and far):
            return found
        shift, again = found.mean, False
        if single:
            shift = shift.astype(np.float32).astype(np.float64)


def about_means(products: Array, shift: Array, single: bool = False) -> tuple[Moments, bool]:
    """Return moments from products about a shift, and whether it was too far from the means."""
    weight = float(products[-1, -1])
    with np.errstate(all="ignore"):
        offset = products[-1, :-1] / weight if weight else np.zeros(len(shift))
        squares = offset[:, None] * offset
        squares *= weight
        centred = products[:-1, :-1] - squares
        spread = np.maximum(centred.diagonal(), 0.0)
        far = squares.diagonal() > FARTHEST_MEAN**2 * spread
    return Moments(weight, shift + offset, centred, single), bool(far.any())


def in_range(squares: Array) -> bool:
    """Say whether mean squares summed in float32 neither overflowed nor vanished."""
    return bool(((squares > _LEAST_SQUARE) & (squares < 1 / _LEAST_SQUARE) | (squares == 0)).all())


def of_float32_quality(found: Moments, n_features: int, alpha: Array) -> bool:
    """Say whether products summed in float32 are finite, and none was lost that matters.

    Parameters
    ----------
    alpha : ndarray (1,) or (n_targets,)
        Penalties: where squares have vanished, or a column is constant, one has to outweigh them.
    """
    if not (found.weight > 0 and np.isfinite(found.products).all()):
        return False
    sums = np.diag(found.products)
    if not in_range(sums / found.weight) or ((sums > 0) & (sums < _LEAST_SUM)).any():
        return False
    return bool(sums[:n_features].all() or np.min(alpha) >= _PENALTY_BESIDE_NOTHING)


def weighted_products(
    X: Array, weights: Array, shift: Array, used: int, double: bool = False
) -> Array:
    """Return X' diag(weights) X of the features and the one, in float64 or the precision of X.

    In float64, too, where float32 would lose squares.  Weights are divided by a power of two, so
    that it is the features alone that decide.
    """
    exponent = int(np.frexp(weights.max(initial=0.0))[1]) // 2 * 2  # roots are divided exactly
    roots, nothing = np.sqrt(np.ldexp(weights, -exponent)), np.empty((len(X), 0))
    products = None
    if not double and X.dtype == np.float32 and used > _MOST_DOUBLE_COLUMNS:
        products = raw_products(X, nothing, roots, shift, np.float32)[:used, :used]
        if _squares_lost(products, X, shift):
            products = None
    if products is None:
        products = raw_products(X, nothing, roots, shift, np.float64)[:used, :used]
    return np.asarray(np.ldexp(products, exponent))


def _squares_lost(products: Array, X: Array, shift: Array) -> bool:
    """Say whether squares of features have left float32's range, but for constant features."""
    squares = np.diag(products)[: X.shape[1]]
    if not in_range(squares / len(X)):
        return True
    zeros = np.flatnonzero(squares == 0)
    return bool((X[:, zeros] != shift[zeros]).any())
