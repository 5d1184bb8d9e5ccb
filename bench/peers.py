"""The peers: which are installed, and how many threads they use."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
from collections.abc import Callable
from typing import Any

import threadpoolctl

from .case import MissingError

#: Distributions whose versions a result names; None there means not installed.
DISTRIBUTIONS = (
    "numpy", "scipy", "numba", "llvmlite", "scikit-learn", "scikit-learn-intelex", "faiss-cpu",
    "torch",
)  # fmt: skip


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


def set_threads(count: int) -> None:
    """Let the BLAS, OpenMP and torch that are loaded use so many threads; ours are not touched."""
    threadpoolctl.threadpool_limits(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what ``torch.compile`` makes of a function; at full size only."""
    torch = module("torch")
    if os.environ.get("BENCH_SIZE", "full") != "full":
        raise MissingError("torch.compile is left to the full size")
    return torch.compile(function, dynamic=False)
