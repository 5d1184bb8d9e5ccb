"""Rows drawn from chances in chunks are those NumPy draws from one array."""

from __future__ import annotations

import numpy as np
import pytest

import fastml
from fastml.cluster import _table_draws
from fastml.cluster._table_draws import Chances
from fastml.data import as_table


@pytest.mark.parametrize("n_rows", [5, 1000, 65_537, 300_001])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_draws_of_numpy(n_rows, weighted, monkeypatch):
    random = np.random.default_rng(n_rows)
    weights = random.uniform(size=n_rows) * 10.0 ** random.integers(-9, 9, n_rows)
    weights[random.random(n_rows) < 0.3] = 0
    weights[:3] = 1
    X = fastml.blocks(np.zeros((n_rows, 1)))
    for chunk in (1 << 16, 1 << 10):
        monkeypatch.setattr(_table_draws, "_CHUNK", chunk)
        chances = Chances(as_table(X, None, weights if weighted else None))
        p = weights / weights.sum() if weighted else np.full(n_rows, 1 / n_rows)
        assert chances.n_weighing == np.count_nonzero(p)
        for seed in range(5):
            ours, theirs = (np.random.RandomState(seed) for _ in range(2))
            assert chances.one(ours) == theirs.choice(n_rows, p=p)
            count = min(n_rows // 2, 200)
            count = min(count, chances.n_weighing)
            expected = theirs.choice(n_rows, count, replace=False, p=p)
            np.testing.assert_array_equal(chances.different(count, ours), expected)
            assert ours.random_sample() == theirs.random_sample()
