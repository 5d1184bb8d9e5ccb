"""Queries in a file of more than may be allocated: some numbers a query are kept, no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the limit of private memory is Linux's"
)

ROOT = Path(__file__).parents[2]
#: The queries are 64 MB, in float64 128; a matrix of distances would be 1.6 GB.  Answers are 10 MB.
_SHAPE = (200_000, 80)

PROGRAM = """
import resource, sys
import numpy as np
import fastml

path, metric, allowed = sys.argv[1], sys.argv[2], int(sys.argv[3]) << 20
X = np.random.default_rng(0).normal(size=(1000, 80)).astype(np.float32)
model = fastml.NearestNeighbors(n_neighbors=3, metric=metric, algorithm="brute").fit(X)
queries = np.load(path, mmap_mode="r")
model.kneighbors(queries[:20_000])  # compiled, and the helpers are there

with open("/proc/self/status") as status:
    held = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (held + allowed, held + allowed))
distances, indices = model.kneighbors(queries)
print(int(indices.sum()))
"""


@pytest.fixture(scope="module")
def queries(tmp_path_factory):
    path = tmp_path_factory.mktemp("queries") / "queries.npy"
    random = np.random.default_rng(1)
    array = np.lib.format.open_memmap(path, "w+", np.float32, _SHAPE)
    for start in range(0, len(array), 20_000):
        array[start : start + 20_000] = random.normal(size=(20_000, _SHAPE[1]))
    array.flush()
    return path


def run(queries, metric, megabytes, program=PROGRAM):
    command = [sys.executable, "-c", program, str(queries), metric, str(megabytes)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FASTML_NUM_THREADS": "2"}
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False
    )


@pytest.mark.parametrize(("metric", "megabytes"), [("euclidean", 48), ("cosine", 80)])
def test_a_memory_map_of_queries_is_never_copied_as_a_whole(queries, metric, megabytes):
    done = run(queries, metric, megabytes)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_the_limit_is_one(queries):
    """What copies the queries does not fit."""
    program = PROGRAM.replace("model.kneighbors(queries)\nprint", "np.array(queries), X\nprint")
    assert program != PROGRAM
    done = run(queries, "euclidean", 48, program)
    assert done.returncode != 0
    assert "Memory" in done.stderr
