"""Fits of blocks to compare with fits of arrays, attribute by attribute."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import fastml

#: Several reduction blocks of every fit, the last one short.
N, D = 40_009, 7


def problem(dtype="float32"):
    random = np.random.default_rng(0)
    y = random.integers(0, 5, N)
    X = random.normal(size=(N, D)) * [1e-3, 1, 1e3, 1, 1, 1e2, 1] + 1e4 * (1 + (y % 3)[:, None])
    w = random.uniform(0, 2, N) * 10.0 ** random.integers(-6, 7, N)
    w[random.random(N) < 0.1] = 0
    return X.astype(dtype), y, w


def gaussian(X, y, w):
    return fastml.GaussianNB().fit(X, y, w)


def multinomial(X, y, w):
    return fastml.MultinomialNB().fit(X, np.array(["a", "b", "c", "dd", "e"])[y], w)


def bernoulli(X, y, w):
    return fastml.BernoulliNB(binarize=1.2e4).fit(X, y, w)


def kmeans(X, y, w):
    return fastml.KMeans(11, random_state=0, max_iter=6).fit(X, sample_weight=w)


def kmeans_from_rows(X, y, w):
    """Several runs, an empty cluster, no tolerance."""
    model = fastml.KMeans(30, init="random", n_init=2, tol=0, max_iter=4, random_state=1)
    return model.fit(X, sample_weight=w)


def kmeans_from_candidates(X, y, w):
    return fastml.KMeans(13, init="k-means||", random_state=0, max_iter=3).fit(X, sample_weight=w)


def kmeans_from_centers(X, y, w):
    centers = np.vstack([np.linspace(1e4, 3e4, 7)[:, None] * np.ones(D), np.full((2, D), 1e9)])
    return fastml.KMeans(9, init=centers, algorithm="lloyd", max_iter=9).fit(X, sample_weight=w)


def minibatch(X, y, w):
    model = fastml.MiniBatchKMeans(9, batch_size=500, tol=1e-9, random_state=0, max_iter=1)
    return model.fit(X, sample_weight=w)


def minibatch_from_rows(X, y, w):
    model = fastml.MiniBatchKMeans(
        5, init="random", compute_labels=False, random_state=1, reassignment_ratio=0.1, max_iter=1
    )
    return model.fit(X, sample_weight=w)


def linear(X, y, w):
    return fastml.LinearRegression().fit(X, y, w)


def ridge(X, y, w):
    return fastml.Ridge(alpha=1e-3, fit_intercept=False).fit(X, y, w)


def ridge_of_many(X, y, w):
    """Penalties chosen by leaving out rows."""
    return fastml.RidgeCV([1e8, 1e10, 1e13]).fit(X, y, w)


def ridge_by_folds(X, y, w):
    """Penalties chosen by folds of rows."""
    return fastml.RidgeCV([1e8, 1e10, 1e13], cv=3).fit(X, y, w)


def logistic(X, y, w):
    """Two classes: steps from the minimum of a sample."""
    return fastml.LogisticRegression(C=1e-3).fit(X, np.asarray(y) > 2, w)


def logistic_of_many(X, y, w):
    """Classes that are words, and weights that are multiplied by theirs."""
    model = fastml.LogisticRegression(class_weight="balanced", max_iter=5)
    return quietly(model, X, np.array(["a", "b", "c", "dd", "e"])[y], w)


def perceptron_by_passes(X, y, w):
    w = w if w is None else np.minimum(w, 2)
    model = fastml.MLPClassifier(
        (5,), solver="lbfgs", class_weight="balanced", max_iter=4, max_fun=9, random_state=0
    )
    return quietly(model, X, np.array(["a", "b", "c", "dd", "e"])[y], w)


def perceptron_by_blocks(X, y, w):
    w = w if w is None else np.minimum(w, 2)
    model = fastml.MLPRegressor(
        hidden_layer_sizes=4, shuffle="blocks", max_iter=2, batch_size=333, random_state=0
    )
    return quietly(model, X, y, w)


def quietly(model, X, y, w):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, sample_weight=w)


FITS = {
    fit.__name__: fit
    for fit in (
        gaussian,
        multinomial,
        bernoulli,
        kmeans,
        kmeans_from_rows,
        kmeans_from_candidates,
        minibatch,
        minibatch_from_rows,
        kmeans_from_centers,
        linear,
        ridge,
        ridge_of_many,
        ridge_by_folds,
        logistic,
        logistic_of_many,
        perceptron_by_passes,
        perceptron_by_blocks,
    )
}
#: What runs on a cluster.
SHARED = [name for name in FITS if name != "perceptron_by_blocks"]
#: Of these every kind of source, of others a few: what they read is read the same way.
WIDELY = ("gaussian", "kmeans", "minibatch", "ridge", "logistic", "perceptron_by_blocks")
#: Whose predictions are made of some rows at a time.
PREDICTING = list(FITS)
#: Attributes that tell how, not what.
HOW = {"feature_names_in_", "n_scored_", "n_decided_"}

#: Fitted attributes that are properties.
PROPERTIES = ("cluster_centers_", "coefs_", "intercepts_", "gradient_norms_")


def attributes(model):
    """Return every fitted attribute as bytes."""
    found = {}
    given = {name: getattr(model, name) for name in PROPERTIES if hasattr(model, name)}
    for name, value in (vars(model) | given).items():
        if name.endswith("_") and not name.startswith("_") and name not in HOW:
            plain = isinstance(value, np.ndarray | float | np.number)
            found[name] = (
                (str(np.asarray(value).dtype), np.shape(value), np.asarray(value).tobytes())
                if plain else pickle.dumps(value)
            )  # fmt: skip
    return found


def same(model, expected):
    found, wanted = attributes(model), attributes(expected)
    assert found.keys() == wanted.keys()
    different = [name for name in found if found[name] != wanted[name]]
    assert not different
