"""Shapes drawn by lot: log-uniform, from a seed, so that nobody chose them."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

_T = TypeVar("_T")


class Lot:
    """Draws what a case is made of.

    Parameters
    ----------
    *seed : int
        The same numbers, the same draws.
    """

    def __init__(self, *seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def real(self, least: float, most: float) -> float:
        """Return a number whose logarithm is uniform."""
        return float(math.exp(self.random.uniform(math.log(least), math.log(most))))

    def whole(self, least: float, most: float) -> int:
        """Return a whole number whose logarithm is uniform, both ends included."""
        return min(int(most), max(int(least), round(self.real(least, most))))

    def one_of(self, *choices: _T) -> _T:
        """Return one of these."""
        return choices[int(self.random.integers(len(choices)))]

    def dtype(self) -> str:
        """Return float32 twice as often as float64."""
        return self.one_of("float32", "float32", "float64")
