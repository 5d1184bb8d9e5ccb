"""The truth: every operation of the library in plain NumPy, written as the mathematics is.

One file a family, and one of functions of one number.  Every kernel is tested against the function
of the same name here.  The element type of the arguments is kept, except where a docstring says
float64.  These functions are there to be read and to be tested against: for speed a competent
person writes NumPy differently.
"""

from __future__ import annotations

from .cluster import (
    euclidean_distances,
    kmeans,
    nearest_centroid,
    update_centers,
)
from .elementwise import (
    sigmoid,
    sigmoid_derivative,
    softmax,
    softplus,
)
from .neighbors import (
    cosine_distances,
    inverse_distances,
    kneighbors,
    manhattan_distances,
    squared_distances,
    unit_rows,
    votes,
    weighted_mean,
)
from .neural_network import (
    activation_derivative,
    binary_cross_entropy,
    cross_entropy,
    dense_backward,
    dense_forward,
    forward,
    gradient_descent_step,
    hidden_delta,
    loss_and_gradients,
    output_delta,
    poisson_deviance,
    squared_error,
    train_epoch,
)

__all__ = [
    "activation_derivative",
    "binary_cross_entropy",
    "cosine_distances",
    "cross_entropy",
    "dense_backward",
    "dense_forward",
    "euclidean_distances",
    "forward",
    "gradient_descent_step",
    "hidden_delta",
    "inverse_distances",
    "kmeans",
    "kneighbors",
    "loss_and_gradients",
    "manhattan_distances",
    "nearest_centroid",
    "output_delta",
    "poisson_deviance",
    "sigmoid",
    "sigmoid_derivative",
    "softmax",
    "softplus",
    "squared_distances",
    "squared_error",
    "train_epoch",
    "unit_rows",
    "update_centers",
    "votes",
    "weighted_mean",
]
