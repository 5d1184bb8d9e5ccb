"""The register tile: the one idea under every kernel, and where LLVM IR stands.

A *tile* is a Numba value of m x n vectors held in registers: m vectors of lanes one
below the other, n columns side by side.  A vector has as many lanes as the host's
registers hold of the element type, so one source serves float32 and float64 and every
instruction set.  Throughout the library *samples lie along the lanes*: a tile of VECTORS
vectors is :func:`rows_per_block` samples high, and column j is one output unit, or one
centroid.  The whole inner loop of a dense layer is then ::

    for p in range(n_features):
        column = load(panel, p * rows, rows_per_vector, VECTORS, 1)
        tile = rank1(tile, column, W, p * n_out + j, 1)

Numba's own vectoriser cannot keep such a block in registers: the accumulators would
travel to memory and back at every step (Goto and van de Geijn, "Anatomy of
high-performance matrix multiplication", ACM TOMS 34(3), 2008, is why they must not).

Addresses are element offsets into an array that is contiguous from its first element.
With ``FASTML_CHECK_TILES=1`` every load and store is checked against the array's size and
raises IndexError, which Numba's own bounds checking cannot do for these operations.  Element
types and shapes are checked always, when a kernel is compiled: see :mod:`.operation`.

The generated code is plain LLVM vector IR with a few portable intrinsics (``fma``,
``sqrt``, ``fabs``, ``masked.load`` and ``store``); but for products of bytes nothing here names
an instruction.

This file only hands on the names of the others:

    shape       the sizes of the host's tiles
    type        the types of tiles and masks
    operation   how an operation is declared and its arguments checked
    ir          helpers of the generated code
    make        tiles out of numbers
    memory      loads and stores: whole, parts, by a mask, past the caches
    rows        rows of a matrix gathered and transposed
    arithmetic  operators, multiply-adds, functions of one or two tiles
    products    sums of products: of a column with a row, over lanes, of differences
    exponents   exponents taken off and put on
    bytes       products of bytes
    masks       truth values: any, all, count, bits, select
    convert     wider, narrower, integer and float; tables
    reductions  sums over lanes, the largest column with its runner-up
    turns       products of the lanes of a vector with each other
"""

from __future__ import annotations

from .arithmetic import (
    absolute,
    copy_sign,
    maximum,
    minimum,
    multiply_add,
    round_to_whole,
    square_root,
)
from .bytes import (
    add_byte_products,
)
from .convert import (
    add_as,
    as_floats,
    as_integers,
    gather,
    load_as,
    narrow,
    store_as,
    widen,
)
from .exponents import (
    scale_by_power_of_two,
    split_exponent,
)
from .make import (
    fill,
    fill_like,
    indices,
    is_single,
    lane_numbers,
    lanes,
    spread,
)
from .masks import (
    all_lanes,
    any_lane,
    any_not_greater,
    count_lanes,
    lowest_bit,
    mask_bits,
    mask_of_bits,
    rows_below,
    select,
    select_less,
    select_negative,
)
from .memory import (
    broadcast,
    load,
    load_expanded,
    load_first,
    load_part,
    load_square,
    load_where,
    prefetch,
    prefetch_far,
    store,
    store_first,
    store_indices,
    store_part,
    store_past_cache,
    store_where,
)
from .products import (
    absolute_differences,
    outer,
    outer_with,
    rank1,
    rank1_by_lanes,
    squared_differences,
    squared_gaps,
)
from .reductions import (
    add_lane_sums,
    column_maximum,
    column_minimum,
    column_sum,
    lane_maximum,
    lane_minimum,
    lane_sum,
    largest_column,
    take_column,
)
from .rows import (
    load_narrow_rows,
    load_rows,
    load_some_rows,
    load_whole_rows,
    transpose,
)
from .shape import (
    BY_ELEMENT,
    COLUMNS,
    IN_PASSES,
    OVERLAP,
    SIDE,
    VECTORS,
    lanes_of,
)
from .turns import (
    add_turns,
    no_half,
    no_turns,
)
from .type import (
    MaskType,
    TileType,
)

__all__ = [
    "BY_ELEMENT",
    "COLUMNS",
    "IN_PASSES",
    "OVERLAP",
    "SIDE",
    "VECTORS",
    "MaskType",
    "TileType",
    "absolute",
    "absolute_differences",
    "add_as",
    "add_byte_products",
    "add_lane_sums",
    "add_turns",
    "all_lanes",
    "any_lane",
    "any_not_greater",
    "as_floats",
    "as_integers",
    "broadcast",
    "column_maximum",
    "column_minimum",
    "column_sum",
    "copy_sign",
    "count_lanes",
    "fill",
    "fill_like",
    "gather",
    "indices",
    "is_single",
    "lane_maximum",
    "lane_minimum",
    "lane_numbers",
    "lane_sum",
    "lanes",
    "lanes_of",
    "largest_column",
    "load",
    "load_as",
    "load_expanded",
    "load_first",
    "load_narrow_rows",
    "load_part",
    "load_rows",
    "load_some_rows",
    "load_square",
    "load_where",
    "load_whole_rows",
    "lowest_bit",
    "mask_bits",
    "mask_of_bits",
    "maximum",
    "minimum",
    "multiply_add",
    "narrow",
    "no_half",
    "no_turns",
    "outer",
    "outer_with",
    "prefetch",
    "prefetch_far",
    "rank1",
    "rank1_by_lanes",
    "round_to_whole",
    "rows_below",
    "scale_by_power_of_two",
    "select",
    "select_less",
    "select_negative",
    "split_exponent",
    "spread",
    "square_root",
    "squared_differences",
    "squared_gaps",
    "store",
    "store_as",
    "store_first",
    "store_indices",
    "store_part",
    "store_past_cache",
    "store_where",
    "take_column",
    "transpose",
    "widen",
]
