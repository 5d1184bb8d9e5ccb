"""Categories of rows that are not all in memory."""

from __future__ import annotations

import numpy as np
import pytest
from block_fits import same

import fastml


def problem(n, d=5, dtype="int64"):
    random = np.random.default_rng(0)
    y = random.integers(0, 4, n)
    X = (random.integers(0, [2, 3, 7, 40, 1][:d], (n, d)) + y[:, None] % 2).astype(dtype)
    w = random.uniform(0, 2, n) * 10.0 ** random.integers(-6, 7, n)
    return X, y, w


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [4, 13_107, 60_013])
def test_the_same_bits(n, weighted, dtype):
    X, y, w = problem(n, dtype=dtype)
    w = w if weighted else None
    for settings in ({}, {"min_categories": 9, "fit_prior": False}):
        expected = fastml.CategoricalNB(**settings).fit(X, np.array(list("abcd"))[y], w)
        model = fastml.CategoricalNB(**settings)
        with fastml.engine(memory_limit="1 MiB"):
            same(model.fit(fastml.blocks(X), np.array(list("abcd"))[y], w), expected)
        rows = fastml.blocks(X)
        for name in ("predict", "predict_proba", "predict_joint_log_proba"):
            found = getattr(model, name)(rows)
            np.testing.assert_array_equal(found, getattr(expected, name)(X))


def test_what_is_no_category_leaves_the_estimator_as_it_was():
    X, y, _ = problem(20_000, dtype="float64")
    model = fastml.CategoricalNB().fit(fastml.blocks(X), y)
    before = dict(vars(model))
    for wrong, message in ((-1.0, "Negative values in data passed to CategoricalNB"),
                           (np.nan, "contains NaN")):  # fmt: skip
        X[15_000, 2] = wrong
        with pytest.raises(ValueError, match=message):
            model.fit(fastml.blocks(X), y)
    assert vars(model) == before
