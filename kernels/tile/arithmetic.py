"""Arithmetic, lane by lane: operators, multiply-adds, sums of products.

``+ - *`` take two tiles of one type and shape, or a tile and a number; ``/`` floats only;
``& | ^ << >>`` integers, and ``& | ^ ~`` masks.  Whatever else is tried, a float tile with an
integer one or two shapes, is a typing error.  Integers wrap; ``>>`` keeps the sign.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import lower_builtin, type_callable

from ..machine.host import host
from .ir import (
    I64,
    address,
    beyond,
    call,
    choose,
    compare,
    constant,
    fused_multiply_add,
    load_vector,
    operand,
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
    OPERAND,
    STRIDE,
    TILE,
    expect,
    expect_elements,
    expect_operand,
    expect_tile,
    operation,
)
from .type import MaskType, TileType, element_type, mask_of

# --- operators --------------------------------------------------------------------------------

Build = Callable[[Any, Any, Any], Any]


def _result(function: Any, a: Any, b: Any, has: tuple[bool, ...], to_mask: bool) -> Any:
    """Return the type of a binary operation, None where no tile takes part, or refuse it."""
    floats, integers, masks = has
    kinds = [kind for kind in (a, b) if isinstance(kind, TileType | MaskType)]
    if not kinds:
        return None
    name = function.__name__
    first = kinds[0]
    if isinstance(first, MaskType):
        expect(masks and a == b, f"{name}: no operation of {a} and {b}")
        return first
    expect(floats if first.floating else integers, f"{name}: no operation of {first}")
    for kind in (a, b):
        expect_operand(first, name, kind)
    return mask_of(first) if to_mask else first


def _operator(
    function: Any,
    build_floats: Build | None = None,
    build_integers: Build | None = None,
    build_masks: Build | None = None,
    *,
    to_mask: bool = False,
) -> None:
    """Teach Numba an operator on two tiles or masks of one type, or on a tile and a number."""
    has = tuple(build is not None for build in (build_floats, build_integers, build_masks))

    @type_callable(function)
    def type_of(typing_context: Any) -> Any:
        def typer(a: Any, b: Any) -> Any:
            a, b = types.unliteral(a), types.unliteral(b)
            return _result(function, a, b, has, to_mask)

        return typer

    def lower(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        kind = next(kind for kind in sig.args if isinstance(kind, TileType | MaskType))
        if isinstance(kind, MaskType):
            build = build_masks
            a, b = (unpack(builder, kind, value) for value in arguments)
        else:
            build = build_floats if kind.floating else build_integers
            a, b = (
                operand(context, builder, kind, given, value)
                for given, value in zip(sig.args, arguments, strict=True)
            )
        assert build is not None
        vectors = [build(builder, x, y) for x, y in zip(a, b, strict=True)]
        return pack(builder, sig.return_type, vectors)

    lower_builtin(function, TileType, TileType)(lower)
    lower_builtin(function, TileType, types.Number)(lower)
    lower_builtin(function, types.Number, TileType)(lower)
    lower_builtin(function, MaskType, MaskType)(lower)


def _instruction(name: str) -> Build:
    return lambda builder, a, b: getattr(builder, name)(a, b)


_operator(operator.add, _instruction("fadd"), _instruction("add"))
_operator(operator.sub, _instruction("fsub"), _instruction("sub"))
_operator(operator.mul, _instruction("fmul"), _instruction("mul"))
_operator(operator.truediv, _instruction("fdiv"))
_operator(operator.lshift, None, _instruction("shl"))
_operator(operator.rshift, None, _instruction("ashr"))
for _function, _name in ((operator.and_, "and_"), (operator.or_, "or_"), (operator.xor, "xor")):
    _operator(_function, None, _instruction(_name), _instruction(_name))


def _comparison(order: str) -> Build:
    return lambda builder, a, b: compare(builder, order, a, b)


for _function, _name in (
    (operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"),
    (operator.ge, ">="), (operator.eq, "=="), (operator.ne, "!="),
):  # fmt: skip
    _operator(_function, _comparison(_name), _comparison(_name), to_mask=True)


@type_callable(operator.invert)
def _type_invert(typing_context: Any) -> Any:
    def typer(kind: Any) -> Any:
        if isinstance(kind, TileType) and kind.floating:
            raise TypingError(f"invert: no operation of {kind}")
        return kind if isinstance(kind, TileType | MaskType) else None

    return typer


@lower_builtin(operator.invert, TileType)
@lower_builtin(operator.invert, MaskType)
def _lower_invert(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    kind = sig.return_type
    return pack(builder, kind, [builder.not_(x) for x in unpack(builder, kind, arguments[0])])


# --- sums of products -------------------------------------------------------------------------


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


@operation(a=OPERAND, b=OPERAND, c=OPERAND)
def multiply_add(a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once where the host has a fused multiply-add.

    One of ``a`` and ``b``, and ``c``, may be a number instead of a tile.
    """
    tile = a if isinstance(a, TileType) else b
    FLOATS("a or b", tile)
    for name, kind in (("a", a), ("b", b), ("c", c)):
        expect_operand(tile, name, kind)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        operands = [
            operand(context, builder, tile, kind, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        result = [fused_multiply_add(builder, *abc) for abc in zip(*operands, strict=True)]
        return pack(builder, tile, result)

    return tile, codegen


# --- functions of one or two tiles --------------------------------------------------------------


def _choosing(name: str, order: str, doc: str) -> Any:
    def declare(a: TileType, b: Any) -> Any:
        expect_operand(a, "b", b)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            left = unpack(builder, a, arguments[0])
            right = operand(context, builder, a, signature.args[1], arguments[1])
            vectors = [choose(builder, order, x, y) for x, y in zip(left, right, strict=True)]
            return pack(builder, a, vectors)

        return a, codegen

    declare.__name__ = declare.__qualname__ = name
    declare.__doc__ = doc
    return operation(a=TILE, b=OPERAND)(declare)


@operation(a=FLOATS, b=FLOATS)
def copy_sign(a: TileType, b: TileType) -> Any:
    """Return a with the sign of b."""
    expect_operand(a, "b", b)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, right = (unpack(builder, a, held) for held in arguments)
        name = f"llvm.copysign.{suffix(a.vector)}"
        vectors = [call(builder, name, a.vector, x, y) for x, y in zip(left, right, strict=True)]
        return pack(builder, a, vectors)

    return a, codegen


minimum = _choosing("minimum", "<", "Return the smaller of two; the second where either is NaN.")
maximum = _choosing("maximum", ">", "Return the larger of two; the second where either is NaN.")


def _unary(name: str, build: Callable[[Any, TileType, Any], Any], doc: str) -> Any:
    def declare(a: TileType) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vectors = [build(builder, a, x) for x in unpack(builder, a, arguments[0])]
            return pack(builder, a, vectors)

        return a, codegen

    declare.__name__ = declare.__qualname__ = name
    declare.__doc__ = doc
    return operation(a=FLOATS)(declare)


def _square_root(builder: Any, tile: TileType, x: Any) -> Any:
    return call(builder, f"llvm.sqrt.{suffix(x.type)}", x.type, x)


def _absolute(builder: Any, tile: TileType, x: Any) -> Any:
    return call(builder, f"llvm.fabs.{suffix(x.type)}", x.type, x)


def _round(builder: Any, tile: TileType, x: Any) -> Any:
    # Past 1.5 * 2**mantissa a float has no fraction left; no instruction of its own is
    # needed, and SSE2 has none.  Exact for |x| < 2**(mantissa - 1).
    magic = constant(x.type, 1.5 * 2.0 ** (23 if tile.dtype.bitwidth == 32 else 52))
    return builder.fsub(builder.fadd(x, magic), magic)


square_root = _unary("square_root", _square_root, "Return the square root, correctly rounded.")
absolute = _unary("absolute", _absolute, "Return the absolute value.")
round_to_whole = _unary(
    "round_to_whole", _round, "Return the nearest whole number, the even one of two."
)
