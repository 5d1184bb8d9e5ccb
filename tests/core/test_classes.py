"""Classes and their numbers."""

from __future__ import annotations

import numpy as np
import pytest

from fastml.core.classes import name_classes


@pytest.mark.parametrize(
    "classes",
    [np.arange(4), np.arange(4, dtype=np.uint8), np.array([1, 2, 3, 5]), np.array(list("abcd"))],
)
def test_numbers_are_named(classes):
    numbers = np.array([3, 0, 0, 1], dtype=np.int32)
    named = name_classes(classes, numbers)
    assert (named == classes[numbers]).all()
    assert named.dtype == classes.dtype
