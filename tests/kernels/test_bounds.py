"""No kernel reads or writes outside its arrays.

Once with every index and every tile checked; once as compiled for use, between pages of
memory that may not be touched.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
#: Tests that between them run every kernel, over shapes with whole and partial vectors.
CHECKED = [
    "bounds_checks.py",
    "test_elementwise.py::test_every_length_and_start_writes_its_own_elements",
    "test_centroid.py::test_labels_equal_the_reference",
    "test_centroid.py::test_many_samples_and_every_number_of_centers",
    "test_functional.py::test_dense_layers_of_every_shape",
    "test_functional.py::test_dense_layers_of_many_blocks",
    "test_kmeans.py::test_fit_takes_the_turns_of_the_reference",
    "test_kmeans.py::test_labels_are_those_of_the_centers",
    "test_network.py::test_epoch_of_any_network",
    "test_network.py::test_probabilities_against_the_reference",
]


def run(arguments, **variables):
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=TESTS.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )


def test_every_kernel_stays_inside_its_arrays():
    """The cache keeps what these switches compile apart from what is compiled for use."""
    result = run(
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in CHECKED)],
        FASTML_CHECK_TILES="1",
        NUMBA_BOUNDSCHECK="1",
        FASTML_NUM_THREADS="1",
        PYTHONPATH=str(TESTS.parent),
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    (passed,) = re.findall(r"(\d+) passed", result.stdout)
    assert int(passed) > 40
    assert "skipped" not in result.stdout


GUARDED = """
import ctypes, mmap, sys, warnings
import numpy as np
import fastml

warnings.simplefilter("ignore")
PAGE = mmap.PAGESIZE
library = ctypes.CDLL(None, use_errno=True)
kept = []

def guarded(array, last):
    '''Copy an array to memory whose neighbours, before and after, may not be touched.'''
    array = np.ascontiguousarray(array)
    size = -(-max(array.nbytes, 1) // PAGE) * PAGE
    memory = mmap.mmap(-1, size + 2 * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    kept.append(memory)
    for page in (start, start + PAGE + size):
        if library.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0) != 0:
            sys.exit("mprotect failed")
    offset = PAGE + (size - array.nbytes if last else 0)
    copy = np.ndarray(array.shape, array.dtype, memory, offset)
    copy[...] = array
    return copy

def everything(n, d, k, dtype, last):
    random = np.random.default_rng(n * 10000 + d * 100 + k)
    def made(*shape):
        return guarded(random.normal(size=shape).astype(dtype), last)
    X, W, b, delta, centers = made(n, d), made(d, k), made(k), made(n, k), made(k, d)
    fastml.sigmoid(X.reshape(-1), out=made(n * d))
    fastml.sigmoid_derivative(X.reshape(-1), out=made(n * d))
    fastml.dense_forward(X, W, b, out=made(n, k))
    fastml.dense_backward(X, W, delta, activation="logistic")
    labels = guarded(np.zeros(n, np.int32), last)
    fastml.nearest_centroid(X, centers, return_distance=True, out=labels)
    if n >= k:
        fastml.KMeans(k, init=X[:k], max_iter=3).fit(X).predict(X)
    if n >= 2:
        y = np.arange(n) % 2
        model = fastml.MLPClassifier((k,), activation="logistic", batch_size=min(n, 16))
        model.set_params(max_iter=1).fit(X, y).predict_proba(X)

if sys.argv[1:] == ["touch"]:
    array = guarded(np.zeros(5), True)
    print(np.lib.stride_tricks.as_strided(array, (6,)).sum())
for dtype in ("float32", "float64"):
    for last in (True, False):
        for n, d, k in [(1, 1, 1), (5, 3, 2), (16, 16, 8), (17, 7, 9), (31, 33, 5), (33, 5, 17),
                        (64, 31, 6), (65, 15, 16), (100, 2, 3), (129, 17, 13)]:
            everything(n, d, k, dtype, last)
print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
def test_kernels_as_used_stay_between_guard_pages():
    assert run(["-c", GUARDED, "touch"]).returncode < 0  # the guard itself works
    result = run(["-X", "faulthandler", "-c", GUARDED])
    assert result.stdout.strip() == "done", (result.returncode, result.stderr[-3000:])
