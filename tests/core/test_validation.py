"""What passes the door: finite numbers, and the two classes of a vector."""

from __future__ import annotations

import numpy as np
import pytest
from element_types import DTYPES
from sklearn.utils import assert_all_finite

import fastml
from fastml.core import validation as _validation
from fastml.core.validation import check_finite, common_dtype, is_plain
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
        np.array([1, 1 + np.finfo(np.longdouble).eps], np.longdouble),
    ],
)
def test_anything_else_is_left_to_the_general_check(y):
    assert two_classes(y) is None


def kinds_of(X):
    """Return arrays of the same numbers that need scikit-learn's checks, and one that does not."""
    read_only = X.copy()
    read_only.flags.writeable = False
    return {
        "plain": X, "fortran": np.asfortranarray(X), "strided": np.repeat(X, 2, axis=0)[::2],
        "swapped": X.astype(X.dtype.newbyteorder()), "read-only": read_only,
        "matrix": X.view(type("Kind", (np.ndarray,), {})), "list": X.tolist(),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["plain", "fortran", "strided", "swapped", "read-only", "matrix"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_short_door_takes_and_refuses_what_the_long_one_does(kind, dtype):
    X = np.random.default_rng(0).normal(size=(60, 3)).astype(dtype)
    model = fastml.KMeans(4, n_init=1, random_state=0).fit(X)
    given = kinds_of(X)[kind]
    assert np.array_equal(model.transform(given), model.transform(kinds_of(X)["plain"]))
    assert is_plain(given, dtype) == (kind == "plain")
    with pytest.raises(ValueError, match="X has 2 features, but KMeans is expecting 3 features"):
        model.transform(kinds_of(np.ascontiguousarray(X[:, :2]))[kind])
    for number in (np.nan, np.inf, -np.inf):
        for place in (0, 59):
            bad = X.copy()
            bad[place, 1] = number
            with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
                model.transform(kinds_of(bad)[kind])
            with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
                fastml.KMeans(4).fit(kinds_of(bad)[kind])


def test_finite_numbers_whose_squares_overflow_are_finite():
    for dtype, large in (("float32", 3e38), ("float64", 1e308)):
        check_finite(np.full((3, 5), large, dtype))
        with pytest.raises(ValueError, match="Input X contains infinity"):
            check_finite(np.array([[large, np.inf]], dtype), "X")


def test_a_refit_on_an_array_forgets_the_names_of_a_frame():
    model = fastml.KMeans(2, n_init=1, random_state=0).fit(np.arange(18.0).reshape(6, 3))
    model.feature_names_in_ = np.array(["a", "b", "c"], object)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.transform(np.zeros((2, 3)))
    model.fit(np.arange(12.0).reshape(6, 2))
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 2
    model.transform(np.zeros((2, 2)))


def test_the_common_type_is_single_only_if_all_are():
    single, half, double = (np.zeros(2, kind) for kind in ("f4", "f2", "f8"))
    assert common_dtype(single, half, single.astype(">f4")) is np.float32
    for other in (double, np.zeros(2, "i4"), double.astype(">f8"), [1.0, 2.0]):
        assert common_dtype(single, other) is np.float64
