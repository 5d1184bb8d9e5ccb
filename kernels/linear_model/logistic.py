"""Loss, gradient and curvature of logistic models: one pass, rows read once.

A panel of rows stays in the cache while its margins, probabilities, losses and residuals are
computed and its gradient summed.  Loss and residual come from the margin itself, never from a
clipped probability: for two classes, with m the margin signed so that m < 0 is right, the loss is
softplus(m) and the residual sigmoid(m) with that sign.  Everything is float64.
"""

from __future__ import annotations

import numpy as np

from ..machine.jit import allocating_kernel, inner_kernel
from ..machine.team import take_ticket
from ..ops.elementwise import decaying_exponential, logarithm, sigmoid, softplus
from ..ops.gram import BLOCK_ROWS, COLUMNS, add_gram, pack_strips, strip_width
from ..ops.scratch import aligned_zeros
from ..ops.sums import add_block, take_total
from ..tile import (
    G,
    M,
    absolute,
    add_lane_sums,
    fill,
    lane_sum,
    lanes,
    load,
    maximum,
    outer,
    rank1,
    select_less,
    square_root,
    store,
)

#: Outputs of one tile of the gradient; outputs are padded to whole tiles of it and of margins.
OUTPUTS = 4


@inner_kernel
def padded_outputs(n_outputs):
    """Return the outputs with padding: a tile at any of them stays inside."""
    return n_outputs + OUTPUTS


@inner_kernel
def margins(panel, n_outputs, n_columns, height, at_weights, at_margins):
    """Write margins: output k of row r at ``at_margins + k * height + r``.

    Parameters
    ----------
    panel : IN/OUT strips of rows, weights in strips [strip][padded output][column], margins
    """
    width = strip_width(panel)
    step = lanes(panel)
    padded = padded_outputs(n_outputs)
    for i in range(n_outputs * height):
        panel[at_margins + i] = 0
    for r in range(0, height, G):
        for k in range(0, n_outputs, G):
            tile = fill(panel, 0.0, G, G)
            for start in range(0, n_columns, width):
                left = at_weights + start * padded + k * width
                right = start * height + r * width
                for v in range(0, width, step):
                    tile = outer(tile, panel, left + v, right + v, width)
            at = at_margins + k * height + r
            add_lane_sums(panel, at, height, tile, min(G, n_outputs - k), min(G, height - r))


@inner_kernel
def two_classes(panel, height, at_target, at_weight, at_margins, at_curvature):
    """Turn margins into residuals times weight, write roots of curvature; return the loss.

    Targets are 0 or 1.
    """
    total = fill(panel, 0.0, 1, 1)
    for r in range(0, height, lanes(panel)):
        sign = 1.0 - load(panel, at_target + r, 0, 1, 1) * 2.0
        weight = load(panel, at_weight + r, 0, 1, 1)
        m = load(panel, at_margins + r, 0, 1, 1) * sign
        total = total + weight * softplus(m)
        q = sigmoid(absolute(m) * -1.0)
        store(panel, at_curvature + r, 0, square_root(weight * (q - q * q)))
        store(panel, at_margins + r, 0, weight * sign * sigmoid(m))
    return lane_sum(total)


@inner_kernel
def many_classes(panel, n_outputs, height, at_target, at_weight, at_margins):
    """Turn margins into residuals (softmax - target) times weight; return the loss.

    Targets are the numbers of classes.
    """
    total = fill(panel, 0.0, 1, 1)
    for r in range(0, height, lanes(panel)):
        target = load(panel, at_target + r, 0, 1, 1)
        weight = load(panel, at_weight + r, 0, 1, 1)
        largest = load(panel, at_margins + r, 0, 1, 1)
        for k in range(1, n_outputs):
            largest = maximum(largest, load(panel, at_margins + k * height + r, 0, 1, 1))
        whole = fill(panel, 0.0, 1, 1)
        own = fill(panel, 0.0, 1, 1)
        for k in range(n_outputs):
            z = load(panel, at_margins + k * height + r, 0, 1, 1) - largest
            own = own + select_less(absolute(target - k), 0.5, z, 0.0)
            e = decaying_exponential(z)
            whole = whole + e
            store(panel, at_margins + k * height + r, 0, e)
        total = total + weight * (logarithm(whole) - own)
        for k in range(n_outputs):
            e = load(panel, at_margins + k * height + r, 0, 1, 1)
            is_own = select_less(absolute(target - k), 0.5, fill_one(panel), 0.0)
            store(panel, at_margins + k * height + r, 0, weight * (e / whole - is_own))
    return lane_sum(total)


@inner_kernel
def fill_one(panel):
    """Return a vector of ones."""
    return fill(panel, 1.0, 1, 1)


@inner_kernel
def add_gradient(panel, n_outputs, n_columns, height, at_residuals, held, sums):
    """Add residuals times rows to the sums, from element 1 on: output k at ``k * n_columns``.

    Parameters
    ----------
    held : OUT (strip_width * COLUMNS,) working memory
    sums : IN/OUT flat float64
    """
    width = strip_width(panel)
    for start in range(0, n_columns, width):
        strip = start * height
        if n_outputs == 1:  # four sums of a quarter of the rows each, to hide the latency
            quarter = height // 4
            a = fill(panel, 0.0, M, 1)
            b = fill(panel, 0.0, M, 1)
            c = fill(panel, 0.0, M, 1)
            d = fill(panel, 0.0, M, 1)
            for i in range(quarter):
                r = at_residuals + i
                p = strip + i * width
                move = quarter * width
                a = rank1(a, load(panel, p, 0, M, 1), panel, r, 1)
                b = rank1(b, load(panel, p + move, 0, M, 1), panel, r + quarter, 1)
                c = rank1(c, load(panel, p + 2 * move, 0, M, 1), panel, r + 2 * quarter, 1)
                d = rank1(d, load(panel, p + 3 * move, 0, M, 1), panel, r + 3 * quarter, 1)
            store(held, 0, width, (a + b) + (c + d))
            for i in range(width):
                sums[1 + start + i] += held[i]
        else:
            for k in range(0, n_outputs, OUTPUTS):
                tile = fill(panel, 0.0, M, OUTPUTS)
                at = at_residuals + k * height
                for r in range(height):
                    features = load(panel, strip + r * width, 0, M, 1)
                    tile = rank1(tile, features, panel, at + r, height)
                store(held, 0, width, tile)
                for j in range(min(OUTPUTS, n_outputs - k)):
                    for i in range(width):
                        sums[1 + (k + j) * n_columns + start + i] += held[j * width + i]


@allocating_kernel
def logistic(
    rows, target, weights, W, n_outputs, curvature, height, blocks_a_ticket, first_ticket,
    last_ticket, n_levels, state, partials,
):  # fmt: skip
    """Sum loss, gradient and curvature of aligned ranges of blocks, as a member of a team.

    Parameters
    ----------
    rows : IN Rows without targets and weights: columns are the features and a one
    target : IN (n_samples,) float64, 0 or 1, or the number of the class
    weights : IN (n_samples,) float64, or (0,) for weights of one
    W : IN flat float64, strips [strip][padded output][column]
    n_outputs : int, 1 for two classes, else the number of classes
    curvature : bool, whether to sum X' diag(weight p (1 - p)) X, of two classes
    height : int, rows of a panel, a multiple of 4 and of whole vectors
    blocks_a_ticket, first_ticket, last_ticket, n_levels, state : see ``ops.gram.gram``
    partials : OUT (n_tickets, 1 + n_outputs * n_columns + curvature * n_columns**2)
    """
    n_samples = rows.X.shape[0]
    n_columns = rows.shift.size
    width = strip_width(rows.shift)
    at_weights = n_columns * height + G * width
    at_margins = at_weights + n_columns * padded_outputs(n_outputs)
    at_target = at_margins + padded_outputs(n_outputs) * height
    at_weight = at_target + height
    at_curvature = at_weight + height
    piece = aligned_zeros(rows.X, width)
    panel = aligned_zeros(rows.shift, at_curvature + height)
    held = aligned_zeros(rows.shift, width * COLUMNS)
    sums = aligned_zeros(rows.shift, partials.shape[1])
    levels = np.empty((n_levels, sums.size))
    full = np.zeros(n_levels, np.bool_)
    for i in range(W.size):
        panel[at_weights + i] = W[i]
    while True:
        ticket = first_ticket + take_ticket(state)
        if ticket >= last_ticket:
            return
        for number in range(blocks_a_ticket):
            start = (ticket * blocks_a_ticket + number) * BLOCK_ROWS
            if start >= n_samples:
                break
            stop = min(start + BLOCK_ROWS, n_samples)
            for i in range(sums.size):
                sums[i] = 0
            for first in range(start, stop, height):
                count = min(height, stop - first)
                pack_strips(rows, first, count, height, piece, panel)
                for r in range(height):  # rows past the last weigh nothing
                    inside = r < count
                    panel[at_target + r] = target[first + r] if inside else 0.0
                    weight = 1.0 if inside else 0.0
                    if inside and weights.size > 0:
                        weight = weights[first + r]
                    panel[at_weight + r] = weight
                margins(panel, n_outputs, n_columns, height, at_weights, at_margins)
                if n_outputs == 1:
                    sums[0] += two_classes(
                        panel, height, at_target, at_weight, at_margins, at_curvature
                    )
                else:
                    sums[0] += many_classes(
                        panel, n_outputs, height, at_target, at_weight, at_margins
                    )
                add_gradient(panel, n_outputs, n_columns, height, at_margins, held, sums)
                if curvature:
                    for s in range(0, n_columns, width):
                        for r in range(count):
                            at = s * height + r * width
                            root = panel[at_curvature + r]
                            for i in range(width):
                                panel[at + i] *= root
                    add_gram(panel, count, height, n_columns, held, 1 + n_columns, sums)
            add_block(number, True, sums, levels, full)
        take_total(levels, full, partials[ticket])
