"""The example of CONTRIBUTING.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest

from fastml.core.threads import new_state, run_team, team_size

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TWIN, KERNEL, CALL = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


def absolute(code):
    """Return a module of kernels/ops with its relative imports written out."""
    code = re.sub(r"^from \.\.(\w)", r"from fastml.kernels.\1", code, flags=re.MULTILINE)
    return re.sub(r"^from \.(\w)", r"from fastml.kernels.ops.\1", code, flags=re.MULTILINE)


def defined(code, **names):
    """Return what a piece of code defines as ``leaky_relu``."""
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    return names["leaky_relu"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, 17, 100_003])
def test_kernel_equals_its_twin(dtype, size, shared_work):
    twin = defined(TWIN, np=np, Array=np.ndarray)
    # Outside kernels/ nothing is cached, so plain njit compiles it.
    kernel = defined(
        absolute(KERNEL).replace("@kernel", "@compiled"),
        compiled=numba.njit(error_model="numpy", nogil=True),
    )
    x = np.random.default_rng(0).normal(size=size).astype(dtype)
    if size > 1:
        x[:2] = np.nan, -0.0
    out = np.empty_like(x)
    names = {"run_team": run_team, "team_size": team_size, "new_state": new_state}
    exec(CALL, {**names, "leaky": SimpleNamespace(leaky_relu=kernel), "slope": 0.125,
                "x": x, "out": out})  # fmt: skip
    assert out.tobytes() == twin(x, np.dtype(dtype).type(0.125)).astype(dtype).tobytes()


def test_paths_named_in_the_guides_exist():
    guides = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for guide in guides:
        text = guide.read_text(encoding="utf-8")
        for path in re.findall(r"`((?:fastml|tests|kernels|bench|docs)/[\w./]+)`", text):
            made = path.startswith("docs/generated/")  # by building the site
            if not made and path not in ("kernels/ops/leaky.py", "kernels/machine/atomics.py"):
                assert (ROOT / path).exists(), f"{guide.name} names {path}"


def test_the_map_has_every_room():
    found = {
        f"{path.parent.relative_to(ROOT).as_posix()}/"
        for floor in ("kernels", "fastml")
        for path in (ROOT / floor).glob("*/__init__.py")
        if not path.is_relative_to(ROOT / "fastml" / "kernels")
    }
    assert len(found) > 15
    assert {room for room in found if f"    {room} " not in GUIDE} == set()
