"""Atomic memory operations and the processor's word for waiting, which Numba has none for."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


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
def pause(typing_context: Any) -> Any:
    """Tell the processor that this is a waiting loop, where it has a word for that."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if builder.module.triple.startswith(("x86_64", "i686", "i386")):
            declared = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            declared_pause = builder.module.globals.get(name) or ir.Function(
                builder.module, declared, name
            )
            builder.call(declared_pause, [])
        return context.get_dummy_value()

    return types.none(), codegen
