"""Second derivatives of the logistic loss, and what divides by them.

With p the probabilities of a row, the second derivative sums (diag(p) - pp') x xx' over the rows
(Kronecker products).  For many classes it is too large to hold, and S x G with S the mean of
diag(p) - pp' and G the products of features is a first guess.  But what a row's p is depends on its
margins alone, the features along the coefficients: there, in few directions, the guess is worst,
and there the second derivative itself is small enough to be computed.  In the other directions the
guess is as good as features are independent of margins: for normal ones there is nothing to
mend.  Restricting a matrix to some directions and correcting it there is the two-level
preconditioner of domain decomposition (Nicolaides, "Deflation of conjugate gradients with
applications to boundary value problems", 1987).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..core.validation import Array
from ._factor import Factor

#: What is added to every class's share of the curvature.
_LEAST_SHARE = 1e-10
#: What is added to products of directions, of their size: some may depend on others.
_LEAST_PRODUCT = 1e-8


class Inside(NamedTuple):
    """The second derivative in some directions, without the penalty.

    directions : ndarray (n_directions, used), in which features are combined
    products : ndarray (n_directions, n_directions): G between them
    H : ndarray (n_outputs, n_directions, n_outputs, n_directions)
    """

    directions: Array
    products: Array
    H: Array


class Curvature(NamedTuple):
    """A second derivative without the penalty: H, or ``by_class`` x H (Kronecker) if that is given.

    H : ndarray (n_outputs * used, n_outputs * used), or (used, used)
    by_class : ndarray (n_outputs, n_outputs) of trace 1, or None
    inside : Inside or None, what is known better
    scale : float, by which H is to be multiplied
    """

    H: Array
    by_class: Array | None = None
    inside: Inside | None = None
    scale: float = 1.0


def _factor(A: Array, ridge: float = 1e-15) -> Factor:
    """Return the factor of a matrix that is positive definite but for rounding."""
    while not (factor := Factor(A, ridge)).definite:
        if not ridge < 1:  # numbers overflow
            raise FloatingPointError("no second derivative")
        ridge *= 10
    return factor


def _flat(n_outputs: int) -> Array:
    """Return what makes softmax definite along vectors equal for all classes, where it is flat."""
    return np.full((n_outputs, n_outputs), float(n_outputs > 1) / n_outputs**2)


def _correction(inside: Inside, shares: Array, penalty: Array) -> Callable[[Array], Array]:
    """Return what is to be added to quotients by ``shares`` x (products + penalty).

    Parameters
    ----------
    shares : ndarray (n_outputs, n_outputs)
    penalty : ndarray (used,), of one class
    """
    V, K, J = inside.directions, len(shares), len(inside.directions)
    squares = np.einsum("ji,i,li->jl", V, penalty, V)
    guess = inside.products + max(1, K - 1) * squares
    least = np.diag(_LEAST_PRODUCT * np.diag(guess))
    H = inside.H + np.einsum("ab,jl->ajbl", _flat(K), inside.products)
    H += np.einsum("ab,jl->ajbl", np.eye(K), squares) + np.einsum("ab,jl->ajbl", shares, least)
    whole = _factor(H.reshape(K * J, K * J)).solve(np.eye(K * J))
    guessed = _factor(np.einsum("ab,jl->ajbl", shares, guess + least).reshape(K * J, K * J))
    change = (whole - guessed.solve(np.eye(K * J))).reshape(K, J, K, J)

    def corrected(right: Array) -> Array:
        along = np.einsum("bi,li->bl", right, V)
        return np.asarray(np.einsum("aj,ji->ai", np.einsum("ajbl,bl->aj", change, along), V))

    return corrected


def factor_of(curvature: Curvature, penalty: Array, share: float = 1.0) -> Factor:
    """Return the factor of H, for so large a share of the rows, plus the penalty of each class."""
    H, S = curvature.H * (curvature.scale / share), curvature.by_class
    penalties = np.tile(penalty, len(H) // len(penalty))
    H.flat[:: len(H) + 1] += penalties if S is None else penalties * (len(S) - 1 or 1)
    return _factor(H)


def divide_by(
    curvature: Curvature, penalty: Array, share: float = 1.0, factor: Factor | None = None
) -> Callable[[Array], Array]:
    """Return the function that divides gradients by a curvature plus the penalty.

    Parameters
    ----------
    penalty : ndarray (used,), of one class
    share : float
        The curvature is that of so large a share of the rows.
    factor : Factor, default=None
        That of H and the penalty where its scale is 1, or nearly.
    """
    used, scale = len(penalty), curvature.scale
    S, inside = curvature.by_class, curvature.inside
    if factor is None:
        factor, scale = factor_of(curvature, penalty, share), 1.0
    known, corrected = factor, None
    if S is not None:
        # Classes that are decided leave eigenvalues that rounding makes negative.
        shares = S + _LEAST_SHARE * np.eye(len(S)) + _flat(len(S))
        mixed = np.linalg.inv(shares) / scale
        if inside is not None:
            inside = Inside(inside.directions, inside.products / share, inside.H / share)
            corrected = _correction(inside, shares, penalty)

    def divide(gradient: Array) -> Array:
        step = np.zeros_like(gradient)
        right = np.ascontiguousarray(gradient[:, :used])
        if S is None:
            step[:, :used] = known.solve(right.reshape(1, -1)).reshape(right.shape)
            return step
        step[:, :used] = known.solve(np.einsum("ab,bi->ai", mixed, right))
        if corrected is not None:
            step[:, :used] += corrected(right)
        return step

    return divide
