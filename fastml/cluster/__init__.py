"""K-means, as in :mod:`sklearn.cluster`."""

from __future__ import annotations

from ._kmeans import KMeans
from ._minibatch import MiniBatchKMeans
from ._plusplus import kmeans_plusplus

__all__ = ["KMeans", "MiniBatchKMeans", "kmeans_plusplus"]
