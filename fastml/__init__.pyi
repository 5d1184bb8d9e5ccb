# Every public name of fastml, once: type checkers read this file, and so does
# fastml/__init__.py, which imports a name's module when the name is first used.
# A new family is one line in each of the two lists.
from . import (
    cluster,
    functional,
    inspection,
    kernels,
    neural_network,
    reference,
)
from ._version import __version__
from .cluster import KMeans, MiniBatchKMeans, kmeans_plusplus
from .core.checkpoint import Checkpoint
from .core.threads import get_num_threads, num_threads, set_num_threads
from .functional import (
    dense_backward,
    dense_forward,
    nearest_centroid,
    sigmoid,
    sigmoid_derivative,
)
from .inspection import KMeansElbowDisplay, KMeansStepsDisplay
from .neural_network import MLPClassifier, MLPRegressor

__all__ = [
    "Checkpoint",
    "KMeans",
    "KMeansElbowDisplay",
    "KMeansStepsDisplay",
    "MLPClassifier",
    "MLPRegressor",
    "MiniBatchKMeans",
    "__version__",
    "cluster",
    "dense_backward",
    "dense_forward",
    "functional",
    "get_num_threads",
    "inspection",
    "kernels",
    "kmeans_plusplus",
    "nearest_centroid",
    "neural_network",
    "num_threads",
    "reference",
    "set_num_threads",
    "sigmoid",
    "sigmoid_derivative",
]
