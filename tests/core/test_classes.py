"""Classes and their numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

import fastml
from fastml.core.classes import count_classes, first_of_classes, name_classes, number_classes


@pytest.mark.parametrize(
    "classes",
    [np.arange(4), np.arange(4, dtype=np.uint8), np.array([1, 2, 3, 5]), np.array(list("abcd"))],
)
def test_numbers_are_named(classes):
    numbers = np.array([3, 0, 0, 1], dtype=np.int32)
    named = name_classes(classes, numbers, len(classes))
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
        named = name_classes(classes, numbers, len(classes))
    assert named.dtype == classes.dtype
    assert named.tobytes() == classes.take(numbers).tobytes()


CLASSIFIERS = [
    fastml.GaussianNB(), fastml.MultinomialNB(), fastml.ComplementNB(), fastml.BernoulliNB(),
    fastml.CategoricalNB(), fastml.DecisionTreeClassifier(max_depth=3),
    fastml.RandomForestClassifier(3), fastml.LogisticRegression(),
    fastml.MLPClassifier((3,), max_iter=2),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("n_rows", [20, 400])
@pytest.mark.parametrize("k", [2, 3])
def test_classes_somebody_has_replaced(model, n_rows, k):
    """Others of the same number are taken, a list too; more or fewer are refused."""
    rng = np.random.default_rng(0)
    y = np.arange(n_rows) % k
    X = rng.integers(0, 5, (n_rows, 4)) + y[:, None]
    model = clone(model).fit(X, y)
    before = model.predict(X)
    for names in (np.array(list("abc"))[:k], list("abc")[:k]):
        model.classes_ = names
        assert (model.predict(X) == np.array(list("abc"))[before]).all()
    one_less = np.arange(k - 1)
    if isinstance(model, fastml.MLPClassifier) and k == 2:
        one_less = np.arange(0)  # one class alone has the network of two
    shapes = [one_less, np.arange(k + 2), np.arange(0), np.arange(2 * k).reshape(k, 2)]
    for classes in shapes:
        model.classes_ = classes
        with pytest.raises(ValueError, match="shape"):
            model.predict(X)


def test_no_number_points_past_the_classes():
    classes = np.array([3, 7])
    assert name_classes(classes, np.full(1000, -1, np.int32), 2).tolist() == [7] * 1000
    assert name_classes(classes, np.full(1000, 5, np.int32), 2).tolist() == [7] * 1000


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
    for a, b in zip(first_of_classes(y), (values, rows), strict=True):
        np.testing.assert_array_equal(a, b)
    assert first_of_classes(y)[0].dtype == y.dtype
    classes, numbers = number_classes(y)
    np.testing.assert_array_equal(classes, values)
    np.testing.assert_array_equal(classes[numbers], y)
    _, unknown = number_classes(y, values[1:])
    np.testing.assert_array_equal(unknown < 0, y == values[0])
