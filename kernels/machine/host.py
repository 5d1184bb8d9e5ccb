"""What the vector unit offers that Numba will compile for.

Asked of Numba, not of the processor: ``NUMBA_CPU_NAME``, ``NUMBA_CPU_FEATURES`` and
``NUMBA_ENABLE_AVX`` change what it will use, and the tile follows.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm
from numba import config


@dataclass(frozen=True)
class Host:
    """The facts about the target that decide the shape of a tile."""

    cpu: str
    features: frozenset[str]
    vector_bytes: int
    vector_registers: int
    fused_multiply_add: bool


def _target_features() -> frozenset[str]:
    """Return the features Numba tells LLVM to use."""
    text = config.CPU_FEATURES
    if text is None:
        features = llvm.get_host_cpu_features()
        if not getattr(config, "ENABLE_AVX", True):
            # As Numba does; and FMA and F16C are encoded as AVX is, so LLVM drops them too.
            for name in features:
                if name.startswith("avx") or name in ("fma", "f16c"):
                    features[name] = False
        text = features.flatten()
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
