"""``fastml doctor``: what a bug report needs."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

import fastml
from fastml.core.threads import thread_source
from fastml.kernels.machine.host import Host, host, last_level_cache
from fastml.kernels.machine.jit import cache_directory, cache_refusal, plain_reason
from fastml.kernels.tile import COLUMNS, SIDE, VECTORS

_DISTRIBUTIONS = ("numpy", "scipy", "numba", "llvmlite", "scikit-learn", "platformdirs")
#: What data and fits come through, where it is there.
_BESIDE = (
    "joblib", "pandas", "polars", "pyarrow", "h5py", "zarr", "dask", "distributed", "matplotlib",
)  # fmt: skip
_MISSING = "not installed"
#: The features tiles and their arithmetic are chosen by, and the common ones beside them.
_FEATURES = (
    "sse4.2", "avx", "avx2", "fma", "avx512f", "avx512dq", "avx512vl", "neon", "sve",
)  # fmt: skip


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return _MISSING


def _beside() -> str:
    versions = [(name, _version(name)) for name in _BESIDE]
    there = [f"{name} {version}" for name, version in versions if version != _MISSING]
    return ", ".join(there) or "none"


def _vectors(host: Host) -> str:
    fused = "fused multiply-add" if host.fused_multiply_add else "no fused multiply-add"
    return f"{host.vector_registers} registers of {host.vector_bytes} bytes, {fused}"


def _tile(host: Host, itemsize: int) -> str:
    lanes = host.vector_bytes // itemsize
    wide, square = f"{VECTORS * lanes} samples x {COLUMNS} columns", f"{SIDE} x {SIDE} gradients"
    return f"{lanes} lanes; tiles of {wide} and {square}"


def _threads() -> str:
    try:
        number, source = thread_source()
    except ValueError as error:  # a bad variable: the very thing to report
        return str(error)
    return f"{number}, from {source}; {os.cpu_count()} CPUs in the machine"


def _cache() -> str:
    directory = cache_directory()
    if directory is None:
        return f"none, so every process compiles anew: {cache_refusal()}"
    endings = (".bin", ".nbc")  # ours, and those of Numba's own cache
    sizes = [path.stat().st_size for path in directory.rglob("*") if path.suffix in endings]
    builds = sum(1 for path in directory.parent.iterdir() if path.is_dir())
    access = "writable" if os.access(directory, os.W_OK) else "read-only"
    return (
        f"{directory}, {access}; {len(sizes)} kernels of this build in {sum(sizes) / 1e6:.1f} MB, "
        f"{builds} build{'s' if builds != 1 else ''} in all"
    )


def _compiler() -> str:
    reason = plain_reason()
    if not reason:
        return "adapted to kernels"
    return f"plain numba.njit with Numba's own cache, slower at the first call: {reason}"


def _variables() -> str:
    names = sorted(name for name in os.environ if name.startswith(("FASTML_", "NUMBA_")))
    return ", ".join(f"{name}={os.environ[name]}" for name in names) or "none"


def report() -> str:
    """Return the report, one fact a line."""
    facts = {
        "fastml": f"{fastml.__version__}, in {Path(fastml.__file__).parent}",
        "Python": f"{sys.version.split()[0]} ({platform.python_implementation()})",
        "system": platform.platform(),
    }
    facts |= {name: _version(name) for name in _DISTRIBUTIONS}
    facts["beside them"] = _beside()
    present = [feature for feature in _FEATURES if feature in host().features]
    facts |= {
        "processor": f"{host().cpu} ({platform.machine()})",
        "features": " ".join(present) or "none beyond the baseline",
        "vectors": _vectors(host()),
        "tile shapes": f"as the table has them for {host().instructions}",
        "cache memory": f"{last_level_cache() / 2**20:.0f} MiB at the last level",
        "float32": _tile(host(), 4),
        "float64": _tile(host(), 8),
        "threads": _threads(),
        "compiler": _compiler(),
        "cache": _cache(),
        "variables": _variables(),
    }
    return "\n".join(f"{name:<13} {fact}" for name, fact in facts.items())
