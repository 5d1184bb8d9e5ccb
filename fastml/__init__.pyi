# Every public name of fastml, once: type checkers read this file, and so does
# fastml/__init__.py, which imports a name's module when the name is first used.
# A new family is one line in each of the two lists.
from . import (
    cluster,
    data,
    ensemble,
    execution,
    functional,
    inspection,
    kernels,
    linear_model,
    naive_bayes,
    neighbors,
    neural_network,
    reference,
    tree,
)
from ._version import __version__
from .cluster import KMeans, MiniBatchKMeans, kmeans_plusplus
from .core.checkpoint import Checkpoint
from .core.threads import get_num_threads, num_threads, set_num_threads
from .data import blocks
from .ensemble import RandomForestClassifier, RandomForestRegressor
from .execution import PassReport, engine
from .functional import (
    dense_backward,
    dense_forward,
    nearest_centroid,
    sigmoid,
    sigmoid_derivative,
)
from .inspection import KMeansElbowDisplay, KMeansStepsDisplay
from .linear_model import LinearRegression, LogisticRegression, Ridge, RidgeCV, gram
from .naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from .neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
    kneighbors,
    kneighbors_graph,
    radius_neighbors_graph,
)
from .neural_network import MLPClassifier, MLPRegressor
from .tree import DecisionTreeClassifier, DecisionTreeRegressor

__all__ = [
    "BernoulliNB",
    "CategoricalNB",
    "Checkpoint",
    "ComplementNB",
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "GaussianNB",
    "KMeans",
    "KMeansElbowDisplay",
    "KMeansStepsDisplay",
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "LinearRegression",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "MiniBatchKMeans",
    "MultinomialNB",
    "NearestNeighbors",
    "PassReport",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "Ridge",
    "RidgeCV",
    "__version__",
    "blocks",
    "cluster",
    "data",
    "dense_backward",
    "dense_forward",
    "engine",
    "ensemble",
    "execution",
    "functional",
    "get_num_threads",
    "gram",
    "inspection",
    "kernels",
    "kmeans_plusplus",
    "kneighbors",
    "kneighbors_graph",
    "linear_model",
    "naive_bayes",
    "nearest_centroid",
    "neighbors",
    "neural_network",
    "num_threads",
    "radius_neighbors_graph",
    "reference",
    "set_num_threads",
    "sigmoid",
    "sigmoid_derivative",
    "tree",
]
