"""What the host's vector unit offers, as the compiler will be told to use it.

Numba lets ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` override the processor it
compiles for; the tile follows the same override, so one variable moves both.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm
from numba.core import config


@dataclass(frozen=True)
class Host:
    """The facts about the target that decide the shape of a tile."""

    cpu: str
    features: frozenset[str]
    vector_bytes: int
    vector_registers: int
    fused_multiply_add: bool


def _target_features() -> frozenset[str]:
    if config.CPU_FEATURES is not None:
        text = config.CPU_FEATURES
    elif config.CPU_NAME == "generic":
        text = ""
    else:
        text = llvm.get_host_cpu_features().flatten()
    return frozenset(flag[1:] for flag in text.split(",") if flag.startswith("+"))


@cache
def host() -> Host:
    """Return the facts about the processor kernels are compiled for."""
    features = _target_features()
    cpu = config.CPU_NAME or llvm.get_host_cpu_name()
    if platform.machine().lower() in ("aarch64", "arm64"):
        return Host(cpu, features, 16, 32, True)
    if "avx512f" in features and "avx512dq" in features and "avx512vl" in features:
        return Host(cpu, features, 64, 32, True)
    if "avx2" in features:
        return Host(cpu, features, 32, 16, "fma" in features)
    return Host(cpu, features, 16, 16, "fma" in features)
