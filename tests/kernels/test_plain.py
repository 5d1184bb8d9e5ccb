"""Under plain ``njit`` every process keeps machine code in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

fcntl = pytest.importorskip("fcntl")

RUN = """
import json, os, sys
import numpy as np
import fastml
from fastml.kernels.machine import plain

def tell(name):
    folder = str(plain._folder())
    indices = {kept._cache.cache_path for kept in plain._compiled}
    print(json.dumps([name, folder, sorted(indices)]), flush=True)

fastml.sigmoid(np.ones(3, np.float32))
tell("parent")
if sys.argv[1] == "fork":
    child = os.fork()
    if not child:
        fastml.sigmoid(np.ones(3))
        tell("child")
        os._exit(0)
    os.waitpid(child, 0)
sys.stdin.readline()
"""


def start(cache, what=""):
    variables = {**os.environ, "FASTML_PLAIN_NUMBA": "1", "FASTML_CACHE_DIR": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, what],
        env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def told(process, name):
    """Return the folder a process took, once all its functions are kept there."""
    who, folder, indices = json.loads(process.stdout.readline())
    assert who == name
    assert indices
    assert all(index.startswith(folder) for index in indices)
    return os.path.basename(folder)


def end(process):
    assert process.communicate("\n")[0] == ""
    assert process.returncode == 0


def test_processes_at_once_use_different_folders(tmp_path):
    first = start(tmp_path)
    assert told(first, "parent") == "plain-0"
    second = start(tmp_path)
    assert told(second, "parent") == "plain-1"
    end(first)
    third = start(tmp_path)
    assert told(third, "parent") == "plain-0"  # filled, and free again
    end(second)
    end(third)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_leaves_the_folder_to_its_parent(tmp_path):
    process = start(tmp_path, "fork")
    assert told(process, "parent") == "plain-0"
    assert told(process, "child") == "plain-1"
    end(process)
