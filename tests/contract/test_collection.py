"""No test is left out by accident: pytest finds every file there is."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_with_tests_is_collected():
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:]
    lines = result.stdout.splitlines()
    collected = {line.partition("::")[0] for line in lines if "::" in line}
    written = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    assert {name for name in collected if name.startswith("tests/test_") or "/test_" in name} == (
        written
    )
    # Examples in docstrings are tests too; those that draw need matplotlib.
    examples = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "fastml").rglob("*.py")
        if not path.is_relative_to(ROOT / "fastml" / "kernels")
        and any(line.lstrip().startswith(">>> ") for line in path.read_text("utf-8").splitlines())
    }
    if find_spec("matplotlib") is None:
        examples = {name for name in examples if "_display" not in name}
    assert examples - collected == set()
