"""The demo's photograph: redrawn in the colours k-means finds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastml import KMeans


@dataclass(frozen=True)
class Quantised:
    """A photograph in few colours."""

    picture: NDArray[Any]  # (height, width, 3) uint8
    palette: NDArray[Any]  # (n_colours, 4): red, green, blue in [0, 1], share of the pixels
    centers: NDArray[Any]  # (n_colours, 3)
    n_iter: int
    seconds: float


def as_pixels(photograph: NDArray[Any]) -> NDArray[Any]:
    """Return (height, width, 3) uint8 as (n_pixels, 3) float32 in [0, 1]."""
    return photograph.reshape(-1, 3).astype(np.float32) / np.float32(255)


def quantise(photograph: NDArray[Any], n_colours: int) -> Quantised:
    """Redraw a photograph with the ``n_colours`` centres of its pixels."""
    pixels = as_pixels(photograph)
    start = time.perf_counter()
    model = KMeans(n_clusters=n_colours, n_init=1, random_state=0).fit(pixels)
    seconds = time.perf_counter() - start
    shares = np.bincount(model.labels_, minlength=n_colours) / len(pixels)
    return Quantised(
        picture=np.rint(model.cluster_centers_ * 255)
        .astype(np.uint8)[model.labels_]
        .reshape(photograph.shape),
        palette=np.column_stack([model.cluster_centers_, shares]),
        centers=model.cluster_centers_,
        n_iter=model.n_iter_,
        seconds=seconds,
    )
