"""Nearest centroid: every label is the float64 reference's, compared by equality."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from element_types import DTYPES
from hypothesis import given
from hypothesis import strategies as st
from tolerances import assert_close

import fastml
from fastml import reference
from fastml.cluster import _nearest
from fastml.cluster._bundles import prepared_centers
from fastml.core.threads import new_state, run_team
from fastml.kernels.cluster.centers import padded_clusters, prepare_together
from fastml.kernels.cluster.scores import pitch_of
from fastml.kernels.tile import COLUMNS

#: Scales at which squares underflow, overflow, or only just do not.
SCALES = {
    "float32": [1e-38, 1e-30, 1e-22, 1e-19, 1.0, 1e18, 5e18, 1e19, 2e19, 1e30, 1e38],
    "float64": [1e-308, 1e-200, 1e-162, 1e-154, 1.0, 1e150, 5e153, 1e154, 1e200],
}


def assert_labels(X, centers):
    """Compare labels and distances with the reference of the very same numbers."""
    # Squares overflow here, and so does the sum scikit-learn looks for infinities in.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        expected, nearest = reference.nearest_centroid(X, centers, return_distance=True)
        labels, distances = fastml.nearest_centroid(X, centers, return_distance=True)
        nearest = nearest.astype(distances.dtype)
        few = fastml.nearest_centroid(X[: _nearest._FEW_ROWS], centers)
    np.testing.assert_array_equal(few, expected[: len(few)])
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.int32
    assert_close("distance", distances, nearest, distances.dtype)
    if X.dtype.isnative and X.flags.carray and centers.flags.carray:
        alone = np.empty(len(X), np.int32)  # few rows are labelled without tickets
        for prepared in (None, _nearest.PreparedCenters(centers)):
            alone[:] = -1
            assert _nearest._label_alone(X, centers, alone, prepared) >= 0
            np.testing.assert_array_equal(alone, expected)


def summed_in_order(X, centers, labels):
    """Return squared distances in float64, added feature by feature."""
    total = np.zeros(len(X))
    for p in range(X.shape[1]):
        gap = X[:, p].astype(np.float64) - centers[labels, p].astype(np.float64)
        total += gap * gap
    return total


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [pytest.param(0.0, marks=pytest.mark.checked), 1e6, 1e8])
def test_large_centers_and_rows_of_many_ties(dtype, offset):
    """Large centres are transposed once some rows that tie were decided without."""
    random = np.random.default_rng(0)
    shape = _nearest._BYTES_PREPARED // (64 * np.dtype(dtype).itemsize) + 1, 64
    centers = (random.integers(0, 2, shape) + offset).astype(dtype)
    centers[-1] = centers[3]
    assert _nearest._prepared_for(centers, centers).transposed.shape[1] == 0
    for n in (4, 33, 700, 1500):
        X = (random.integers(0, 2, (n, 64)) + offset).astype(dtype)
        X[:2] = centers[-1]
        assert_labels(X, centers)
        if n == 33:
            X[7, 5] = np.nan
            assert _nearest.nearest_labels(X, centers) is None


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_features", [1, 2, 4, 7, 8, 17, 64, 131])
def test_distances_to_given_centers_have_the_bits_of_one_sum(dtype, n_features):
    random = np.random.default_rng(n_features)
    for n_samples, n_clusters, offset in [(1, 1, 0.0), (31, 3, 1e6), (33, 5, 1e8), (3001, 40, 0.0)]:
        wide = (random.normal(size=(n_samples, n_features + 1)) + offset).astype(dtype)
        centers = (random.normal(size=(n_clusters, n_features)) + offset).astype(dtype)
        labels = random.integers(0, n_clusters, n_samples).astype(np.int32)
        for X in (wide[:, 1:].copy(), wide[:, 1:], np.asfortranarray(wide[:, 1:])):
            expected = summed_in_order(X, centers, labels)
            for n in (1, 7):
                with fastml.num_threads(n):
                    found = _nearest.squared_distances(X, centers, labels)
                np.testing.assert_array_equal(found, expected)
        for wrong in (-1, n_clusters):
            labels[-1] = wrong
            with pytest.raises(ValueError, match="labels must be from 0 to"):
                _nearest.squared_distances(wide[:, 1:], centers, labels)


@st.composite
def problems(draw):
    """Draw (X, centers): shapes around the tile's, numbers that make deciding hard."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    n_samples = draw(st.integers(1, 70))
    n_features = draw(st.integers(1, 40) | st.sampled_from([64, 79, 129, 300]))
    n_clusters = draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = random.normal(size=(n_samples, n_features))
    centers = random.normal(size=(n_clusters, n_features))
    kind = draw(st.sampled_from(["plain", "grid", "duplicates", "offset", "near", "scaled"]))
    if kind == "grid":  # distances are whole: many are equal
        X, centers = np.round(X), np.round(centers)
    elif kind == "duplicates":
        centers = centers[random.integers(0, n_clusters, n_clusters)]
        X[::2] = centers[random.integers(0, n_clusters, len(X[::2]))]
    elif kind == "offset":
        X, centers = X + 1e6, centers + 1e6
    elif kind == "near":  # centres that differ in the last place
        centers = centers[:1] * (1 + np.finfo(dtype).eps * random.integers(0, 4, centers.shape))
    elif kind == "scaled":
        scale = draw(st.sampled_from(SCALES[dtype.name]))
        X, centers = X * scale, centers * scale
    limit = np.finfo(dtype).max
    return np.clip(X, -limit, limit).astype(dtype), np.clip(centers, -limit, limit).astype(dtype)


@pytest.mark.checked
@given(problems())
def test_labels_equal_the_reference(problem):
    assert_labels(*problem)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_scale(dtype):
    random = np.random.default_rng(0)
    for scale in SCALES[dtype]:
        for n_features in (1, 2, 5, 16, 33, 90):
            for n_clusters in (2, 3, 9, 20):
                X = random.uniform(-2, 2, size=(200, n_features)) * scale
                centers = random.uniform(-2, 2, size=(n_clusters, n_features)) * scale
                assert_labels(X.astype(dtype), centers.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_halfway_between_centers(dtype):
    """Ties that are exact in float64: the lowest index, wherever its column stands in a tile."""
    random = np.random.default_rng(1)
    for n_clusters in (2, 3, 7, 8, 9, 17, 40):
        centers = random.integers(-8, 9, size=(n_clusters, 6)).astype(dtype)
        i, j = np.triu_indices(n_clusters)
        assert_labels((centers[i] + centers[j]) / 2, centers)


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_centers_alike_give_label_zero(dtype):
    X = np.random.default_rng(2).normal(size=(100, 7)).astype(dtype)
    labels = fastml.nearest_centroid(X, np.repeat(X[:1], 20, axis=0))
    np.testing.assert_array_equal(labels, 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_features", [1, 3, 15, 16, 17, 64, 200])
def test_differences_in_one_feature_only(dtype, n_features):
    """Centres equal but for one coordinate, by one unit in the last place."""
    random = np.random.default_rng(n_features)
    centers = np.repeat(random.normal(size=(1, n_features)), 11, axis=0).astype(dtype)
    for j in range(1, len(centers)):
        p = j % n_features
        centers[j, p] = np.nextafter(centers[j - 1, p], dtype_infinity(dtype, j))
    X = centers[0] + random.normal(size=(150, n_features)).astype(dtype)
    assert_labels(np.concatenate([X, centers]), centers)


def dtype_infinity(dtype, j):
    return np.dtype(dtype).type(np.inf if j % 2 else -np.inf)


@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormal_numbers(dtype):
    random = np.random.default_rng(3)
    unit = np.finfo(dtype).smallest_subnormal
    X = random.integers(-50, 51, size=(120, 5)).astype(dtype) * unit
    centers = random.integers(-50, 51, size=(10, 5)).astype(dtype) * unit
    assert_labels(X, centers)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_clusters", [1, 2, 7, 8, 9, 64, 129, 1000])
def test_many_samples_and_every_number_of_centers(dtype, n_clusters):
    """More rows than a ticket, and a last block and a last panel that are short."""
    random = np.random.default_rng(n_clusters)
    X = random.normal(size=(9001 if n_clusters < 1000 else 777, 3)).astype(dtype)
    assert_labels(X, random.normal(size=(n_clusters, 3)).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_strides(dtype):
    random = np.random.default_rng(4)
    wide = random.normal(size=(2 * 90, 3 * 11)).astype(dtype)
    centers = random.normal(size=(13, 11)).astype(dtype)
    for X in (
        wide[::-2, :11],  # rows backwards
        wide[:90, 10::-1],  # features backwards
        wide[:90, ::3],
        wide[::2, 11:22],
        wide.T[:11, ::-1].T[:90],
        wide[:90, :11].astype(np.dtype(dtype).newbyteorder()),
    ):
        assert_labels(X, centers)
    for other in (np.asfortranarray(centers), centers[::-1], centers[:, ::-1]):
        assert_labels(wide[:90, :11], other)


def test_layouts_numba_tells_apart():
    """Each compiles a kernel of its own: so in one element type only."""
    random = np.random.default_rng(5)
    X = random.normal(size=(90, 11)).astype("float32")
    centers = random.normal(size=(13, 11)).astype("float32")
    packed = np.zeros(90, [("label", "i1"), ("x", "float32", (11,))])
    packed["x"] = X
    assert not packed["x"].flags.aligned
    for other in (np.asfortranarray(X), np.broadcast_to(X[0], (90, 11)), packed["x"]):
        assert_labels(other, centers)


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_for_any_number_of_threads(dtype, shared_work):
    random = np.random.default_rng(5)
    X = np.round(random.normal(size=(20_011, 6)), 1).astype(dtype)
    centers = np.round(random.normal(size=(50, 6)), 1).astype(dtype)
    expected, _ = reference.nearest_centroid(X, centers, return_distance=True)
    with fastml.num_threads(1):
        _, alone = fastml.nearest_centroid(X, centers, return_distance=True)
    for n in (1, 2, 3, 7, 64):
        with fastml.num_threads(n):
            labels, distances = fastml.nearest_centroid(X, centers, return_distance=True)
        np.testing.assert_array_equal(labels, expected)
        np.testing.assert_array_equal(distances, alone)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_samples", [1, 21, 1400])
@pytest.mark.parametrize("n_features", [5, 70])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found(dtype, n_samples, n_features, number):
    random = np.random.default_rng(0)
    X = random.normal(size=(n_samples, n_features)).astype(dtype)
    centers = random.normal(size=(6, n_features)).astype(dtype)
    assert _nearest.nearest_labels(X, centers) is not None
    X[-1, 3] = number
    assert _nearest.nearest_labels(X, centers) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_clusters", [256, 257, 500])
def test_many_centers_on_a_line(dtype, n_clusters):
    """Ties of every kind: centres alike, rows halfway, and distances that round to the same."""
    random = np.random.default_rng(n_clusters)
    apart = random.normal(size=(n_clusters, 1)).astype(dtype)
    grid = random.integers(-40, 41, size=(n_clusters, 1)).astype(dtype)
    far = np.concatenate([apart, grid, -grid * 1e12, [[1e30], [-1e30], [0.0], [-0.0]]]).astype(
        dtype
    )
    rows = np.concatenate([far, (far + far[::-1]) / 2, (grid + grid[::-1]) / 2, 1e20 * grid])
    for centers in (apart, grid, far[random.permutation(len(far))], np.zeros_like(grid)):
        assert_labels(np.tile(rows, (10, 1)).astype(dtype), centers)
    limit = np.finfo(dtype).max
    ends = np.array([-limit, limit] * n_clusters, dtype)[:, None]
    assert_labels(np.concatenate([rows, ends]).astype(dtype), np.concatenate([ends, apart]))
    rows[7] = np.nan
    assert _nearest.nearest_labels(np.tile(rows, (10, 1)).astype(dtype), apart) is None


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n_features", "n_clusters"), [(64, 1), (65, 5), (130, 16), (300, 7), (1100, 9)]
)
def test_few_centers_of_many_features(dtype, n_features, n_clusters):
    """Rows are scored as they lie, unless their features are apart; both decide alike."""
    assert pitch_of(n_features, n_clusters, 4) > 0
    random = np.random.default_rng(n_features)
    for n_samples in (21, 64, 333):
        wide = np.round(random.normal(size=(2 * n_samples, n_features + 2)), 1).astype(dtype)
        centers = np.round(random.normal(size=(n_clusters, n_features)), 1).astype(dtype)
        for X in (wide[:n_samples, 2:], wide[::-2, :-2], np.asfortranarray(wide[:n_samples, 2:])):
            assert_labels(X, centers)
        assert_labels(np.repeat(wide[:1, 2:], n_samples, axis=0), centers)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 5, 8, 16])
@pytest.mark.parametrize("n_samples", [31, 32, 33, 64, 200])
def test_rows_of_few_features_however_they_lie(dtype, n_features, n_samples):
    """Rows side by side are loaded by whole vectors, others one by one."""
    random = np.random.default_rng(n_features)
    wide = random.normal(size=(2 * n_samples, n_features + 1)).astype(dtype)
    centers = random.normal(size=(5, n_features)).astype(dtype)
    for X in (
        wide[:n_samples, 1:].copy(),
        wide[:n_samples, 1:],
        wide[::2, :-1],
        np.asfortranarray(wide[:n_samples, 1:]),
    ):
        assert_labels(X, centers)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_features", [16, 100])
def test_centers_that_were_prepared_are_not_believed_after_an_edit(n_features, dtype):
    random = np.random.default_rng(0)
    X = random.normal(size=(300, n_features)).astype(dtype)
    model = fastml.KMeans(5, n_init=1, random_state=0).fit(X)

    def assert_predicted():
        expected = reference.nearest_centroid(X, model.cluster_centers_)
        for rows in (X, np.asfortranarray(X)):
            np.testing.assert_array_equal(model.predict(rows), expected)
            np.testing.assert_array_equal(model.predict(rows[:40]), expected[:40])

    assert_predicted()
    assert_predicted()
    model.cluster_centers_[:] = random.normal(size=model.cluster_centers_.shape)
    assert_predicted()
    model.cluster_centers_[3] = X[7]
    assert_predicted()
    model.cluster_centers_ = random.normal(size=(9, n_features)).astype(dtype)
    assert_predicted()
    twin = pickle.loads(pickle.dumps(model))
    twin.cluster_centers_[0] = X[7]
    assert_predicted()
    assert twin.predict(X)[7] == 0


def prepared_plainly(points, pitch):
    """Return the shift, the shifted centres and -|c|^2 / 2 as plain NumPy sums them, in order."""
    k, d = points.shape
    dtype = points.dtype
    some = points[:: 1 + k // 256].astype(np.float64)
    shift = (np.cumsum(some, axis=0)[-1] / len(some)).astype(dtype)
    moved = points - shift
    squares = moved.astype(np.float64) ** 2
    norms = np.cumsum(squares[:, ::2], axis=1)[:, -1]
    if d > 1:
        norms = norms + np.cumsum(squares[:, 1::2], axis=1)[:, -1]
    if pitch:
        shifted = np.pad(moved, [(0, 0), (0, pitch - d)]).ravel()
    else:
        starts = range(0, k, COLUMNS)
        widths = [min(COLUMNS, int(padded_clusters(k)) - start) for start in starts]
        tiles = [moved[start : start + width] for start, width in zip(starts, widths, strict=True)]
        shifted = np.concatenate(
            [
                np.pad(tile, [(0, width - len(tile)), (0, 0)]).T.ravel()
                for tile, width in zip(tiles, widths, strict=True)
            ]
        )
    return shift, shifted, (-0.5 * norms).astype(dtype)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("k", "d"), [(1, 1), (2, 70), (5, 3), (9, 17), (33, 40), (47, 2), (70, 130), (300, 33)]
)
def test_centers_are_prepared_alike_together_and_alone(dtype, k, d):
    points = (3 * np.random.default_rng(k).normal(size=(k, d)) + 100).astype(dtype)
    for rows in (None, points):
        expected = prepared_centers(points, rows)
        shift, shifted, half_norms = prepared_plainly(points, expected.pitch)
        np.testing.assert_array_equal(expected.shift[:d], shift)
        np.testing.assert_array_equal(expected.shifted[: len(shifted)], shifted)
        np.testing.assert_array_equal(expected.half_norms[:k], half_norms)
        np.testing.assert_array_equal(expected.transposed, points.T)
        for members, group in [(1, 1), (2, 7), (3, 32), (7, 96)]:
            found = prepared_centers(points, rows)
            for array in (found.shift, found.shifted, found.transposed, found.margin):
                array[...] = 0
            found.half_norms[:k] = 0
            run_team(prepare_together, members, found, group, np.empty(k), new_state())
            for name in ("shift", "shifted", "transposed", "half_norms", "margin"):
                np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
