"""Which rows each tree of a forest is grown from: as scikit-learn draws them, by few generators."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from sklearn.ensemble._forest import _generate_sample_indices, _get_n_samples_bootstrap

from ..core.random_state import MOST_SEED, check_random_state, first_seed
from ..core.validation import Array

#: Draws among which one is looked for that is like most.
_EXAMPLES = 4
#: Whether rows are drawn by weight: from scikit-learn 1.9 on.
BY_WEIGHT = len(inspect.signature(_get_n_samples_bootstrap).parameters) == 3


def warns_of_few(max_samples: Any, n: int, weights: Array | None) -> bool:
    """Say whether scikit-learn warns that a share of the rows is few of them."""
    if not isinstance(max_samples, float):
        return False
    total = n if weights is None else float(weights.sum())
    return not max_samples * total >= max(10.0, n ** (1 / 3))


def usual(counts: Array) -> Array:
    """Say of each row of counts whether sums of its tree are those of most.

    Of few rows all may be drawn as often, or none just once: such trees have other units.
    """
    found: Array = (counts.min(axis=1) < counts.max(axis=1)) & (counts == 1).any(axis=1)
    return found


class Draws:
    """The rows of trees.

    Parameters
    ----------
    settings : dict, the forest's parameters
    n : int, rows
    weights : ndarray (n,), what rows are drawn by, or None
    """

    def __init__(self, settings: dict[str, Any], n: int, weights: Array | None) -> None:
        self._n, self._weights = n, (weights,) if BY_WEIGHT else ()
        #: How many rows are drawn for a tree, None where each is of all rows.
        self.size: int | None = None
        if settings["bootstrap"]:
            self.size = _get_n_samples_bootstrap(n, settings["max_samples"], *self._weights)
        self._generator = check_random_state(0)

    def keys(self, seeds: list[int]) -> Array:
        """Return what trees draw features by: the first number of each seed."""
        return np.array([first_seed(self._generator, seed) for seed in seeds], np.uint64)

    def counts(self, seeds: list[int]) -> Array:
        """Return how often each row is drawn for trees: (n_trees, n) int64."""
        counts = np.empty((len(seeds), self._n), np.int64)
        for row, seed in zip(counts, seeds, strict=True):
            self._generator.seed(seed)
            drawn = _generate_sample_indices(self._generator, self._n, self.size, *self._weights)
            row[:] = np.bincount(drawn, minlength=self._n)
        return counts

    def example(self) -> Array | None:
        """Return counts that a tree might have and that are :func:`usual`; None if there are none.

        Nothing is taken from the forest's own generator, which others may be using.
        """
        for seed in range(_EXAMPLES):
            counts = self.counts([seed])
            if usual(counts)[0]:
                return counts.reshape(-1)
        return None


def seeds_of(random_state: Any, n_trees: int) -> list[int]:
    """Return the seeds of a forest's trees, as scikit-learn draws them one by one."""
    seeds: list[int] = check_random_state(random_state).randint(MOST_SEED, size=n_trees).tolist()
    return seeds


def with_seed(tree: Any, seed: int) -> Any:
    """Return a tree that differs in its seed only; to clone it takes a tenth of a short fit."""
    other = object.__new__(type(tree))
    vars(other).update(vars(tree))
    other.random_state = seed
    return other
