"""The Numba types of a tile and of a mask, and how they are held in registers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import models, register_model

from ..machine.host import host

#: What a lane may hold.
LANES_HOLD = (types.float32, types.float64, types.int32, types.int64)


class TileType(types.Type):  # type: ignore[misc]
    """Numba type of ``m`` x ``n`` vectors of ``dtype``: float32, float64, int32 or int64."""

    def __init__(self, dtype: types.Type, m: int, n: int) -> None:
        if dtype not in LANES_HOLD:
            raise TypingError(f"lanes of a tile hold float32, float64, int32 or int64, not {dtype}")
        self.dtype = dtype
        self.m = m
        self.n = n
        super().__init__(name=f"tile({dtype}, {m}x{n})")

    @property
    def lanes(self) -> int:
        return lanes_in_register(self.dtype)

    @property
    def itemsize(self) -> int:
        return int(self.dtype.bitwidth) // 8

    @property
    def floating(self) -> bool:
        return isinstance(self.dtype, types.Float)

    @property
    def vector(self) -> ir.Type:
        """The LLVM type of one vector."""
        return ir.VectorType(element_type(self.dtype), self.lanes)


class MaskType(types.Type):  # type: ignore[misc]
    """Numba type of ``m`` x ``n`` vectors of truth values, one for each lane of a tile.

    A mask has no element type: comparing float32 tiles gives what comparing int32 tiles gives.
    """

    def __init__(self, lanes: int, m: int, n: int) -> None:
        self.lanes = lanes
        self.m = m
        self.n = n
        super().__init__(name=f"mask({lanes}, {m}x{n})")

    @property
    def vector(self) -> ir.Type:
        """The LLVM type of one vector."""
        return ir.VectorType(ir.IntType(1), self.lanes)


@register_model(TileType)
@register_model(MaskType)
class _InRegisters(models.PrimitiveModel):  # type: ignore[misc]
    """An LLVM array of vectors; its pass "scalar replacement" gives each its own register."""

    def __init__(self, manager: Any, kind: TileType | MaskType) -> None:
        super().__init__(manager, kind, ir.ArrayType(kind.vector, kind.m * kind.n))


def element_type(dtype: types.Type) -> ir.Type:
    """Return the LLVM type of an array's element."""
    if isinstance(dtype, types.Float):
        return ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()
    return ir.IntType(dtype.bitwidth)


def lanes_in_register(dtype: types.Type) -> int:
    """Return how many elements of a Numba type a register holds."""
    return host().vector_bytes * 8 // int(dtype.bitwidth)


def integer_like(dtype: types.Type) -> types.Type:
    """Return the integer as wide as ``dtype``, for lanes beside those of a tile."""
    return types.int32 if dtype.bitwidth == 32 else types.int64


def mask_of(tile: TileType) -> MaskType:
    """Return the type of a comparison of two tiles of this type."""
    return MaskType(tile.lanes, tile.m, tile.n)
