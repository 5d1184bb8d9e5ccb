"""K-means, as in :mod:`sklearn.cluster`."""

from __future__ import annotations

from ._kmeans import KMeans
from ._kmeans_plusplus import kmeans_plusplus
from ._minibatch import MiniBatchKMeans

__all__ = ["KMeans", "MiniBatchKMeans", "kmeans_plusplus"]
