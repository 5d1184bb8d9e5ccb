"""The inputs, by name: every row of a case gets the same arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass
class Points:
    """Samples, and centres to label or to start from."""

    X: Array
    centers: Array

    def __len__(self) -> int:
        return len(self.X)

    def head(self, n: int) -> Points:
        """Return the same with the first n samples."""
        return replace(self, X=self.X[:n].copy())


@dataclass
class Problem(Points):
    """A clustering problem; the first row to solve it says in how many iterations."""

    n_iter: int = 0

    def head(self, n: int) -> Problem:
        """Return the same with the first n samples, unsolved."""
        return Problem(self.X[:n].copy(), self.centers)


@dataclass(frozen=True)
class Search:
    """Rows to search, queries, and how many neighbours each wants."""

    X: Array
    queries: Array
    k: int

    def __len__(self) -> int:
        return len(self.queries)

    def head(self, n: int) -> Search:
        """Return the same with the first n queries."""
        return replace(self, queries=self.queries[:n].copy())


@dataclass(frozen=True)
class Labelled:
    """Samples and their classes."""

    X: Array
    y: Array

    def __len__(self) -> int:
        return len(self.y)

    def head(self, n: int) -> Labelled:
        """Return the first n samples."""
        return Labelled(self.X[:n].copy(), self.y[:n].copy())


@dataclass(frozen=True)
class Training:
    """A network before training, and its data."""

    X: Array
    y: Array
    coefs: list[Array]
    intercepts: list[Array]
    batch_size: int
    learning_rate: float = 0.1

    def __len__(self) -> int:
        return len(self.X)

    def head(self, n: int) -> Training:
        """Return the same with the first n samples."""
        return replace(self, X=self.X[:n].copy(), y=self.y[:n].copy())

    @property
    def start(self) -> Array:
        return flat(self.coefs, self.intercepts)

    @property
    def widths(self) -> list[int]:
        return [len(self.coefs[0]), *(W.shape[1] for W in self.coefs)]

    def copies(self) -> tuple[list[Array], list[Array]]:
        return [W.copy() for W in self.coefs], [b.copy() for b in self.intercepts]


@dataclass(frozen=True)
class Fit:
    """A fitted k-means model of any library, reduced to what is compared and said.

    labels : None where they are those of the library's own arithmetic
    saved : share of plain Lloyd's comparisons of rows with centres that were left out
    """

    centers: Array
    n_iter: int
    labels: Array | None = None
    saved: float | None = None
    remark: str = ""


class Vector:
    """x, somewhere to write, and the elements that are compared: all would not fit twice."""

    def __init__(self, x: Array) -> None:
        self.x = x
        self.out = np.empty_like(x)
        self.sample = slice(None, None, max(len(x) // 1_000_000, 1))

    def __len__(self) -> int:
        return len(self.x)

    def head(self, n: int) -> Vector:
        """Return the first n elements."""
        return Vector(self.x[:n].copy())

    def answer(self, returned: Any) -> Array:
        return np.array(returned[self.sample])


@dataclass(frozen=True)
class Layer:
    """One dense layer, what comes in from either side, and somewhere to write."""

    X: Array
    W: Array
    b: Array
    delta: Array
    out: Array
    below: Array

    def __len__(self) -> int:
        return len(self.X)

    def head(self, n: int) -> Layer:
        """Return the same with the first n samples."""
        X, delta, out, below = (
            part[:n].copy() for part in (self.X, self.delta, self.out, self.below)
        )
        return replace(self, X=X, delta=delta, out=out, below=below)


def flat(coefs: list[Array], intercepts: list[Array]) -> Array:
    """Return all parameters one behind the other."""
    return np.concatenate([np.ravel(part) for part in (*coefs, *intercepts)])


def normal(*shape: int, dtype: str = "float32", seed: int = 0) -> Array:
    """Return numbers from the standard normal distribution."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.dtype(dtype))


def vector(n: int, dtype: str) -> Vector:
    """Return normal numbers four times as wide: both ends of a sigmoid."""
    x = normal(n, dtype=dtype)
    x *= 4
    return Vector(x)


def layer(n: int, n_in: int, n_out: int, dtype: str) -> Layer:
    """Return a layer on the activations of another, and a delta from above."""
    X = 1 / (1 + np.exp(-normal(n, n_in, dtype=dtype)))
    W = normal(n_in, n_out, dtype=dtype, seed=1) / np.dtype(dtype).type(n_in**0.5)
    delta = normal(n, n_out, dtype=dtype, seed=2)
    b = normal(n_out, dtype=dtype, seed=3)
    return Layer(X, W, b, delta, np.zeros_like(delta), np.zeros_like(X))


def points(n: int, d: int, k: int, dtype: str = "float32") -> Points:
    """Return normal samples and normal centres: no structure to profit from."""
    return Points(normal(n, d, dtype=dtype), normal(k, d, dtype=dtype, seed=1))


def blobs(n: int, d: int, k: int, spread: float = 1.0, dtype: str = "float32") -> Problem:
    """Return samples around k overlapping centres, and k samples to start from."""
    rng = np.random.default_rng(2)
    means = rng.uniform(-3, 3, (k, d))
    X = means[rng.integers(k, size=n)] + spread * rng.standard_normal((n, d))
    X = X.astype(dtype)
    return Problem(X, X[rng.choice(n, k, replace=False)].copy())


def network(widths: list[int], dtype: str = "float32") -> tuple[list[Array], list[Array]]:
    """Return weights as Glorot and Bengio draw them for sigmoid layers, and zero biases."""
    rng = np.random.default_rng(3)
    coefs, intercepts = [], []
    for n_in, n_out in pairwise(widths):
        bound = np.sqrt(2.0 / (n_in + n_out))
        coefs.append(rng.uniform(-bound, bound, (n_in, n_out)).astype(dtype))
        intercepts.append(np.zeros(n_out, dtype))
    return coefs, intercepts


def multiply_adds(widths: list[int]) -> float:
    """Return the multiply-adds of one row going forward."""
    return float(sum(n_in * n_out for n_in, n_out in pairwise(widths)))


def name_of(widths: list[int]) -> str:
    """Return widths as in 28-64-64-1."""
    return "-".join(map(str, widths))


def classification(
    widths: list[int], rows: int, batch_size: int, dtype: str = "float32"
) -> Training:
    """Return two classes a hyperplane separates but for noise.

    Rows are cut to whole batches, so that a compiled peer meets one shape only.
    """
    n = max(rows // batch_size, 1) * batch_size
    X = normal(n, widths[0], dtype=dtype)
    direction = normal(widths[0], seed=4)
    y = (X @ direction + normal(n, seed=5) > 0).astype(dtype)
    return Training(X, y, *network(widths, dtype), batch_size)


def regression(widths: list[int], rows: int, dtype: str = "float32") -> Training:
    """Return a smooth function with several outputs, all rows in one batch."""
    X = normal(rows, widths[0], dtype=dtype)
    y = np.sin(X @ normal(widths[0], widths[-1], dtype=dtype, seed=6))
    return Training(X, y, *network(widths, dtype), rows, learning_rate=1e-3)
