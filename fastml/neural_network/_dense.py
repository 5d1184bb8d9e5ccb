"""One dense layer over whole matrices: what ``fastml.dense_forward`` and its backward run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..core.threads import new_state, run_team, team_size
from ..core.validation import Array, common_dtype, matrix, output, takes_results, vector
from ..kernels.neural_network import layer
from ..kernels.tile import COLUMNS, VECTORS, lanes_of
from ._architecture import activation_code

#: Rows that are carried back before their weight gradient is summed: so many bytes of inputs and
#: deltas stay in the second-level cache; but at least so many rows, for each sum is read and
#: written again.
_STEP_BYTES, _STEP_ROWS = 1 << 19, 64
#: Multiply-adds a ticket of the backward pass.
_TICKET = 1 << 18


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
    X: ArrayLike, W: ArrayLike, delta: ArrayLike, *, activation: str, out: Array | None = None
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
    swapped = _lanes_taken(n_in, dtype) * n_out < _lanes_taken(n_out, dtype) * n_in
    cut = _cut(n_samples, n_in, n_out, swapped, dtype)
    result = output(out, (n_samples, n_in), dtype)
    overlaps = out is not None and any(
        np.may_share_memory(result, given) for given in (X, W, delta)
    )
    aside = overlaps or not takes_results(result)
    below = np.empty(result.shape, dtype) if aside else result
    X, W, delta = (np.ascontiguousarray(array).reshape(-1) for array in (X, W, delta))
    strips = on_a_line(_lanes_taken(n_in, dtype) * n_out, dtype)
    panel = on_a_line(_lanes_taken(cut.n_left, dtype) * cut.step_rows, dtype)
    weights, db = np.empty((cut.n_right, cut.n_left), dtype), np.empty(n_out, dtype)
    left, right = (X, delta) if swapped else (delta, X)
    arrays = layer.Carried(
        X, W, delta, left, right, strips, panel, below.reshape(-1), weights.reshape(-1), db
    )
    team = team_size(n_samples * W.size / 15)
    run_team(layer.dense_backward, team, arrays, cut, code, new_state())
    dW = np.ascontiguousarray(weights.T) if swapped else weights
    if aside:
        result[...] = below
    return result, dW, db


def _lanes_taken(n: int, dtype: Any) -> int:
    """Return n, rounded up to the rows of a panel."""
    height = VECTORS * lanes_of(dtype)
    return -(-n // height) * height


def on_a_line(size: int, dtype: Any) -> Array:
    """Return so many zeros that begin on a cache line: a vector across two costs two loads."""
    line = 64 // np.dtype(dtype).itemsize
    memory = np.zeros(size + line, dtype)
    first = -(memory.ctypes.data // memory.itemsize) % line
    return memory[first : first + size]


def _cut(n_samples: int, n_in: int, n_out: int, swapped: bool, dtype: Any) -> layer.Cut:
    n_left, n_right = (n_in, n_out) if swapped else (n_out, n_in)
    at_once = _STEP_BYTES // ((n_in + n_out) * np.dtype(dtype).itemsize)
    step_rows = min(max(at_once, _STEP_ROWS), n_samples)
    ticket_rows = max(COLUMNS, _TICKET // (n_in * n_out) // COLUMNS * COLUMNS)
    ticket_columns = max(1, _TICKET // (step_rows * VECTORS * lanes_of(dtype)) // COLUMNS) * COLUMNS
    return layer.Cut(
        n_samples, n_in, n_out, n_left, n_right, step_rows, ticket_rows, ticket_columns
    )
