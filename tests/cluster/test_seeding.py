"""k-means++ that screens rows by their bytes: nothing differs from looking at all of them."""

from __future__ import annotations

import numpy as np
import pytest

import fastml
from fastml.cluster import _bundles, _plusplus
from fastml.kernels.machine.host import host

needs_bytes = pytest.mark.skipif(not host().byte_products, reason="no instruction for bytes")


def blobs(shape=(1337, 27), n_clusters=12, seed=0):
    random = np.random.default_rng(seed)
    means = random.uniform(-3, 3, (n_clusters, shape[1]))
    return means[random.integers(0, n_clusters, shape[0])] + random.normal(size=shape)


def far_rows():
    X = blobs()
    X[::100] += np.random.default_rng(1).normal(size=X[::100].shape) * 1e4
    return X


def of_scales():
    return blobs() * np.logspace(-6, 3, 27)


HARD = {
    "blobs": blobs,
    "far from the origin": lambda: blobs() + 1e6,
    "far rows": far_rows,
    "features of several scales": of_scales,
    "whole numbers, many of them twice": lambda: np.rint(blobs() / 2),
    "rows that come again": lambda: np.tile(blobs((60, 27)), (20, 1)),
    "one feature": lambda: blobs((1337, 1)),
    "many features": lambda: blobs((700, 300)),
    "a few rows": lambda: blobs((41, 9)),
    "small": lambda: np.ldexp(blobs(), -20),
    "one that differs": lambda: np.pad(np.ones((1, 9)), ((0, 700), (0, 0))) + 3,
}


def chosen(X, k, weights, monkeypatch, screened):
    """Return the rows chosen, and the draw and the screen they were chosen with."""
    monkeypatch.setattr(_bundles, "_FEATURES_SCREENED", 1 if screened else 1 << 40)
    monkeypatch.setattr(_bundles, "_CENTERS_SCREENED", 3)
    monkeypatch.setattr(_bundles, "_ROWS_SCREENED", 1)
    made = {}
    for name in ("seeding_draw", "seeding_screen"):

        def keep(*arguments, name=name):
            made[name] = getattr(_bundles, name)(*arguments)
            return made[name]

        monkeypatch.setattr(_plusplus, name, keep)
    rows = _plusplus.choose_rows(X, k, weights, np.random.RandomState(0))
    return rows, made["seeding_draw"], made["seeding_screen"]


@needs_bytes
@pytest.mark.checked
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", HARD)
def test_a_screen_changes_no_bit(kind, dtype, monkeypatch):
    X = HARD[kind]().astype(dtype)
    if kind == "blobs":
        X = np.asfortranarray(X)
    k = min(40, len(X) - 1)
    weights = np.random.default_rng(2).choice([0.0, 0.25, 1.0, 3.0], len(X))
    for given in (np.empty(0), weights):
        rows, draw, _ = chosen(X, k, given, monkeypatch, False)
        for threads in (1, 2, 3):
            with fastml.num_threads(threads):
                found, other, screen = chosen(X, k, given, monkeypatch, True)
            assert screen.words.size > 0
            np.testing.assert_array_equal(found, rows)
            np.testing.assert_array_equal(other.closest, draw.closest)
            np.testing.assert_array_equal(other.potentials[:-1], draw.potentials[:-1])


@needs_bytes
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_screen_rules_most_rows_out(dtype, monkeypatch):
    X = blobs((4000, 30), 60).astype(dtype)
    _, draw, screen = chosen(X, 200, np.empty(0), monkeypatch, True)
    codes = screen.words.reshape(-1, 8, 32).transpose(0, 2, 1).copy().view(np.uint8)
    codes = codes.reshape(-1, 32).astype(np.int64) - 128  # zero where features pad
    values = codes @ codes[::50].T - (codes[::50] ** 2).sum(axis=1) // 2
    passed = values[: len(X)] > screen.limits[: len(X), None]
    distances = ((X[:, None] - X[None, ::50]) ** 2).sum(axis=2)
    assert passed[distances < draw.closest[:, None]].all()
    assert passed.mean() < 0.2


def test_a_screen_is_for_many_centres_of_many_features():
    X = blobs()
    assert _bundles.seeding_screen(X, 8, 8) is None
    assert _bundles.seeding_screen(X[:, :4], 500, 8) is None
    assert _bundles.seeding_screen(np.ones((5000, 30)), 500, 8) is None
