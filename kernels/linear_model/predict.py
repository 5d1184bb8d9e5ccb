"""Margins, probabilities and labels of rows under a fitted linear model."""

from __future__ import annotations

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..ops.elementwise import sigmoid
from ..ops.scratch import aligned_zeros
from ..ops.strips import Rows, pack_strips, strip_width
from ..tile import fill_like, lanes, load, store
from .logistic import softmax
from .margins import hold_weights, margins, outputs_in_rows, pitch_of

#: What is written of every row: margins, probabilities (of both classes where there is one margin),
#: or the number of the class of the largest margin, the lowest on ties.
MARGINS, PROBABILITIES, LABELS = range(3)
#: Rows of a panel, of many rows and of few.
_HEIGHT, _FEW = 32, 8


@inner_kernel
def _packed_weights(coef, intercept, n_columns, pitch, W):
    """Write coefficients and intercepts as ``margins.weights_as_packed`` does."""
    n_outputs, d = coef.shape
    for k in range(n_outputs):
        for p in range(d):
            W[p * pitch + k] = coef[k, p]
        W[d * pitch + k] = intercept[k]


@inner_kernel
def _write_labels(columns, count, n_outputs, first, labels):
    step = lanes(columns)
    for i in range(count):
        best = 0
        if n_outputs == 1:
            best = 1 if columns[i] > 0 else 0
        for k in range(1, n_outputs):
            if columns[k * step + i] > columns[best * step + i]:
                best = k
        labels[first + i] = best


@inner_kernel
def _write_probabilities(columns, count, n_outputs, first, out):
    step = lanes(columns)
    if n_outputs == 1:
        z = load(columns, 0, 0, 1, 1)
        store(columns, 0, 0, sigmoid(z))
        store(columns, step, 0, sigmoid(z * -1.0))
        for i in range(count):
            out[first + i, 0] = columns[step + i]
            out[first + i, 1] = columns[i]
        return
    _, whole = softmax(columns, n_outputs)
    share = fill_like(whole, 1.0) / whole
    for k in range(n_outputs):
        store(columns, k * step, 0, load(columns, k * step, 0, 1, 1) * share)
    _write_margins(columns, count, n_outputs, first, out)


@inner_kernel
def _write_margins(columns, count, n_outputs, first, out):
    step = lanes(columns)
    for i in range(count):
        for k in range(n_outputs):
            out[first + i, k] = columns[k * step + i]


@inner_kernel
def _all_finite(columns, count, n_outputs):
    """Say whether all margins are finite; a row with NaN or infinity has none that is."""
    step = lanes(columns)
    total = 0.0
    for k in range(n_outputs):
        for i in range(count):
            total += columns[k * step + i] * 0.0
    return total == 0


@inner_kernel
def _predict_rows(rows, W, kind, n_outputs, start, stop, height, memory, outputs):
    """Predict rows [start, stop); return whether all margins are finite."""
    panel, z, columns = memory
    out, labels = outputs
    n_columns = rows.shift.size
    finite = True
    for first in range(start, stop, height):
        in_use = min(height, stop - first)
        pack_strips(rows, first, in_use, height + 1, panel)
        margins(panel, height, n_columns, W, n_outputs, z, rows.X, first + height)
        for r in range(0, in_use, lanes(panel)):
            outputs_in_rows(z, r, n_outputs, columns)
            count = min(lanes(panel), in_use - r)
            finite &= _all_finite(columns, count, n_outputs)
            if kind == LABELS:
                _write_labels(columns, count, n_outputs, first + r, labels)
            elif kind == PROBABILITIES:
                _write_probabilities(columns, count, n_outputs, first + r, out)
            else:
                _write_margins(columns, count, n_outputs, first + r, out)
    return finite


@allocating_kernel
def predict(X, nothing, coef, intercept, kind, block_rows, state, out, labels, finite):
    """Write what is asked of every row, as a member of a team.

    Parameters
    ----------
    X : IN (n_samples, n_features) float32 or float64, contiguous in either order
    nothing : IN (1, 0) float64
    coef : IN (n_outputs, n_features) float32 or float64
    intercept : IN (n_outputs,)
    kind : int, MARGINS, PROBABILITIES or LABELS
    block_rows : int, rows a ticket
    state : IN/OUT the team's state, zero at the start
    out : OUT (n_samples, n_outputs), or 2 columns for PROBABILITIES of one margin; unused for
        LABELS
    labels : OUT (n_samples,) int32, used for LABELS
    finite : OUT (n_tickets,) bool, whether all margins of a block are
    """
    n_outputs, d = coef.shape
    width = strip_width(nothing)
    n_columns = (d + width) // width * width
    shift = aligned_zeros(nothing, n_columns)
    rows = Rows(X, nothing, nothing[0], shift)
    pitch = 1 if n_outputs == 1 else pitch_of(nothing, n_outputs)
    W = aligned_zeros(nothing, n_columns * pitch)
    _packed_weights(coef, intercept, n_columns, pitch, W)
    height = _FEW if X.shape[0] <= _FEW else _HEIGHT
    panel = aligned_zeros(nothing, n_columns * (height + 2))
    z = aligned_zeros(nothing, height * pitch_of(nothing, n_outputs))
    columns = aligned_zeros(nothing, lanes(nothing) * (1 + pitch_of(nothing, n_outputs)))
    hold_weights(panel, height, n_columns, W, n_outputs)
    while True:
        ticket = take_ticket(state)
        start = ticket * block_rows
        if start >= X.shape[0]:
            return
        stop = min(start + block_rows, X.shape[0])
        finite[ticket] = _predict_rows(
            rows, W, kind, n_outputs, start, stop, height, (panel, z, columns), (out, labels)
        )
