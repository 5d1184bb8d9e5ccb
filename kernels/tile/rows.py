"""Rows of a matrix into tiles whose lanes are samples: gathered, transposed, taken apart."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from ..machine.jit import CHECK_TILES
from .ir import (
    I64,
    address,
    beyond,
    check_offset,
    load_first_lanes,
    load_vector,
    pack,
    shuffle,
    unpack,
)
from .operation import ARRAY, INDEX, LITERAL, MATRIX, STRIDED, TILE, expect, operation
from .type import TileType, element_type, lanes_in_register


def _row_pointers(
    context: Any, builder: Any, signature: Any, arguments: Any, count: int, column: Any
) -> tuple[list[Any], Any]:
    """Return pointers to a column of some rows by number, and the number of columns.

    Without a column, to the first; in the checking mode then the whole rows must be there.
    """
    matrix = context.make_array(signature.args[0])(context, builder, arguments[0])
    n_columns = cgutils.unpack_tuple(builder, matrix.shape)[1]
    row_bytes = cgutils.unpack_tuple(builder, matrix.strides)[0]
    pointers = []
    for i in range(count):
        at = builder.add(arguments[2], I64(i))
        number = address(context, builder, signature.args[1], arguments[1], at, I64(1))
        row = builder.load(number)
        if CHECK_TILES:
            first = builder.mul(row, n_columns)
            if column is None:
                last = builder.add(first, builder.sub(n_columns, I64(1)))
            else:
                first = last = builder.add(first, column)
            check_offset(context, builder, matrix, first, last)
        bytes_ = builder.bitcast(matrix.data, ir.IntType(8).as_pointer())
        start = builder.gep(bytes_, [builder.mul(row, row_bytes)])
        start = builder.bitcast(start, matrix.data.type)
        pointers.append(start if column is None else builder.gep(start, [column]))
    return pointers, n_columns


def _expect_row_numbers(rows: Any) -> None:
    expect(rows.dtype.bitwidth == 64, f"rows: expected int64 elements, got {rows}")


def _loaded_rows(tile: TileType) -> Any:
    """Make the code that loads one vector of each of some rows, a column of the tile each."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        column = arguments[3]
        pointers, n_columns = _row_pointers(context, builder, signature, arguments, tile.n, column)
        left = builder.sub(n_columns, column)
        whole = builder.icmp_signed(">=", left, I64(tile.lanes))
        vector, size = tile.vector, tile.itemsize
        result = cgutils.alloca_once(builder, ir.ArrayType(vector, tile.n))
        with builder.if_else(whole) as (full, partial):
            with full:
                vectors = [load_vector(builder, p, vector, size) for p in pointers]
                builder.store(pack(builder, tile, vectors), result)
            with partial:
                vectors = [load_first_lanes(builder, p, vector, size, left) for p in pointers]
                builder.store(pack(builder, tile, vectors), result)
        return builder.load(result)

    return codegen


@operation(array=MATRIX, rows=ARRAY, first=INDEX, column=INDEX)
def load_rows(array: Any, rows: Any, first: Any, column: Any) -> Any:
    """Load one vector from each of ``lanes`` rows, as the columns of a 1 x lanes tile.

    Vector i is ``array[rows[first + i], column : column + lanes]``; the features of
    a row of ``array`` are back to back.  Lanes past the last feature are zero and are not read.
    """
    _expect_row_numbers(rows)
    tile = TileType(array.dtype, 1, lanes_in_register(array.dtype))
    return tile, _loaded_rows(tile)


@operation(array=MATRIX, rows=ARRAY, first=INDEX, column=INDEX, n=LITERAL)
def load_some_rows(array: Any, rows: Any, first: Any, column: Any, n: int) -> Any:
    """Load one vector from each of n rows, as :func:`load_rows` does: a 1 x n tile."""
    _expect_row_numbers(rows)
    tile = TileType(array.dtype, 1, n)
    return tile, _loaded_rows(tile)


@operation(array=MATRIX, rows=ARRAY, first=INDEX, width=LITERAL)
def load_narrow_rows(array: Any, rows: Any, first: Any, width: int) -> Any:
    """Load one vector of samples for each of the first ``width`` features: already transposed.

    For data of few features, where whole vectors of a row would be mostly empty.  Lane i of
    column p is ``array[rows[first + i], p]``, zero for p past the last feature; ``width`` is a
    power of two below the number of lanes.

    The rows lie in the lanes one behind the other; taking the even and the odd lanes of two
    vectors apart moves the lowest bit of the feature's number from the lane to the vector.
    """
    _expect_row_numbers(rows)
    tile = TileType(array.dtype, 1, width)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if tile.n >= tile.lanes:  # compiled where vectors are short, never run there
            return ir.Constant(ir.ArrayType(tile.vector, tile.n), ir.Undefined)
        pointers, n_columns = _row_pointers(
            context, builder, signature, arguments, tile.lanes, None
        )
        part = ir.VectorType(element_type(tile.dtype), tile.n)
        size = tile.itemsize
        whole = builder.icmp_signed("==", n_columns, I64(tile.n))
        result = cgutils.alloca_once(builder, ir.ArrayType(tile.vector, tile.n))
        with builder.if_else(whole) as (full, partial):
            with full:
                parts = [load_vector(builder, p, part, size) for p in pointers]
                builder.store(pack(builder, tile, _taken_apart(builder, tile.n, parts)), result)
            with partial:
                parts = [load_first_lanes(builder, p, part, size, n_columns) for p in pointers]
                builder.store(pack(builder, tile, _taken_apart(builder, tile.n, parts)), result)
        return builder.load(result)

    return tile, codegen


@operation(array=STRIDED, offset=INDEX, width=LITERAL)
def load_whole_rows(array: Any, offset: Any, width: int) -> Any:
    """Load one vector of samples for each of ``width`` features, as :func:`load_narrow_rows` does.

    The rows are consecutive, and all there is in memory from element ``offset`` on.
    """
    tile = TileType(array.dtype, 1, width)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if tile.n >= tile.lanes:  # compiled where vectors are short, never run there
            return ir.Constant(ir.ArrayType(tile.vector, tile.n), ir.Undefined)
        value, start = arguments[:2]
        span = I64(tile.n * tile.lanes)
        pointer = address(context, builder, signature.args[0], value, start, span)
        parts = []
        for i in range(tile.n):
            at = beyond(builder, pointer, i * tile.lanes)
            parts.append(load_vector(builder, at, tile.vector, tile.itemsize))
        return pack(builder, tile, _taken_apart(builder, tile.n, parts))

    return tile, codegen


def _taken_apart(builder: Any, width: int, parts: list[Any]) -> list[Any]:
    """Return ``width`` vectors, the p-th of feature p, from vectors of samples side by side."""
    while len(parts) > width:
        count = 2 * parts[0].type.count
        parts = [
            shuffle(builder, parts[i], parts[i + 1], list(range(count)))
            for i in range(0, len(parts), 2)
        ]
    lanes_ = parts[0].type.count
    even, odd = list(range(0, 2 * lanes_, 2)), list(range(1, 2 * lanes_, 2))
    # Each pass halves the sets of vectors that belong to one value of the bits moved so far.
    sets = [parts]
    while len(sets) < width:
        sets = [
            [shuffle(builder, group[i], group[i + 1], picked) for i in range(0, len(group), 2)]
            for picked in (even, odd)
            for group in sets
        ]
    return [group[0] for group in sets]


@operation(tile=TILE)
def transpose(tile: TileType) -> Any:
    """Transpose a 1 x lanes tile: lane i of column j becomes lane j of column i.

    Pairs within 128-bit groups first (one-cycle unpacks everywhere), whole groups last.
    """
    wanted = TileType(tile.dtype, 1, tile.lanes)
    expect(tile == wanted, f"tile: expected {wanted}, got {tile}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = _transposed(builder, tile, unpack(builder, tile, arguments[0]))
        return pack(builder, tile, vectors)

    return tile, codegen


def _transposed(builder: Any, tile: TileType, rows: list[Any]) -> list[Any]:
    count = tile.lanes
    group = 16 // tile.itemsize  # elements in 128 bits

    def interleave(a: Any, b: Any, width: int, half: int) -> Any:
        """Take the ``half`` of each 128-bit group of a and b, ``width`` elements in turn."""
        picked = []
        for base in range(0, count, group):
            for k in range(group // 2 // width):
                at = base + half * (group // 2) + k * width
                picked += list(range(at, at + width))
                picked += list(range(count + at, count + at + width))
        return shuffle(builder, a, b, picked)

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
        return shuffle(builder, a, b, picked)

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
