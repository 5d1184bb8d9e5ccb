"""Rows around a few means, and what two models of them must share."""

from __future__ import annotations

import numpy as np


def blobs(n_samples, n_features, n_clusters, dtype="float64", seed=0, spread=1.0):
    random = np.random.default_rng(seed)
    means = random.normal(size=(n_clusters, n_features)) * 3
    X = means[random.integers(0, n_clusters, n_samples)]
    return (X + spread * random.normal(size=X.shape)).astype(dtype)


def assert_same_model(ours, theirs):
    """Assert that two models went the same way, bit for bit."""
    np.testing.assert_array_equal(ours.cluster_centers_, theirs.cluster_centers_)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    assert ours.inertia_ == theirs.inertia_
    assert ours.n_steps_ == theirs.n_steps_
