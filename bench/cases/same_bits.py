"""In how many ways of handing rows over a fit finds the bits of the array's."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..harness.case import FASTML, Case, Row
from ..harness.sizes import Size
from ..harness.workloads import blobs
from ..peers import from_fastml, module

#: Primes, so that no piece of work ends where one of the rows does.
CHUNKS = (2003, 7919)
THREADS = (1, 2, 7)
LIMITS = (None, "2 MiB", "3 MiB")


def _digest(X: Any, y: Any, centers: Any) -> str:
    """Return the hash of what fits of three families find."""
    kmeans = from_fastml("KMeans")(len(centers), init=centers, tol=0, max_iter=3)
    found = hashlib.sha256()
    kmeans.fit(X)
    bayes = from_fastml("GaussianNB")().fit(X, y)
    logistic = from_fastml("LogisticRegression")().fit(X, y)
    for array in (
        kmeans.cluster_centers_, np.asarray(kmeans.labels_), np.float64(kmeans.inertia_),
        bayes.theta_, bayes.var_, logistic.coef_, logistic.intercept_,
    ):  # fmt: skip
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _files(X: Any, chunk: int, folder: Path) -> str:
    width = max(chunk, len(X) // 7)
    for number, start in enumerate(range(0, len(X), width)):
        np.save(folder / f"part{number:03}.npy", X[start : start + width])
    return str(folder / "part*.npy")


def _parquet(X: Any, chunk: int, folder: Path) -> str:
    arrow, files = module("pyarrow"), module("pyarrow.parquet")
    table = arrow.table({f"x{j}": X[:, j] for j in range(X.shape[1])})
    files.write_table(table, folder / "X.parquet", row_group_size=chunk)
    return str(folder / "X.parquet")


def _hdf5(X: Any, chunk: int, folder: Path) -> str:
    with module("h5py").File(folder / "X.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=(min(chunk, len(X)), X.shape[1]))
    return f"{folder / 'X.h5'}::X"


def _zarr(X: Any, chunk: int, folder: Path) -> str:
    path = str(folder / "X.zarr")
    chunks = min(chunk, len(X)), X.shape[1]
    module("zarr").create_array(store=path, data=X, chunks=chunks)
    return path


def _whole(X: Any, folder: Path) -> Path:
    np.save(folder / "X.npy", X)
    return folder / "X.npy"


#: Of each kind of source, the package it needs, and what makes one of rows, chunk and folder.
SOURCES: dict[str, tuple[str, Callable[[Any, int, Path], Any]]] = {
    "array": ("numpy", lambda X, chunk, folder: X),
    "memmap": ("numpy", lambda X, chunk, folder: np.load(_whole(X, folder), "r")),
    "npy": ("numpy", lambda X, chunk, folder: _whole(X, folder)),
    "npy files": ("numpy", _files),
    "Parquet": ("pyarrow", _parquet),
    "HDF5": ("h5py", _hdf5),
    "zarr": ("zarr", _zarr),
    "factory": (
        "numpy",
        lambda X, chunk, folder: lambda: (X[i : i + chunk] for i in range(0, len(X), chunk)),
    ),
}


def _ways(X: Any) -> Iterator[tuple[Any, int, Any]]:
    """Yield rows as blocks, threads and limits, in all combinations that can be had here."""
    blocks = from_fastml("blocks")
    for (package, make), chunk in itertools.product(SOURCES.values(), CHUNKS):
        if find_spec(package):
            with tempfile.TemporaryDirectory(prefix="fastml-bench-") as folder:
                rows = blocks(make(X, chunk, Path(folder)))
                for threads, limit in itertools.product(THREADS, LIMITS):
                    yield rows, threads, limit


def _all_ways(work: Any) -> Row:
    engine, num_threads = from_fastml("engine"), from_fastml("num_threads")
    y = np.random.default_rng(0).integers(0, 3, len(work.X))

    def call() -> tuple[int, int]:
        expected, agreed, tried = _digest(work.X, y, work.centers), 0, 0
        for rows, threads, limit in _ways(work.X):
            with num_threads(threads), engine(memory_limit=limit):
                agreed += _digest(rows, y, work.centers) == expected
            tried += 1
        return agreed, tried

    return Row(
        call, one_way=True,
        remark=lambda counts: f"{counts[0]} of {counts[1]} combinations have the array's bits",
    )  # fmt: skip


def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """All of them agree."""
    assert answer[0] == answer[1] > 0, answer


def cases(size: Size) -> list[Case]:
    """Return all ways at once; how long they take says little."""
    n, d = size.pick(full=(40_009, 7), quick=(40_009, 7), tiny=(3001, 4))
    return [
        Case(
            group="same bits",
            name="sources × chunks × threads × limits of k-means, naive Bayes and logistic",
            rows={FASTML: _all_ways},
            inputs=lambda: blobs(n, d, 9),
            check=check,
            fresh=True,
        )
    ]
