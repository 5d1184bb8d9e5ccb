"""Products of bytes: four to a 32-bit lane, added up exactly in integers.

Processors since about 2019 multiply and add four pairs of bytes a lane in one instruction, as fast
as they do one pair of float32.  Where the host has none the same sums are put together from wider
products: the same integers, slower.  This file and nothing else names a processor's instruction.
"""

from __future__ import annotations

from typing import Any

from numba.core import types

from ..machine.host import host
from .ir import I64, address, call, constant, pack, splat, unpack
from .operation import ARRAY, INDEX, INTEGERS, expect, expect_elements, expect_tile, operation
from .type import TileType


def _dot(builder: Any, total: Any, left: Any, right: Any) -> Any:
    """Return total + the sums of four products: bytes of ``left`` from 0, of ``right`` signed."""
    bits = 32 * total.type.count
    if host().byte_products:
        name = f"llvm.x86.avx512.vpdpbusd.{bits}"
        return call(builder, name, total.type, total, left, right)
    for byte in range(4):
        up, down = constant(total.type, 24 - 8 * byte), constant(total.type, 24)
        a = builder.lshr(builder.shl(left, up), down)
        b = builder.ashr(builder.shl(right, up), down)
        total = builder.add(total, builder.mul(a, b))
    return total


@operation(tile=INTEGERS, column=INTEGERS, array=ARRAY, offset=INDEX, stride=INDEX)
def add_byte_products(
    tile: TileType, column: TileType, array: Any, offset: Any, stride: Any
) -> Any:
    """Return tile + column * row, where a number is four bytes and a product the sum of theirs.

    A tile of int32; the bytes of ``column``, m x 1, are 0 to 255, those of the row -128 to 127.
    The row's n numbers are ``array[offset + j * stride]``, column j's.  Sums wrap.
    """
    expect(tile.dtype == types.int32, f"tile: expected int32, got {tile}")
    expect_tile("column", column, tile.dtype, tile.m, 1)
    expect_elements(tile, "array", array)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums = unpack(builder, tile, arguments[0])
        left = unpack(builder, column, arguments[1])
        result = []
        for j in range(tile.n):
            at = builder.add(arguments[3], builder.mul(arguments[4], I64(j)))
            kind, value = signature.args[2], arguments[2]
            number = builder.load(address(context, builder, kind, value, at, I64(1)))
            number = splat(builder, number, tile.lanes)
            for i in range(tile.m):
                result.append(_dot(builder, sums[j * tile.m + i], left[i], number))
        return pack(builder, tile, result)

    return tile, codegen
