"""Small perceptrons and data for them, as several tests use them."""

from __future__ import annotations

from sklearn.datasets import load_breast_cancer, load_digits, make_regression
from sklearn.preprocessing import StandardScaler

import fastml

SOLVERS = ["sgd", "adam", "lbfgs"]
NO_STEP = 1e-290  # a learning rate that changes no weight but zero


def digits(dtype="float64"):
    X, y = load_digits(return_X_y=True)
    return (X[:400] / 16).astype(dtype), y[:400]


def tumours():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def numbers():
    X, y = make_regression(200, 6, n_targets=2, random_state=0)
    return X, y / 100


def classifier(**changed):
    parameters = {"hidden_layer_sizes": (16, 8), "max_iter": 6, "random_state": 0, **changed}
    return fastml.MLPClassifier(**parameters)


def regressor(**changed):
    parameters = {"hidden_layer_sizes": (16, 8), "max_iter": 6, "random_state": 0, **changed}
    return fastml.MLPRegressor(**parameters)
