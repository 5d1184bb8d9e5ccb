"""The demo's file: the colours of two photographs, from more bytes than may be in memory."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_images

from fastml import KMeans, blocks, engine

from .photograph import as_pixels

_N_COLOURS, _LIMIT = 16, 1 << 20


@dataclass(frozen=True)
class Large:
    """A fit of a file: its bytes, the limit, seconds, and whether the array gives the same bits."""

    n_bytes: int
    limit: int
    seconds: float
    same: bool


def fit_file() -> Large:
    """Write the pixels of two photographs to a file, and fit it below a limit."""
    pixels = np.concatenate([as_pixels(image) for image in load_sample_images().images])
    model = KMeans(_N_COLOURS, init="k-means||", max_iter=20, random_state=0)
    with tempfile.TemporaryDirectory(prefix="fastml-demo-") as folder:
        path = Path(folder) / "pixels.npy"
        np.save(path, pixels)
        start = time.perf_counter()
        with engine(memory_limit=_LIMIT):
            model.fit(blocks(path))
        seconds = time.perf_counter() - start
        size = path.stat().st_size
    found = model.cluster_centers_
    same = np.array_equal(found, model.fit(pixels).cluster_centers_)
    return Large(size, _LIMIT, seconds, bool(same))
