"""add_as: a tile added to an array of its own type or a wider one."""

import numba
import numpy as np
import pytest

from fastml.kernels.tile import add_as, lanes, load


@numba.njit
def add_columns(source, stride, target, offset, target_stride):
    tile = load(source, 0, stride, 2, 3)
    add_as(target, offset, target_stride, tile)
    return 2 * lanes(source)


@pytest.mark.parametrize(
    ("source", "target"),
    [("float32", "float32"), ("float32", "float64"), ("float64", "float64")],
)
def test_a_tile_is_added_in_the_arrays_type(source, target):
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal(400).astype(source)
    before = rng.standard_normal(600).astype(target)
    sums = before.copy()
    height = add_columns(numbers, 50, sums, 7, 90)
    expected = before.copy()
    for j in range(3):
        expected[7 + 90 * j : 7 + 90 * j + height] += numbers[50 * j : 50 * j + height]
    np.testing.assert_array_equal(sums, expected)


def test_narrower_arrays_are_refused():
    with pytest.raises(numba.TypingError, match="as wide as float64"):
        add_columns(np.zeros(400), 50, np.zeros(600, np.float32), 0, 90)
