"""Scores of rows under Gaussian naive Bayes, and labels that float64 decides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.naive_bayes import gaussian, likeliest
from ..reference.naive_bayes import gaussian_constants

_WORK_PER_TICKET = 1 << 18
#: A power of two that is nothing beside any that a difference may have.
_NO_POWER = -100_000


@lru_cache(64)
def rows_a_ticket(n_features: int, n_classes: int) -> int:
    """Return the rows of a ticket: a multiple of every panel's, by shape alone."""
    work = n_features * (n_classes + 4)
    return int(min(max(_WORK_PER_TICKET // work // 64 * 64, 64), 8192))


def _require_features(X: Array, model: gaussian.Gaussians) -> None:
    """Raise ValueError if rows are not the model's: another thread may have fitted meanwhile."""
    if X.shape[1] != model.theta.shape[1]:
        raise ValueError(
            f"X has {X.shape[1]} features, but theta_ has {model.theta.shape[1]} columns."
        )


def joint_log_likelihood(X: Array, model: gaussian.Gaussians) -> Array:
    """Return the joint log-likelihood of every row and class, in float64.

    Parameters
    ----------
    X : ndarray (n_samples, n_features), finite
    model : Gaussians
    """
    _require_features(X, model)
    (n_samples, n_features), n_classes = X.shape, len(model.constants)
    block_rows = rows_a_ticket(n_features, n_classes)
    n_blocks = -(-n_samples // block_rows)
    likelihoods = np.empty((n_samples, n_classes))
    run_team(
        gaussian.joint_log_likelihood,
        min(team_size(0.3 * X.size * (n_classes + 4)), n_blocks),
        X, *model, block_rows, new_state(), likelihoods,
    )  # fmt: skip
    return likelihoods


def compare_distant(
    likelihoods: Array, distant: Array, X: Array, model: gaussian.Gaussians
) -> Array:
    """Return likelihoods in which rows whose squares leave float64 can be compared.

    Such a row has a joint log-likelihood of minus infinity in every class.  Here the classes whose
    scaled squares are the least of those that are possible keep the part that does not depend on
    the row: any difference of the squares is beyond what that part could make up for.

    Parameters
    ----------
    likelihoods : ndarray (n_samples, n_classes)
    distant : ndarray (n_samples,) of bool, the rows
    X : ndarray (n_samples, n_features), finite
    model : Gaussians
    """
    found = likelihoods.copy()
    roots, powers = np.frexp(np.sqrt(model.variance))
    possible = np.isfinite(model.constants)
    for row in np.flatnonzero(distant):
        # A quarter of each: a difference of the largest numbers is one as well.
        x = np.asarray(X[row], np.float64) * 0.25
        gaps, exponents = np.frexp(x - model.theta * 0.25)
        exponents = np.where(gaps == 0, _NO_POWER, exponents - powers)
        # Each class is scaled by itself: beside one far away others would be zero.
        largest = exponents.max(axis=1, keepdims=True)
        squares = np.ldexp((gaps / roots) ** 2, np.maximum(2 * (exponents - largest), _NO_POWER))
        sums, more = np.frexp(squares.cumsum(axis=1)[:, -1])  # in feature order
        sizes = 2 * largest[:, 0] + more
        least = possible & (sizes == sizes[possible].min(initial=-_NO_POWER))
        least &= sums == sums[least].min(initial=1.0)
        found[row] = np.where(least, model.constants, -np.inf)
    return found


class Prepared(NamedTuple):
    """What labels are decided by.

    model : Gaussians
    parameters : (size,) of the rows' type, flat: see :func:`prepare`
    margin : (4,) of float64
    """

    model: gaussian.Gaussians
    parameters: Array
    margin: Array


def gaussians(fitted: Sequence[Any], shape: tuple[int, int]) -> gaussian.Gaussians | None:
    """Return copies of fitted Gaussians, or None where they are no Gaussians.

    Parameters
    ----------
    fitted : sequence of array-like
        ``theta_`` and ``var_`` (n_classes, n_features), ``class_prior_`` (n_classes,).
    shape : tuple of int, (n_classes, n_features)

    Raises
    ------
    ValueError
        If an array has another shape.
    """
    checked = {}
    expectations = (("theta_", shape), ("var_", shape), ("class_prior_", shape[:1]))
    for (name, expected), values in zip(expectations, fitted, strict=True):
        array = np.array(values, dtype=np.float64, order="C")
        if array.shape != expected:
            raise ValueError(f"{name} has shape {array.shape}, expected {expected}.")
        checked[name] = array
    variance = checked["var_"]
    if not ((variance > 0).all() and np.isfinite(checked["theta_"]).all()):
        return None
    constants = gaussian_constants(variance, checked["class_prior_"])
    scale = 1.0 / np.sqrt(2.0 * variance)
    return gaussian.Gaussians(checked["theta_"], variance, scale, constants)


def likeliest_class(X: Array, prepared: Prepared) -> Array | None:
    """Return the number of every row's class, or None if a row is not finite or out of range.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of float32 or float64
    prepared : Prepared, for X's type
    """
    model, parameters, margin = prepared
    _require_features(X, model)
    (n_samples, n_features), n_classes = X.shape, len(model.constants)
    if parameters.dtype != X.dtype:
        raise ValueError(f"X is of {X.dtype}, expected {parameters.dtype}.")
    block_rows = rows_a_ticket(n_features, n_classes)
    decisions = np.zeros(-(-n_samples // block_rows), np.int64)
    labels = np.empty(n_samples, np.int32)
    flat = X.reshape(-1) if X.flags.c_contiguous else np.empty(0, X.dtype)
    run_team(
        likeliest.likeliest_class,
        min(team_size(0.03 * X.size * (n_classes + 4)), len(decisions)),
        (X, flat), parameters, model.theta, model.variance, model.constants, margin, block_rows,
        new_state(), labels, decisions,
    )  # fmt: skip
    return None if undecided(decisions, gaussian.NOT_FINITE) else labels


def undecided(decisions: Array, mark: int) -> bool:
    """Say whether a ticket could not be decided."""
    if len(decisions) == 1:  # a microsecond less, of the few that one row takes
        return bool(decisions.item(0) == mark)
    return bool((decisions == mark).any())


def prepare(model: gaussian.Gaussians, dtype: np.dtype) -> Prepared:
    """Return a model with the parameters and the margin of ``likeliest.likeliest_class``.

    Parameters
    ----------
    model : Gaussians
    dtype : float32 or float64

    """
    n_classes, d = model.theta.shape
    single = dtype == np.float32
    u, range_ = (2.0**-24, 2.0**60) if single else (2.0**-53, 2.0**400)
    with np.errstate(all="ignore"):
        center = model.theta.mean(axis=0).astype(dtype)
        moved = (model.theta - center.astype(np.float64)) * model.scale
        parts = [center, model.constants.astype(dtype)]
        if n_classes % 2:
            parts.append(np.array([-np.inf], dtype))
        for start in range(0, n_classes, likeliest.CLASSES):
            left = n_classes - start
            width = likeliest.CLASSES if left > likeliest.PAIR else likeliest.PAIR
            table = np.zeros((d, 2, width), dtype)
            table[:, 0, :left] = model.scale[start : start + width].T
            table[:, 1, :left] = -moved[start : start + width].T
            parts.append(table.ravel())
        finite = model.constants[np.isfinite(model.constants)]
        largest, most = np.abs(finite).max(), finite.max()
        T = math.sqrt((moved**2).sum(axis=1).max())
        n = d + 20
        a = 1.05 * (n * u / (1 - n * u) + n * 2.0**-53)
        b = 1.05 * 12 * u * T + math.sqrt(d) * 2.0**-100
        c = 1.05 * (80 * u**2 * T**2 + (8 * u + n * 2.0**-53) * largest) + d * 2.0**-120 + b**2
        fits = (1 / range_ < model.scale).all() and (model.scale < range_).all()
        fits = fits and range_ > T and largest < 2.0**60 and n * u < 0.1
    margin = np.array([a, b, c, most]) if fits else np.full(4, np.nan)
    return Prepared(model, np.concatenate(parts), margin)
