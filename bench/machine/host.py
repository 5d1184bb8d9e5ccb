"""What this machine is, and whether its environment lets the peers be fast."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

#: Variables that make a BLAS or another peer use less than the processor offers.
SLOWING = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
)


def refusal(environment: dict[str, str] | None = None) -> str:
    """Return why nothing should be measured in an environment; empty where it may be."""
    variables = os.environ if environment is None else environment
    names = [name for name in SLOWING if variables.get(name)]
    if not names:
        return ""
    unset = " ".join(f"-u {name}" for name in names)
    said = ", ".join(f"{name}={variables[name]}" for name in names)
    return (
        f"Nothing is measured with {said} set: it slows the libraries that fastml is compared "
        f"with, and the ratios would flatter it. Run: env {unset} python -m bench"
    )


def processor(about: str | None = None) -> str:
    """Return the processor's name; brands of virtual machines are shared by generations.

    >>> processor("cpu family\\t: 26\\nmodel\\t\\t: 2\\nmodel name\\t: AMD EPYC\\n")
    'AMD EPYC (family 26, model 2)'
    """
    path = Path("/proc/cpuinfo")
    if about is None:
        about = path.read_text(encoding="utf-8") if path.exists() else ""
    found = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", about, re.MULTILINE))
    name = found.get("model name") or platform.processor() or "unknown processor"
    numbers = [
        f"{label} {found[key]}"
        for label, key in (("family", "cpu family"), ("model", "model"))
        if key in found
    ]
    return f"{name} ({', '.join(numbers)})" if numbers else name
