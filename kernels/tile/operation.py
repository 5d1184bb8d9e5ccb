"""One way to declare an operation on tiles: what its parameters must be, then its code.

``@operation(array=ARRAY, offset=INDEX, m=LITERAL)`` checks the types Numba found for a call
before the decorated function sees them, so a wrong element type or shape is a typing error
with its reason, when the kernel is compiled.  The function gets the checked types (of a
literal, its value) and returns the type of the result and the function that generates code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from numba.core import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from .type import MaskType, TileType

#: Says of a parameter's type whether it will do; returns what the declaration gets and the type
#: the argument is converted to.
Kind = Callable[[str, Any], tuple[Any, Any]]


def expect(holds: bool, message: str) -> None:
    """Refuse a call, with the reason."""
    if not holds:
        raise TypingError(message)


def _of_type(wanted: Any, words: str) -> Kind:
    def check(name: str, kind: Any) -> tuple[Any, Any]:
        kind = types.unliteral(kind)
        expect(isinstance(kind, wanted), f"{name}: expected {words}, got {kind}")
        return kind, kind

    return check


def _memory(name: str, kind: Any, mutable: bool) -> tuple[Any, Any]:
    expect(isinstance(kind, types.Array), f"{name}: expected an array, got {kind}")
    expect(kind.layout in "CF", f"{name}: expected a contiguous array, got {kind}")
    expect(kind.aligned, f"{name}: expected elements at multiples of their size, got {kind}")
    expect(kind.mutable or not mutable, f"{name}: expected an array to write to, got {kind}")
    return kind, kind


def ARRAY(name: str, kind: Any) -> tuple[Any, Any]:  # noqa: N802
    """Require a contiguous aligned array."""
    return _memory(name, kind, mutable=False)


def STRIDED(name: str, kind: Any) -> tuple[Any, Any]:  # noqa: N802
    """Require an aligned array, of which the caller has seen that it lies as it must."""
    good = isinstance(kind, types.Array) and kind.aligned
    expect(good, f"{name}: expected an aligned array, got {kind}")
    return kind, kind


def OUT(name: str, kind: Any) -> tuple[Any, Any]:  # noqa: N802
    """Require a contiguous aligned array that may be written to."""
    return _memory(name, kind, mutable=True)


def MATRIX(name: str, kind: Any) -> tuple[Any, Any]:  # noqa: N802
    """Require a matrix; its rows may be apart and in any order."""
    good = isinstance(kind, types.Array) and kind.ndim == 2 and kind.aligned
    expect(good, f"{name}: expected a matrix, got {kind}")
    return kind, kind


def INDEX(name: str, kind: Any) -> tuple[Any, Any]:  # noqa: N802
    """Require an integer, taken as int64."""
    kind = types.unliteral(kind)
    expect(isinstance(kind, types.Integer), f"{name}: expected an integer, got {kind}")
    return types.int64, types.int64


def LITERAL(name: str, kind: Any) -> tuple[Any, Any]:  # noqa: N802
    """Require a positive integer known when the kernel is compiled; given as its value."""
    known = isinstance(kind, types.IntegerLiteral)
    expect(known, f"{name}: expected a constant integer, got {kind}")
    expect(kind.literal_value > 0, f"{name}: expected at least 1, got {kind.literal_value}")
    return int(kind.literal_value), kind


def COUNT(name: str, kind: Any) -> tuple[Any, Any]:  # noqa: N802
    """Require a constant integer from 0 on; given as its value."""
    known = isinstance(kind, types.IntegerLiteral) and kind.literal_value >= 0
    expect(known, f"{name}: expected a constant integer from 0 on, got {kind}")
    return int(kind.literal_value), kind


def STRIDE(name: str, kind: Any) -> tuple[Any, Any]:  # noqa: N802
    """Require an integer, taken as int64; whether it is the constant 1 is given."""
    if isinstance(kind, types.IntegerLiteral) and kind.literal_value == 1:
        return True, kind
    return False, INDEX(name, kind)[1]


TILE = _of_type(TileType, "a tile")
MASK = _of_type(MaskType, "a mask")
NUMBER = _of_type(types.Number, "a number")
OPERAND = _of_type((TileType, types.Number), "a tile or a number")
TILE_OR_ARRAY = _of_type((TileType, types.Array), "a tile or an array")


def FLOATS(name: str, kind: Any) -> tuple[Any, Any]:  # noqa: N802
    """Require a tile of floating-point numbers."""
    good = isinstance(kind, TileType) and kind.floating
    expect(good, f"{name}: expected a tile of float32 or float64, got {kind}")
    return kind, kind


def INTEGERS(name: str, kind: Any) -> tuple[Any, Any]:  # noqa: N802
    """Require a tile of integers."""
    good = isinstance(kind, TileType) and not kind.floating
    expect(good, f"{name}: expected a tile of int32 or int64, got {kind}")
    return kind, kind


def operation(**kinds: Kind) -> Callable[[Callable[..., Any]], Any]:
    """Make a typed declaration an operation that kernels can call.

    Parameters
    ----------
    **kinds : what each parameter must be, by name and in order

    Returns
    -------
    decorator : of ``declare(*types) -> (result type, codegen)``, where
        ``codegen(context, builder, signature, arguments)`` is as Numba's intrinsics have it
    """

    def decorate(declare: Callable[..., Any]) -> Any:
        name = declare.__name__

        def typer(typing_context: Any, *arguments: Any, **keywords: Any) -> Any:
            given = {**dict(zip(kinds, arguments, strict=False)), **keywords}
            expect(
                given.keys() == kinds.keys() and len(arguments) + len(keywords) == len(kinds),
                f"{name}() takes {', '.join(kinds)}",
            )
            checked = [kind(parameter, given[parameter]) for parameter, kind in kinds.items()]
            result, codegen = declare(*(seen for seen, _ in checked))
            return result(*(converted for _, converted in checked)), codegen

        positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(p, positional) for p in ("typing_context", *kinds)]
        typer.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(typer, attribute, getattr(declare, attribute))
        literal = bool({LITERAL, COUNT, STRIDE} & set(kinds.values()))
        return intrinsic(prefer_literal=literal)(typer)

    return decorate


def expect_operand(tile: TileType, name: str, kind: Any) -> None:
    """Require a tile of the type of ``tile``, or a number its lanes can hold."""
    if isinstance(kind, TileType):
        expect(kind == tile, f"{name}: expected {tile}, got {kind}")
    else:
        fits = isinstance(kind, types.Number) and (tile.floating or isinstance(kind, types.Integer))
        expect(fits, f"{name}: expected {tile} or a number its lanes hold, got {kind}")


def expect_elements(tile: TileType, name: str, array: types.Array) -> None:
    """Require an array of what the lanes of ``tile`` hold."""
    expect(array.dtype == tile.dtype, f"{name}: expected elements {tile.dtype}, got {array}")


def expect_tile(name: str, kind: Any, dtype: types.Type, m: int, n: int) -> None:
    """Require a tile of one type and shape."""
    wanted = TileType(dtype, m, n)
    expect(kind == wanted, f"{name}: expected {wanted}, got {kind}")
