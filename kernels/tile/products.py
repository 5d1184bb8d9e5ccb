"""Sums of products, of whole tiles: of a column with a row, over lanes, of differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from ..machine.host import host
from .ir import (
    I64,
    address,
    beyond,
    call,
    fused_multiply_add,
    load_vector,
    pack,
    shuffle,
    splat,
    suffix,
    unpack,
)
from .operation import (
    ARRAY,
    FLOATS,
    INDEX,
    STRIDE,
    expect_elements,
    expect_tile,
    operation,
)
from .type import TileType, element_type


def _apart(context: Any, builder: Any, tile: TileType, kind: Any, places: Any) -> Any:
    """Yield n numbers of an array, the j-th at ``start + j * stride``, each in every lane."""
    value, start, stride = places
    for j in range(tile.n):
        at = builder.add(start, builder.mul(stride, I64(j)))
        number = builder.load(address(context, builder, kind, value, at, I64(1)))
        if kind.dtype != tile.dtype:
            number = builder.fpext(number, element_type(tile.dtype))
        yield splat(builder, number, tile.lanes)


def _adjacent(context: Any, builder: Any, tile: TileType, kind: Any, places: Any) -> Any:
    """Yield n numbers that lie side by side, each in every lane: lanes of as few vectors as may be.

    For processors that multiply by one lane of a vector: a number on its own is a load there.
    """
    value, start = places
    pointer = address(context, builder, kind, value, start, I64(tile.n))
    j = 0
    while j < tile.n:
        width = min(tile.lanes, 1 << ((tile.n - j).bit_length() - 1))
        vector = ir.VectorType(element_type(kind.dtype), width)
        numbers = load_vector(
            builder, beyond(builder, pointer, j), vector, kind.dtype.bitwidth // 8
        )
        if kind.dtype != tile.dtype:
            numbers = builder.fpext(numbers, ir.VectorType(element_type(tile.dtype), width))
        for lane in range(width):
            yield shuffle(builder, numbers, numbers, [lane] * tile.lanes)
        j += width


def _with_row(name: str, build: Callable[[Any, Any, Any, Any], Any], doc: str) -> Any:
    """Make an operation on a tile, a column of vectors and a row of n numbers in memory."""

    def declare(tile: TileType, column: TileType, array: Any, offset: Any, adjacent: bool) -> Any:
        expect_tile("column", column, tile.dtype, tile.m, 1)
        widened = (tile.dtype, array.dtype) == (types.float64, types.float32)
        if not widened:
            expect_elements(tile, "array", array)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            accumulators = unpack(builder, tile, arguments[0])
            left = unpack(builder, column, arguments[1])
            value, start, stride = arguments[2:]
            kind = signature.args[2]
            if adjacent and host().by_element:
                row = _adjacent(context, builder, tile, kind, (value, start))
            else:
                places = (value, start, I64(1) if adjacent else stride)
                row = _apart(context, builder, tile, kind, places)
            result = []
            for j, number in enumerate(row):
                for i in range(tile.m):
                    result.append(build(builder, left[i], number, accumulators[j * tile.m + i]))
            return pack(builder, tile, result)

        return tile, codegen

    declare.__name__ = declare.__qualname__ = name
    declare.__doc__ = f"""{doc}

    The row's n numbers are ``array[offset + j * stride]``, column j's; ``column`` is m x 1.  An
    array of float32 beside a tile of float64 is taken as float64.
    """
    return operation(tile=FLOATS, column=FLOATS, array=ARRAY, offset=INDEX, stride=STRIDE)(declare)


def _add_squared_difference(builder: Any, a: Any, b: Any, c: Any) -> Any:
    difference = builder.fsub(a, b)
    return fused_multiply_add(builder, difference, difference, c)


def _add_difference(builder: Any, a: Any, b: Any, c: Any) -> Any:
    difference = builder.fsub(a, b)
    size = call(builder, f"llvm.fabs.{suffix(a.type)}", a.type, difference)
    return builder.fadd(c, size)


rank1 = _with_row("rank1", fused_multiply_add, "Return tile + column * row.")
squared_differences = _with_row(
    "squared_differences", _add_squared_difference, "Return tile + (column - row)**2."
)
absolute_differences = _with_row(
    "absolute_differences", _add_difference, "Return tile + abs(column - row)."
)


@operation(tile=FLOATS, panel=ARRAY, at=INDEX, pitch=INDEX, array=ARRAY, offset=INDEX, stride=INDEX)
def rank1_by_lanes(
    tile: TileType, panel: Any, at: Any, pitch: Any, array: Any, offset: Any, stride: Any
) -> Any:
    """Return tile after ``lanes`` of :func:`rank1`, one after the other.

    The i-th column is at ``at + i * pitch`` of ``panel``, the j-th number of the i-th row is
    ``array[offset + i + j * stride]``: one vector a column of the tile, whose lanes the rows are.
    """
    expect_elements(tile, "panel", panel)
    expect_elements(tile, "array", array)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held, columns, first, step, value, start, apart = arguments
        places = (value, start, apart)
        rows = _vectors(context, builder, tile, signature.args[4], places, tile.n)
        for i in range(tile.lanes):
            where = builder.add(first, builder.mul(step, I64(i)))
            column = (columns, where, I64(tile.lanes))
            left = _vectors(context, builder, tile, signature.args[1], column, tile.m)
            right = [shuffle(builder, row, row, [i] * tile.lanes) for row in rows]
            held = _add_outer(builder, tile, held, left, right)
        return held

    return tile, codegen


def _vectors(context: Any, builder: Any, tile: TileType, kind: Any, places: Any, n: int) -> Any:
    """Load n vectors, the i-th from element ``start + i * stride`` of an array."""
    value, start, stride = places
    vectors = []
    for i in range(n):
        at = builder.add(start, builder.mul(stride, I64(i)))
        pointer = address(context, builder, kind, value, at, I64(tile.lanes))
        vectors.append(load_vector(builder, pointer, tile.vector, tile.itemsize))
    return vectors


def _add_outer(builder: Any, tile: TileType, held: Any, a: list[Any], b: list[Any]) -> Any:
    accumulators = unpack(builder, tile, held)
    result = [
        fused_multiply_add(builder, a[i], b[j], accumulators[j * tile.m + i])
        for j in range(tile.n)
        for i in range(tile.m)
    ]
    return pack(builder, tile, result)


@operation(tile=FLOATS, array=ARRAY, left=INDEX, right=INDEX, stride=INDEX)
def outer(tile: TileType, array: Any, left: Any, right: Any, stride: Any) -> Any:
    """Return tile + the lane-wise outer product of m vectors with n vectors.

    Entry (i, j) gains the vector at ``left + i * stride`` times that at
    ``right + j * stride``; the sum over its lanes is one entry of a weight gradient.
    """
    expect_elements(tile, "array", array)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held, value, first, second, pitch = arguments
        kind = signature.args[1]
        a = _vectors(context, builder, tile, kind, (value, first, pitch), tile.m)
        b = _vectors(context, builder, tile, kind, (value, second, pitch), tile.n)
        return _add_outer(builder, tile, held, a, b)

    return tile, codegen


@operation(tile=FLOATS, array=ARRAY, left=INDEX, stride=INDEX, row=FLOATS)
def outer_with(tile: TileType, array: Any, left: Any, stride: Any, row: TileType) -> Any:
    """Return tile + the lane-wise outer product of m vectors in memory with n vectors, 1 x n.

    Entry (i, j) gains the vector at ``left + i * stride`` times that of column j of ``row``; the
    sum over its lanes is part of the product of two rows of a matrix.
    """
    expect_elements(tile, "array", array)
    expect_tile("row", row, tile.dtype, 1, tile.n)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held, value, first, pitch, vectors = arguments
        a = _vectors(context, builder, tile, signature.args[1], (value, first, pitch), tile.m)
        return _add_outer(builder, tile, held, a, unpack(builder, row, vectors))

    return tile, codegen


@operation(tile=FLOATS, array=ARRAY, offset=INDEX, stride=INDEX, vector=FLOATS)
def squared_gaps(tile: TileType, array: Any, offset: Any, stride: Any, vector: TileType) -> Any:
    """Return tile, 1 x n, + (row - vector)**2: row j is a vector at ``offset + j * stride``.

    A row is loaded, subtracted and added before the next one: were all loaded first, n of them
    and as many sums would not fit into 16 registers.
    """
    expect_elements(tile, "array", array)
    expect_tile("tile", tile, tile.dtype, 1, tile.n)
    expect_tile("vector", vector, tile.dtype, 1, 1)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held, value, start, pitch, other = arguments
        (subtracted,) = unpack(builder, vector, other)
        result = []
        for j, total in enumerate(unpack(builder, tile, held)):
            at = builder.add(start, builder.mul(pitch, I64(j)))
            (row,) = _vectors(context, builder, tile, signature.args[1], (value, at, pitch), 1)
            result.append(_add_squared_difference(builder, row, subtracted, total))
        return pack(builder, tile, result)

    return tile, codegen
