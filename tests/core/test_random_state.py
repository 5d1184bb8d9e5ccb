"""Random states from a seed are NumPy's own."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn.utils import check_random_state as of_sklearn

from fastml.core.random_state import check_random_state


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**31, 2**32 - 1, np.int64(7), np.uint8(200)])
def test_the_stream_of_a_seed(seed):
    ours, theirs = check_random_state(seed), of_sklearn(seed)
    for mine, other in zip(ours.get_state(), theirs.get_state(), strict=True):
        assert np.array_equal(mine, other)
    twins = [ours, pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)]
    draws = [twin.normal(size=700) for twin in twins]
    for found in draws:
        assert np.array_equal(found, draws[0])
    assert np.array_equal(draws[0], theirs.normal(size=700))
    assert np.array_equal(ours.permutation(2000), theirs.permutation(2000))


def test_each_call_begins_anew():
    first = check_random_state(3).randint(1 << 30, size=10)
    assert np.array_equal(first, check_random_state(3).randint(1 << 30, size=10))
    assert not np.array_equal(first, check_random_state(4).randint(1 << 30, size=10))


def test_what_is_no_seed():
    state = np.random.RandomState(5)
    assert check_random_state(state) is state
    assert check_random_state(None) is of_sklearn(None)
    assert check_random_state(np.random) is of_sklearn(np.random)
    for wrong in ["seed", 1.5, np.random.default_rng(0)]:
        with pytest.raises(ValueError, match="cannot be used to seed"):
            check_random_state(wrong)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_out_of_range(seed):
    with pytest.raises(ValueError, match="Seed must be between 0 and"):
        check_random_state(seed)
