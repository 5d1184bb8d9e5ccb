"""What the vector unit offers that Numba will compile for.

Asked of Numba, not of the processor: ``NUMBA_CPU_NAME``, ``NUMBA_CPU_FEATURES`` and
``NUMBA_ENABLE_AVX`` change what it will use, and the tile follows.
"""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm
from numba import config


@dataclass(frozen=True)
class Host:
    """The facts about the target that decide how tiles are made.

    instructions : the row of the table of shapes, see ``tile.shape``
    by_element : whether a multiply-add may take one lane of a vector for every lane
    masked_moves : whether some lanes are loaded and stored by a mask; with NEON a mask would be
        taken apart again, lane by lane
    """

    cpu: str
    features: frozenset[str]
    instructions: str
    vector_bytes: int
    vector_registers: int
    fused_multiply_add: bool
    byte_products: bool = False
    by_element: bool = False
    masked_moves: bool = True


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
        return Host(cpu, features, "NEON", 16, 32, True, by_element=True, masked_moves=False)
    if "avx512f" in features and "avx512dq" in features and "avx512vl" in features:
        return Host(cpu, features, "AVX-512", 64, 32, True, "avx512vnni" in features)
    if "avx2" in features:
        return Host(cpu, features, "AVX2", 32, 16, "fma" in features, "avxvnni" in features)
    return Host(cpu, features, "SSE2", 16, 16, "fma" in features)


#: Bytes the last-level cache is taken to have where the system does not say.
_USUAL_CACHE = 1 << 25
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@cache
def last_level_cache() -> int:
    """Return the bytes of the largest cache, as Linux tells them."""
    found = []
    for path in _CACHES.glob("index*/size"):
        try:
            size = re.fullmatch(r"(\d+)([KMG])", path.read_text().strip())
        except OSError:
            continue
        if size is not None:
            found.append(int(size[1]) * _UNITS[size[2]])
    return max(found, default=0) or _USUAL_CACHE
