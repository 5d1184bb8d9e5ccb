"""Between element types: wider, narrower, integer and float; and numbers looked up in a table.

Samples stay in the order of the lanes: a vector of float32 becomes the two vectors of float64
below each other that hold the same samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llvmlite import ir
from numba.core import types

from .ir import I32, I64, address, beyond, load_vector, pack, shuffle, store_vector, unpack
from .operation import (
    ARRAY,
    FLOATS,
    INDEX,
    INTEGERS,
    LITERAL,
    OUT,
    TILE,
    TILE_OR_ARRAY,
    expect,
    operation,
)
from .type import TileType, element_type, integer_like

_WIDER = {types.float32: types.float64, types.int32: types.int64}
_NARROWER = {wide: narrow for narrow, wide in _WIDER.items()}


def _converted(builder: Any, vector: Any, source: types.Type, target: types.Type) -> Any:
    """Return a vector with its elements converted."""
    wanted = ir.VectorType(element_type(target), vector.type.count)
    if source == target:
        return vector
    before, after = isinstance(source, types.Float), isinstance(target, types.Float)
    if before and after:
        wider = target.bitwidth > source.bitwidth
        return (builder.fpext if wider else builder.fptrunc)(vector, wanted)
    if before:
        return builder.fptosi(vector, wanted)
    if after:
        return (builder.sitofp if source.signed else builder.uitofp)(vector, wanted)
    if target.bitwidth == source.bitwidth:
        return vector
    if target.bitwidth < source.bitwidth:
        return builder.trunc(vector, wanted)
    return (builder.sext if source.signed else builder.zext)(vector, wanted)


# --- in registers ---------------------------------------------------------------------------


@operation(tile=TILE)
def widen(tile: TileType) -> Any:
    """Return float32 as float64, or int32 as int64: of m x n vectors, 2 m x n.

    Row r stays row r: the first half of vector i becomes vector 2 i, the second 2 i + 1.
    """
    expect(tile.dtype in _WIDER, f"tile: expected float32 or int32, got {tile}")
    wide = TileType(_WIDER[tile.dtype], 2 * tile.m, tile.n)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = []
        for vector in unpack(builder, tile, arguments[0]):
            for start in (0, wide.lanes):
                half = shuffle(builder, vector, vector, list(range(start, start + wide.lanes)))
                vectors.append(_converted(builder, half, tile.dtype, wide.dtype))
        return pack(builder, wide, vectors)

    return wide, codegen


@operation(tile=TILE)
def narrow(tile: TileType) -> Any:
    """Return float64 rounded to float32, or the low half of int64: of 2 m x n vectors, m x n."""
    fits = tile.dtype in _NARROWER and tile.m % 2 == 0
    expect(fits, f"tile: expected float64 or int64 and an even number of vectors, got {tile}")
    slim = TileType(_NARROWER[tile.dtype], tile.m // 2, tile.n)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = [
            _converted(builder, vector, tile.dtype, slim.dtype)
            for vector in unpack(builder, tile, arguments[0])
        ]
        everything = list(range(slim.lanes))
        vectors = [
            shuffle(builder, wide[i], wide[i + 1], everything) for i in range(0, len(wide), 2)
        ]
        return pack(builder, slim, vectors)

    return slim, codegen


def _same_width(tile: TileType, dtype: types.Type) -> Any:
    result = TileType(dtype, tile.m, tile.n)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = unpack(builder, tile, arguments[0])
        converted = [_converted(builder, vector, tile.dtype, dtype) for vector in vectors]
        return pack(builder, result, converted)

    return result, codegen


@operation(tile=INTEGERS)
def as_floats(tile: TileType) -> Any:
    """Return integers as floats of the same width, rounded to nearest."""
    return _same_width(tile, types.float32 if tile.dtype == types.int32 else types.float64)


@operation(tile=FLOATS)
def as_integers(tile: TileType) -> Any:
    """Return floats without their fractions, as integers of the same width.

    The result is undefined where a number (or NaN) has no such integer: check before.
    """
    return _same_width(tile, integer_like(tile.dtype))


# --- from and to memory ------------------------------------------------------------------------


def _exact(source: types.Type, target: types.Type) -> bool:
    """Return whether every number of one type can be written in the other."""
    if isinstance(source, types.Float):
        return isinstance(target, types.Float) and target.bitwidth >= source.bitwidth
    if not isinstance(source, types.Integer):
        return False
    needed = source.bitwidth + (not source.signed)
    if isinstance(target, types.Float):
        return bool(needed <= (25 if target.bitwidth == 32 else 54))
    return bool(needed <= target.bitwidth)


@operation(like=TILE_OR_ARRAY, array=ARRAY, offset=INDEX, stride=INDEX, m=LITERAL, n=LITERAL)
def load_as(like: Any, array: Any, offset: Any, stride: Any, m: int, n: int) -> Any:
    """Load as ``load`` does, as the element type of ``like``: float32 as float64, uint8 as int32.

    Only conversions that lose nothing; the tile has the lanes of the wider type.
    """
    tile = TileType(like.dtype, m, n)
    source = array.dtype
    good = _exact(source, tile.dtype)
    expect(good, f"array: expected numbers that {tile.dtype} can hold, got {array}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, value, start, pitch, *_ = arguments
        part = ir.VectorType(element_type(source), tile.lanes)
        vectors = []
        for j in range(n):
            column = builder.add(start, builder.mul(pitch, I64(j)))
            span = I64(m * tile.lanes)
            pointer = address(context, builder, signature.args[1], value, column, span)
            for i in range(m):
                at = beyond(builder, pointer, i * tile.lanes)
                loaded = load_vector(builder, at, part, source.bitwidth // 8)
                vectors.append(_converted(builder, loaded, source, tile.dtype))
        return pack(builder, tile, vectors)

    return tile, codegen


@operation(array=OUT, offset=INDEX, stride=INDEX, tile=TILE)
def store_as(array: Any, offset: Any, stride: Any, tile: TileType) -> Any:
    """Store as ``store`` does, as the array's elements: float64 rounded to float32, integers cut.

    Of integers the low bits are kept: check before that they say it all.
    """
    target = array.dtype
    number = types.Float if tile.floating else types.Integer
    good = isinstance(target, number) and target.bitwidth <= tile.dtype.bitwidth
    expect(good, f"array: expected elements like {tile.dtype}, as wide or narrower, got {array}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        for at, vector in _places(context, builder, signature, arguments, tile, target):
            store_vector(builder, vector, at, target.bitwidth // 8)
        return context.get_dummy_value()

    return types.none, codegen


@operation(array=OUT, offset=INDEX, stride=INDEX, tile=FLOATS)
def add_as(array: Any, offset: Any, stride: Any, tile: TileType) -> Any:
    """Add a tile to an array of floats as wide or wider, in its type: what ``store`` would write.

    Column j is added to the elements from ``offset + j * stride`` on.
    """
    target = array.dtype
    good = isinstance(target, types.Float) and target.bitwidth >= tile.dtype.bitwidth
    expect(good, f"array: expected floats as wide as {tile.dtype} or wider, got {array}")
    wide = ir.VectorType(element_type(target), tile.lanes)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        for at, vector in _places(context, builder, signature, arguments, tile, target):
            old = load_vector(builder, at, wide, target.bitwidth // 8)
            store_vector(builder, builder.fadd(old, vector), at, target.bitwidth // 8)
        return context.get_dummy_value()

    return types.none, codegen


def _places(
    context: Any, builder: Any, signature: Any, arguments: Any, tile: TileType, target: Any
) -> Iterator[tuple[Any, Any]]:
    """Yield where each vector of a tile goes in an array, and the vector as its elements."""
    value, start, pitch, held = arguments
    vectors = unpack(builder, tile, held)
    for j in range(tile.n):
        column = builder.add(start, builder.mul(pitch, I64(j)))
        span = I64(tile.m * tile.lanes)
        pointer = address(context, builder, signature.args[0], value, column, span)
        for i in range(tile.m):
            vector = _converted(builder, vectors[j * tile.m + i], tile.dtype, target)
            yield beyond(builder, pointer, i * tile.lanes), vector


@operation(table=ARRAY, offset=INDEX, tile=INTEGERS)
def gather(table: Any, offset: Any, tile: TileType) -> Any:
    """Return the tile of ``table[offset + i]`` for the integers i of a tile.

    The table's elements are as wide as the integers.  Loaded one by one, which costs about what
    the processors' own instruction does.
    """
    result = TileType(table.dtype, tile.m, tile.n)
    good = result.lanes == tile.lanes
    expect(good, f"table: expected elements as wide as {tile.dtype}, got {table}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, held = arguments
        vectors = []
        for numbers in unpack(builder, tile, held):
            vector = ir.Constant(result.vector, ir.Undefined)
            for lane in range(tile.lanes):
                number = builder.extract_element(numbers, I32(lane))
                if tile.dtype == types.int32:
                    number = builder.sext(number, I64)
                at = builder.add(start, number)
                pointer = address(context, builder, signature.args[0], value, at, I64(1))
                vector = builder.insert_element(vector, builder.load(pointer), I32(lane))
            vectors.append(vector)
        return pack(builder, result, vectors)

    return result, codegen
