"""One dense layer over whole matrices: what ``fastml.dense_forward`` and its backward run."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, common_dtype, matrix, output, takes_results, vector
from ..kernels.neural_network import layer
from ..kernels.neural_network.dense import sums_by_output
from ..kernels.tile import COLUMNS, VECTORS, lanes_of
from ._architecture import activation_code

_WEIGHTS_A_TICKET = 1 << 12
#: Elements of the blocks that are carried back before their weight gradients are summed: they
#: stay in the second-level cache.
_BACKWARD_ELEMENTS = 1 << 18


def dense_forward(
    X: ArrayLike, W: ArrayLike, b: ArrayLike, *, activation: str, out: Array | None = None
) -> Array:
    """Compute one dense layer, activation(XW + b); see :func:`fastml.dense_forward`."""
    code = activation_code(activation)
    dtype = common_dtype(X, W, b)
    X = matrix(X, "X", dtype)
    W = matrix(W, "W", dtype)
    b = vector(b, "b", dtype)
    n_samples, n_in = X.shape
    if W.shape[0] != n_in:
        raise ValueError(f"X has {n_in} features, but W has {W.shape[0]} rows.")
    if b.shape[0] != W.shape[1]:
        raise ValueError(f"W has {W.shape[1]} columns, but b has {b.shape[0]} elements.")
    result = output(out, (n_samples, b.size), dtype)
    overlaps = out is not None and any(np.may_share_memory(result, given) for given in (X, W, b))
    aside = overlaps or not takes_results(result)
    flat = (np.empty(result.shape, dtype) if aside else result).reshape(-1)
    block_rows = max(64, (1 << 18) // max(W.size, 1) // 64 * 64)
    run_team(
        layer.dense_forward,
        team_size(n_samples * W.size / 30),
        X, np.ascontiguousarray(W).reshape(-1), b, code, block_rows, new_state(), flat,
    )  # fmt: skip
    if aside:
        result[...] = flat.reshape(result.shape)
    return result


def dense_backward(
    X: ArrayLike, W: ArrayLike, delta: ArrayLike, *, activation: str
) -> tuple[Array, Array, Array]:
    """Carry a delta back through one dense layer; see :func:`fastml.dense_backward`."""
    code = activation_code(activation)
    dtype = common_dtype(X, W, delta)
    X = matrix(X, "X", dtype)
    W = matrix(W, "W", dtype)
    delta = matrix(delta, "delta", dtype)
    n_samples, n_in = X.shape
    n_out = W.shape[1]
    if W.shape[0] != n_in:
        raise ValueError(f"X has {n_in} features, but W has {W.shape[0]} rows.")
    if delta.shape != (n_samples, n_out):
        raise ValueError(f"delta has shape {delta.shape}, expected {(n_samples, n_out)}.")
    lanes = lanes_of(dtype)
    size = layer.backward_size(n_in, n_out, lanes)
    n_blocks = min(-(-n_samples // (VECTORS * lanes)), max(1, _BACKWARD_ELEMENTS // size))
    by_output = sums_by_output(n_in, n_out, n_blocks, lanes)
    rows_a_ticket = max(COLUMNS, _WEIGHTS_A_TICKET // n_out // COLUMNS * COLUMNS)
    below = np.empty((n_samples, n_in), dtype)
    dW, db = np.empty((n_in, n_out), dtype), np.empty(n_out, dtype)
    run_team(
        layer.dense_backward,
        team_size(n_samples * W.size / 15),
        X, np.ascontiguousarray(W).reshape(-1), delta, code, by_output, rows_a_ticket, size,
        new_state(), np.empty(n_blocks * size, dtype), below.reshape(-1), dW.reshape(-1), db,
    )  # fmt: skip
    return below, dW, db
