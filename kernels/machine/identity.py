"""What tells a function from all others of the same sources, in every process alike.

A factory makes kernels that differ only in what they enclose: a width, another kernel.  Numba
numbers them in the order of their compilation, which is another in every process; code that one
process kept and code that another made could then go by one name, and the linker would take either
for both.  So what a kernel encloses is part of its name.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any


def identity(thing: Any) -> object:
    """Return the module, name and code of a function, and the same of all it encloses.

    Of anything else a digest of how it is pickled.
    """
    function = inspect.unwrap(thing) if callable(thing) else thing
    if not isinstance(function, FunctionType):
        try:
            written = pickle.dumps(thing)
        except Exception:  # may be another in the next process, which then compiles anew
            written = repr(thing).encode()
        return hashlib.sha256(written).hexdigest()
    cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
    enclosed = tuple(map(identity, cells + (function.__defaults__ or ())))
    return function.__module__, function.__qualname__, _text(function.__code__), enclosed


def _text(code: CodeType) -> object:
    """Return all of a function's code: two of one line may differ in a name, or a number, only."""
    constants = tuple(
        _text(constant) if isinstance(constant, CodeType)
        # A set's own order is another in every process.
        else sorted(map(repr, constant)) if isinstance(constant, frozenset)
        else repr(constant)
        for constant in code.co_consts
    )  # fmt: skip
    return code.co_firstlineno, code.co_code.hex(), code.co_names, constants


def name_apart(function: Callable[..., Any]) -> None:
    """Give a function that encloses anything a qualified name of its own."""
    if function.__closure__:  # type: ignore[attr-defined]
        digest = hashlib.sha256(repr(identity(function)).encode()).hexdigest()[:16]
        function.__qualname__ = f"{function.__qualname__}_{digest}"
