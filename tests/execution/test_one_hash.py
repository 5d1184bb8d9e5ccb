"""One hash of all fitted attributes, whatever the source, chunks, limit, threads and workers."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from block_fits import FITS, attributes, problem
from row_sources import open_as

import fastml

#: Sources that other processes can open, too.
SOURCES = ("array", "memmap", "npy", "npy_files", "parquet", "hdf5", "zarr_array", "factory")
CHUNKS = (2003, 7919)
LIMITS = (None, "1 MiB", "3 MiB")
LOCAL = "this process"


def of_steps(X, y, w):
    return fastml.KMeans(9, init=problem()[0][:9], tol=0, max_iter=3).fit(X, sample_weight=w)


def digest(X, y, w):
    """Return the hash of what three fits find."""
    found = hashlib.sha256()
    for fit in (FITS["gaussian"], of_steps, FITS["logistic"]):
        for name, value in sorted(attributes(fit(X, y, w)).items()):
            found.update(f"{name} {value}".encode())
    return found.hexdigest()


@pytest.fixture(scope="module")
def expected():
    return digest(*problem())


@pytest.mark.long
@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("workers", [LOCAL, 1, 2, 3])
def test_one_hash(workers, threads, expected, tmp_path):
    _, y, w = problem()
    if workers == LOCAL:
        with fastml.num_threads(threads):
            check_all(None, y, w, expected, tmp_path)
        return
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=threads, processes=True,
            dashboard_address=":0", memory_limit=0, silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        check_all(client, y, w, expected, tmp_path)


def check_all(client, y, w, expected, folder):
    """Fit all sources in all chunks under all limits."""
    X = problem()[0]
    different = []
    for source in SOURCES:
        for chunk in CHUNKS:
            here = folder / f"{source}-{chunk}"
            here.mkdir()
            rows = open_as(source, X, chunk, here)
            for limit in LIMITS:
                with fastml.engine(client, memory_limit=limit):
                    if digest(rows, y, w) != expected:
                        different.append((source, chunk, limit))
    assert not different


def test_the_hash_sees_every_attribute():
    X, y, w = problem()
    y = y.copy()
    y[np.flatnonzero(w)[0]] += 1
    assert digest(X, y, w) != digest(*problem())
