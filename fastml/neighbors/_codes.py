"""Rows as bytes, which rule out most rows at a quarter of the cost: where they pay, making them."""

from __future__ import annotations

import math

import numpy as np

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array
from ..kernels.machine.host import host
from ..kernels.neighbors import codes as kernels
from ..kernels.neighbors.base import GROUP
from ..kernels.neighbors.codes import Codes

#: Features, and numbers in all, from which a search among rows written as bytes is faster: measured
#: with normal rows and k = 5.
_FEATURES, _NUMBERS = 12, 160_000
#: Of so many features a product of bytes, 127 squared each at most, is below 2**31.
_MOST_FEATURES = 1 << 17
#: Writing them takes about as long as so many queries gain.
_QUERIES = 200


def codes_pay(n_samples: int, n_features: int, n_queries: int | None = None) -> bool:
    """Say whether rows are to be written as bytes too.

    Parameters
    ----------
    n_samples, n_features : int
        The rows.
    n_queries : int, default=None
        How many queries there will be before the bytes are thrown away; many by default.
    """
    if not host().byte_products or (n_queries is not None and n_queries < _QUERIES):
        return False
    return _FEATURES <= n_features <= _MOST_FEATURES and n_samples * n_features >= _NUMBERS


def most_looks(n_features: int) -> float:
    """Return the share of rows up to which it pays to look at them one by one: measured too."""
    return max(0.0, 0.001 * (n_features - 8) / (1.0 + 0.004 * n_features))


def encoded(X: Array, shift: Array) -> Codes | None:
    """Write rows as bytes; None where they are too long for that, or not numbers.

    Parameters
    ----------
    X : ndarray (n_samples, n_features) of float32 or float64, C-contiguous
    shift : ndarray (n_features,)
        A point near the rows.
    """
    n_samples, n_features = X.shape
    n_groups, quads = -(-n_samples // GROUP), -(-n_features // 4)
    few = X[:: max(1, n_samples // 256)].astype(np.float64) - shift
    typical = float(np.abs(few).max()) * math.sqrt(n_features)
    unit = 1.0
    if 0.0 < typical < np.inf:
        unit = 2.0 ** min(max(-math.frexp(typical)[1], -400), 400)
    codes = Codes(
        np.empty(n_groups * quads * GROUP, np.int32),
        np.empty(n_groups * GROUP, np.int32),
        np.empty(n_groups * GROUP, np.float32),
        np.empty(n_groups * kernels.GROUP_NUMBERS, np.float32),
        shift,
        unit,
    )
    ticket_groups = max(1, (1 << 16) // (GROUP * n_features))
    fits = np.empty(-(-n_groups // ticket_groups), np.bool_)
    run_team(
        kernels.encode_rows, min(team_size(1.0 * X.size), len(fits)),
        X, ticket_groups, new_state(), codes, fits,
    )  # fmt: skip
    return codes if fits.all() else None
