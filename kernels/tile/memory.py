"""Between memory and tiles: whole, in part, by a mask, past the caches.

Addresses are element offsets into a contiguous array: column j of a tile begins at element
``offset + j * stride``, and its vectors lie back to back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from ..machine.host import host
from ..machine.jit import CHECK_TILES
from .ir import (
    I1,
    I32,
    I64,
    address,
    beyond,
    call,
    check_offset,
    load_first_lanes,
    load_vector,
    masked_load,
    masked_store,
    pack,
    splat,
    store_first_lanes,
    store_vector,
    suffix,
    unpack,
)
from .operation import (
    ARRAY,
    INDEX,
    INTEGERS,
    LITERAL,
    MASK,
    MATRIX,
    OUT,
    TILE,
    expect,
    expect_elements,
    expect_tile,
    operation,
)
from .type import MaskType, TileType, lanes_in_register, mask_of


def _each_column(
    context: Any, builder: Any, tile: TileType | MaskType, kind: Any, value: Any, places: Any
) -> Any:
    """Yield, column by column, a pointer to its first vector; checked to be in the array."""
    start, stride = places
    for j in range(tile.n):
        column = builder.add(start, builder.mul(stride, I64(j)))
        yield j, address(context, builder, kind, value, column, I64(tile.m * tile.lanes))


# --- whole tiles ----------------------------------------------------------------------------


def _load_columns(tile: TileType) -> Callable[..., Any]:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, stride, *_ = arguments
        vectors = []
        for _, pointer in _each_column(
            context, builder, tile, signature.args[0], value, (start, stride)
        ):
            for i in range(tile.m):
                at = beyond(builder, pointer, i * tile.lanes)
                vectors.append(load_vector(builder, at, tile.vector, tile.itemsize))
        return pack(builder, tile, vectors)

    return codegen


@operation(array=ARRAY, offset=INDEX, stride=INDEX, m=LITERAL, n=LITERAL)
def load(array: Any, offset: Any, stride: Any, m: int, n: int) -> Any:
    """Load an m x n tile: column j from ``offset + j * stride``, its vectors back to back."""
    tile = TileType(array.dtype, m, n)
    return tile, _load_columns(tile)


@operation(array=ARRAY, offset=INDEX, stride=INDEX)
def load_square(array: Any, offset: Any, stride: Any) -> Any:
    """Load a 1 x lanes tile, column j from ``offset + j * stride``: what ``transpose`` takes."""
    tile = TileType(array.dtype, 1, lanes_in_register(array.dtype))
    return tile, _load_columns(tile)


@operation(array=OUT, offset=INDEX, stride=INDEX, tile=TILE)
def store(array: Any, offset: Any, stride: Any, tile: TileType) -> Any:
    """Store a tile: column j to ``offset + j * stride``, its vectors back to back."""
    expect_elements(tile, "array", array)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, stride, held = arguments
        vectors = unpack(builder, tile, held)
        for j, pointer in _each_column(
            context, builder, tile, signature.args[0], value, (start, stride)
        ):
            for i in range(tile.m):
                at = beyond(builder, pointer, i * tile.lanes)
                store_vector(builder, vectors[j * tile.m + i], at, tile.itemsize)
        return context.get_dummy_value()

    return types.none, codegen


@operation(array=OUT, offset=INDEX, tile=TILE)
def store_past_cache(array: Any, offset: Any, tile: TileType) -> Any:
    """Store a 1 x 1 tile from ``offset``, whose address is a whole number of vectors.

    The line is written to memory without being read first, and not kept in any cache: for
    results larger than the caches.  The next atomic addition orders it before what follows.
    """
    expect_tile("tile", tile, array.dtype, 1, 1)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, held = arguments
        (vector,) = unpack(builder, tile, held)
        pointer = address(context, builder, signature.args[0], value, start, I64(tile.lanes))
        stored = store_vector(builder, vector, pointer, host().vector_bytes)
        stored.set_metadata("nontemporal", builder.module.add_metadata([I32(1)]))
        return context.get_dummy_value()

    return types.none, codegen


@operation(array=OUT, offset=INDEX, tile=INTEGERS)
def store_indices(array: Any, offset: Any, tile: TileType) -> Any:
    """Store an m x 1 tile of integers to consecutive int32 elements from ``offset``."""
    expect(array.dtype == types.int32, f"array: expected int32, got {array}")
    expect(tile.n == 1, f"tile: expected one column, got {tile}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, held = arguments
        span = I64(tile.m * tile.lanes)
        pointer = address(context, builder, signature.args[0], value, start, span)
        narrow = ir.VectorType(I32, tile.lanes)
        for i, vector in enumerate(unpack(builder, tile, held)):
            if vector.type != narrow:
                vector = builder.trunc(vector, narrow)
            store_vector(builder, vector, beyond(builder, pointer, i * tile.lanes), 4)
        return context.get_dummy_value()

    return types.none, codegen


# --- parts of tiles: the last rows, the last columns ------------------------------------------


@operation(
    array=ARRAY, offset=INDEX, stride=INDEX, m=LITERAL, n=LITERAL, width=INDEX, columns=INDEX
)
def load_part(
    array: Any, offset: Any, stride: Any, m: int, n: int, width: Any, columns: Any
) -> Any:
    """Load as :func:`load`, but ``width`` elements of the first ``columns`` columns; else zero."""
    tile = TileType(array.dtype, m, n)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, pitch, _, _, width, columns = arguments
        result = cgutils.alloca_once_value(
            builder, ir.Constant(ir.ArrayType(tile.vector, m * n), None)
        )
        for j in range(n):
            with builder.if_then(builder.icmp_signed("<", I64(j), columns)):
                column = builder.add(start, builder.mul(pitch, I64(j)))
                pointer = address(context, builder, signature.args[0], value, column, width)
                for i in range(m):
                    at = beyond(builder, pointer, i * tile.lanes)
                    left = builder.sub(width, I64(i * tile.lanes))
                    loaded = load_first_lanes(builder, at, tile.vector, tile.itemsize, left)
                    builder.store(loaded, builder.gep(result, [I64(0), I64(j * m + i)]))
        return builder.load(result)

    return tile, codegen


@operation(array=OUT, offset=INDEX, stride=INDEX, tile=TILE, width=INDEX, columns=INDEX)
def store_part(
    array: Any, offset: Any, stride: Any, tile: TileType, width: Any, columns: Any
) -> Any:
    """Store as :func:`store`, but ``width`` elements of the first ``columns`` columns."""
    expect_elements(tile, "array", array)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, pitch, held, width, columns = arguments
        vectors = unpack(builder, tile, held)
        for j in range(tile.n):
            with builder.if_then(builder.icmp_signed("<", I64(j), columns)):
                column = builder.add(start, builder.mul(pitch, I64(j)))
                pointer = address(context, builder, signature.args[0], value, column, width)
                for i in range(tile.m):
                    at = beyond(builder, pointer, i * tile.lanes)
                    left = builder.sub(width, I64(i * tile.lanes))
                    vector = vectors[j * tile.m + i]
                    store_first_lanes(builder, vector, at, tile.itemsize, left)
        return context.get_dummy_value()

    return types.none, codegen


@operation(array=ARRAY, offset=INDEX, count=INDEX)
def load_first(array: Any, offset: Any, count: Any) -> Any:
    """Load ``count`` elements, fewer than a vector, from ``offset``; the other lanes are zero."""
    tile = TileType(array.dtype, 1, 1)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, number = arguments
        pointer = address(context, builder, signature.args[0], value, start, number)
        vector = load_first_lanes(builder, pointer, tile.vector, tile.itemsize, number)
        return pack(builder, tile, [vector])

    return tile, codegen


@operation(array=OUT, offset=INDEX, count=INDEX, tile=TILE)
def store_first(array: Any, offset: Any, count: Any, tile: TileType) -> Any:
    """Store the first ``count`` lanes of a 1 x 1 tile from ``offset``."""
    expect_tile("tile", tile, array.dtype, 1, 1)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, number, held = arguments
        pointer = address(context, builder, signature.args[0], value, start, number)
        (vector,) = unpack(builder, tile, held)
        store_first_lanes(builder, vector, pointer, tile.itemsize, number)
        return context.get_dummy_value()

    return types.none, codegen


# --- lanes of a mask ----------------------------------------------------------------------------


def _check_lanes(context: Any, builder: Any, array: Any, mask: Any, first: Any, lanes: int) -> None:
    """In the checking mode, require the lanes of a mask to lie in the array."""
    bits = builder.zext(builder.bitcast(mask, ir.IntType(lanes)), I64)
    with builder.if_then(builder.icmp_unsigned("!=", bits, I64(0))):
        lowest = builder.cttz(bits, I1(1))
        highest = builder.sub(I64(63), builder.ctlz(bits, I1(1)))
        check_offset(
            context, builder, array, builder.add(first, lowest), builder.add(first, highest)
        )


def _each_masked(
    context: Any, builder: Any, mask: MaskType, kind: Any, arguments: Any, masks: list[Any]
) -> Any:
    """Yield number, pointer and mask of each vector of a masked load or store."""
    value, start, stride = arguments
    array = context.make_array(kind)(context, builder, value)
    for j in range(mask.n):
        column = builder.add(start, builder.mul(stride, I64(j)))
        for i in range(mask.m):
            at = builder.add(column, I64(i * mask.lanes))
            number = j * mask.m + i
            if CHECK_TILES:
                _check_lanes(context, builder, array, masks[number], at, mask.lanes)
            yield number, builder.gep(array.data, [at]), masks[number]


@operation(array=ARRAY, offset=INDEX, stride=INDEX, mask=MASK)
def load_where(array: Any, offset: Any, stride: Any, mask: MaskType) -> Any:
    """Load the lanes of a mask, as :func:`load` does; the others are zero and are not read."""
    tile = TileType(array.dtype, mask.m, mask.n)
    expect(mask == mask_of(tile), f"mask: expected {mask_of(tile)}, got {mask}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        masks = unpack(builder, mask, arguments[3])
        each = _each_masked(context, builder, mask, signature.args[0], arguments[:3], masks)
        vectors = [
            masked_load(builder, at, tile.vector, tile.itemsize, chosen) for _, at, chosen in each
        ]
        return pack(builder, tile, vectors)

    return tile, codegen


@operation(array=ARRAY, offset=INDEX, mask=MASK, tile=TILE)
def load_expanded(array: Any, offset: Any, mask: MaskType, tile: TileType) -> Any:
    """Load elements from ``offset`` on, one for each lane of an m x 1 mask, in order.

    The other lanes are those of ``tile``.  The element at ``offset`` is there even for no lane.
    """
    expect_elements(tile, "array", array)
    expect(tile.n == 1, f"tile: expected one column, got {tile}")
    expect(mask == mask_of(tile), f"mask: expected {mask_of(tile)}, got {mask}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, at = arguments[:2]
        name = f"llvm.masked.expandload.{suffix(tile.vector)}"
        vectors = []
        masks, others = unpack(builder, mask, arguments[2]), unpack(builder, tile, arguments[3])
        for chosen, other in zip(masks, others, strict=True):
            bits = builder.zext(builder.bitcast(chosen, ir.IntType(tile.lanes)), I64)
            count = call(builder, "llvm.ctpop.i64", I64, bits)
            span = builder.select(builder.icmp_unsigned("==", count, I64(0)), I64(1), count)
            pointer = address(context, builder, signature.args[0], value, at, span)
            vectors.append(call(builder, name, tile.vector, pointer, chosen, other))
            at = builder.add(at, count)
        return pack(builder, tile, vectors)

    return tile, codegen


@operation(array=OUT, offset=INDEX, stride=INDEX, tile=TILE, mask=MASK)
def store_where(array: Any, offset: Any, stride: Any, tile: TileType, mask: MaskType) -> Any:
    """Store the lanes of a mask, as :func:`store` does; the others stay as they are."""
    expect_elements(tile, "array", array)
    expect(mask == mask_of(tile), f"mask: expected {mask_of(tile)}, got {mask}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = unpack(builder, tile, arguments[3])
        masks = unpack(builder, mask, arguments[4])
        each = _each_masked(context, builder, mask, signature.args[0], arguments[:3], masks)
        for number, at, chosen in each:
            masked_store(builder, vectors[number], at, tile.itemsize, chosen)
        return context.get_dummy_value()

    return types.none, codegen


# --- one number, and asking ahead -----------------------------------------------------------------


@operation(array=ARRAY, offset=INDEX, stride=INDEX, m=LITERAL, n=LITERAL)
def broadcast(array: Any, offset: Any, stride: Any, m: int, n: int) -> Any:
    """Return an m x n tile whose column j is ``array[offset + j * stride]`` in every lane."""
    tile = TileType(array.dtype, m, n)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, pitch = arguments[:3]
        vectors = []
        for j in range(n):
            at = builder.add(start, builder.mul(pitch, I64(j)))
            pointer = address(context, builder, signature.args[0], value, at, I64(1))
            vectors += [splat(builder, builder.load(pointer), tile.lanes)] * m
        return pack(builder, tile, vectors)

    return tile, codegen


def _ask(builder: Any, address: Any, level: int) -> None:
    """Ask for a cache line, for the caches from this level on."""
    address = builder.bitcast(address, ir.IntType(8).as_pointer())  # of one type in a module
    call(builder, "llvm.prefetch.p0", ir.VoidType(), address, I32(0), I32(4 - level), I32(1))


@operation(array=MATRIX, row=INDEX, column=INDEX)
def prefetch(array: Any, row: Any, column: Any) -> Any:
    """Ask for the cache line of ``array[row, column]``; nothing happens if there is no such row."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        matrix = context.make_array(signature.args[0])(context, builder, arguments[0])
        row_bytes = cgutils.unpack_tuple(builder, matrix.strides)[0]
        bytes_ = builder.bitcast(matrix.data, ir.IntType(8).as_pointer())
        offset = builder.add(
            builder.mul(arguments[1], row_bytes),
            builder.mul(arguments[2], I64(signature.args[0].dtype.bitwidth // 8)),
        )
        _ask(builder, builder.gep(bytes_, [offset]), 1)
        return context.get_dummy_value()

    return types.none, codegen


@operation(array=ARRAY, offset=INDEX)
def prefetch_far(array: Any, offset: Any) -> Any:
    """Ask the second-level cache for the line of an element; nothing happens if there is none.

    For what is needed so late that the first level would have lost it, and meanwhile what it held.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        memory = context.make_array(signature.args[0])(context, builder, arguments[0])
        _ask(builder, builder.gep(memory.data, [arguments[1]]), 2)
        return context.get_dummy_value()

    return types.none, codegen
