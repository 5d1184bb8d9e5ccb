"""Layers on rows as they lie: outputs along the lanes, nothing packed.

The numbers of some rows broadcast, and whole vectors of W are what they are multiplied by.  Of a
few rows no lane is idle then but for the last outputs; and a wide first layer reads its samples
while it multiplies.  Every output is the same sum in the same order as in a panel
(:func:`.dense.dense_panel`): the same bits, so the choice is free.

A layer's last vector overlaps the one before, so nothing is read past an array.  Of fewer outputs
than a vector has lanes, the other lanes are masked.
"""

from __future__ import annotations

from typing import Any

from ..machine.host import host
from ..machine.jit import inner_kernel
from ..ops.activation import activate
from ..ops.pack import rows_per_block
from ..tile import (
    COLUMNS,
    VECTORS,
    fill,
    lane_sum,
    lanes,
    load,
    load_first,
    load_part,
    load_square,
    multiply_add,
    prefetch_far,
    rank1,
    store,
    transpose,
)
from .bundles import layer_of

#: Vectors of outputs a tile of one row is wide: as many sums as hide a multiply-add's latency.
_WIDE = 4
#: Rows of a tile of VECTORS vectors of outputs, of one of a single vector, and the fewest rows of
#: either.  With 16 registers a panel's rows are sixes and a four, and of a single vector eight rows
#: hide a multiply-add's latency; with more all are the same.
_ROWS, _STRIP_ROWS, _FEWEST = (6, 8, 4) if COLUMNS == 6 else (COLUMNS, COLUMNS, COLUMNS)
#: What an element costs that is packed, or moved into a panel, in multiply-adds of a vector; a row
#: alone, of which every multiply-add waits for its weights; and a multiply-add of a single vector
#: of outputs, which shares a row's number with no other.
_PACKED, _MOVED, _ALONE, _SINGLE = 1.3, 1.0, 2.0, 1.3
#: What all of them cost of so many vectors of outputs, and of more: weights of a block are far
#: apart then, in more lines than the first-level cache keeps for the next rows.
_FEW_VECTORS, _CLOSE, _APART = 5, 1.1, 1.35
#: Whether there are masks for loads: where not, each lane is asked for.
_MASKS = host().vector_bytes > 16


def _products_of(vectors: int, n_rows: int) -> Any:
    """Make the function that finds ``vectors`` vectors of outputs of ``n_rows`` rows."""

    @inner_kernel
    def find_outputs(rows, first, layer, parameters, j, out, out_at):
        n_in, n_out = layer.n_in, layer.n_out
        weights = layer.weights + j
        tile = load(parameters, layer.biases + j, 0, vectors, n_rows)
        for p in range(n_in):
            column = load(parameters, weights + p * n_out, 0, vectors, 1)
            tile = rank1(tile, column, rows, first + p, n_in)
        store(out, out_at + j, n_out, tile)

    return find_outputs


def _few_outputs_of(n_rows: int) -> Any:
    """Make the function that finds fewer outputs than a vector has lanes, of ``n_rows`` rows."""

    @inner_kernel
    def find_outputs(rows, first, layer, parameters, out, out_at):
        n_in, n_out = layer.n_in, layer.n_out
        tile = load_part(parameters, layer.biases, 0, 1, n_rows, n_out, n_rows)
        for p in range(n_in):
            column = load_first(parameters, layer.weights + p * n_out, n_out)
            tile = rank1(tile, column, rows, first + p, n_in)
        store(out, out_at, lanes(out), tile)

    return find_outputs


def _blocks_of(n_rows: int) -> Any:
    """Make the function that finds all blocks of VECTORS vectors of outputs of some rows.

    Of more outputs left than a vector, the last block overlaps the one before: two single vectors,
    whose rows' numbers are loaded for half as many products, would take longer.

    It asks for as many rows that are needed ``ahead`` elements later, a share before each whole
    block: what has to come from main memory is too far apart for the processor to foresee.
    """
    block = _products_of(VECTORS, n_rows)

    @inner_kernel
    def find_blocks(rows, first, ahead, layer, parameters, out, out_at):
        size = VECTORS * lanes(out)
        share = n_rows * layer.n_in // max(1, layer.n_out // size) + 1
        soon = first + ahead
        for j in range(0, layer.n_out - size + 1, size):
            if ahead > 0:
                for at in range(soon, soon + share, 64 // rows.itemsize):
                    prefetch_far(rows, at)
                soon += share
            block(rows, first, layer, parameters, j, out, out_at)
        if layer.n_out > size and layer.n_out % size > lanes(out):
            block(rows, first, layer, parameters, layer.n_out - size, out, out_at)

    return find_blocks


def _rest_of(n_rows: int) -> Any:
    """Make the function that finds the outputs behind the whole blocks of some rows."""
    strip, few = _products_of(1, n_rows), _few_outputs_of(n_rows)

    @inner_kernel
    def find_rest(rows, first, layer, parameters, out, out_at):
        n_out, width = layer.n_out, lanes(out)
        if n_out < width:
            few(rows, first, layer, parameters, out, out_at)
            return
        done = n_out // (VECTORS * width) * VECTORS * width
        if done > 0 and n_out - done > width:
            return
        for j in range(done, n_out, width):
            strip(rows, first, layer, parameters, min(j, n_out - width), out, out_at)

    return find_rest


_blocks, _rest = _blocks_of(_ROWS), _rest_of(_STRIP_ROWS)
_few_blocks = _blocks if _FEWEST == _ROWS else _blocks_of(_FEWEST)
_few_rest = _rest if _FEWEST == _STRIP_ROWS else _rest_of(_FEWEST)
_row, _piece, _few_of_one = _products_of(_WIDE, 1), _products_of(1, 1), _few_outputs_of(1)


@inner_kernel
def _multiply_one(rows, first, layer, parameters, out, out_at):
    """Find z of one row."""
    n_out, width = layer.n_out, lanes(out)
    if n_out < width:
        _few_of_one(rows, first, layer, parameters, out, out_at)
        return
    j = 0
    while j + _WIDE * width <= n_out:
        _row(rows, first, layer, parameters, j, out, out_at)
        j += _WIDE * width
    while j < n_out:
        _piece(rows, first, layer, parameters, min(j, n_out - width), out, out_at)
        j += width


@inner_kernel
def pitch_of(n_out, like):
    """Return how far apart the outputs of rows begin: at least a vector."""
    return max(n_out, lanes(like))


@inner_kernel
def multiply_rows(rows, first, count, ahead, layer, parameters, out, out_at):
    """Compute z = aW + b of some rows.

    Parameters
    ----------
    rows : IN flat, (count, n_in) from element ``first``
    ahead : int, how many elements behind them the rows are that are needed next; 0 for none
    layer : Layer
    parameters : IN flat
    out : OUT flat, (count, :func:`pitch_of` n_out) from element ``out_at``
    """
    n_in, pitch = layer.n_in, pitch_of(layer.n_out, out)
    if count < _FEWEST:
        for i in range(count):
            _multiply_one(rows, first + i * n_in, layer, parameters, out, out_at + i * pitch)
        return
    at = 0
    while at < count:  # the last rows again, rather than fewer at a time
        left = count - at
        if count >= _ROWS and left > _FEWEST and not _ROWS < left <= 2 * _FEWEST:
            i = min(at, count - _ROWS)
            _blocks(rows, first + i * n_in, ahead, layer, parameters, out, out_at + i * pitch)
            at += _ROWS
        else:
            i = min(at, count - _FEWEST)
            _few_blocks(rows, first + i * n_in, ahead, layer, parameters, out, out_at + i * pitch)
            at += _FEWEST
    at = 0
    while at < count:
        if count >= _STRIP_ROWS:
            i = min(at, count - _STRIP_ROWS)
            _rest(rows, first + i * n_in, layer, parameters, out, out_at + i * pitch)
            at += _STRIP_ROWS
        else:
            i = min(at, count - _FEWEST)
            _few_rest(rows, first + i * n_in, layer, parameters, out, out_at + i * pitch)
            at += _FEWEST


@inner_kernel
def _vectors_of(n_out, width):
    """Return how long some outputs take, in vectors of a block."""
    size = VECTORS * width
    left = n_out % size
    singles = 0 if left == 0 or (n_out > size and left > width) else (left + width - 1) // width
    vectors = (n_out // size + (left > 0 and singles == 0)) * VECTORS + _SINGLE * singles
    return vectors * (_CLOSE if n_out <= _FEW_VECTORS * width else _APART)


@inner_kernel
def layers_by_row(network, count, like):
    """Return how many layers, from the first, had better take ``count`` rows as they lie.

    By the vectors that are multiplied, and what is packed or moved.
    """
    width, height = lanes(like), rows_per_block(like)
    at_once = (count + _FEWEST - 1) // _FEWEST * _FEWEST
    n_rows = count * _ALONE if count < _FEWEST else at_once * 1.0
    n_layers = network.layers.shape[0]
    rest = 0.0
    for i in range(n_layers):
        layer = layer_of(network, i)
        rest += VECTORS * layer.n_in * layer.n_out
    least = rest + _PACKED * height * network.layers[0, 0]
    found, done = 0, 0.0
    for i in range(n_layers):
        layer = layer_of(network, i)
        if layer.n_out < width and not _MASKS:
            break
        rest -= VECTORS * layer.n_in * layer.n_out
        done += n_rows * layer.n_in * _vectors_of(layer.n_out, width)
        cost = done + _MOVED * height * layer.n_out + rest
        if cost < least:
            least, found = cost, i + 1
        if layer.n_out < width:  # its rows are apart, which no layer above expects
            break
    return found


@inner_kernel
def carry_rows(X, row, count, n_layers, network, panels, aside):
    """Carry rows through some layers to the z of the last of them, in its panel.

    Returns whether the rows are finite: z is not where a row is not; it may be too large, too.

    Parameters
    ----------
    X : IN flat, rows of the first layer's inputs, from row ``row``
    count : int, at most a panel's rows; its other lanes hold whatever was there
    n_layers : int, at least 1
    panels : OUT flat, the workspace of a block from element 0; its panels of the layers before
        hold rows
    aside : int, the element where there is room for a panel of the widest layer, at least of a
        vector's lanes; such a panel behind the layers' may be written, too
    """
    height = rows_per_block(panels)
    finite = True
    for i in range(n_layers):
        layer = layer_of(network, i)
        last = i + 1 == n_layers
        at = aside if last else layer.output
        if i == 0:
            first, ahead = row * layer.n_in, height * layer.n_in
            multiply_rows(X, first, count, ahead, layer, network.parameters, panels, at)
            finite = _finite_rows(panels, at, pitch_of(layer.n_out, panels), count)
        else:
            below = layer_of(network, i - 1).output
            multiply_rows(panels, below, count, 0, layer, network.parameters, panels, at)
        if not last:
            size = (count * layer.n_out + height - 1) // height * height
            activate(layer.activation, panels, at, at + size)
    output = layer_of(network, n_layers - 1)
    _rows_to_panel(panels, aside, output.n_out, count, output.output)
    return finite


@inner_kernel
def _finite_rows(z, z_at, pitch, count):
    """Say whether the first outputs of some rows are finite."""
    total = fill(z, 0.0, 1, 1)
    for i in range(count):
        total = multiply_add(load(z, z_at + i * pitch, 0, 1, 1), 0.0, total)
    return lane_sum(total) == 0


@inner_kernel
def _rows_to_panel(panels, rows_at, n_features, count, panel_at):
    """Write ``count`` rows to a panel; of fewer features than a vector's, some more behind it."""
    height, width = rows_per_block(panels), lanes(panels)
    pitch = pitch_of(n_features, panels)
    for i in range(0, count, width):
        for j in range(0, n_features, width):
            p = min(j, pitch - width)
            tile = transpose(load_square(panels, rows_at + i * pitch + p, pitch))
            store(panels, panel_at + p * height + i, height, tile)
