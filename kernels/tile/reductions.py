"""Over lanes and over columns: sums in a fixed order, the largest with its runner-up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from .ir import (
    I32,
    I64,
    add,
    address,
    beyond,
    choose,
    compare,
    constant,
    load_vector,
    pack,
    shuffle,
    splat,
    store_vector,
    unpack,
)
from .operation import (
    COUNT,
    FLOATS,
    INDEX,
    OUT,
    TILE,
    expect,
    expect_elements,
    expect_tile,
    operation,
)
from .type import TileType, integer_like

# --- over lanes -------------------------------------------------------------------------------


def _add_neighbours(builder: Any, a: Any, b: Any) -> Any:
    """Return a vector whose first half sums neighbours of ``a``, whose second those of ``b``."""
    count = a.type.count
    even = shuffle(builder, a, b, list(range(0, 2 * count, 2)))
    odd = shuffle(builder, a, b, list(range(1, 2 * count, 2)))
    return add(builder, even, odd)


def _lane_sums(builder: Any, vectors: list[Any]) -> list[Any]:
    """Return vectors whose lanes are the sums over the lanes of each given vector, in order.

    A tree that adds two vectors' neighbouring lanes into one leaves, after log2(lanes)
    levels, one sum in each lane; its order depends on nothing but the number of lanes.
    """
    lanes = vectors[0].type.count
    sums: list[Any] = []
    for start in range(0, len(vectors), lanes):
        group = vectors[start : start + lanes]
        width = lanes
        while width > 1:
            if len(group) % 2:
                group.append(group[-1])
            group = [
                _add_neighbours(builder, group[i], group[i + 1]) for i in range(0, len(group), 2)
            ]
            width //= 2
            if len(group) == 1 and width > 1:
                group.append(group[0])
        sums.append(group[0])
    return sums


def _elements(builder: Any, vectors: list[Any], start: int, count: int) -> Any:
    """Return some of the elements of vectors side by side, as one vector."""
    lanes = vectors[0].type.count
    picked = ir.Constant(ir.VectorType(vectors[0].type.element, count), ir.Undefined)
    for i in range(count):
        vector, lane = divmod(start + i, lanes)
        element = builder.extract_element(vectors[vector], I32(lane))
        picked = builder.insert_element(picked, element, I32(i))
    return picked


@operation(array=OUT, offset=INDEX, stride=INDEX, tile=TILE, rows=INDEX, columns=INDEX)
def add_lane_sums(
    array: Any, offset: Any, stride: Any, tile: TileType, rows: Any, columns: Any
) -> Any:
    """Add the sum over lanes of entry (i, j) to ``array[offset + i * stride + j]``.

    Of the first ``rows`` rows and ``columns`` columns; the other entries are left out.
    """
    expect_elements(tile, "array", array)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, pitch, held, rows, columns = arguments
        vectors = unpack(builder, tile, held)
        in_rows = [vectors[j * tile.m + i] for i in range(tile.m) for j in range(tile.n)]
        sums = _lane_sums(builder, in_rows)
        size = tile.itemsize
        whole = builder.icmp_signed(">=", columns, I64(tile.n))
        for i in range(tile.m):
            with builder.if_then(builder.icmp_signed("<", I64(i), rows)):
                row = _elements(builder, sums, i * tile.n, tile.n)
                at = builder.add(start, builder.mul(pitch, I64(i)))
                span = builder.select(whole, I64(tile.n), columns)
                pointer = address(context, builder, signature.args[0], value, at, span)
                with builder.if_else(whole) as (full, partial):
                    with full:
                        old = load_vector(builder, pointer, row.type, size)
                        store_vector(builder, add(builder, old, row), pointer, size)
                    with partial:
                        # One number at a time.  Rows of so few columns lie so close that a
                        # vector loaded here would cover what the previous row has just
                        # stored, and the processor would hold it until that is in the cache.
                        for j in range(tile.n - 1):
                            with builder.if_then(builder.icmp_signed("<", I64(j), columns)):
                                entry = beyond(builder, pointer, j)
                                number = builder.extract_element(row, I32(j))
                                builder.store(_add_number(builder, entry, number), entry)
        return context.get_dummy_value()

    return types.none, codegen


def _add_number(builder: Any, pointer: Any, number: Any) -> Any:
    old = builder.load(pointer)
    if isinstance(number.type, ir.IntType):
        return builder.add(old, number)
    return builder.fadd(old, number)


@operation(tile=TILE)
def lane_sum(tile: TileType) -> Any:
    """Return the sum over the lanes of an m x 1 tile, as a number: its vectors added up first."""
    expect(tile.n == 1, f"tile: expected one column, got {tile}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, *others = unpack(builder, tile, arguments[0])
        for vector in others:
            first = add(builder, first, vector)
        (sums,) = _lane_sums(builder, [first])
        return builder.extract_element(sums, I32(0))

    return tile.dtype, codegen


def _lane_choice(name: str, order: str, doc: str) -> Any:
    def declare(tile: TileType) -> Any:
        expect(tile.n == 1, f"tile: expected one column, got {tile}")

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            first, *others = unpack(builder, tile, arguments[0])
            for vector in others:
                first = choose(builder, order, first, vector)
            width = tile.lanes
            while width > 1:
                width //= 2
                half = shuffle(builder, first, first, list(range(width, 2 * width)))
                rest = shuffle(builder, first, first, list(range(width)))
                first = choose(builder, order, rest, half)
            return builder.extract_element(first, I32(0))

        return tile.dtype, codegen

    declare.__name__ = declare.__qualname__ = name
    declare.__doc__ = doc
    return operation(tile=TILE)(declare)


lane_minimum = _lane_choice(
    "lane_minimum", "<", "Return the smallest number of an m x 1 tile; undefined with NaN."
)
lane_maximum = _lane_choice(
    "lane_maximum", ">", "Return the largest number of an m x 1 tile; undefined with NaN."
)


# --- over columns -------------------------------------------------------------------------------


def _over_columns(name: str, combine: Callable[[Any, Any, Any], Any], doc: str) -> Any:
    def declare(tile: TileType) -> Any:
        result = TileType(tile.dtype, tile.m, 1)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vectors = unpack(builder, tile, arguments[0])
            # Neighbouring columns first: a short chain of dependent instructions.
            columns = [vectors[j * tile.m : (j + 1) * tile.m] for j in range(tile.n)]
            while len(columns) > 1:
                pairs = zip(columns[::2], columns[1::2], strict=False)
                combined = [
                    [combine(builder, x, y) for x, y in zip(a, b, strict=True)] for a, b in pairs
                ]
                columns = combined + columns[len(columns) - len(columns) % 2 :]
            return pack(builder, result, columns[0])

        return result, codegen

    declare.__name__ = declare.__qualname__ = name
    declare.__doc__ = doc
    return operation(tile=TILE)(declare)


column_sum = _over_columns(
    "column_sum",
    add,
    "Return the m x 1 sum of a tile's columns: neighbours first, then theirs.",
)
column_minimum = _over_columns(
    "column_minimum",
    lambda builder, a, b: choose(builder, "<", a, b),
    "Return the m x 1 smallest over a tile's columns; undefined in lanes with NaN.",
)
column_maximum = _over_columns(
    "column_maximum",
    lambda builder, a, b: choose(builder, ">", a, b),
    "Return the m x 1 largest over a tile's columns; undefined in lanes with NaN.",
)


@operation(tile=TILE, column=COUNT)
def take_column(tile: TileType, column: int) -> Any:
    """Return one column of a tile, m x 1; its number is a constant."""
    expect(column < tile.n, f"column: expected a number below {tile.n}, got {column}")
    result = TileType(tile.dtype, tile.m, 1)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = unpack(builder, tile, arguments[0])
        return pack(builder, result, vectors[column * tile.m : (column + 1) * tile.m])

    return result, codegen


@operation(tile=FLOATS, first=INDEX, best=FLOATS, index=TILE, second=FLOATS)
def largest_column(
    tile: TileType, first: Any, best: TileType, index: TileType, second: TileType
) -> Any:
    """Update the largest value of each lane, its column and the second largest with a tile.

    ``first`` is the number of the tile's first column.  On ties the lower column stays.
    Returns (best, index, second).
    """
    for name, kind in (("best", best), ("second", second)):
        expect_tile(name, kind, tile.dtype, tile.m, 1)
    expect_tile("index", index, integer_like(tile.dtype), tile.m, 1)
    result = types.Tuple((best, index, second))

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        columns = unpack(builder, tile, arguments[0])
        bests = unpack(builder, best, arguments[2])
        chosen = unpack(builder, index, arguments[3])
        seconds = unpack(builder, second, arguments[4])
        start = arguments[1]
        if index.dtype.bitwidth < 64:
            start = builder.trunc(start, ir.IntType(index.dtype.bitwidth))
        start = splat(builder, start, tile.lanes)
        for i in range(tile.m):
            before = bests[i]
            local = constant(index.vector, 0)
            for j in range(tile.n):
                score = columns[j * tile.m + i]
                better = compare(builder, ">", score, bests[i])
                lower = choose(builder, "<", score, bests[i])
                seconds[i] = choose(builder, ">", lower, seconds[i])
                bests[i] = builder.select(better, score, bests[i])
                local = builder.select(better, constant(index.vector, j), local)
            improved = compare(builder, ">", bests[i], before)
            chosen[i] = builder.select(improved, builder.add(local, start), chosen[i])
        packed = [
            pack(builder, kind, vectors)
            for kind, vectors in ((best, bests), (index, chosen), (second, seconds))
        ]
        return context.make_tuple(builder, result, packed)

    return result, codegen
