"""One dense layer on panels: z = aW + b forward, delta W^T and a^T delta backward.

Weights stay as the user holds them, (n_in, n_out) in C order: a tile needs single numbers
of W, which broadcast from anywhere, and whole vectors of samples, which a panel has side
by side.  So nothing is packed but the samples, and the transposed product of the
backward pass is the same loop with the two strides of W exchanged.
"""

from __future__ import annotations

from ._jit import inner_kernel
from .pack import rows_per_block
from .tile import (
    G,
    M,
    N,
    add_lane_sums,
    broadcast,
    fill,
    lanes,
    load,
    load_square,
    outer,
    rank1,
    store,
    transpose,
)

# Samples summed in one go by a weight gradient: 8 panels of activations and deltas
# of a few features stay in the first-level cache.
_BLOCKS_AT_ONCE = 8


@inner_kernel
def multiply(tile, panel, start, n, weights, first, step, stride):
    """Return tile + the sum over p < n of panel row p times n numbers of ``weights``.

    Row p of the panel is at ``start + p * rows``; its numbers are
    ``weights[first + p * step + j * stride]``.
    """
    height = rows_per_block(panel)
    for p in range(n):
        column = load(panel, start + p * height, 0, M, 1)
        tile = rank1(tile, column, weights, first + p * step, stride)
    return tile


@inner_kernel
def dense_panel(W, w, b, c, n_in, n_out, panel, a, z):
    """Compute z = aW + b for one panel of samples.

    Parameters
    ----------
    W : IN flat array, (n_in, n_out) from element w
    b : IN flat array, (n_out,) from element c
    panel : IN at a, (n_in, rows); OUT at z, (n_out, rows)
    """
    height = rows_per_block(panel)
    j = 0
    while j + N <= n_out:
        tile = broadcast(b, c + j, 1, M, N)
        tile = multiply(tile, panel, a, n_in, W, w + j, n_out, 1)
        store(panel, z + j * height, height, tile)
        j += N
    while j < n_out:
        tile = broadcast(b, c + j, 1, M, 1)
        tile = multiply(tile, panel, a, n_in, W, w + j, n_out, 1)
        store(panel, z + j * height, height, tile)
        j += 1


@inner_kernel
def delta_panel(W, w, n_in, n_out, panel, delta, previous):
    """Compute delta W^T for one panel of samples: the delta of the layer below, before σ'.

    Parameters
    ----------
    W : IN flat array, (n_in, n_out) from element w
    panel : IN at delta, (n_out, rows); OUT at previous, (n_in, rows)
    """
    height = rows_per_block(panel)
    p = 0
    while p + N <= n_in:
        tile = fill(panel, 0.0, M, N)
        tile = multiply(tile, panel, delta, n_out, W, w + p * n_out, 1, n_out)
        store(panel, previous + p * height, height, tile)
        p += N
    while p < n_in:
        tile = fill(panel, 0.0, M, 1)
        tile = multiply(tile, panel, delta, n_out, W, w + p * n_out, 1, n_out)
        store(panel, previous + p * height, height, tile)
        p += 1


@inner_kernel
def _sum_over_samples(tile, panels, left, right, first, last, size):
    """Return tile + the outer products of rows of the panels [first, last), ``size`` apart."""
    height = rows_per_block(panels)
    step = lanes(panels)
    for block in range(first, last):
        at = block * size
        for i in range(0, height, step):
            tile = outer(tile, panels, at + left + i, at + right + i, height)
    return tile


@inner_kernel
def weight_gradient(panels, a, delta, n_blocks, size, p_start, p_stop, n_out, gradient, g):
    """Add a^T delta, for features [p_start, p_stop), to a gradient.

    Samples are summed in row order, block by block: the bits depend on nothing else.

    Parameters
    ----------
    panels : IN (n_blocks * size,); block i holds activations at i * size + a, (n_in, rows),
        and deltas at i * size + delta, (n_out, rows)
    gradient : IN/OUT flat array, (n_in, n_out) from element g
    """
    height = rows_per_block(panels)
    for first in range(0, n_blocks, _BLOCKS_AT_ONCE):
        last = min(first + _BLOCKS_AT_ONCE, n_blocks)
        j = 0
        while j < n_out:
            wide_j = j + G <= n_out
            right = delta + j * height
            p = p_start
            while p < p_stop:
                wide_p = p + G <= p_stop
                left = a + p * height
                at = g + p * n_out + j
                if wide_p and wide_j:
                    square = fill(panels, 0.0, G, G)
                    square = _sum_over_samples(square, panels, left, right, first, last, size)
                    add_lane_sums(gradient, at, n_out, square)
                elif wide_p:
                    tall = fill(panels, 0.0, G, 1)
                    tall = _sum_over_samples(tall, panels, left, right, first, last, size)
                    add_lane_sums(gradient, at, n_out, tall)
                elif wide_j:
                    flat = fill(panels, 0.0, 1, G)
                    flat = _sum_over_samples(flat, panels, left, right, first, last, size)
                    add_lane_sums(gradient, at, n_out, flat)
                else:
                    single = fill(panels, 0.0, 1, 1)
                    single = _sum_over_samples(single, panels, left, right, first, last, size)
                    add_lane_sums(gradient, at, n_out, single)
                p += G if wide_p else 1
            j += G if wide_j else 1


@inner_kernel
def bias_gradient(panels, delta, n_blocks, size, n_out, gradient, g):
    """Add the sum of the deltas over samples to ``gradient[g : g + n_out]``.

    Parameters
    ----------
    panels : IN (n_blocks * size,); block i holds deltas at i * size + delta, (n_out, rows)
    gradient : IN/OUT flat array
    """
    height = rows_per_block(panels)
    step = lanes(panels)
    for j in range(n_out):
        total = fill(panels, 0.0, 1, 1)
        for block in range(n_blocks):
            for i in range(0, height, step):
                total = total + load(panels, block * size + delta + j * height + i, 0, 1, 1)
        add_lane_sums(gradient, g + j, 0, total)


@inner_kernel
def unpack_rows(panel, start, n_features, out, first, count):
    """Write ``count`` samples of a panel to rows first, first + 1, ... of a matrix.

    Parameters
    ----------
    panel : IN flat array, (n_features, rows) from element start
    out : OUT flat array, (n_samples, n_features)
    """
    height = rows_per_block(panel)
    step = lanes(panel)
    for i in range(0, count, step):
        whole = n_features // step * step if i + step <= count else 0
        for p in range(0, whole, step):
            tile = transpose(load_square(panel, start + p * height + i, height))
            store(out, (first + i) * n_features + p, n_features, tile)
        for p in range(whole, n_features):
            for row in range(i, min(i + step, count)):
                out[(first + row) * n_features + p] = panel[start + p * height + row]
