"""Helpers of the generated code: vectors, pointers, masks, addresses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from ..machine.host import host
from ..machine.jit import CHECK_TILES
from .type import MaskType, TileType

I1 = ir.IntType(1)
I32 = ir.IntType(32)
I64 = ir.IntType(64)


# --- vectors -----------------------------------------------------------------------------


def splat(builder: Any, value: Any, lanes: int) -> Any:
    """Return the vector with ``value`` in every lane."""
    vector = ir.VectorType(value.type, lanes)
    if isinstance(value, ir.Constant):
        return ir.Constant(vector, [value.constant] * lanes)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, I32(0))
    mask = ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)


def shuffle(builder: Any, a: Any, b: Any, indices: list[int]) -> Any:
    """Return the elements of a, then b, that have these numbers."""
    mask = ir.Constant(ir.VectorType(I32, len(indices)), indices)
    return builder.shuffle_vector(a, b, mask)


def constant(vector: ir.Type, number: float) -> Any:
    """Return the constant vector with ``number`` in every lane."""
    return ir.Constant(vector, [number] * vector.count)


def unpack(builder: Any, kind: TileType | MaskType, value: Any) -> list[Any]:
    """Return the vectors of a tile or mask: vector i of column j is number j * m + i."""
    return [builder.extract_value(value, i) for i in range(kind.m * kind.n)]


def pack(builder: Any, kind: TileType | MaskType, vectors: list[Any]) -> Any:
    """Return the tile or mask of these vectors."""
    assert len(vectors) == kind.m * kind.n
    value = ir.Constant(ir.ArrayType(kind.vector, len(vectors)), ir.Undefined)
    for i, vector in enumerate(vectors):
        value = builder.insert_value(value, vector, i)
    return value


def operand(context: Any, builder: Any, tile: TileType, kind: Any, value: Any) -> list[Any]:
    """Return the vectors of a tile, or of a number repeated in the shape of ``tile``."""
    if isinstance(kind, TileType):
        return unpack(builder, kind, value)
    scalar = context.cast(builder, value, types.unliteral(kind), tile.dtype)
    return [splat(builder, scalar, tile.lanes)] * (tile.m * tile.n)


# --- calls of LLVM's intrinsic functions ---------------------------------------------------


def call(builder: Any, name: str, result: ir.Type, *arguments: Any) -> Any:
    """Call a function by its name in LLVM."""
    declared = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, declared, name), arguments)


def suffix(vector: Any) -> str:
    """Return how LLVM writes a vector type in the names of its functions."""
    element = vector.element
    if isinstance(element, ir.IntType):
        return f"v{vector.count}i{element.width}"
    return f"v{vector.count}f{32 if isinstance(element, ir.FloatType) else 64}"


def fused_multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, fused where the target fuses: ``llvm.fma`` elsewhere is a software call."""
    if host().fused_multiply_add:
        return call(builder, f"llvm.fma.{suffix(a.type)}", a.type, a, b, c)
    return builder.fadd(builder.fmul(a, b), c)


# --- arithmetic and comparisons of either kind of number -------------------------------------


def add(builder: Any, a: Any, b: Any) -> Any:
    """Return a + b of vectors of floats or of integers."""
    if isinstance(a.type.element, ir.IntType):
        return builder.add(a, b)
    return builder.fadd(a, b)


def compare(builder: Any, order: str, a: Any, b: Any) -> Any:
    """Return the mask of the lanes where the order holds; with NaN only ``!=`` does."""
    if isinstance(a.type.element, ir.IntType):
        return builder.icmp_signed(order, a, b)
    if order == "!=":
        return builder.fcmp_unordered(order, a, b)
    return builder.fcmp_ordered(order, a, b)


def choose(builder: Any, order: str, a: Any, b: Any) -> Any:
    """Return a where ``a order b`` holds, else b."""
    return builder.select(compare(builder, order, a, b), a, b)


# --- addresses ------------------------------------------------------------------------------


def check_offset(context: Any, builder: Any, array: Any, first: Any, last: Any) -> None:
    """In the checking mode, raise IndexError unless 0 <= first and last < size."""
    if not CHECK_TILES:
        return
    outside = builder.or_(
        builder.icmp_signed("<", first, first.type(0)),
        builder.icmp_signed(">=", last, array.nitems),
    )
    with builder.if_then(outside, likely=False):
        message = "a tile reaches outside its array"
        context.call_conv.return_user_exc(builder, IndexError, (message,))


def address(
    context: Any, builder: Any, kind: types.Array, value: Any, offset: Any, span: Any
) -> Any:
    """Return a pointer to element ``offset``, checked for ``span`` elements from there."""
    array = context.make_array(kind)(context, builder, value)
    if CHECK_TILES:
        last = builder.add(offset, builder.sub(span, span.type(1)))
        check_offset(context, builder, array, offset, last)
    return builder.gep(array.data, [offset])


def beyond(builder: Any, pointer: Any, count: int) -> Any:
    """Return the pointer to the element ``count`` further on."""
    return builder.gep(pointer, [I64(count)])


def _vector_pointer(builder: Any, pointer: Any, vector: ir.Type) -> Any:
    return builder.bitcast(pointer, vector.as_pointer())


def load_vector(builder: Any, pointer: Any, vector: ir.Type, itemsize: int) -> Any:
    """Load a vector from an address that is a multiple of ``itemsize``."""
    loaded = builder.load(_vector_pointer(builder, pointer, vector))
    loaded.align = itemsize
    return loaded


def store_vector(builder: Any, vector: Any, pointer: Any, alignment: int) -> Any:
    """Store a vector to an address that is a multiple of ``alignment``."""
    stored = builder.store(vector, _vector_pointer(builder, pointer, vector.type))
    stored.align = alignment
    return stored


# --- some of the lanes ------------------------------------------------------------------------


def first_lanes(builder: Any, count: Any, lanes: int) -> Any:
    """Return the mask of the first ``count`` lanes, of none or all where it is out of range."""
    limit = splat(builder, builder.trunc(count, I32), lanes)
    numbers = ir.Constant(ir.VectorType(I32, lanes), list(range(lanes)))
    return builder.icmp_signed("<", numbers, limit)


def load_first_lanes(builder: Any, pointer: Any, vector: ir.Type, itemsize: int, count: Any) -> Any:
    """Load the first ``count`` lanes, or all; the others are zero, and are not touched."""
    if host().masked_moves:
        mask = first_lanes(builder, count, vector.count)
        return masked_load(builder, pointer, vector, itemsize, mask)
    zero = constant(vector, 0 if isinstance(vector.element, ir.IntType) else 0.0)
    result = cgutils.alloca_once_value(builder, zero)

    def load_lane(i: int) -> None:
        number = builder.load(beyond(builder, pointer, i))
        builder.store(builder.insert_element(builder.load(result), number, I32(i)), result)

    def load_whole() -> None:
        builder.store(load_vector(builder, pointer, vector, itemsize), result)

    _whole_or_by_lane(builder, vector.count, count, load_whole, load_lane)
    return builder.load(result)


def store_first_lanes(builder: Any, vector: Any, pointer: Any, itemsize: int, count: Any) -> None:
    """Store the first ``count`` lanes, or all; the memory of the others is not touched."""
    lanes = vector.type.count
    if host().masked_moves:
        masked_store(builder, vector, pointer, itemsize, first_lanes(builder, count, lanes))
        return

    def store_lane(i: int) -> None:
        builder.store(builder.extract_element(vector, I32(i)), beyond(builder, pointer, i))

    def store_whole() -> None:
        store_vector(builder, vector, pointer, itemsize)

    _whole_or_by_lane(builder, lanes, count, store_whole, store_lane)


def _whole_or_by_lane(
    builder: Any,
    lanes: int,
    count: Any,
    move_whole: Callable[[], None],
    move_lane: Callable[[int], None],
) -> None:
    """Move a whole vector, or lane after lane up to the last that is wanted."""
    with builder.if_else(builder.icmp_signed(">=", count, I64(lanes))) as (whole, part):
        with whole:
            move_whole()
        with part, ExitStack() as nested:
            for i in range(lanes - 1):
                nested.enter_context(builder.if_then(builder.icmp_signed(">", count, I64(i))))
                move_lane(i)


def masked_load(builder: Any, pointer: Any, vector: ir.Type, itemsize: int, mask: Any) -> Any:
    """Load the lanes of a mask; the others are zero, and their memory is not touched."""
    at = _vector_pointer(builder, pointer, vector)
    zero = constant(vector, 0 if isinstance(vector.element, ir.IntType) else 0.0)
    name = f"llvm.masked.load.{suffix(vector)}.p0"
    return call(builder, name, vector, at, I32(itemsize), mask, zero)


def masked_store(builder: Any, vector: Any, pointer: Any, itemsize: int, mask: Any) -> None:
    """Store the lanes of a mask; the memory of the others is not touched."""
    at = _vector_pointer(builder, pointer, vector.type)
    name = f"llvm.masked.store.{suffix(vector.type)}.p0"
    call(builder, name, ir.VoidType(), vector, at, I32(itemsize), mask)
