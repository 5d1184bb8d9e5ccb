"""Margins, probabilities and labels of rows under a fitted linear model."""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_inner_kernel, allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..ops.elementwise import sigmoid
from ..ops.flat import store_up_to
from ..ops.scratch import aligned_zeros
from ..tile import (
    any_not_greater,
    as_floats,
    as_integers,
    fill,
    fill_like,
    lanes,
    load,
    multiply_add,
    select_less,
    store,
    store_as,
    store_indices,
)
from .logistic import softmax
from .rowwise import FEW, HEIGHT, columns_of, padded_outputs, write_margins

#: What is written of every row: margins, probabilities (of both classes where there is one margin),
#: or the number of the class of the largest margin, the lowest on ties.
MARGINS, PROBABILITIES, LABELS = range(3)


@inner_kernel
def _largest(z, r, pitch, n_outputs):
    """Return the number of the largest margin of a vector of rows, the lowest on ties (a tile)."""
    best = load(z, r, 0, 1, 1)
    number = fill_like(best, 0.0)
    if n_outputs == 1:
        return as_integers(select_less(number, best, 1.0, 0.0))
    for k in range(1, n_outputs):
        margin = load(z, k * pitch + r, 0, 1, 1)
        number = select_less(best, margin, k * 1.0, number)
        best = select_less(best, margin, margin, best)
    return as_integers(number)


@inner_kernel
def _write_labels(z, height, count, n_outputs, first, labels):
    for r in range(0, count, lanes(z)):
        number = _largest(z, r, height, n_outputs)
        if r + lanes(z) <= count:
            store_indices(labels, first + r, number)
        else:
            store(z, r, 0, as_floats(number))
            for i in range(r, count):
                labels[first + i] = int(z[i])


@inner_kernel
def _write_two_probabilities(z, count, first, memory, out):
    """Write the probabilities of both classes from one margin a row."""
    for i in range(count):
        memory[2 * i] = -z[i]
        memory[2 * i + 1] = z[i]
    whole = 2 * count // lanes(z) * lanes(z)
    for i in range(0, whole, lanes(z)):
        store_as(out, 2 * first + i, 0, sigmoid(load(memory, i, 0, 1, 1)))
    if whole < 2 * count:
        store(memory, whole, 0, sigmoid(load(memory, whole, 0, 1, 1)))
        for i in range(whole, 2 * count):
            out[first + i // 2, i % 2] = memory[i]


@inner_kernel
def _to_probabilities(z, height, n_outputs, columns):
    """Replace margins by the classes' probabilities.

    The last vector of an output's rows may reach into the next output's: only its own are stored.
    """
    step = lanes(z)
    for r in range(0, height, step):
        for k in range(n_outputs):
            store(columns, k * step, 0, load(z, k * height + r, 0, 1, 1))
        _, whole = softmax(columns, n_outputs)
        share = fill_like(whole, 1.0) / whole
        for k in range(n_outputs):
            found = load(columns, k * step, 0, 1, 1) * share
            store_up_to(z, k * height + r, height - r, found)


@inner_kernel
def _write_rows(z, height, count, n_outputs, first, out):
    if n_outputs == 1:
        whole = count // lanes(z) * lanes(z)
        for i in range(0, whole, lanes(z)):
            store_as(out, first + i, 0, load(z, i, 0, 1, 1))
        for i in range(whole, count):
            out[first + i, 0] = z[i]
        return
    for i in range(count):
        for k in range(n_outputs):
            out[first + i, k] = z[k * height + i]


@inner_kernel
def _all_finite(z, size):
    """Say whether all margins, whole vectors, are finite: no row with NaN or infinity has such."""
    total = fill(z, 0.0, 1, 1)
    for i in range(0, size, lanes(z)):
        total = multiply_add(load(z, i, 0, 1, 1), 0.0, total)
    return not any_not_greater(fill_like(total, 1.0), total)


@inner_kernel
def _predict_panel(z, height, count, n_outputs, first, kind, columns, outputs):
    """Write what is asked of the rows of a panel; return whether all its margins are finite."""
    out, labels = outputs
    finite = _all_finite(z, padded_outputs(n_outputs) * height)
    if kind == LABELS:
        _write_labels(z, height, count, n_outputs, first, labels)
    elif kind == PROBABILITIES and n_outputs == 1:
        _write_two_probabilities(z, count, first, columns, out)
    else:
        if kind == PROBABILITIES:
            _to_probabilities(z, height, n_outputs, columns)
        _write_rows(z, height, count, n_outputs, first, out)
    return finite


@inner_kernel
def _hold_weights(coef, n_columns, W):
    """Write the coefficients as :func:`rowwise.write_margins` takes them."""
    n_outputs, d = coef.shape
    for k in range(n_outputs):
        for p in range(d):
            W[k * n_columns + p] = coef[k, p]


@allocating_inner_kernel
def _work_for(coef, intercept, height):
    """Return the coefficients as margins take them, and room for a panel of so many rows."""
    n_outputs, d = coef.shape
    n_columns = columns_of(intercept, d)
    W = aligned_zeros(intercept, n_columns * padded_outputs(n_outputs))
    _hold_weights(coef, n_columns, W)
    z = aligned_zeros(W, padded_outputs(n_outputs) * height + lanes(W))
    columns = aligned_zeros(W, max(2 * height, lanes(W) * n_outputs) + lanes(W))
    return W, z, columns


@allocating_inner_kernel
def _predict_some(sources, start, stop, height, intercept, work, kind, outputs):
    """Write what is asked of some rows; return whether all their margins are finite.

    Parameters
    ----------
    sources : IN see :func:`predict`
    start, stop : int, the first row, and the first one that is none of them
    height : int, HEIGHT, or FEW where no more rows are there
    intercept : IN (n_outputs,) float64
    work : what :func:`_work_for` made for such a height
    kind : int
    outputs : OUT (out, labels)
    """
    X, flat = sources
    W, z, columns = work
    d, n_outputs = X.shape[1], len(intercept)
    n_columns = columns_of(intercept, d)
    copied = np.zeros(0, X.dtype)
    whole = True
    for first in range(start, stop, height):
        count = min(height, stop - first)
        rows, at = flat, first * d
        if count < height or at + (height - 1) * d + n_columns > flat.size:
            # Rows that do not lie one after another, or end where memory does.
            if copied.size == 0:
                copied = np.zeros((height - 1) * d + n_columns, X.dtype)
            for p in range(d):
                for r in range(count):
                    copied[r * d + p] = X[first + r, p]
            rows, at = copied, 0
        write_margins(rows, at, d, height, W, intercept, z)
        whole &= _predict_panel(z, height, count, n_outputs, first, kind, columns, outputs)
    return whole


@allocating_kernel
def predict(sources, coef, intercept, kind, block_rows, state, out, labels, finite):
    """Write what is asked of every row, as a member of a team.

    Parameters
    ----------
    sources : IN tuple of X (n_samples, n_features) float32 or float64, contiguous in either order,
        and its elements in one row, (n_samples * n_features,), where that is how they lie; else
        (0,)
    coef : IN (n_outputs, n_features) float32 or float64
    intercept : IN (n_outputs,) float64
    kind : int, MARGINS, PROBABILITIES or LABELS
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    out : OUT (n_samples, n_outputs), or 2 columns for PROBABILITIES of one margin; unused for
        LABELS
    labels : OUT (n_samples,) int32, used for LABELS
    finite : OUT (n_tickets,) bool, whether all margins of a block are
    """
    n_samples = sources[0].shape[0]
    height = FEW if n_samples <= FEW else HEIGHT
    work = _work_for(coef, intercept, height)
    while True:
        ticket = take_ticket(state)
        start = ticket * block_rows
        if start >= n_samples:
            return
        stop = min(start + block_rows, n_samples)
        finite[ticket] = _predict_some(
            sources, start, stop, height, intercept, work, kind, (out, labels)
        )


@allocating_kernel
def predict_alone(X, coef, intercept, kind, out, labels):
    """Write what is asked of rows that are too few to be shared.

    Parameters
    ----------
    X : IN (n_samples, n_features) float32 or float64, in C order
    coef, intercept, kind, out, labels : see :func:`predict`, whose bits these are

    Returns
    -------
    bool : whether all margins are finite
    """
    n_samples = X.shape[0]
    height = FEW if n_samples <= FEW else HEIGHT
    work = _work_for(coef, intercept, height)
    sources = X, X.reshape(-1)
    return _predict_some(sources, 0, n_samples, height, intercept, work, kind, (out, labels))
