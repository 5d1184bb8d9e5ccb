"""Loss, gradient and curvature of linear models: one pass, rows read once.

A panel of rows stays in the cache while its margins, losses and residuals are computed and its
gradient summed.  Loss and residual come from the margin itself, never from a clipped probability:
for two classes, with m the margin signed so that m < 0 is right, the loss is softplus(m) and the
residual sigmoid(m) with that sign.  Panels are float64, or float32 for the first steps of a fit;
sums over panels are float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..ops.elementwise import decaying_exponential, logarithm, sigmoid, softplus
from ..ops.gram import BLOCK_ROWS, GRAM_COLUMNS, add_gram
from ..ops.scratch import aligned_zeros
from ..ops.strips import pack_strips, strip_width
from ..ops.sums import add_block, take_total
from ..tile import (
    VECTORS,
    absolute,
    fill,
    fill_like,
    lane_sum,
    lanes,
    load,
    maximum,
    select_less,
    square_root,
    store,
)
from .direct import add_direct_sums, direct_margins, lies_ready
from .margins import add_row_sums, hold_weights, margins, outputs_in_rows, panel_rows, pitch_of

#: How margins become residuals and losses: by the logistic function of two classes, by softmax of
#: many, or not at all.  For the last, targets are further columns of the rows, with the weight -1,
#: so that margins are residuals already; the loss is half their squares.
TWO_CLASSES, MANY_CLASSES, RESIDUALS = range(3)
#: Rows of a reduction block where few numbers are summed, so that two threads share some thousand
#: rows evenly.
_SHORT_BLOCK = 1024
#: How many numbers say what the curvature along the coefficients is.
ALONG = 3


@inner_kernel
def _two_classes(z, r, target, weight, residuals, roots):
    """Write residuals times weight of a vector of rows, and roots of curvature.

    Returns
    -------
    losses, wrong : tiles, the losses, and the probabilities of the other class
    """
    sign = 1.0 - load(target, r, 0, 1, 1) * 2.0
    w = load(weight, r, 0, 1, 1)
    m = load(z, r, 0, 1, 1) * sign
    wrong = sigmoid(m)
    store(residuals, r, 0, w * sign * wrong)
    if roots.size > 0:
        q = sigmoid(absolute(m) * -1.0)
        store(roots, r, 0, square_root(w * (q - q * q)))
    return w * softplus(m), wrong


@inner_kernel
def _add_along(z, r, weight, wrong, at, sums):
    """Add to sums what margins of a vector of rows say of the curvature along the coefficients."""
    w = load(weight, r, 0, 1, 1)
    slope = w * (wrong - wrong * wrong)
    margin = load(z, r, 0, 1, 1)
    sums[at] += lane_sum(slope)
    sums[at + 1] += lane_sum(slope * margin)
    sums[at + 2] += lane_sum(slope * margin * margin)


@inner_kernel
def softmax(columns, n_outputs):
    """Replace margins by exponentials, less the largest; return (largest, their sum).

    Parameters
    ----------
    columns : IN/OUT flat, output k of a vector of rows at ``k * lanes``
    """
    step = lanes(columns)
    largest = load(columns, 0, 0, 1, 1)
    for k in range(1, n_outputs):
        largest = maximum(largest, load(columns, k * step, 0, 1, 1))
    whole = fill_like(largest, 0.0)
    for k in range(n_outputs):
        e = decaying_exponential(load(columns, k * step, 0, 1, 1) - largest)
        whole = whole + e
        store(columns, k * step, 0, e)
    return largest, whole


@inner_kernel
def _many_classes(columns, r, n_outputs, target, weight, height, residuals):
    """Write residuals (softmax - target) times weight of a vector of rows; return losses."""
    step = lanes(columns)
    w = load(weight, r, 0, 1, 1)
    own = fill_like(w, 0.0)
    number = load(target, r, 0, 1, 1)
    for k in range(n_outputs):
        z = load(columns, k * step, 0, 1, 1)
        own = own + select_less(absolute(number - k), 0.5, z, 0.0)
    largest, whole = softmax(columns, n_outputs)
    one = fill_like(w, 1.0)
    for k in range(n_outputs):
        p = load(columns, k * step, 0, 1, 1) / whole
        is_own = select_less(absolute(number - k), 0.5, one, 0.0)
        store(residuals, k * height + r, 0, w * (p - is_own))
    return w * (logarithm(whole) + (largest - own))


@inner_kernel
def _residuals(columns, r, n_outputs, weight, height, residuals):
    """Write margins of rows that count as residuals; return half their squares."""
    step = lanes(columns)
    w = load(weight, r, 0, 1, 1)
    total = fill_like(w, 0.0)
    for k in range(n_outputs):
        residual = select_less(w, 0.5, 0.0, load(columns, k * step, 0, 1, 1))
        total = total + residual * residual * 0.5
        store(residuals, k * height + r, 0, residual)
    return total


@inner_kernel
def _copy_targets(target, weights, first, count, held_target, held_weight):
    """Write targets and weights of a panel's rows; those past the last weigh nothing."""
    for r in range(held_weight.size):
        held_weight[r] = 1.0 if r < count else 0.0
        held_target[r] = 0.0
    if target.size > 0:
        for r in range(count):
            held_target[r] = target[first + r]
    if weights.size > 0:
        for r in range(count):
            held_weight[r] = weights[first + r]


@inner_kernel
def _scale_rows(panel, height, n_columns, roots):
    width = strip_width(panel)
    for start in range(0, n_columns, width):
        for r in range(height):
            at = start * (height + 1) + r * width
            store(panel, at, 0, load(panel, at, 0, VECTORS, 1) * roots[r])


class Work(NamedTuple):
    """What a pass computes, made by :meth:`of`.

    link : int, TWO_CLASSES, MANY_CLASSES or RESIDUALS
    n_outputs : int
    curvature : bool, whether to sum X' diag(weight p (1 - p)) X, of two classes
    along : bool, whether to sum :data:`ALONG` numbers more, of two classes: with the margin z and
        the slope s = p (1 - p), weight times s, s z and s z^2
    height : int, see ``margins.panel_rows``
    block_rows : int, rows of a reduction block, a divisor of BLOCK_ROWS and a multiple of heights:
        blocks of any pass, cut into these, are summed over the same tree
    """

    link: int
    n_outputs: int
    curvature: bool
    along: bool
    height: int
    block_rows: int

    @classmethod
    def of(
        cls, link: int, n_outputs: int, curvature: bool, along: bool, n_columns: int,
        panel_type: Any = np.float64,
    ) -> Work:  # fmt: skip
        """Choose the height by the width of the rows.

        Raises
        ------
        ValueError
            If there is no such pass.
        """
        if link not in (TWO_CLASSES, MANY_CLASSES, RESIDUALS) or n_outputs < 1:
            raise ValueError(f"no link {link} of {n_outputs} outputs.")
        if (link == TWO_CLASSES and n_outputs != 1) or (
            (curvature or along) and link != TWO_CLASSES
        ):
            raise ValueError("two classes have one output; the curvature is theirs alone.")
        alone = n_outputs == 1 and not curvature
        height = panel_rows(n_columns, panel_type, alone)
        block_rows = BLOCK_ROWS if curvature or link == RESIDUALS else _SHORT_BLOCK
        return cls(link, n_outputs, curvature, along, height, block_rows)


@allocating_kernel
def loss_gradient(rows, target, weights, W, work, tickets, state, partials):
    """Sum loss, gradient and curvature of aligned ranges of blocks, as a member of a team.

    Parameters
    ----------
    rows : IN Rows, of float64 panels, or float32 ones where classes are wanted roughly
    target : IN (n_samples,) int32 class numbers, or (0,) for RESIDUALS
    weights : IN (n_samples,) float64, or (0,) for weights of one
    W : IN flat, of the panels' type, see ``margins.weights_as_packed``
    work : IN Work
    tickets : IN Tickets
    state : IN/OUT the team's state, zero at the start
    partials : OUT (n_tickets, 1 + n_outputs * n_columns and, for the curvature, ``gram.squares``,
        then, if wanted, what margins say of it);
        nothing that means anything in the columns of targets
    """
    link, n_outputs, curvature, along, height, block_rows = work
    n_samples = rows.X.shape[0]
    n_columns = rows.shift.size
    panel = aligned_zeros(rows.shift, n_columns * (height + 2))
    z = aligned_zeros(rows.shift, height * pitch_of(panel, n_outputs))
    columns = aligned_zeros(rows.shift, lanes(panel) * pitch_of(panel, n_outputs))
    residuals = aligned_zeros(rows.shift, height * (n_outputs + GRAM_COLUMNS))
    held_target = aligned_zeros(rows.shift, height)
    held_weight = aligned_zeros(rows.shift, height)
    roots = aligned_zeros(rows.shift, height if curvature else 0)
    sums = np.zeros(partials.shape[1])
    levels = np.empty((tickets.n_levels, sums.size))
    full = np.zeros(tickets.n_levels, np.bool_)
    hold_weights(panel, height, n_columns, W, n_outputs)
    in_place = n_outputs == 1 and not curvature
    while True:
        ticket = tickets.first + take_ticket(state)
        if ticket >= tickets.last:
            return
        for number in range(tickets.blocks):
            start = (ticket * tickets.blocks + number) * block_rows
            if start >= n_samples:
                break
            stop = min(start + block_rows, n_samples)
            for i in range(sums.size):
                sums[i] = 0
            for first in range(start, stop, height):
                count = min(height, stop - first)
                ready = in_place and lies_ready(rows, first, count, height)
                _copy_targets(target, weights, first, count, held_target, held_weight)
                if ready:
                    if rows.Y.shape[1] == 1:
                        own = rows.shift[rows.X.shape[1]]
                        for r in range(height):
                            held_target[r] = rows.Y[first + r, 0] - own
                    weights_at = n_columns * (height + 1)
                    direct_margins(rows, first, height, held_target, panel, weights_at, z)
                else:
                    pack_strips(rows, first, count, height + 1, panel)
                    margins(panel, height, n_columns, W, n_outputs, z, rows.X, first + height)
                losses = fill(panel, 0.0, 1, 1)
                for r in range(0, height, lanes(panel)):
                    if link == TWO_CLASSES:
                        some, wrong = _two_classes(z, r, held_target, held_weight, residuals, roots)
                        losses = losses + some
                        if along:
                            _add_along(z, r, held_weight, wrong, sums.size - ALONG, sums)
                        continue
                    outputs_in_rows(z, r, n_outputs, columns)
                    if link == MANY_CLASSES:
                        losses = losses + _many_classes(
                            columns, r, n_outputs, held_target, held_weight, height, residuals
                        )
                    else:
                        losses = losses + _residuals(
                            columns, r, n_outputs, held_weight, height, residuals
                        )
                sums[0] += lane_sum(losses)
                if ready:
                    add_direct_sums(rows, first, height, residuals, 1, sums)
                else:
                    add_row_sums(panel, height, n_columns, residuals, n_outputs, 1, sums)
                if curvature:
                    _scale_rows(panel, height, n_columns, roots)
                    at = 1 + n_outputs * n_columns
                    after = first + count
                    add_gram(panel, count, height + 1, at, sums, rows, after, False, 0, 1)
            add_block(number, True, sums, levels, full)
        take_total(levels, full, partials[ticket])
