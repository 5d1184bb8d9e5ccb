"""The register tile: the one idea under every kernel, and the only file with LLVM IR.

A *tile* is a Numba value of M x N vectors held in registers: M vectors of lanes one
below the other, N columns side by side.  A vector has as many lanes as the host's
registers hold of the element type, so one source serves float32 and float64 and every
instruction set.  Throughout the library *samples lie along the lanes*: a tile of M
vectors is :func:`rows_per_block` samples high, and column n is one output unit, or one
centroid.  The whole inner loop of a dense layer is then ::

    for p in range(n_features):
        tile = rank1(tile, load(panel, p * rows, rows_per_vector, M, 1), W, p * n_out + j, 1)

Numba's own vectoriser cannot keep such a block in registers: the accumulators would
travel to memory and back at every step (Goto and van de Geijn, "Anatomy of
high-performance matrix multiplication", ACM TOMS 34(3), 2008, is why they must not).

Addresses are element offsets into an array that is contiguous from its first element.
With ``FASTML_CHECK_TILES=1`` every load and store is checked against the array's size and
raises IndexError, which Numba's own bounds checking cannot do for these operations.

The generated code is plain LLVM vector IR with a few portable intrinsics (``fma``,
``sqrt``, ``fabs``, ``masked.load`` and ``store``); nothing here names an instruction.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model

from ..machine.host import host
from ..machine.jit import CHECK_TILES

#: Vectors a tile of samples is high.
M = 2
#: Columns of the wide tile; with M it fills the register file, leaving M + 1 vectors to load into.
N = 8 if host().vector_registers == 32 else 6
#: Side of the square tile whose entries are sums over samples (a weight gradient).
G = 4 if host().vector_registers == 32 else 3


class TileType(types.Type):  # type: ignore[misc]
    """Numba type of ``m`` x ``n`` vectors of ``dtype``."""

    def __init__(self, dtype: types.Type, m: int, n: int) -> None:
        self.dtype = dtype
        self.m = m
        self.n = n
        super().__init__(name=f"tile({dtype}, {m}x{n})")

    @property
    def lanes(self) -> int:
        return host().vector_bytes * 8 // int(self.dtype.bitwidth)


@register_model(TileType)
class _TileModel(models.PrimitiveModel):  # type: ignore[misc]
    """A tile is an LLVM array of vectors; SROA gives each its own register."""

    def __init__(self, manager: Any, tile: TileType) -> None:
        vector = _vector_type(tile)
        super().__init__(manager, tile, ir.ArrayType(vector, tile.m * tile.n))


# --- helpers of the generated code -------------------------------------------------


def _element_type(dtype: types.Type) -> ir.Type:
    if isinstance(dtype, types.Float):
        return ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()
    return ir.IntType(dtype.bitwidth)


def _vector_type(tile: TileType) -> ir.Type:
    return ir.VectorType(_element_type(tile.dtype), tile.lanes)


def _integer_like(dtype: types.Type) -> types.Type:
    return types.int32 if dtype.bitwidth == 32 else types.int64


def _splat(builder: Any, value: Any, lanes: int) -> Any:
    vector = ir.VectorType(value.type, lanes)
    if isinstance(value, ir.Constant):
        return ir.Constant(vector, [value.constant] * lanes)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)


def _shuffle(builder: Any, a: Any, b: Any, indices: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), indices)
    return builder.shuffle_vector(a, b, mask)


def _vectors(builder: Any, tile: TileType, value: Any) -> list[Any]:
    return [builder.extract_value(value, i) for i in range(tile.m * tile.n)]


def _pack(builder: Any, tile: TileType, vectors: list[Any]) -> Any:
    value = ir.Constant(ir.ArrayType(_vector_type(tile), len(vectors)), ir.Undefined)
    for i, vector in enumerate(vectors):
        value = builder.insert_value(value, vector, i)
    return value


def _call(builder: Any, name: str, result: ir.Type, *arguments: Any) -> Any:
    declared = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, declared, name), arguments)


def _suffix(vector: Any) -> str:
    return f"v{vector.count}f{32 if isinstance(vector.element, ir.FloatType) else 64}"


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, fused where the target fuses: ``llvm.fma`` elsewhere is a software call."""
    if host().fused_multiply_add:
        return _call(builder, f"llvm.fma.{_suffix(a.type)}", a.type, a, b, c)
    return builder.fadd(builder.fmul(a, b), c)


def _check_offset(context: Any, builder: Any, array: Any, first: Any, last: Any) -> None:
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


def _address(
    context: Any, builder: Any, kind: types.Array, value: Any, offset: Any, span: Any
) -> Any:
    """Return a pointer to element ``offset``, checked for ``span`` elements from there."""
    array = context.make_array(kind)(context, builder, value)
    if CHECK_TILES:
        last = builder.add(offset, builder.sub(span, span.type(1)))
        _check_offset(context, builder, array, offset, last)
    return builder.gep(array.data, [offset])


def _vector_pointer(builder: Any, pointer: Any, vector: ir.Type) -> Any:
    return builder.bitcast(pointer, vector.as_pointer())


def _load_vector(builder: Any, pointer: Any, vector: ir.Type, itemsize: int) -> Any:
    loaded = builder.load(_vector_pointer(builder, pointer, vector))
    loaded.align = itemsize
    return loaded


def _store_vector(builder: Any, vector: Any, pointer: Any, itemsize: int) -> None:
    builder.store(vector, _vector_pointer(builder, pointer, vector.type)).align = itemsize


_I64 = ir.IntType(64)


def _literal(*numbers: Any) -> list[int] | None:
    """Return the values of literal integers, or None while Numba has not made them literal."""
    if all(isinstance(number, types.IntegerLiteral) for number in numbers):
        return [number.literal_value for number in numbers]
    return None


def _first_lanes(builder: Any, count: Any, lanes_: int) -> Any:
    """Return the mask of the first ``count`` lanes."""
    number = ir.IntType(32)
    limit = _splat(builder, builder.trunc(count, number), lanes_)
    numbers = ir.Constant(ir.VectorType(number, lanes_), list(range(lanes_)))
    return builder.icmp_signed("<", numbers, limit)


def _masked_load(builder: Any, pointer: Any, vector: ir.Type, size: int, mask: Any) -> Any:
    at = _vector_pointer(builder, pointer, vector)
    zero = ir.Constant(vector, [0.0] * vector.count)
    name = f"llvm.masked.load.{_suffix(zero.type)}.p0"
    return _call(builder, name, vector, at, ir.IntType(32)(size), mask, zero)


def _masked_store(builder: Any, vector: Any, pointer: Any, size: int, mask: Any) -> None:
    at = _vector_pointer(builder, pointer, vector.type)
    name = f"llvm.masked.store.{_suffix(vector.type)}.p0"
    _call(builder, name, ir.VoidType(), vector, at, ir.IntType(32)(size), mask)


# --- the shape of the host's tile ----------------------------------------------------


def lanes_of(dtype: Any) -> int:
    """Return the number of elements of a NumPy dtype in a register, outside kernels."""
    return int(host().vector_bytes // np.dtype(dtype).itemsize)


@intrinsic  # type: ignore[misc]
def lanes(typing_context: Any, array: types.Array) -> Any:
    """Return the number of elements of ``array`` in a register: a constant to the compiler."""
    count = host().vector_bytes * 8 // int(array.dtype.bitwidth)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _I64(count)

    return types.int64(array), codegen


# --- making tiles ----------------------------------------------------------------------


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def fill(typing_context: Any, array: Any, number: Any, m: Any, n: Any) -> Any:
    """Return the m x n tile of ``array``'s element type with every lane equal to ``number``."""
    shape = _literal(m, n)
    if shape is None or not isinstance(array, types.Array):
        return None
    tile = TileType(array.dtype, *shape)
    number = types.unliteral(number)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        scalar = context.cast(builder, arguments[1], number, tile.dtype)
        return _pack(builder, tile, [_splat(builder, scalar, tile.lanes)] * (tile.m * tile.n))

    return tile(array, number, m, n), codegen


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def indices(typing_context: Any, array: Any, number: Any, m: Any) -> Any:
    """Return an m x 1 tile of integers as wide as ``array``'s elements, each ``number``."""
    shape = _literal(m)
    if shape is None or not isinstance(array, types.Array):
        return None
    tile = TileType(_integer_like(array.dtype), shape[0], 1)
    number = types.unliteral(number)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        scalar = context.cast(builder, arguments[1], number, tile.dtype)
        return _pack(builder, tile, [_splat(builder, scalar, tile.lanes)] * tile.m)

    return tile(array, number, m), codegen


@intrinsic  # type: ignore[misc]
def fill_like(typing_context: Any, tile: Any, number: Any) -> Any:
    """Return a tile of the shape and type of ``tile`` with every lane equal to ``number``."""
    if not isinstance(tile, TileType):
        return None
    number = types.unliteral(number)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _pack(builder, tile, _operand(context, builder, tile, number, arguments[1]))

    return tile(tile, number), codegen


def _load_columns(
    context: Any, builder: Any, tile: TileType, kind: Any, value: Any, start: Any, stride: Any
) -> Any:
    vector = _vector_type(tile)
    size = int(tile.dtype.bitwidth) // 8
    vectors = []
    for j in range(tile.n):
        column = builder.add(start, builder.mul(stride, _I64(j)))
        span = _I64(tile.m * tile.lanes)
        pointer = _address(context, builder, kind, value, column, span)
        for i in range(tile.m):
            at = builder.gep(pointer, [_I64(i * tile.lanes)])
            vectors.append(_load_vector(builder, at, vector, size))
    return _pack(builder, tile, vectors)


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def load(typing_context: Any, array: Any, offset: Any, stride: Any, m: Any, n: Any) -> Any:
    """Load an m x n tile: column j from ``offset + j * stride``, its vectors back to back."""
    shape = _literal(m, n)
    if shape is None or not isinstance(array, types.Array):
        return None
    tile = TileType(array.dtype, *shape)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _load_columns(context, builder, tile, signature.args[0], *arguments[:3])

    return tile(array, types.int64, types.int64, m, n), codegen


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def load_part(
    typing_context: Any,
    array: Any,
    offset: Any,
    stride: Any,
    m: Any,
    n: Any,
    width: Any,
    columns: Any,
) -> Any:
    """Load as :func:`load`, but ``width`` elements of the first ``columns`` columns; else zero."""
    shape = _literal(m, n)
    if shape is None or not isinstance(array, types.Array):
        return None
    tile = TileType(array.dtype, *shape)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, step, _, _, width, columns = arguments
        vector = _vector_type(tile)
        size = int(tile.dtype.bitwidth) // 8
        result = cgutils.alloca_once_value(
            builder, ir.Constant(ir.ArrayType(vector, tile.m * tile.n), None)
        )
        for j in range(tile.n):
            with builder.if_then(builder.icmp_signed("<", _I64(j), columns)):
                column = builder.add(start, builder.mul(step, _I64(j)))
                pointer = _address(context, builder, signature.args[0], value, column, width)
                for i in range(tile.m):
                    at = builder.gep(pointer, [_I64(i * tile.lanes)])
                    mask = _first_lanes(
                        builder, builder.sub(width, _I64(i * tile.lanes)), tile.lanes
                    )
                    loaded = _masked_load(builder, at, vector, size, mask)
                    number = _I64(j * tile.m + i)
                    builder.store(loaded, builder.gep(result, [_I64(0), number]))
        return builder.load(result)

    return tile(array, types.int64, types.int64, m, n, types.int64, types.int64), codegen


@intrinsic  # type: ignore[misc]
def load_square(typing_context: Any, array: Any, offset: Any, stride: Any) -> Any:
    """Load a 1 x lanes tile, column j from ``offset + j * stride``: what ``transpose`` takes."""
    tile = TileType(array.dtype, 1, host().vector_bytes * 8 // int(array.dtype.bitwidth))

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _load_columns(context, builder, tile, signature.args[0], *arguments)

    return tile(array, types.int64, types.int64), codegen


@intrinsic  # type: ignore[misc]
def load_first(typing_context: Any, array: Any, offset: Any, count: Any) -> Any:
    """Load ``count`` elements, fewer than a vector, from ``offset``; the other lanes are zero."""
    tile = TileType(array.dtype, 1, 1)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, number = arguments
        pointer = _address(context, builder, signature.args[0], value, start, number)
        mask = _first_lanes(builder, number, tile.lanes)
        size = int(tile.dtype.bitwidth) // 8
        vector = _masked_load(builder, pointer, _vector_type(tile), size, mask)
        return _pack(builder, tile, [vector])

    return tile(array, types.int64, types.int64), codegen


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def broadcast(typing_context: Any, array: Any, offset: Any, stride: Any, m: Any, n: Any) -> Any:
    """Return an m x n tile whose column j is ``array[offset + j * stride]`` in every lane."""
    shape = _literal(m, n)
    if shape is None or not isinstance(array, types.Array):
        return None
    tile = TileType(array.dtype, *shape)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, step = arguments[:3]
        vectors = []
        for j in range(tile.n):
            at = builder.add(start, builder.mul(step, _I64(j)))
            pointer = _address(context, builder, signature.args[0], value, at, _I64(1))
            vectors += [_splat(builder, builder.load(pointer), tile.lanes)] * tile.m
        return _pack(builder, tile, vectors)

    return tile(array, types.int64, types.int64, m, n), codegen


@intrinsic  # type: ignore[misc]
def prefetch(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """Ask for the cache line of ``array[row, column]``; nothing happens if there is no such row."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        matrix = context.make_array(signature.args[0])(context, builder, arguments[0])
        row_bytes = cgutils.unpack_tuple(builder, matrix.strides)[0]
        bytes_ = builder.bitcast(matrix.data, ir.IntType(8).as_pointer())
        offset = builder.add(
            builder.mul(arguments[1], row_bytes),
            builder.mul(arguments[2], _I64(signature.args[0].dtype.bitwidth // 8)),
        )
        at = builder.gep(bytes_, [offset])
        number = ir.IntType(32)
        _call(builder, "llvm.prefetch.p0", ir.VoidType(), at, number(0), number(3), number(1))
        return context.get_dummy_value()

    return types.none(array, types.int64, types.int64), codegen


@intrinsic  # type: ignore[misc]
def load_rows(typing_context: Any, array: Any, rows: Any, first: Any, column: Any) -> Any:
    """Load one vector from each of ``lanes`` rows, as the columns of a 1 x lanes tile.

    Vector i is ``array[rows[first + i], column : column + lanes]``; the features of
    a row of ``array`` are back to back.  Lanes past the last feature are zero and are not read.
    """
    tile = TileType(array.dtype, 1, host().vector_bytes * 8 // int(array.dtype.bitwidth))

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        matrix = context.make_array(signature.args[0])(context, builder, arguments[0])
        n_columns = cgutils.unpack_tuple(builder, matrix.shape)[1]
        row_bytes = cgutils.unpack_tuple(builder, matrix.strides)[0]
        vector = _vector_type(tile)
        size = int(tile.dtype.bitwidth) // 8
        left = builder.sub(n_columns, arguments[3])
        whole = builder.icmp_signed(">=", left, _I64(tile.lanes))
        pointers = []
        for i in range(tile.lanes):
            at = builder.add(arguments[2], _I64(i))
            row = builder.load(
                _address(context, builder, signature.args[1], arguments[1], at, _I64(1))
            )
            if CHECK_TILES:
                offset = builder.add(builder.mul(row, n_columns), arguments[3])
                _check_offset(context, builder, matrix, offset, offset)
            bytes_ = builder.bitcast(matrix.data, ir.IntType(8).as_pointer())
            at = builder.gep(bytes_, [builder.mul(row, row_bytes)])
            at = builder.bitcast(at, matrix.data.type)
            pointers.append(builder.gep(at, [arguments[3]]))
        result = cgutils.alloca_once(builder, ir.ArrayType(vector, tile.lanes))
        with builder.if_else(whole) as (full, partial):
            with full:
                vectors = [_load_vector(builder, p, vector, size) for p in pointers]
                builder.store(_pack(builder, tile, vectors), result)
            with partial:
                mask = _first_lanes(builder, left, tile.lanes)
                vectors = [_masked_load(builder, p, vector, size, mask) for p in pointers]
                builder.store(_pack(builder, tile, vectors), result)
        return builder.load(result)

    return tile(array, rows, types.int64, types.int64), codegen


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def load_narrow_rows(typing_context: Any, array: Any, rows: Any, first: Any, width: Any) -> Any:
    """Load one vector of samples for each of the first ``width`` features: already transposed.

    For data of few features, where whole vectors of a row would be mostly empty.  Lane i of
    column p is ``array[rows[first + i], p]``, zero for p past the last feature; ``width`` is a
    power of two below the number of lanes.

    The rows lie in the lanes one behind the other; taking the even and the odd lanes of two
    vectors apart moves the lowest bit of the feature's number from the lane to the vector.
    """
    shape = _literal(width)
    if shape is None or not isinstance(array, types.Array):
        return None
    tile = TileType(array.dtype, 1, shape[0])

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if tile.n >= tile.lanes:  # compiled where vectors are short, never run there
            return ir.Constant(ir.ArrayType(_vector_type(tile), tile.n), ir.Undefined)
        matrix = context.make_array(signature.args[0])(context, builder, arguments[0])
        n_columns = cgutils.unpack_tuple(builder, matrix.shape)[1]
        row_bytes = cgutils.unpack_tuple(builder, matrix.strides)[0]
        part = ir.VectorType(_element_type(tile.dtype), tile.n)
        size = int(tile.dtype.bitwidth) // 8
        mask = _first_lanes(builder, n_columns, tile.n)
        whole = builder.icmp_signed("==", n_columns, _I64(tile.n))
        pointers = []
        for i in range(tile.lanes):
            at = builder.add(arguments[2], _I64(i))
            row = builder.load(
                _address(context, builder, signature.args[1], arguments[1], at, _I64(1))
            )
            if CHECK_TILES:
                offset = builder.mul(row, n_columns)
                last = builder.add(offset, builder.sub(n_columns, _I64(1)))
                _check_offset(context, builder, matrix, offset, last)
            bytes_ = builder.bitcast(matrix.data, ir.IntType(8).as_pointer())
            start = builder.gep(bytes_, [builder.mul(row, row_bytes)])
            pointers.append(builder.bitcast(start, matrix.data.type))
        result = cgutils.alloca_once(builder, ir.ArrayType(_vector_type(tile), tile.n))
        with builder.if_else(whole) as (full, partial):
            with full:
                parts = [_load_vector(builder, p, part, size) for p in pointers]
                builder.store(_pack(builder, tile, _taken_apart(builder, tile.n, parts)), result)
            with partial:
                parts = [_masked_load(builder, p, part, size, mask) for p in pointers]
                builder.store(_pack(builder, tile, _taken_apart(builder, tile.n, parts)), result)
        return builder.load(result)

    return tile(array, rows, types.int64, width), codegen


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def load_whole_rows(typing_context: Any, array: Any, offset: Any, width: Any) -> Any:
    """Load one vector of samples for each of ``width`` features, as :func:`load_narrow_rows` does.

    The rows are consecutive, and all there is in memory from element ``offset`` on.
    """
    shape = _literal(width)
    if shape is None or not isinstance(array, types.Array):
        return None
    tile = TileType(array.dtype, 1, shape[0])

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if tile.n >= tile.lanes:  # compiled where vectors are short, never run there
            return ir.Constant(ir.ArrayType(_vector_type(tile), tile.n), ir.Undefined)
        value, start = arguments[:2]
        span = _I64(tile.n * tile.lanes)
        pointer = _address(context, builder, signature.args[0], value, start, span)
        size = int(tile.dtype.bitwidth) // 8
        parts = []
        for i in range(tile.n):
            at = builder.gep(pointer, [_I64(i * tile.lanes)])
            parts.append(_load_vector(builder, at, _vector_type(tile), size))
        return _pack(builder, tile, _taken_apart(builder, tile.n, parts))

    return tile(array, types.int64, width), codegen


def _taken_apart(builder: Any, width: int, parts: list[Any]) -> list[Any]:
    """Return ``width`` vectors, the p-th of feature p, from vectors of samples side by side."""
    while len(parts) > width:
        count = 2 * parts[0].type.count
        parts = [
            _shuffle(builder, parts[i], parts[i + 1], list(range(count)))
            for i in range(0, len(parts), 2)
        ]
    lanes_ = parts[0].type.count
    even, odd = list(range(0, 2 * lanes_, 2)), list(range(1, 2 * lanes_, 2))
    # Each pass halves the sets of vectors that belong to one value of the bits moved so far.
    sets = [parts]
    while len(sets) < width:
        sets = [
            [_shuffle(builder, group[i], group[i + 1], picked) for i in range(0, len(group), 2)]
            for picked in (even, odd)
            for group in sets
        ]
    return [group[0] for group in sets]


# --- arithmetic on tiles ---------------------------------------------------------------


def _with_row(build: Callable[[Any, Any, Any, Any], Any], doc: str) -> Any:
    """Make an operation on a tile, a column of vectors and a row of n numbers in memory."""

    def typer(
        typing_context: Any, tile: Any, column: Any, array: Any, offset: Any, stride: Any
    ) -> Any:
        if not isinstance(tile, TileType):
            return None

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            accumulators = _vectors(builder, tile, arguments[0])
            left = _vectors(builder, column, arguments[1])
            result = []
            for j in range(tile.n):
                at = builder.add(arguments[3], builder.mul(arguments[4], _I64(j)))
                pointer = _address(context, builder, signature.args[2], arguments[2], at, _I64(1))
                number = _splat(builder, builder.load(pointer), tile.lanes)
                for i in range(tile.m):
                    result.append(build(builder, left[i], number, accumulators[j * tile.m + i]))
            return _pack(builder, tile, result)

        return tile(tile, column, array, types.int64, types.int64), codegen

    typer.__doc__ = doc
    return intrinsic(typer)


def _add_squared_difference(builder: Any, a: Any, b: Any, c: Any) -> Any:
    difference = builder.fsub(a, b)
    return _multiply_add(builder, difference, difference, c)


rank1 = _with_row(
    _multiply_add,
    "Return tile + column * row, the row's n numbers being ``array[offset + j * stride]``.",
)
squared_differences = _with_row(
    _add_squared_difference,
    "Return tile + (column - row)**2, the row's n numbers being ``array[offset + j * stride]``.",
)


@intrinsic  # type: ignore[misc]
def outer(typing_context: Any, tile: Any, array: Any, left: Any, right: Any, stride: Any) -> Any:
    """Return tile + the lane-wise outer product of m vectors with n vectors.

    Entry (i, j) gains the vector at ``left + i * stride`` times that at
    ``right + j * stride``; the sum over its lanes is one entry of a weight gradient.
    """
    if not isinstance(tile, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        accumulators = _vectors(builder, tile, arguments[0])
        vector = _vector_type(tile)

        def loaded(start: Any, count: int) -> list[Any]:
            vectors = []
            for i in range(count):
                at = builder.add(start, builder.mul(arguments[4], _I64(i)))
                span = _I64(tile.lanes)
                pointer = _address(context, builder, signature.args[1], arguments[1], at, span)
                size = int(tile.dtype.bitwidth) // 8
                vectors.append(_load_vector(builder, pointer, vector, size))
            return vectors

        a = loaded(arguments[2], tile.m)
        b = loaded(arguments[3], tile.n)
        result = [
            _multiply_add(builder, a[i], b[j], accumulators[j * tile.m + i])
            for j in range(tile.n)
            for i in range(tile.m)
        ]
        return _pack(builder, tile, result)

    return tile(tile, array, types.int64, types.int64, types.int64), codegen


@intrinsic  # type: ignore[misc]
def multiply_add(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once where the host has a fused multiply-add.

    One of ``a`` and ``b``, and ``c``, may be a number instead of a tile.
    """
    tile = a if isinstance(a, TileType) else b
    if not isinstance(tile, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        operands = [
            _operand(context, builder, tile, kind, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        result = [_multiply_add(builder, *abc) for abc in zip(*operands, strict=True)]
        return _pack(builder, tile, result)

    return tile(types.unliteral(a), types.unliteral(b), types.unliteral(c)), codegen


def _operand(context: Any, builder: Any, tile: TileType, kind: Any, value: Any) -> list[Any]:
    """Return the vectors of a tile, or of a number repeated in the shape of ``tile``."""
    if isinstance(kind, TileType):
        return _vectors(builder, kind, value)
    scalar = context.cast(builder, value, kind, tile.dtype)
    return [_splat(builder, scalar, tile.lanes)] * (tile.m * tile.n)


def _elementwise(function: Any, build: Callable[[Any, Any, Any], Any]) -> None:
    """Teach Numba ``function`` on two tiles of one shape, or on a tile and a number."""

    class Template(AbstractTemplate):  # type: ignore[misc]
        key = function

        def generic(self, arguments: Any, keywords: Any) -> Any:
            if len(arguments) != 2:
                return None
            a, b = (types.unliteral(argument) for argument in arguments)
            tiles = [kind for kind in (a, b) if isinstance(kind, TileType)]
            if not tiles or not all(isinstance(kind, TileType | types.Number) for kind in (a, b)):
                return None
            return signature(tiles[0], a, b)

    def lower(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        tile = sig.return_type
        a, b = (
            _operand(context, builder, tile, kind, value)
            for kind, value in zip(sig.args, arguments, strict=True)
        )
        vectors = [build(builder, x, y) for x, y in zip(a, b, strict=True)]
        return _pack(builder, tile, vectors)

    infer_global(function)(Template)
    lower_builtin(function, TileType, TileType)(lower)
    lower_builtin(function, TileType, types.Number)(lower)
    lower_builtin(function, types.Number, TileType)(lower)


_elementwise(operator.add, lambda builder, a, b: builder.fadd(a, b))
_elementwise(operator.sub, lambda builder, a, b: builder.fsub(a, b))
_elementwise(operator.mul, lambda builder, a, b: builder.fmul(a, b))
_elementwise(operator.truediv, lambda builder, a, b: builder.fdiv(a, b))


def _binary(build: Callable[[Any, Any, Any], Any], doc: str) -> Any:
    def typer(typing_context: Any, a: Any, b: Any) -> Any:
        if not isinstance(a, TileType):
            return None

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            left = _vectors(builder, a, arguments[0])
            right = _operand(context, builder, a, signature.args[1], arguments[1])
            vectors = [build(builder, x, y) for x, y in zip(left, right, strict=True)]
            return _pack(builder, a, vectors)

        return a(a, types.unliteral(b)), codegen

    typer.__doc__ = doc
    return intrinsic(typer)


def _choose(order: str) -> Callable[[Any, Any, Any], Any]:
    def build(builder: Any, a: Any, b: Any) -> Any:
        return builder.select(builder.fcmp_ordered(order, a, b), a, b)

    return build


minimum = _binary(_choose("<"), "Return the smaller of two tiles; the second where either is NaN.")
maximum = _binary(_choose(">"), "Return the larger of two tiles; the second where either is NaN.")


def _unary(build: Callable[[Any, TileType, Any], Any], doc: str) -> Any:
    def typer(typing_context: Any, a: Any) -> Any:
        if not isinstance(a, TileType):
            return None

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vectors = [build(builder, a, x) for x in _vectors(builder, a, arguments[0])]
            return _pack(builder, a, vectors)

        return a(a), codegen

    typer.__doc__ = doc
    return intrinsic(typer)


def _square_root(builder: Any, tile: TileType, x: Any) -> Any:
    return _call(builder, f"llvm.sqrt.{_suffix(x.type)}", x.type, x)


def _absolute(builder: Any, tile: TileType, x: Any) -> Any:
    return _call(builder, f"llvm.fabs.{_suffix(x.type)}", x.type, x)


def _round(builder: Any, tile: TileType, x: Any) -> Any:
    # Past 1.5 * 2**mantissa a float has no fraction left; no instruction of its own is
    # needed, and SSE2 has none.  Exact for |x| < 2**(mantissa - 1).
    magic = 1.5 * 2.0 ** (23 if tile.dtype.bitwidth == 32 else 52)
    constant = ir.Constant(x.type, [magic] * tile.lanes)
    return builder.fsub(builder.fadd(x, constant), constant)


square_root = _unary(_square_root, "Return the square root, correctly rounded.")
absolute = _unary(_absolute, "Return the absolute value.")
round_to_whole = _unary(_round, "Return the nearest whole number, the even one of two.")


@intrinsic  # type: ignore[misc]
def is_single(typing_context: Any, tile: Any) -> Any:
    """Return whether a tile (or array) holds float32: a constant to the compiler."""
    single = tile.dtype.bitwidth == 32

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.IntType(1)(int(single))

    return types.boolean(tile), codegen


@intrinsic  # type: ignore[misc]
def select_less(typing_context: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """Return ``yes`` where a < b, else ``no`` (also where either is NaN); numbers are repeated."""
    if not isinstance(a, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, y, p, q = (
            _operand(context, builder, a, kind, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        )
        vectors = [
            builder.select(builder.fcmp_ordered("<", x[i], y[i]), p[i], q[i])
            for i in range(a.m * a.n)
        ]
        return _pack(builder, a, vectors)

    return a(a, types.unliteral(b), types.unliteral(yes), types.unliteral(no)), codegen


@intrinsic  # type: ignore[misc]
def scale_by_power_of_two(typing_context: Any, a: Any, exponent: Any) -> Any:
    """Return a * 2**exponent; ``exponent`` holds whole numbers in the range of normal exponents."""
    if not isinstance(a, TileType):
        return None
    integer = _integer_like(a.dtype)
    mantissa, bias = (23, 127) if a.dtype.bitwidth == 32 else (52, 1023)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = ir.VectorType(ir.IntType(integer.bitwidth), a.lanes)
        # Adding 1.5 * 2**mantissa leaves a whole number in the low bits: no conversion
        # instruction is needed, and 64-bit ones are missing before AVX-512.
        magic = 1.5 * 2.0**mantissa
        result = []
        for x, power in zip(
            _vectors(builder, a, arguments[0]), _vectors(builder, a, arguments[1]), strict=True
        ):
            shifted = builder.fadd(power, ir.Constant(power.type, [magic + bias] * a.lanes))
            whole = builder.bitcast(shifted, bits)
            whole = builder.shl(whole, ir.Constant(bits, [mantissa] * a.lanes))
            result.append(builder.fmul(x, builder.bitcast(whole, power.type)))
        return _pack(builder, a, result)

    return a(a, exponent), codegen


@intrinsic  # type: ignore[misc]
def split_exponent(typing_context: Any, x: Any) -> Any:
    """Return (m, n) with x = m 2**n, 1 <= m < 2 and n whole, for normal x > 0."""
    if not isinstance(x, TileType):
        return None
    integer = _integer_like(x.dtype)
    mantissa, bias = (23, 127) if x.dtype.bitwidth == 32 else (52, 1023)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = ir.VectorType(ir.IntType(integer.bitwidth), x.lanes)

        def constant(number: int) -> Any:
            return ir.Constant(bits, [number] * x.lanes)

        mantissas, exponents = [], []
        for vector in _vectors(builder, x, arguments[0]):
            whole = builder.bitcast(vector, bits)
            fraction = builder.and_(whole, constant((1 << mantissa) - 1))
            one = builder.or_(fraction, constant(bias << mantissa))
            mantissas.append(builder.bitcast(one, vector.type))
            # The exponent as the low bits of a number near 2**mantissa: exact, and no
            # conversion instruction, which 64-bit numbers lack before AVX-512.
            shifted = builder.lshr(whole, constant(mantissa))
            shifted = builder.or_(shifted, constant((mantissa + bias) << mantissa))
            magic = ir.Constant(vector.type, [2.0**mantissa + bias] * x.lanes)
            exponents.append(builder.fsub(builder.bitcast(shifted, vector.type), magic))
        packed = [_pack(builder, x, vectors) for vectors in (mantissas, exponents)]
        return context.make_tuple(builder, signature.return_type, packed)

    return types.UniTuple(x, 2)(x), codegen


@intrinsic  # type: ignore[misc]
def any_not_greater(typing_context: Any, a: Any, b: Any) -> Any:
    """Return whether in any lane a > b does not hold: a <= b, or either is NaN."""
    if not isinstance(a, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left = _vectors(builder, a, arguments[0])
        right = _operand(context, builder, a, signature.args[1], arguments[1])
        found = None
        for x, y in zip(left, right, strict=True):
            less = builder.fcmp_unordered("<=", x, y)
            found = less if found is None else builder.or_(found, less)
        mask = builder.bitcast(found, ir.IntType(a.lanes))
        return builder.icmp_unsigned("!=", mask, mask.type(0))

    return types.boolean(a, types.unliteral(b)), codegen


# --- the largest column of each lane, with the runner-up ------------------------------------


@intrinsic  # type: ignore[misc]
def largest_column(
    typing_context: Any, tile: Any, first: Any, best: Any, index: Any, second: Any
) -> Any:
    """Update the largest value of each lane, its column and the second largest with a tile.

    ``first`` is the number of the tile's first column.  On ties the lower column stays.
    Returns (best, index, second).
    """
    if not isinstance(tile, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        columns = _vectors(builder, tile, arguments[0])
        bests = _vectors(builder, best, arguments[2])
        chosen = _vectors(builder, index, arguments[3])
        seconds = _vectors(builder, second, arguments[4])
        whole = ir.IntType(index.dtype.bitwidth)
        start = arguments[1]
        if whole.width < 64:
            start = builder.trunc(start, whole)
        start = _splat(builder, start, tile.lanes)
        for i in range(tile.m):
            before = bests[i]
            local = ir.Constant(_vector_type(index), [0] * tile.lanes)
            for j in range(tile.n):
                score = columns[j * tile.m + i]
                better = builder.fcmp_ordered(">", score, bests[i])
                lower = _choose("<")(builder, score, bests[i])
                seconds[i] = _choose(">")(builder, lower, seconds[i])
                bests[i] = builder.select(better, score, bests[i])
                number = ir.Constant(_vector_type(index), [j] * tile.lanes)
                local = builder.select(better, number, local)
            improved = builder.fcmp_ordered(">", bests[i], before)
            chosen[i] = builder.select(improved, builder.add(local, start), chosen[i])
        packed = [
            _pack(builder, kind, vectors)
            for kind, vectors in ((best, bests), (index, chosen), (second, seconds))
        ]
        return context.make_tuple(builder, signature.return_type, packed)

    result = types.Tuple((best, index, second))
    return result(tile, types.int64, best, index, second), codegen


# --- leaving registers ---------------------------------------------------------------------


@intrinsic  # type: ignore[misc]
def store(typing_context: Any, array: Any, offset: Any, stride: Any, tile: Any) -> Any:
    """Store a tile: column j to ``offset + j * stride``, its vectors back to back."""
    if not isinstance(tile, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, step, held = arguments
        vectors = _vectors(builder, tile, held)
        size = int(tile.dtype.bitwidth) // 8
        for j in range(tile.n):
            column = builder.add(start, builder.mul(step, _I64(j)))
            span = _I64(tile.m * tile.lanes)
            pointer = _address(context, builder, signature.args[0], value, column, span)
            for i in range(tile.m):
                at = builder.gep(pointer, [_I64(i * tile.lanes)])
                _store_vector(builder, vectors[j * tile.m + i], at, size)
        return context.get_dummy_value()

    return types.none(array, types.int64, types.int64, tile), codegen


@intrinsic  # type: ignore[misc]
def store_past_cache(typing_context: Any, array: Any, offset: Any, tile: Any) -> Any:
    """Store a 1 x 1 tile from ``offset``, whose address is a whole number of vectors.

    The line is written to memory without being read first, and not kept in any cache: for
    results larger than the caches.  The next atomic addition orders it before what follows.
    """
    if not isinstance(tile, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, held = arguments
        (vector,) = _vectors(builder, tile, held)
        pointer = _address(context, builder, signature.args[0], value, start, _I64(tile.lanes))
        stored = builder.store(vector, _vector_pointer(builder, pointer, vector.type))
        stored.align = host().vector_bytes
        one = builder.module.add_metadata([ir.IntType(32)(1)])
        stored.set_metadata("nontemporal", one)
        return context.get_dummy_value()

    return types.none(array, types.int64, tile), codegen


@intrinsic  # type: ignore[misc]
def store_part(
    typing_context: Any,
    array: Any,
    offset: Any,
    stride: Any,
    tile: Any,
    width: Any,
    columns: Any,
) -> Any:
    """Store as :func:`store`, but ``width`` elements of the first ``columns`` columns."""
    if not isinstance(tile, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, step, held, width, columns = arguments
        vectors = _vectors(builder, tile, held)
        size = int(tile.dtype.bitwidth) // 8
        for j in range(tile.n):
            with builder.if_then(builder.icmp_signed("<", _I64(j), columns)):
                column = builder.add(start, builder.mul(step, _I64(j)))
                pointer = _address(context, builder, signature.args[0], value, column, width)
                for i in range(tile.m):
                    at = builder.gep(pointer, [_I64(i * tile.lanes)])
                    mask = _first_lanes(
                        builder, builder.sub(width, _I64(i * tile.lanes)), tile.lanes
                    )
                    _masked_store(builder, vectors[j * tile.m + i], at, size, mask)
        return context.get_dummy_value()

    whole = (types.int64, types.int64, tile, types.int64, types.int64)
    return types.none(array, *whole), codegen


@intrinsic  # type: ignore[misc]
def store_first(typing_context: Any, array: Any, offset: Any, count: Any, tile: Any) -> Any:
    """Store the first ``count`` lanes of a 1 x 1 tile from ``offset``."""
    if not isinstance(tile, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, number, held = arguments
        pointer = _address(context, builder, signature.args[0], value, start, number)
        (vector,) = _vectors(builder, tile, held)
        mask = _first_lanes(builder, number, tile.lanes)
        _masked_store(builder, vector, pointer, int(tile.dtype.bitwidth) // 8, mask)
        return context.get_dummy_value()

    return types.none(array, types.int64, types.int64, tile), codegen


@intrinsic  # type: ignore[misc]
def store_indices(typing_context: Any, array: Any, offset: Any, tile: Any) -> Any:
    """Store an m x 1 tile of integers to consecutive int32 elements from ``offset``."""
    if not isinstance(tile, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, held = arguments
        span = _I64(tile.m * tile.lanes)
        pointer = _address(context, builder, signature.args[0], value, start, span)
        narrow = ir.VectorType(ir.IntType(32), tile.lanes)
        for i, vector in enumerate(_vectors(builder, tile, held)):
            if vector.type != narrow:
                vector = builder.trunc(vector, narrow)
            at = builder.gep(pointer, [_I64(i * tile.lanes)])
            _store_vector(builder, vector, at, 4)
        return context.get_dummy_value()

    return types.none(array, types.int64, tile), codegen


def _add_neighbours(builder: Any, a: Any, b: Any) -> Any:
    """Return a vector whose first half sums neighbours of ``a``, whose second those of ``b``."""
    count = a.type.count
    even = _shuffle(builder, a, b, list(range(0, 2 * count, 2)))
    odd = _shuffle(builder, a, b, list(range(1, 2 * count, 2)))
    return builder.fadd(even, odd)


def _lane_sums(builder: Any, vectors: list[Any]) -> list[Any]:
    """Return vectors whose lanes are the sums over the lanes of each given vector, in order.

    A tree that adds two vectors' neighbouring lanes into one leaves, after log2(lanes)
    levels, one sum in each lane; its order depends on nothing but the number of lanes.
    """
    lanes_ = vectors[0].type.count
    sums: list[Any] = []
    for start in range(0, len(vectors), lanes_):
        group = vectors[start : start + lanes_]
        width = lanes_
        while width > 1:
            if len(group) % 2:
                group.append(group[-1])
            group = [
                _add_neighbours(builder, group[i], group[i + 1]) for i in range(0, len(group), 2)
            ]
            width //= 2
            if len(group) == 1 and width > 1:
                group.append(group[0])
        sums.append(group[0])
    return sums


def _elements(builder: Any, vectors: list[Any], start: int, count: int) -> Any:
    """Return some of the elements of vectors side by side, as one vector."""
    lanes_ = vectors[0].type.count
    picked = ir.Constant(ir.VectorType(vectors[0].type.element, count), ir.Undefined)
    for i in range(count):
        vector, lane = divmod(start + i, lanes_)
        element = builder.extract_element(vectors[vector], ir.IntType(32)(lane))
        picked = builder.insert_element(picked, element, ir.IntType(32)(i))
    return picked


@intrinsic  # type: ignore[misc]
def add_lane_sums(
    typing_context: Any,
    array: Any,
    offset: Any,
    stride: Any,
    tile: Any,
    rows: Any,
    columns: Any,
) -> Any:
    """Add the sum over lanes of entry (i, j) to ``array[offset + i * stride + j]``.

    Of the first ``rows`` rows and ``columns`` columns; the other entries are left out.
    """
    if not isinstance(tile, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, start, step, held, rows, columns = arguments
        vectors = _vectors(builder, tile, held)
        in_rows = [vectors[j * tile.m + i] for i in range(tile.m) for j in range(tile.n)]
        sums = _lane_sums(builder, in_rows)
        size = int(tile.dtype.bitwidth) // 8
        whole = builder.icmp_signed(">=", columns, _I64(tile.n))
        for i in range(tile.m):
            with builder.if_then(builder.icmp_signed("<", _I64(i), rows)):
                row = _elements(builder, sums, i * tile.n, tile.n)
                at = builder.add(start, builder.mul(step, _I64(i)))
                span = builder.select(whole, _I64(tile.n), columns)
                pointer = _address(context, builder, signature.args[0], value, at, span)
                with builder.if_else(whole) as (full, partial):
                    with full:
                        old = _load_vector(builder, pointer, row.type, size)
                        _store_vector(builder, builder.fadd(old, row), pointer, size)
                    with partial:  # numbers: a vector over those of the row before would wait
                        for j in range(tile.n - 1):
                            with builder.if_then(builder.icmp_signed("<", _I64(j), columns)):
                                entry = builder.gep(pointer, [_I64(j)])
                                number = builder.extract_element(row, ir.IntType(32)(j))
                                number = builder.fadd(builder.load(entry), number)
                                builder.store(number, entry)
        return context.get_dummy_value()

    rest = (types.int64, types.int64, tile, types.int64, types.int64)
    return types.none(array, *rest), codegen


@intrinsic  # type: ignore[misc]
def lane_sum(typing_context: Any, tile: Any) -> Any:
    """Return the sum over the lanes of an m x 1 tile, as a number: its vectors added up first."""
    if not isinstance(tile, TileType):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, *others = _vectors(builder, tile, arguments[0])
        for vector in others:
            first = builder.fadd(first, vector)
        (sums,) = _lane_sums(builder, [first])
        return builder.extract_element(sums, ir.IntType(32)(0))

    return tile.dtype(tile), codegen


@intrinsic  # type: ignore[misc]
def transpose(typing_context: Any, tile: Any) -> Any:
    """Transpose a 1 x lanes tile: lane i of column j becomes lane j of column i.

    Pairs within 128-bit groups first (one-cycle unpacks everywhere), whole groups last.
    """
    if not isinstance(tile, TileType) or tile.n != tile.lanes or tile.m != 1:
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = _transposed(builder, tile, _vectors(builder, tile, arguments[0]))
        return _pack(builder, tile, vectors)

    return tile(tile), codegen


def _transposed(builder: Any, tile: TileType, rows: list[Any]) -> list[Any]:
    count = tile.lanes
    group = 16 // (int(tile.dtype.bitwidth) // 8)  # elements in 128 bits

    def interleave(a: Any, b: Any, width: int, half: int) -> Any:
        """Take the ``half`` of each 128-bit group of a and b, ``width`` elements in turn."""
        picked = []
        for base in range(0, count, group):
            for k in range(group // 2 // width):
                at = base + half * (group // 2) + k * width
                picked += list(range(at, at + width))
                picked += list(range(count + at, count + at + width))
        return _shuffle(builder, a, b, picked)

    # Within groups: after these stages vector c of a set of ``group`` rows holds, in
    # 128-bit group q, column q * group + c of those rows.
    sets = []
    for start in range(0, count, group):
        part = rows[start : start + group]
        if group == 2:
            part = [interleave(part[0], part[1], 1, half) for half in (0, 1)]
        else:
            ab = [interleave(part[0], part[1], 1, half) for half in (0, 1)]
            cd = [interleave(part[2], part[3], 1, half) for half in (0, 1)]
            part = [
                interleave(ab[0], cd[0], 2, 0), interleave(ab[0], cd[0], 2, 1),
                interleave(ab[1], cd[1], 2, 0), interleave(ab[1], cd[1], 2, 1),
            ]  # fmt: skip
        sets.append(part)

    def groups(a: Any, b: Any, from_a: list[int], from_b: list[int]) -> Any:
        picked = [q * group + e for q in from_a for e in range(group)]
        picked += [count + q * group + e for q in from_b for e in range(group)]
        return _shuffle(builder, a, b, picked)

    columns: list[Any] = [None] * count
    for c in range(group):
        parts = [part[c] for part in sets]
        if len(parts) == 2:
            parts = [groups(parts[0], parts[1], [q], [q]) for q in (0, 1)]
        elif len(parts) == 4:
            ab = [groups(parts[0], parts[1], half, half) for half in ([0, 1], [2, 3])]
            cd = [groups(parts[2], parts[3], half, half) for half in ([0, 1], [2, 3])]
            parts = [
                groups(ab[half], cd[half], [q, q + 2], [q, q + 2])
                for half in (0, 1)
                for q in (0, 1)
            ]
        for q, part in enumerate(parts):
            columns[q * group + c] = part
    return columns
