"""Classes and their numbers."""

from __future__ import annotations

import numpy as np
import pytest

import fastml
from fastml.core.classes import count_classes, name_classes, number_classes


@pytest.mark.parametrize(
    "classes",
    [np.arange(4), np.arange(4, dtype=np.uint8), np.array([1, 2, 3, 5]), np.array(list("abcd"))],
)
def test_numbers_are_named(classes):
    numbers = np.array([3, 0, 0, 1], dtype=np.int32)
    named = name_classes(classes, numbers)
    assert (named == classes[numbers]).all()
    assert named.dtype == classes.dtype


@pytest.mark.parametrize(
    "classes",
    [
        np.arange(3),
        np.array([True, False, True]),
        np.array([-1, 5, 1 << 62]),
        np.array([-1, 5, 1 << 62])[::-1],
        np.array([0.5, -0.0, np.nan]),
        np.array([0.5, 1.5, 2.5], dtype=">f8"),
        np.array([1 << 63, 0, 1], dtype=np.uint64),
        np.array(["2020-01-01", "NaT", "1970-01-01"], dtype="datetime64[s]"),
        np.array(["a", "bc", ""]),
        np.array(["a", None, 3], dtype=object),
        np.array([0.5, 1.5, 2.5], dtype=np.float32),
    ],
    ids=lambda classes: str(classes.dtype),
)
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.bool_])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_many_numbers_are_named(classes, dtype, n_threads):
    numbers = (np.arange(200_003) * 7 % 11 % 3).astype(dtype)
    with fastml.num_threads(n_threads):
        named = name_classes(classes, numbers)
    assert named.dtype == classes.dtype
    assert named.tobytes() == classes.take(numbers).tobytes()


def test_no_number_points_past_the_classes():
    classes = np.array([3, 7])
    assert name_classes(classes, np.full(1000, -1, np.int32)).tolist() == [7] * 1000
    assert name_classes(classes, np.full(1000, 5, np.int32)).tolist() == [7] * 1000


@pytest.mark.parametrize(
    "y",
    [
        np.array([3, -1, 3, 7, -1, 3]),
        np.arange(200_000, dtype=np.int16) % 5 + 30_000,
        np.repeat([2, 0, 1], [70_000, 1, 70_000]),  # one far inside the second block
        np.array([0, 1 << 40, 0, -5]),
        np.array([True, False, True]),
        np.array([1 << 63, 5, 5], dtype=np.uint64),
        np.array(list("badab")),
        np.array([1.5, -0.5, 1.5]),
        np.arange(40)[::-3],
    ],
    ids=lambda y: f"{y.dtype}-{len(y)}",
)
def test_classes_are_counted_and_numbered(y):
    values, rows, counts = np.unique(y, return_index=True, return_counts=True)
    found = count_classes(y)
    for a, b in zip(found, (values, rows, counts), strict=True):
        np.testing.assert_array_equal(a, b)
    assert found[0].dtype == y.dtype
    classes, numbers = number_classes(y)
    np.testing.assert_array_equal(classes, values)
    np.testing.assert_array_equal(classes[numbers], y)
    _, unknown = number_classes(y, values[1:])
    np.testing.assert_array_equal(unknown < 0, y == values[0])
