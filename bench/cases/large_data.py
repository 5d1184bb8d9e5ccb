"""Fits of a file of four times the memory they may take, against the array and mere reading."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..harness.case import FASTML, Case, Row
from ..harness.sizes import Size
from ..harness.targets import Target
from ..harness.workloads import blobs
from ..peers import from_fastml

ARRAY, READING = "fastml, array", "fastml, reading alone"


@dataclass(frozen=True)
class FileOfRows:
    """Rows in memory and in a file, which lies in the page cache, and where to start."""

    X: Any
    y: Any
    centers: Any
    path: Path
    folder: Any = field(repr=False)


def file_of_rows(n: int, d: int, k: int) -> FileOfRows:
    """Return rows, float32, and the same in a file that is removed with them."""
    work = blobs(n, d, k)
    folder = tempfile.TemporaryDirectory(prefix="fastml-bench-")
    path = Path(folder.name) / "rows.npy"
    np.save(path, work.X)
    y = np.random.default_rng(0).integers(0, 3, n)
    return FileOfRows(work.X, y, work.centers, path, folder)


def _kmeans(X: Any, work: FileOfRows) -> Any:
    k = len(work.centers)
    return from_fastml("KMeans")(k, init=work.centers, n_init=1, tol=0, max_iter=20).fit(X)


def _bayes(X: Any, work: FileOfRows) -> Any:
    return from_fastml("GaussianNB")().fit(X, work.y)


def _parallel(X: Any, work: FileOfRows) -> Any:
    model = from_fastml("KMeans")
    return model(len(work.centers), init="k-means||", tol=0, max_iter=5, random_state=0).fit(X)


def _logistic(X: Any, work: FileOfRows) -> Any:
    return from_fastml("LogisticRegression")().fit(X, work.y)


Fit = Callable[[Any, FileOfRows], Any]
FITS: dict[str, tuple[Fit, str]] = {
    "KMeans": (_kmeans, "cluster_centers_"),
    "KMeans from k-means||": (_parallel, "cluster_centers_"),
    "GaussianNB": (_bayes, "var_"),
    "LogisticRegression": (_logistic, "coef_"),
}


def _of_file(name: str) -> Callable[[FileOfRows], Row]:
    def make(work: FileOfRows) -> Row:
        blocks, engine = from_fastml("blocks"), from_fastml("engine")
        fit, attribute = FITS[name]

        def call() -> Any:
            with engine(memory_limit=max(work.X.nbytes // 4, 1 << 20)):
                return fit(blocks(work.path), work)

        return Row(call, lambda model: getattr(model, attribute), compiles=True)

    return make


def _of_array(name: str) -> Callable[[FileOfRows], Row]:
    fit, attribute = FITS[name]
    return lambda work: Row(
        lambda: fit(work.X, work), lambda model: getattr(model, attribute), compiles=True
    )


def _reading(work: FileOfRows) -> Row:
    """Read the file once, a piece at a time."""
    blocks = from_fastml("blocks")

    def call() -> None:
        rows = blocks(work.path)
        step = max(1, (12 << 20) // (4 * work.X.shape[1]))
        out = np.empty((step, work.X.shape[1]), np.float32)
        for start in range(0, len(rows), step):
            stop = min(start + step, len(rows))
            rows.read(start, stop, out[: stop - start])

    return Row(call, lambda returned: None, one_way=True)


def _epochs(shuffle: bool | str, *, of_file: bool) -> Callable[[FileOfRows], Row]:
    """Train for two epochs on rows as they come, or on shuffled blocks."""

    def make(work: FileOfRows) -> Row:
        blocks, network = from_fastml("blocks"), from_fastml("MLPRegressor")

        def call() -> Any:
            model = network(
                shuffle=shuffle, batch_size=512, max_iter=2,
                random_state=0,
            )  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # two epochs are not enough
                return model.fit(blocks(work.path) if of_file else work.X, work.y)

        return Row(call, lambda model: model.coefs_[0], compiles=True)

    return make


UNSHUFFLED = "fastml, rows as they come"


def check_epochs(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """A file gives the bits of the array."""
    if name != UNSHUFFLED:
        np.testing.assert_array_equal(answer, truth, err_msg=name)


def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """A file gives the bits of the array."""
    if name != READING:
        np.testing.assert_array_equal(answer, truth, err_msg=name)


def cases(size: Size) -> list[Case]:
    """Return fits of many passes, of few, and of epochs."""
    n, d, k = size.pick(full=(2_000_000, 16, 64), quick=(300_000, 16, 64), tiny=(5000, 4, 3))
    return [
        Case(
            group="fits of a file",
            name=f"{name}, {n:,} × {d}, limit of a quarter",
            rows={FASTML: _of_file(name), ARRAY: _of_array(name), READING: _reading},
            inputs=lambda: file_of_rows(n, d, k),
            check=check,
        )
        for name in FITS
    ] + [
        Case(
            group="fits of a file",
            name=f"MLPRegressor, two epochs, {n:,} × {d}, shuffled blocks",
            rows={
                FASTML: _epochs("blocks", of_file=True),
                ARRAY: _epochs("blocks", of_file=False),
                UNSHUFFLED: _epochs(False, of_file=True),
            },
            inputs=lambda: file_of_rows(n, d, k),
            check=check_epochs,
        )
    ]


#: A fit of a file takes no longer than 1.25 times what is longer: the array's fit, or reading.
TARGETS = [
    Target("fits of a file", f"{name}, ", (ARRAY, READING), 0.8, slowest=True) for name in FITS
]
