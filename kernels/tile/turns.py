"""Products of the lanes of one vector with each other, every pair once: no half of them twice.

The products of a vector's lanes with each other are a symmetric matrix.  Multiplying the vector by
each of its lanes finds all of it, almost half of it twice.  Multiplying it by itself, turned round
by 0, 1, ..., lanes / 2 places, finds every pair of lanes once, but for those half a turn apart.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from .ir import constant, fused_multiply_add, pack, shuffle, unpack
from .operation import FLOATS, TILE_OR_ARRAY, expect, expect_tile, operation
from .type import TileType, lanes_in_register


def _nothing(dtype: types.Type, n: int) -> Any:
    tile = TileType(dtype, 1, n)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zero = constant(tile.vector, 0.0)
        return ir.Constant(ir.ArrayType(tile.vector, n), [zero] * n)

    return tile, codegen


@operation(array=TILE_OR_ARRAY)
def no_turns(array: Any) -> Any:
    """Return the 1 x (lanes / 2 + 1) tile of zeros that :func:`add_turns` begins with."""
    return _nothing(array.dtype, lanes_in_register(array.dtype) // 2 + 1)


@operation(array=TILE_OR_ARRAY)
def no_half(array: Any) -> Any:
    """Return the 1 x (lanes / 2) tile of zeros."""
    return _nothing(array.dtype, lanes_in_register(array.dtype) // 2)


@operation(tile=FLOATS, column=FLOATS)
def add_turns(tile: TileType, column: TileType) -> Any:
    """Add to lane i of column k the product of a vector's lanes i and i + k, counted round."""
    expect_tile("column", column, tile.dtype, 1, 1)
    n_turns = tile.lanes // 2 + 1
    expect(tile.m == 1 and tile.n == n_turns, f"tile: expected {n_turns} columns, got {tile}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (vector,) = unpack(builder, column, arguments[1])
        result = []
        for k, sums in enumerate(unpack(builder, tile, arguments[0])):
            places = [(i + k) % tile.lanes for i in range(tile.lanes)]
            turned = shuffle(builder, vector, vector, places) if k else vector
            result.append(fused_multiply_add(builder, vector, turned, sums))
        return pack(builder, tile, result)

    return tile, codegen
