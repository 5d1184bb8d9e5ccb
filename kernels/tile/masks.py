"""Masks as values: made, asked, turned into bits, and used to choose.

A comparison of tiles (``a < b``) is a mask; ``& | ^ ~`` combine masks of one shape.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from .ir import I1, I64, call, compare, first_lanes, operand, pack, unpack
from .operation import (
    FLOATS,
    INDEX,
    LITERAL,
    MASK,
    OPERAND,
    TILE,
    TILE_OR_ARRAY,
    expect,
    expect_operand,
    operation,
)
from .type import (
    MaskType,
    TileType,
    element_type,
    integer_like,
    lanes_in_register,
    mask_of,
)


@operation(array=TILE_OR_ARRAY, count=INDEX, m=LITERAL)
def rows_below(array: Any, count: Any, m: int) -> Any:
    """Return the m x 1 mask of the first ``count`` rows, for lanes as wide as ``array``'s.

    None where ``count`` is 0 or less, all from m * lanes on.
    """
    mask = MaskType(lanes_in_register(array.dtype), m, 1)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # Kept where cutting it to 32 bits changes nothing.
        count = arguments[1]
        full = I64(m * mask.lanes)
        count = builder.select(builder.icmp_signed("<", count, full), count, full)
        count = builder.select(builder.icmp_signed(">", count, I64(0)), count, I64(0))
        vectors = [
            first_lanes(builder, builder.sub(count, I64(i * mask.lanes)), mask.lanes)
            for i in range(m)
        ]
        return pack(builder, mask, vectors)

    return mask, codegen


def _combined(builder: Any, mask: MaskType, value: Any, combine: str) -> Any:
    """Return all vectors of a mask in one, as an integer of a bit each."""
    first, *others = unpack(builder, mask, value)
    for vector in others:
        first = getattr(builder, combine)(first, vector)
    return builder.bitcast(first, ir.IntType(mask.lanes))


@operation(mask=MASK)
def any_lane(mask: MaskType) -> Any:
    """Return whether any lane of any vector of a mask is true."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = _combined(builder, mask, arguments[0], "or_")
        return builder.icmp_unsigned("!=", bits, bits.type(0))

    return types.boolean, codegen


@operation(mask=MASK)
def all_lanes(mask: MaskType) -> Any:
    """Return whether every lane of every vector of a mask is true."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = _combined(builder, mask, arguments[0], "and_")
        return builder.icmp_unsigned("==", bits, bits.type(2**mask.lanes - 1))

    return types.boolean, codegen


@operation(mask=MASK)
def count_lanes(mask: MaskType) -> Any:
    """Return the number of true lanes of a mask, as int64."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total = I64(0)
        for vector in unpack(builder, mask, arguments[0]):
            bits = builder.zext(builder.bitcast(vector, ir.IntType(mask.lanes)), I64)
            total = builder.add(total, call(builder, "llvm.ctpop.i64", I64, bits))
        return total

    return types.int64, codegen


@operation(mask=MASK)
def mask_bits(mask: MaskType) -> Any:
    """Return a mask of at most 63 lanes as an int64: bit ``(j * m + i) * lanes + lane``.

    To visit the true lanes in order::

        bits = mask_bits(scores > bound)
        while bits != 0:
            row = lowest_bit(bits)
            bits &= bits - 1
    """
    expect(mask.m * mask.n * mask.lanes < 64, f"mask: expected at most 63 lanes, got {mask}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total = I64(0)
        for number, vector in enumerate(unpack(builder, mask, arguments[0])):
            bits = builder.zext(builder.bitcast(vector, ir.IntType(mask.lanes)), I64)
            total = builder.or_(total, builder.shl(bits, I64(number * mask.lanes)))
        return total

    return types.int64, codegen


@operation(array=TILE_OR_ARRAY, bits=INDEX, m=LITERAL)
def mask_of_bits(array: Any, bits: Any, m: int) -> Any:
    """Return the m x 1 mask of the lowest bits of an int64, for lanes as wide as ``array``'s."""
    mask = MaskType(lanes_in_register(array.dtype), m, 1)
    expect(m * mask.lanes < 64, f"mask: expected at most 63 lanes, got {mask}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = []
        for i in range(m):
            bits = builder.lshr(arguments[1], I64(i * mask.lanes))
            bits = builder.trunc(bits, ir.IntType(mask.lanes))
            vectors.append(builder.bitcast(bits, mask.vector))
        return pack(builder, mask, vectors)

    return mask, codegen


@operation(bits=INDEX)
def lowest_bit(bits: Any) -> Any:
    """Return the number of the lowest bit that is set, 64 where none is."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], I1(0))

    return types.int64, codegen


@operation(mask=MASK, yes=OPERAND, no=OPERAND)
def select(mask: MaskType, yes: Any, no: Any) -> Any:
    """Return ``yes`` in the lanes of a mask, else ``no``; one of the two may be a number."""
    tile = yes if isinstance(yes, TileType) else no
    expect(isinstance(tile, TileType), f"yes or no: expected a tile, got {yes} and {no}")
    for name, kind in (("yes", yes), ("no", no)):
        expect_operand(tile, name, kind)
    expect(mask == mask_of(tile), f"mask: expected {mask_of(tile)}, got {mask}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        chosen = unpack(builder, mask, arguments[0])
        a = operand(context, builder, tile, yes, arguments[1])
        b = operand(context, builder, tile, no, arguments[2])
        vectors = [builder.select(*triple) for triple in zip(chosen, a, b, strict=True)]
        return pack(builder, tile, vectors)

    return tile, codegen


@operation(a=TILE, b=OPERAND, yes=OPERAND, no=OPERAND)
def select_less(a: TileType, b: Any, yes: Any, no: Any) -> Any:
    """Return ``yes`` where a < b, else ``no`` (also where either is NaN); numbers are repeated."""
    for name, kind in (("b", b), ("yes", yes), ("no", no)):
        expect_operand(a, name, kind)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, y, p, q = (
            operand(context, builder, a, kind, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        )
        vectors = [
            builder.select(compare(builder, "<", x[i], y[i]), p[i], q[i]) for i in range(a.m * a.n)
        ]
        return pack(builder, a, vectors)

    return a, codegen


@operation(a=FLOATS, yes=OPERAND, no=OPERAND)
def select_negative(a: TileType, yes: Any, no: Any) -> Any:
    """Return ``yes`` where a has a sign, be it zero or NaN, else ``no``; numbers are repeated."""
    for name, kind in (("yes", yes), ("no", no)):
        expect_operand(a, name, kind)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, p, q = (
            operand(context, builder, a, kind, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        )
        bits = ir.VectorType(element_type(integer_like(a.dtype)), a.lanes)
        zero = ir.Constant(bits, None)
        vectors = [
            builder.select(builder.icmp_signed("<", builder.bitcast(x[i], bits), zero), p[i], q[i])
            for i in range(a.m * a.n)
        ]
        return pack(builder, a, vectors)

    return a, codegen


@operation(a=FLOATS, b=OPERAND)
def any_not_greater(a: TileType, b: Any) -> Any:
    """Return whether in any lane a > b does not hold: a <= b, or either is NaN."""
    expect_operand(a, "b", b)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left = unpack(builder, a, arguments[0])
        right = operand(context, builder, a, signature.args[1], arguments[1])
        found = None
        for x, y in zip(left, right, strict=True):
            less = builder.fcmp_unordered("<=", x, y)
            found = less if found is None else builder.or_(found, less)
        mask = builder.bitcast(found, ir.IntType(a.lanes))
        return builder.icmp_unsigned("!=", mask, mask.type(0))

    return types.boolean, codegen
