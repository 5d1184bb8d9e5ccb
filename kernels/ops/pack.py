"""Packing: rows of samples into panels whose lanes are samples, and back.

A *panel* holds :func:`rows_per_block` samples feature by feature:
``panel[p * rows + i]`` is feature p of sample i.  Rows are gathered by number, so
shuffling or selecting samples never copies the data.
"""

from __future__ import annotations

from ..machine.host import host
from ..machine.jit import inlined_kernel, inner_kernel
from ..tile import (
    OVERLAP,
    VECTORS,
    fill,
    lanes,
    load_narrow_rows,
    load_rows,
    load_square,
    load_whole_rows,
    prefetch,
    store,
    transpose,
)

#: How far ahead of the panel at work the memory of consecutive rows is asked for, and the bytes of
#: a row above which the processor foresees what comes.
_BYTES_AHEAD, LONG_ROW = 4096, 512
#: That of a row of a panel: processors of 16 registers are older, and foresee less of the rows of
#: a panel side by side.
_LONG_PANEL_ROW = LONG_ROW if host().vector_registers > 16 else 8 * LONG_ROW
#: Features that are few: whole rows of two, four or eight are packed without being gathered.
FEW_FEATURES = 8


@inner_kernel
def rows_per_block(X):
    """Return the number of samples in a panel of X's element type."""
    return VECTORS * lanes(X)


@inner_kernel
def panel_size(X):
    """Return the number of elements of a panel of X, its features padded to whole vectors."""
    width = lanes(X)
    return (X.shape[1] + width - 1) // width * width * rows_per_block(X)


@inner_kernel
def pack_rows(X, rows, first, ahead, panel, panel_at):
    """Write a panel's samples, gathered by number; features past the last are zero.

    Parameters
    ----------
    X : IN (n_samples, n_features), any strides
    rows : IN int64, row numbers; those of this panel from element ``first``
    ahead : int, ask for the memory of rows so much farther on; 0 not to
    panel : OUT flat array, from element ``panel_at``
    """
    width = lanes(X)
    height = rows_per_block(X)
    n_features = X.shape[1]
    if X.strides[1] == X.itemsize and n_features <= 2 < width:
        for i in range(0, height, width):
            store(panel, panel_at + i, height, load_narrow_rows(X, rows, first + i, 2))
    elif X.strides[1] == X.itemsize and n_features <= 4 < width:
        for i in range(0, height, width):
            store(panel, panel_at + i, height, load_narrow_rows(X, rows, first + i, 4))
    elif X.strides[1] == X.itemsize and n_features <= 8 < width:
        for i in range(0, height, width):
            store(panel, panel_at + i, height, load_narrow_rows(X, rows, first + i, 8))
    elif X.strides[1] == X.itemsize:
        if OVERLAP:
            _clear_padding(n_features, panel, panel_at)
        for i in range(0, height, width):  # of long rows, a few at once: the processor follows them
            for p in range(0, n_features, width):
                if ahead > 0:
                    for j in range(width):
                        prefetch(X, rows[first + i + j] + ahead, p)
                column = p
                if OVERLAP and p + width > n_features >= width:
                    column = n_features - width
                store(
                    panel,
                    panel_at + column * height + i,
                    height,
                    transpose(load_rows(X, rows, first + i, column)),
                )
    else:
        for p in range(n_features):
            for i in range(height):
                panel[panel_at + p * height + i] = X[rows[first + i], p]
        padded = (n_features + width - 1) // width * width
        panel[panel_at + n_features * height : panel_at + padded * height] = 0


@inner_kernel
def _clear_padding(n_features, panel, panel_at):
    """Write the zeros that pad features to whole vectors."""
    height, width = rows_per_block(panel), lanes(panel)
    for p in range(n_features, (n_features + width - 1) // width * width):
        store(panel, panel_at + p * height, 0, fill(panel, 0.0, VECTORS, 1))


@inner_kernel
def consecutive_rows(first, last, rows):
    """Write first, first + 1, ... to ``rows``, repeating ``last`` once it is reached."""
    for i in range(rows.size):
        rows[i] = min(first + i, last)


@inner_kernel
def pack_panel(X, first, last, rows, panel, panel_at):
    """Write the samples of rows first, first + 1, ..., repeating ``last``, to a panel.

    Parameters
    ----------
    X : IN (n_samples, n_features), any strides
    rows : OUT (rows,) working memory
    panel : OUT flat array, from element ``panel_at``
    """
    n_features = X.shape[1]
    if n_features <= FEW_FEATURES:
        pack_few_features(X, first, last, rows, panel, panel_at)
        return
    ahead = 0
    if X.strides[0] == n_features * X.itemsize <= _LONG_PANEL_ROW:
        ahead = rows_per_block(X) * panels_ahead(X)
    consecutive_rows(first, last, rows)
    pack_rows(X, rows, 0, ahead, panel, panel_at)


@inlined_kernel
def pack_few_features(X, first, last, rows, panel, panel_at):
    """Do what :func:`pack_panel` does for up to FEW_FEATURES features."""
    height = rows_per_block(X)
    n_features = X.shape[1]
    width = lanes(X)
    prefetch_panel(X, first)
    narrow = n_features < width and (n_features == 2 or n_features == 4 or n_features == 8)
    dense = X.strides[1] == X.itemsize and X.strides[0] == n_features * X.itemsize
    if not (narrow and dense and first + height - 1 <= last):
        consecutive_rows(first, last, rows)
        pack_rows(X, rows, 0, 0, panel, panel_at)
        return
    # The rows of a panel are some whole vectors.
    for i in range(0, height, width):
        at = (first + i) * n_features
        if n_features == 2:
            store(panel, panel_at + i, height, load_whole_rows(X, at, 2))
        elif n_features == 4:
            store(panel, panel_at + i, height, load_whole_rows(X, at, 4))
        else:
            store(panel, panel_at + i, height, load_whole_rows(X, at, 8))


@inner_kernel
def panels_ahead(X):
    """Return how many panels ahead memory is asked for."""
    return max(1, _BYTES_AHEAD // (rows_per_block(X) * X.shape[1] * X.itemsize))


@inner_kernel
def prefetch_panel(X, first):
    """Ask for the memory of the panel that comes some panels after the one from row ``first``.

    All at once, for who does not ask line by line while it works, which is better.  For rows of
    half a cache line to four: of shorter ones there are so few lines that asking takes longer.
    """
    row_bytes = X.shape[1] * X.itemsize
    if X.strides[0] != row_bytes or row_bytes < 32 or row_bytes > 256:
        return
    height = rows_per_block(X)
    ahead = first + height * panels_ahead(X)
    for at in range(0, height * X.shape[1], 64 // X.itemsize):
        prefetch(X, ahead, at)


@inner_kernel
def prefetch_rows(X, rows, first, last):
    """Ask for the memory of the rows numbered in ``rows[first:last]``, unless they are long."""
    if X.strides[1] == X.itemsize and X.shape[1] * X.itemsize <= LONG_ROW:
        for i in range(first, last):
            for p in range(0, X.shape[1], 64 // X.itemsize):
                prefetch(X, rows[i], p)


@inner_kernel
def unpack_rows(panel, panel_at, n_features, out, first, count):
    """Write ``count`` samples of a panel to rows first, first + 1, ... of a matrix.

    Parameters
    ----------
    panel : IN flat array, (n_features, rows) from element ``panel_at``
    out : OUT flat array, (n_samples, n_features)
    """
    height = rows_per_block(panel)
    width = lanes(panel)
    for i in range(0, count, width):
        whole = n_features // width * width if i + width <= count else 0
        for p in range(0, whole, width):
            tile = transpose(load_square(panel, panel_at + p * height + i, height))
            store(out, (first + i) * n_features + p, n_features, tile)
        for p in range(whole, n_features):
            for row in range(i, min(i + width, count)):
                out[(first + row) * n_features + p] = panel[panel_at + p * height + row]


@inner_kernel
def transpose_panel(panel, panel_at, n_features, out_at):
    """Write a panel's features along the lanes elsewhere in its array, in strips.

    A strip holds up to VECTORS vectors of features of every row, one row after the other: as
    columns of one matrix, rows of a power of two of features would compete for a few sets of the
    first-level cache.  The last strip is padded to a whole vector with what follows the panel.

    Parameters
    ----------
    panel : IN from element ``panel_at``, (n_features, rows); OUT from ``out_at``, strips of
        (rows, :func:`strip_width`)
    """
    height = rows_per_block(panel)
    width = lanes(panel)
    for p in range(0, n_features, width):
        strip = p // height * height
        pitch = strip_width(panel, n_features - strip)
        at = out_at + strip * height + p - strip
        for i in range(0, height, width):
            tile = transpose(load_square(panel, panel_at + p * height + i, height))
            store(panel, at + i * pitch, pitch, tile)


@inner_kernel
def strip_width(panel, n_features):
    """Return how many features a strip holds of as many as are left: whole vectors."""
    width = lanes(panel)
    return min(VECTORS, (n_features + width - 1) // width) * width
