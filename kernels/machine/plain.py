"""Plain ``numba.njit`` with Numba's own cache, in a folder of which one process has the use.

Numba numbers the entries of a function by those it finds.  Two processes that compile it at once,
for float32 and for float64, may give both the same number, and the code for one type is then run on
arrays of the other: seen as wrong numbers.  So a process locks its folder for as long as it lives;
the next one takes the next folder, and later ones find them filled.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numba
from numba import config

from .store import cache_directory

fcntl: Any
try:
    fcntl = import_module("fcntl")
except ImportError:  # Windows: nothing is kept
    fcntl = None

_changing_config = threading.Lock()
_compiled: list[Any] = []


def own_folder(directory: Path) -> Path | None:
    """Return a folder inside ``directory`` that no other process uses before this one ends.

    None where nothing can be written, or nothing locked.
    """
    if fcntl is None:
        return None
    for number in itertools.count():
        folder = directory / f"plain-{number}"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            break
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return folder  # the lock stays open, and goes with the process
        except BlockingIOError:
            os.close(lock)
        except OSError:
            os.close(lock)
            break
    return None


@cache
def _folder() -> Path | None:
    directory = cache_directory()
    return None if directory is None else own_folder(directory)


def compile_plainly(function: Callable[..., Any]) -> Any:
    """Compile by what Numba documents.

    Its cache does not see edits of other files, so it is put into the folder of this build.
    """
    compiled = numba.njit(nogil=True, error_model="numpy")(function)
    _compiled.append(compiled)
    _keep([compiled])
    return compiled


def _keep(functions: list[Any]) -> None:
    """Have machine code kept in the folder of this process, or nowhere."""
    folder = _folder()
    with _changing_config:
        before = config.CACHE_DIR
        try:
            for function in functions:
                if folder is not None:
                    config.CACHE_DIR = str(folder)
                    function.enable_caching()
        finally:
            config.CACHE_DIR = before


def _leave_to_the_parent() -> None:
    """Take another folder after a fork: the lock of the parent is the child's as well."""
    global _changing_config
    _changing_config = threading.Lock()
    if _compiled and _folder() is not None:
        _folder.cache_clear()
        _keep(_compiled)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_the_parent)
