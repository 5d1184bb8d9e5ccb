"""Fits of blocks to compare with fits of arrays, attribute by attribute."""

from __future__ import annotations

import pickle

import numpy as np

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


FITS = {fit.__name__: fit for fit in (gaussian, multinomial, bernoulli)}
#: Attributes that tell how, not what.
HOW = {"feature_names_in_"}


def attributes(model):
    """Return every fitted attribute as bytes."""
    found = {}
    for name, value in vars(model).items():
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
