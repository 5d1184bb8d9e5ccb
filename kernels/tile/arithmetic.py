"""Arithmetic, lane by lane: operators, multiply-adds, functions of one or two tiles.

``+ - *`` take two tiles of one type and shape, or a tile and a number; ``/`` floats only;
``& | ^ << >>`` integers, and ``& | ^ ~`` masks.  Whatever else is tried, a float tile with an
integer one or two shapes, is a typing error.  Integers wrap; ``>>`` keeps the sign.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from numba.core import types
from numba.core.errors import TypingError
from numba.extending import lower_builtin, type_callable

from .ir import (
    call,
    choose,
    compare,
    constant,
    fused_multiply_add,
    operand,
    pack,
    suffix,
    unpack,
)
from .operation import (
    FLOATS,
    OPERAND,
    TILE,
    expect,
    expect_operand,
    operation,
)
from .type import MaskType, TileType, mask_of

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
