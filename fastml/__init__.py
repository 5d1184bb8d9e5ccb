"""Multi-layer perceptrons and k-means on ordinary CPUs, at the machine's limit.

Names resolve on first use: importing :mod:`fastml` imports neither scikit-learn nor Numba.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from ._kmeans import KMeans
    from ._kmeans_displays import KMeansElbowDisplay, KMeansStepsDisplay
    from ._minibatch import MiniBatchKMeans
    from ._mlp_classifier import MLPClassifier
    from ._mlp_regressor import MLPRegressor
    from ._plusplus import kmeans_plusplus
    from ._threads import get_num_threads, num_threads, set_num_threads
    from .functional import (
        dense_backward,
        dense_forward,
        nearest_centroid,
        sigmoid,
        sigmoid_derivative,
    )

_HOMES = {
    "KMeans": "_kmeans",
    "KMeansElbowDisplay": "_kmeans_displays",
    "KMeansStepsDisplay": "_kmeans_displays",
    "MLPClassifier": "_mlp_classifier",
    "MLPRegressor": "_mlp_regressor",
    "MiniBatchKMeans": "_minibatch",
    "dense_backward": "functional",
    "dense_forward": "functional",
    "get_num_threads": "_threads",
    "kmeans_plusplus": "_plusplus",
    "nearest_centroid": "functional",
    "num_threads": "_threads",
    "set_num_threads": "_threads",
    "sigmoid": "functional",
    "sigmoid_derivative": "functional",
}
_SUBMODULES = ("functional", "inspection", "kernels", "reference")

__all__ = [
    "KMeans",
    "KMeansElbowDisplay",
    "KMeansStepsDisplay",
    "MLPClassifier",
    "MLPRegressor",
    "MiniBatchKMeans",
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
