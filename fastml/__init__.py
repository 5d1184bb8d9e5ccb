"""Multi-layer perceptrons and k-means on ordinary CPUs, at the machine's limit.

Names resolve on first use: importing :mod:`fastml` imports neither scikit-learn nor Numba.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .cluster import KMeans, MiniBatchKMeans, kmeans_plusplus
    from .core.threads import get_num_threads, num_threads, set_num_threads
    from .ensemble import RandomForestClassifier, RandomForestRegressor
    from .functional import (
        dense_backward,
        dense_forward,
        nearest_centroid,
        sigmoid,
        sigmoid_derivative,
    )
    from .inspection import KMeansElbowDisplay, KMeansStepsDisplay
    from .neural_network import MLPClassifier, MLPRegressor
    from .tree import DecisionTreeClassifier, DecisionTreeRegressor

_HOMES = {
    "DecisionTreeClassifier": "tree",
    "DecisionTreeRegressor": "tree",
    "KMeans": "cluster",
    "KMeansElbowDisplay": "inspection",
    "KMeansStepsDisplay": "inspection",
    "MLPClassifier": "neural_network",
    "MLPRegressor": "neural_network",
    "MiniBatchKMeans": "cluster",
    "RandomForestClassifier": "ensemble",
    "RandomForestRegressor": "ensemble",
    "dense_backward": "functional",
    "dense_forward": "functional",
    "get_num_threads": "core.threads",
    "kmeans_plusplus": "cluster",
    "nearest_centroid": "functional",
    "num_threads": "core.threads",
    "set_num_threads": "core.threads",
    "sigmoid": "functional",
    "sigmoid_derivative": "functional",
}
_SUBMODULES = (
    "cluster",
    "ensemble",
    "functional",
    "inspection",
    "kernels",
    "neural_network",
    "reference",
    "tree",
)

__all__ = [
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "KMeans",
    "KMeansElbowDisplay",
    "KMeansStepsDisplay",
    "MLPClassifier",
    "MLPRegressor",
    "MiniBatchKMeans",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "__version__",
    "dense_backward",
    "dense_forward",
    "get_num_threads",
    "kmeans_plusplus",
    "nearest_centroid",
    "num_threads",
    "set_num_threads",
    "sigmoid",
    "sigmoid_derivative",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    elif name in _SUBMODULES:
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
