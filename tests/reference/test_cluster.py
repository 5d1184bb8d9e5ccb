"""The reference of k-means against values worked by hand."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from fastml import reference


def test_euclidean_distances_by_hand():
    distances = reference.euclidean_distances([[0.0, 0.0], [3.0, 4.0]], [[0.0, 0.0], [3.0, 0.0]])
    np.testing.assert_array_equal(distances, [[0.0, 3.0], [5.0, 4.0]])


def test_nearest_centroid_takes_the_lowest_of_equals():
    X = np.array([[0.0], [2.0], [1.0]])
    centers = np.array([[2.0], [0.0], [2.0], [0.0]])
    labels = reference.nearest_centroid(X, centers)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, [1, 0, 0])


def test_nearest_centroid_in_blocks_equals_argmin_of_distances():
    random = np.random.default_rng(0)
    X, centers = random.normal(size=(2000, 3)), random.normal(size=(100, 3))
    distances = reference.euclidean_distances(X, centers)
    labels, nearest = reference.nearest_centroid(X, centers, return_distance=True)
    np.testing.assert_array_equal(labels, distances.argmin(axis=1))
    np.testing.assert_array_equal(nearest, distances.min(axis=1))


def test_nearest_centroid_is_decided_in_float64():
    # In float32, 1e4 + 1e-3 is 1e4, and both centres would be at the same distance.
    X = np.array([[1.0]], np.float32)
    centers = np.array([[1.0e4 + 2.0], [-1.0e4 + 1e-3]])
    np.testing.assert_array_equal(reference.nearest_centroid(X, centers), [1])


def test_update_centers_by_hand():
    X = np.array([[1.0, 0.0], [3.0, 2.0], [5.0, 5.0]], np.float32)
    centers = np.array([[0.0, 0.0], [7.0, 7.0], [0.0, 0.0]], np.float32)
    updated = reference.update_centers(X, np.array([2, 2, 0]), centers)
    assert updated.dtype == np.float32
    np.testing.assert_array_equal(updated, [[5.0, 5.0], [7.0, 7.0], [2.0, 1.0]])
    np.testing.assert_array_equal(centers[0], [0.0, 0.0])


def test_kmeans_ends_where_nothing_moves():
    random = np.random.default_rng(3)
    X = np.concatenate([random.normal(c, 0.3, (30, 2)) for c in (-4.0, 0.0, 4.0)])
    centers, labels, inertia, n_iter = reference.kmeans(X, 3, random_state=0)
    np.testing.assert_array_equal(reference.nearest_centroid(X, centers), labels)
    np.testing.assert_array_equal(reference.update_centers(X, labels, centers), centers)
    assert inertia == pytest.approx(((X - centers[labels]) ** 2).sum(), rel=1e-13)
    assert 1 < n_iter < 300
    _, _, unfinished, turns = reference.kmeans(X, 3, init=X[:3], max_iter=1)
    assert turns == 1
    assert unfinished >= reference.kmeans(X, 3, init=X[:3])[2]


def test_every_public_function_is_a_name_of_reference():
    homes = (reference.cluster, reference.elementwise, reference.neighbors)
    homes += (reference.neural_network,)
    public = {
        name
        for home in homes
        for name, value in vars(home).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    assert public == set(reference.__all__)
