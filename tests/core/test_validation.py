"""What passes the door: finite numbers, and the two classes of a vector."""

from __future__ import annotations

import numpy as np
import pytest
from element_types import DTYPES
from sklearn.utils import assert_all_finite

import fastml
from fastml.core import validation as _validation
from fastml.core.validation import check_finite
from fastml.neural_network._targets import two_classes

MANY = 2 * _validation._ELEMENTS_A_TICKET + 77


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threads", [1, 3])
def test_largest_numbers_are_finite(dtype, threads, shared_work):
    X = np.full((MANY, 1), np.finfo(dtype).max, dtype)
    X[::2] *= -1
    with fastml.num_threads(threads):
        check_finite(X)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("order", ["C", "F"])
def test_one_number_anywhere_is_found(dtype, number, order):
    X = np.zeros((MANY // 3 + 1, 3), dtype, order=order)
    flat = X.ravel(order="K")
    size = _validation._ELEMENTS_A_TICKET
    for at in (0, 130, size - 1, size, 2 * size - 1, flat.size - 1):
        flat[at] = number
        with pytest.raises(ValueError) as ours:
            check_finite(X, "X", "KMeans")
        with pytest.raises(ValueError) as theirs:
            assert_all_finite(X, input_name="X", estimator_name="KMeans")
        assert str(ours.value) == str(theirs.value)
        flat[at] = 0
    check_finite(X)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_apart_are_checked_too(dtype):
    X = np.zeros((MANY, 4), dtype)[::2, 1:]
    check_finite(X)
    X[-1, -1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        check_finite(X)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.array([3, 1, 3]), [1, 3]),
        (np.array([True, False]), [False, True]),
        (np.array([0.0, -1.0, 0.0], np.float32), [-1, 0]),
        (np.array([0, 255], np.uint8), [0, 255]),
    ],
)
def test_two_classes(y, expected):
    classes = two_classes(y)
    assert classes.dtype == y.dtype
    assert classes.tolist() == expected
    np.testing.assert_array_equal(classes, np.unique(y))


@pytest.mark.parametrize(
    "y",
    [
        [0, 1],
        np.array([0, 1, 2]),
        np.array([1, 1]),
        np.array([]),
        np.array([0.0, 0.5]),
        np.array([0.0, np.nan]),
        np.array([0.0, np.inf]),
        np.array([[0], [1]]),
        np.array(["a", "b"]),
        np.array([0, 1], object),
        np.ma.masked_array([0, 1]),
    ],
)
def test_anything_else_is_left_to_the_general_check(y):
    assert two_classes(y) is None
