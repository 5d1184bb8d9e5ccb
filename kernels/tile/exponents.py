"""The exponents of floating-point numbers: taken off, put on."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from .ir import constant, pack, unpack
from .operation import FLOATS, expect_operand, operation
from .type import TileType, element_type, integer_like


def _layout(tile: TileType) -> tuple[Any, int, int]:
    """Return the vector of the bits, the number of bits of the mantissa, and the exponent of 1."""
    bits = ir.VectorType(element_type(integer_like(tile.dtype)), tile.lanes)
    return (bits, 23, 127) if tile.dtype.bitwidth == 32 else (bits, 52, 1023)


@operation(a=FLOATS, exponent=FLOATS)
def scale_by_power_of_two(a: TileType, exponent: TileType) -> Any:
    """Return a * 2**exponent; ``exponent`` holds whole numbers in the range of normal exponents."""
    expect_operand(a, "exponent", exponent)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits, mantissa, bias = _layout(a)
        # Adding 1.5 * 2**mantissa leaves a whole number in the low bits: no conversion
        # instruction is needed, and 64-bit ones are missing before AVX-512.
        magic = 1.5 * 2.0**mantissa
        result = []
        for x, power in zip(
            unpack(builder, a, arguments[0]), unpack(builder, a, arguments[1]), strict=True
        ):
            shifted = builder.fadd(power, constant(power.type, magic + bias))
            whole = builder.bitcast(shifted, bits)
            whole = builder.shl(whole, constant(bits, mantissa))
            result.append(builder.fmul(x, builder.bitcast(whole, power.type)))
        return pack(builder, a, result)

    return a, codegen


@operation(x=FLOATS)
def split_exponent(x: TileType) -> Any:
    """Return (m, n) with x = m 2**n, 1 <= m < 2 and n whole, for normal x > 0."""
    result = types.UniTuple(x, 2)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits, mantissa, bias = _layout(x)
        mantissas, exponents = [], []
        for vector in unpack(builder, x, arguments[0]):
            whole = builder.bitcast(vector, bits)
            fraction = builder.and_(whole, constant(bits, (1 << mantissa) - 1))
            one = builder.or_(fraction, constant(bits, bias << mantissa))
            mantissas.append(builder.bitcast(one, vector.type))
            # The exponent as the low bits of a number near 2**mantissa: exact, and no
            # conversion instruction, which 64-bit numbers lack before AVX-512.
            shifted = builder.lshr(whole, constant(bits, mantissa))
            shifted = builder.or_(shifted, constant(bits, (mantissa + bias) << mantissa))
            magic = constant(vector.type, 2.0**mantissa + bias)
            exponents.append(builder.fsub(builder.bitcast(shifted, vector.type), magic))
        packed = [pack(builder, x, vectors) for vectors in (mantissas, exponents)]
        return context.make_tuple(builder, result, packed)

    return result, codegen
