"""The one Numba policy: how every kernel is compiled.

Where its machine code is kept is :mod:`.store`'s business, and how Numba is brought to do all this
:mod:`.numba_private`'s.  Should Numba have changed there, or with ``FASTML_PLAIN_NUMBA=1``, kernels
are compiled as :mod:`.plain` does: the first call takes longer, the results are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
from numba import config

from .identity import name_apart
from .plain import compile_plainly
from .settings import CHECK_TILES, PLAIN_NUMBA
from .store import cache_directory, cache_refusal, source_digest

__all__ = [
    "CHECK_TILES",
    "allocating_inner_kernel",
    "allocating_kernel",
    "cache_directory",
    "cache_refusal",
    "inner_kernel",
    "kernel",
    "plain_reason",
    "source_digest",
]


@cache
def plain_reason() -> str:
    """Return why kernels are compiled by plain ``numba.njit``; empty where they are not."""
    if PLAIN_NUMBA:
        return "FASTML_PLAIN_NUMBA is set"
    try:
        from . import numba_private

        numba_private.check()
    except Exception as error:  # whatever another version of Numba does not have any more
        return f"Numba {numba.__version__} has changed: {error}"
    return ""


def _compiled(
    function: Callable[..., Any],
    *,
    memory: bool = False,
    inner: bool = False,
    inlined: bool = False,
) -> Any:
    if config.DISABLE_JIT:
        return numba.njit(function)
    name_apart(function)
    if plain_reason():
        return compile_plainly(function)
    from . import numba_private as private

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", **private.OPTIONS}
    if not memory:
        options |= private.WITHOUT_MEMORY
    if inner:
        options |= private.WITHOUT_WRAPPER
    options["forceinline"] = inlined  # said to all: what is not said is taken over from the caller
    return private.adapt(numba.njit(**options)(function), function, inner=inner)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile ``function`` by the policy: no Python objects, no lock, no fast-math, no memory.

    Fast-math stays off: it would let the compiler reorder sums, and the same bits on
    every run is a promise; where a fused multiply-add or a reordered sum is wanted, the
    tile says so.  Division by zero gives what IEEE 754 says (``error_model``).

    A kernel allocates nothing, so it is compiled without Numba's reference counts: an array
    passed to a function costs two locked instructions otherwise, a fifth of the time of a
    small panel.
    """
    return _compiled(function)


def inner_kernel(function: Callable[..., Any]) -> Any:
    """Compile ``function`` as :func:`kernel` does, to be called by kernels only.

    Without the wrapper Python calls, which costs a tenth of the compilation.
    """
    return _compiled(function, inner=True)


def inlined_kernel(function: Callable[..., Any]) -> Any:
    """Compile ``function`` as :func:`inner_kernel` does, into the function that calls it.

    For what takes about as long as handing over its arguments, an array of two dimensions being
    seven, and has few callers: every one of them gets a copy.
    """
    return _compiled(function, inner=True, inlined=True)


def allocating_kernel(function: Callable[..., Any]) -> Any:
    """Compile ``function`` as :func:`kernel` does, with leave to make arrays.

    For the few that set up their working memory and then take tickets.
    """
    return _compiled(function, memory=True)


def allocating_inner_kernel(function: Callable[..., Any]) -> Any:
    """Compile ``function`` as :func:`allocating_kernel` does, to be called by kernels only.

    For what makes the working memory of a kernel: machine code of its own would be for nobody.
    """
    return _compiled(function, memory=True, inner=True)
