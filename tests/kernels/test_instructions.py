"""Kernels are right with the instructions of older processors, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import digests
import pytest

from fastml.kernels.machine.host import host

ROOT = Path(__file__).parents[2]
#: Of these, whose tiles have the most shapes; the campaign ``avx2`` is of everything.
ROOMS = ("linear_model", "naive_bayes", "neighbors", "neural_network")


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.skipif(host().instructions != "AVX-512", reason="the suite itself is for no more")
def test_kernels_are_right_on_avx2(room):
    """Tiles have other shapes there: a few rows once were six, which four lanes do not divide."""
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "checked", "-p", "no:cacheprovider",
         f"tests/{room}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **digests.INSTRUCTIONS["avx2"]},
        capture_output=True, text=True, timeout=4000,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
