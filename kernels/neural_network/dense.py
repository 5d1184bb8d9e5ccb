"""One dense layer on panels: z = aW + b forward, delta W^T and a^T delta backward.

Weights stay as the user holds them, (n_in, n_out) in C order: a tile needs single numbers
of W, which broadcast from anywhere, and whole vectors of samples, which a panel has side
by side.  So nothing is packed but the samples, and the transposed product of the
backward pass is the same loop with the two strides of W exchanged.
"""

from __future__ import annotations

from ..machine.jit import inner_kernel
from ..ops.flat import store_up_to
from ..ops.pack import rows_per_block
from ..ops.product import NARROW, add_products
from ..tile import (
    G,
    M,
    N,
    add_lane_sums,
    broadcast,
    fill,
    lane_sum,
    lanes,
    load,
    load_part,
    load_square,
    outer,
    store,
    store_part,
    transpose,
)

#: Features summed in one go: at most 16 KB of a panel and the weights of a tile stay in the
#: first-level cache while all outputs pass over them.
_FEATURES_AT_ONCE = 128
# Blocks of samples summed in one go by a weight gradient: their activations and deltas of a
# few features stay in the first-level cache.
_BLOCKS_AT_ONCE = 8
#: What products are added to.
NOTHING, BIASES, SUMS = range(3)
#: What the sums over lanes cost a weight gradient, as so many more blocks of samples would.
_LANE_SUMS = 6


@inner_kernel
def _products(panel, a, n, W, w, step, stride, start, b, c, z, n_out):
    """Write to n_out outputs at z the products of n inputs at a with weights.

    ``start`` says what they are added to: NOTHING, the biases from ``b[c]`` on, or SUMS that
    are at z already.
    """
    height = rows_per_block(panel)
    j = 0
    while j + N <= n_out:
        if start == BIASES:
            tile = broadcast(b, c + j, 1, M, N)
        elif start == SUMS:
            tile = load(panel, z + j * height, height, M, N)
        else:
            tile = fill(panel, 0.0, M, N)
        tile = add_products(tile, panel, a, height, n, W, w + j * stride, step, stride)
        store(panel, z + j * height, height, tile)
        j += N
    if j + NARROW <= n_out:
        if start == BIASES:
            narrow = broadcast(b, c + j, 1, M, NARROW)
        elif start == SUMS:
            narrow = load(panel, z + j * height, height, M, NARROW)
        else:
            narrow = fill(panel, 0.0, M, NARROW)
        narrow = add_products(narrow, panel, a, height, n, W, w + j * stride, step, stride)
        store(panel, z + j * height, height, narrow)
        j += NARROW
    while j < n_out:
        if start == BIASES:
            single = broadcast(b, c + j, 1, M, 1)
        elif start == SUMS:
            single = load(panel, z + j * height, height, M, 1)
        else:
            single = fill(panel, 0.0, M, 1)
        single = add_products(single, panel, a, height, n, W, w + j * stride, step, stride)
        store(panel, z + j * height, height, single)
        j += 1


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
    for p in range(0, n_in, _FEATURES_AT_ONCE):
        n = min(_FEATURES_AT_ONCE, n_in - p)
        start = BIASES if p == 0 else SUMS
        _products(panel, a + p * height, n, W, w + p * n_out, n_out, 1, start, b, c, z, n_out)


@inner_kernel
def delta_panel(W, w, n_in, n_out, panel, delta, previous):
    """Compute delta W^T for one panel of samples: the delta of the layer below, before σ'.

    Parameters
    ----------
    W : IN flat array, (n_in, n_out) from element w
    panel : IN at delta, (n_out, rows); OUT at previous, (n_in, rows)
    """
    height = rows_per_block(panel)
    for j in range(0, n_out, _FEATURES_AT_ONCE):
        n = min(_FEATURES_AT_ONCE, n_out - j)
        start = NOTHING if j == 0 else SUMS
        _products(panel, delta + j * height, n, W, w + j, 1, n_out, start, W, 0, previous, n_in)


@inner_kernel
def transpose_panel(panel, start, n, target):
    """Write the n rows of a panel at ``start`` as columns, padded to whole vectors, at ``target``.

    What pads them is whatever follows the panel.
    """
    height = rows_per_block(panel)
    step = lanes(panel)
    pitch = (n + step - 1) // step * step
    for j in range(0, n, step):
        for i in range(0, height, step):
            tile = transpose(load_square(panel, start + j * height + i, height))
            store(panel, target + i * pitch + j, pitch, tile)


def sums_by_output(n_in: int, n_out: int, n_blocks: int, lanes_: int) -> bool:
    """Return whether a weight gradient is better summed with outputs along the lanes.

    With samples along the lanes, as everywhere else, no lane is idle, but every entry ends in a
    sum over lanes; a few blocks of samples do not pay for that.
    """
    height = M * lanes_
    wide = -(-n_out // height) * height * (-(-n_in // N) * N) * n_blocks
    square = -(-n_out // G) * G * (-(-n_in // G) * G) * (n_blocks + _LANE_SUMS)
    return wide < square


@inner_kernel
def _gradient_by_output(
    panels, a, delta, first, last, size, p_start, p_stop, n_out, added, gradient, g
):
    """Sum a weight gradient over blocks [first, last), outputs along the lanes."""
    height = rows_per_block(panels)
    step = lanes(panels)
    pitch = (n_out + step - 1) // step * step
    for j in range(0, n_out, height):
        width = min(height, n_out - j)
        for p in range(p_start, p_stop, N):
            columns = min(N, p_stop - p)
            whole = columns == N and width == height
            at = g + p * n_out + j
            if not added:
                tile = fill(panels, 0.0, M, N)
            elif whole:
                tile = load(gradient, at, n_out, M, N)
            else:
                tile = load_part(gradient, at, n_out, M, N, width, columns)
            for block in range(first, last):
                left = block * size + delta + j
                right = block * size + a + p * height
                tile = add_products(tile, panels, left, pitch, height, panels, right, 1, height)
            if whole:
                store(gradient, at, n_out, tile)
            else:
                store_part(gradient, at, n_out, tile, width, columns)


@inner_kernel
def _gradient_by_sample(panels, a, delta, first, last, size, p_start, p_stop, n_out, gradient, g):
    """Add to a weight gradient the sum over blocks [first, last), samples along the lanes."""
    height = rows_per_block(panels)
    step = lanes(panels)
    for j in range(0, n_out, G):
        for p in range(p_start, p_stop, G):
            square = fill(panels, 0.0, G, G)
            for block in range(first, last):
                left = block * size + a + p * height
                right = block * size + delta + j * height
                for i in range(0, height, step):
                    square = outer(square, panels, left + i, right + i, height)
            at = g + p * n_out + j
            add_lane_sums(gradient, at, n_out, square, p_stop - p, n_out - j)


@inner_kernel
def weight_gradient(
    panels, a, delta, by_output, n_blocks, size, p_start, p_stop, n_out, added, gradient, g
):
    """Find a^T delta for features [p_start, p_stop).

    Samples are summed in row order, block by block: the bits depend on nothing else.

    Parameters
    ----------
    panels : IN (n_blocks * size,); block i holds activations at i * size + a, (n_in, rows), and
        deltas at i * size + delta: (n_out, rows), or what ``transpose_panel`` made of that if
        ``by_output``.  A tile may read past either, and leaves out what it finds there
    added : bool, whether it is added to what ``gradient`` holds
    gradient : IN/OUT flat array, (n_in, n_out) from element g
    """
    if not (added or by_output):
        stop = g + p_stop * n_out
        for i in range(g + p_start * n_out, stop, lanes(gradient)):
            store_up_to(gradient, i, stop - i, fill(gradient, 0.0, 1, 1))
    for first in range(0, n_blocks, _BLOCKS_AT_ONCE):
        last = min(first + _BLOCKS_AT_ONCE, n_blocks)
        if by_output:
            _gradient_by_output(
                panels, a, delta, first, last, size, p_start, p_stop, n_out, added or first > 0,
                gradient, g,
            )  # fmt: skip
        else:
            _gradient_by_sample(
                panels, a, delta, first, last, size, p_start, p_stop, n_out, gradient, g
            )


@inner_kernel
def bias_gradient(panels, delta, n_blocks, size, n_out, added, gradient, g):
    """Find the sum of the deltas over samples.

    Parameters
    ----------
    panels : IN (n_blocks * size,); block i holds deltas at i * size + delta, (n_out, rows)
    added : bool, whether it is added to what ``gradient`` holds
    gradient : IN/OUT flat array, (n_out,) from element g
    """
    height = rows_per_block(panels)
    step = lanes(panels)
    for j in range(n_out):
        total = fill(panels, 0.0, 1, 1)
        for block in range(n_blocks):
            for i in range(0, height, step):
                total = total + load(panels, block * size + delta + j * height + i, 0, 1, 1)
        if added:
            gradient[g + j] += lane_sum(total)
        else:
            gradient[g + j] = lane_sum(total)


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
