"""An interrupt while a kernel is being compiled ends the call, and spoils nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

INTERRUPTED = """
import signal, sys
import numpy as np
import fastml

X = np.random.default_rng(0).normal(size=(50, 3))
fastml.sigmoid  # imported before anything strikes

def strike(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, strike)
caught, delay = 0, float(sys.argv[1])
while True:
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
        result = fastml.sigmoid(X)
        signal.setitimer(signal.ITIMER_REAL, 0)
        break
    except KeyboardInterrupt:
        caught += 1
np.testing.assert_allclose(result, 1 / (1 + np.exp(-X)))
np.testing.assert_allclose(fastml.sigmoid(X.astype("float32")), result, rtol=1e-6)
print("done", caught)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")
@pytest.mark.parametrize("delay", [0.02, 0.1, 0.5])
def test_interrupts_while_compiling_spoil_nothing(tmp_path, delay):
    caught = 0
    while not caught:  # a fast machine has compiled before the longest delay is over
        assert delay > 1e-3, "no interrupt ended a call"
        cache = tmp_path / str(delay)
        result = subprocess.run(
            [sys.executable, "-c", INTERRUPTED, str(delay)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "FASTML_CACHE_DIR": str(cache)},
            capture_output=True, text=True, timeout=900,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr[-3000:]
        assert "Exception" not in result.stderr, result.stderr[-3000:]
        caught = int(result.stdout.split()[1])
        delay /= 2
