"""Making tiles out of numbers, and the facts about a register that kernels ask for."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from .ir import I1, I64, operand, pack, unpack
from .operation import (
    LITERAL,
    NUMBER,
    TILE,
    TILE_OR_ARRAY,
    expect,
    expect_operand,
    operation,
)
from .type import TileType, integer_like, lanes_in_register


@operation(array=TILE_OR_ARRAY)
def lanes(array: Any) -> Any:
    """Return the number of elements of ``array`` in a register: a constant to the compiler."""
    count = lanes_in_register(array.dtype)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return I64(count)

    return types.int64, codegen


@operation(tile=TILE_OR_ARRAY)
def is_single(tile: Any) -> Any:
    """Return whether a tile (or array) holds float32: a constant to the compiler."""
    single = tile.dtype == types.float32

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return I1(int(single))

    return types.boolean, codegen


def _repeat(tile: TileType, number: Any) -> Any:
    expect_operand(tile, "number", number)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return pack(builder, tile, operand(context, builder, tile, number, arguments[1]))

    return tile, codegen


@operation(array=TILE_OR_ARRAY, number=NUMBER, m=LITERAL, n=LITERAL)
def fill(array: Any, number: Any, m: int, n: int) -> Any:
    """Return the m x n tile of ``array``'s element type with every lane equal to ``number``."""
    return _repeat(TileType(array.dtype, m, n), number)


@operation(tile=TILE, number=NUMBER)
def fill_like(tile: TileType, number: Any) -> Any:
    """Return a tile of the shape and type of ``tile`` with every lane equal to ``number``."""
    return _repeat(tile, number)


@operation(column=TILE, n=LITERAL)
def spread(column: TileType, n: int) -> Any:
    """Return the m x n tile whose columns all are ``column``, m x 1."""
    expect(column.n == 1, f"column: expected one column, got {column}")
    tile = TileType(column.dtype, column.m, n)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return pack(builder, tile, unpack(builder, column, arguments[0]) * n)

    return tile, codegen


@operation(array=TILE_OR_ARRAY, number=NUMBER, m=LITERAL)
def indices(array: Any, number: Any, m: int) -> Any:
    """Return an m x 1 tile of integers as wide as ``array``'s elements, each ``number``."""
    return _repeat(TileType(integer_like(array.dtype), m, 1), number)


@operation(array=TILE_OR_ARRAY, m=LITERAL)
def lane_numbers(array: Any, m: int) -> Any:
    """Return the m x 1 tile of integers 0, 1, ..., m * lanes - 1, as wide as the elements."""
    tile = TileType(integer_like(array.dtype), m, 1)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count = tile.lanes
        rows = [list(range(i * count, (i + 1) * count)) for i in range(m)]
        return pack(builder, tile, [ir.Constant(tile.vector, row) for row in rows])

    return tile, codegen
