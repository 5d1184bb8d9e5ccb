"""How much memory a fit may take: what the user chose, or the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

_in_context: ContextVar[int | None] = ContextVar("fastml_memory_limit", default=None)

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)
#: Less would not hold what reads ahead.
_LEAST = 1 << 20


def parse_bytes(size: Any, name: str = "memory_limit") -> int:
    """Return a number of bytes written as an int, or as "4GB", "512 MiB" and the like.

    Parameters
    ----------
    size : int or str
    name : str, what to call it in an error

    Examples
    --------
    >>> parse_bytes("4GB"), parse_bytes("1.5 MiB")
    (4000000000, 1572864)
    """
    if isinstance(size, int | np.integer) and not isinstance(size, bool):
        number = int(size)
    elif isinstance(size, str):
        found = _SIZE.fullmatch(size)
        if found is None:
            raise ValueError(f"{name} must be bytes or text like '4GB', got {size!r} instead.")
        unit = found[2].lower()
        number = int(float(found[1]) * (_BINARY if found[3] and unit else _UNITS)[unit])
    else:
        raise TypeError(f"{name} must be an int or a str, got {size!r} instead.")
    if number < _LEAST:
        raise ValueError(f"{name} == {size!r}, must be at least 1 MiB.")
    return number


def memory_limit() -> int | None:
    """Return the limit in force, in bytes: of the enclosing engine, else FASTML_MEMORY_LIMIT."""
    limit = _in_context.get()
    if limit is None:
        text = os.environ.get("FASTML_MEMORY_LIMIT", "").strip()
        limit = parse_bytes(text, "FASTML_MEMORY_LIMIT") if text else None
    return limit


@contextmanager
def limited_memory(limit: int | None) -> Iterator[None]:
    """Have a limit in force within a block; None leaves the one that is."""
    token = _in_context.set(_in_context.get() if limit is None else limit)
    try:
        yield
    finally:
        _in_context.reset(token)


def in_words(n_bytes: float) -> str:
    """Return a number of bytes to three digits.

    Examples
    --------
    >>> in_words(1234567), in_words(12)
    ('1.23 MB', '12 B')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"
