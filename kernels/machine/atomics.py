"""What Numba has no word for: atomic memory operations, the pause of a waiting loop, the clock."""

from __future__ import annotations

import sys
import time
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_CLOCK = int(getattr(time, "CLOCK_MONOTONIC", 1))
#: Clocks that are read without entering the operating system, exact to a few milliseconds.
_COARSE_CLOCKS = {"linux": 6, "darwin": 5, "freebsd": 12}
_COARSE_CLOCK = next(
    (number for name, number in _COARSE_CLOCKS.items() if sys.platform.startswith(name)), _CLOCK
)


@intrinsic  # type: ignore[misc]
def atomic_add(typing_context: Any, state: Any, index: Any, number: Any) -> Any:
    """Add to ``state[index]`` and return what it was; ordered with all memory around it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        return builder.atomic_rmw("add", pointer, arguments[2], "acq_rel")

    return types.int64(state, types.int64, types.int64), codegen


@intrinsic  # type: ignore[misc]
def atomic_load(typing_context: Any, state: Any, index: Any) -> Any:
    """Return ``state[index]`` as another member left it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(state, types.int64), codegen


@intrinsic  # type: ignore[misc]
def atomic_add_at(typing_context: Any, address: Any, number: Any) -> Any:
    """Add to the int64 at an address, which the caller keeps alive, and return what it was."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", pointer, arguments[1], "acq_rel")

    return types.int64(types.int64, types.int64), codegen


@intrinsic  # type: ignore[misc]
def pause(typing_context: Any) -> Any:
    """Tell the processor that this is a waiting loop, where it has a word for that."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        triple = builder.module.triple
        if triple.startswith(("x86_64", "i686", "i386")):
            _call(builder, "llvm.x86.sse2.pause", ir.VoidType())
        elif triple.startswith(("aarch64", "arm64")):
            # A barrier for instructions takes about as long as the pause above; the hint made for
            # waiting loops (yield) does nothing on most of these processors.
            _call(builder, "llvm.aarch64.isb", ir.VoidType(), ir.IntType(32)(15))
        return context.get_dummy_value()

    return types.none(), codegen


def _call(builder: Any, name: str, kind: Any, *arguments: Any) -> Any:
    declared = ir.FunctionType(kind, [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, declared, name)
    return builder.call(function, arguments)


def _clock(builder: Any, clock: int) -> Any:
    number, identifier = ir.IntType(64), ir.IntType(32)
    if sys.platform == "win32":
        return builder.mul(_call(builder, "GetTickCount64", number), number(1_000_000))
    if sys.platform == "darwin":
        return _call(builder, "clock_gettime_nsec_np", number, identifier(clock))
    at = cgutils.alloca_once(builder, ir.ArrayType(number, 2))
    _call(builder, "clock_gettime", identifier, identifier(clock), at)
    seconds = builder.load(cgutils.gep_inbounds(builder, at, 0, 0))
    rest = builder.load(cgutils.gep_inbounds(builder, at, 0, 1))
    return builder.add(builder.mul(seconds, number(1_000_000_000)), rest)


@intrinsic  # type: ignore[misc]
def coarse_nanoseconds(typing_context: Any) -> Any:
    """Return the nanoseconds since some moment, exact to a few milliseconds."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _clock(builder, _COARSE_CLOCK)

    return types.int64(), codegen


@intrinsic  # type: ignore[misc]
def nanoseconds(typing_context: Any) -> Any:
    """Return the nanoseconds since some moment; on Windows as coarse as the other clock."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _clock(builder, _CLOCK)

    return types.int64(), codegen
