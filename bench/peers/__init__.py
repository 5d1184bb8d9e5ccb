"""The peers, one file each: which are installed, how many threads and which BLAS they use."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import threadpoolctl

from ..harness.case import MissingError

#: Distributions whose versions a result names; None there means not installed.
DISTRIBUTIONS = (
    "numpy", "scipy", "numba", "llvmlite", "scikit-learn", "scikit-learn-intelex", "faiss-cpu",
    "torch", "onnxruntime", "lightgbm", "dask-ml",
)  # fmt: skip

_threads: list[int] = []


def versions() -> dict[str, str | None]:
    """Return the version of every peer, None where it is not installed."""
    found: dict[str, str | None] = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def module(name: str) -> Any:
    """Import a peer."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingError(f"{name.partition('.')[0]} is not installed") from error


def from_fastml(name: str) -> Any:
    """Return a public name of fastml."""
    import fastml

    try:
        return getattr(fastml, name)
    except AttributeError as error:
        raise MissingError(f"fastml.{name} does not exist") from error


def cpus() -> int:
    """Return the CPUs this process may use."""
    import joblib

    return int(joblib.cpu_count())


@lru_cache(maxsize=1)
def _pools(n_modules: int) -> Any:
    """Return the libraries with threads, looked for again where more modules have been loaded."""
    return threadpoolctl.ThreadpoolController()


def set_threads(count: int) -> None:
    """Let the BLAS, OpenMP and torch that are loaded use so many threads; ours are not touched."""
    _pools(len(sys.modules)).limit(limits=count)
    _threads[:] = [count]
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def threads() -> int:
    """Return the number last set, for a peer that is told when it is made."""
    return _threads[0] if _threads else cpus()


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what ``torch.compile`` makes of a function; at full size only."""
    torch = module("torch")
    if os.environ.get("BENCH_SIZE", "full") != "full":
        raise MissingError("torch.compile is left to the full size")
    return torch.compile(function, dynamic=False)


def _owner(path: str) -> str:
    """Return the package that brought a library.

    >>> _owner("/x/site-packages/numpy.libs/libscipy_openblas64_.so")
    'numpy'
    >>> _owner("/usr/lib/libgomp.so.1")
    'the system'
    """
    found = re.search(r"site-packages[/\\]([A-Za-z0-9_]+)", path)
    return found[1] if found else "the system"


def libraries() -> list[dict[str, Any]]:
    """Return which BLAS and OpenMP are loaded, who brought them, on how many threads at most.

    What is compiled into a peer without a name of its own (oneDAL, onnxruntime) is not seen.
    """
    set_threads(cpus())
    found = [
        {
            "owner": _owner(library["filepath"]),
            "library": library["internal_api"],
            "version": library.get("version"),
            "architecture": library.get("architecture"),
            "threads": library["num_threads"],
        }
        for library in threadpoolctl.threadpool_info()
    ]
    return sorted(found, key=lambda library: (library["owner"], library["library"]))
