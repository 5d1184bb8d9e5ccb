"""What the fuzzer draws: sizes, rows and centres hard for some shortcut, weights, layouts."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Generator = np.random.Generator

DTYPES = (np.float32, np.float64)


def size(random: Generator, most: int) -> int:
    """Draw a number from 1 to ``most``: small as often as large, every fourth at a tile's edge."""
    if most > 16 and random.integers(4) == 0:
        return int(
            np.clip(16 * random.integers(1, most // 16 + 1) + random.integers(-1, 2), 1, most)
        )
    return int(np.exp(random.uniform(0, np.log(most + 1))))


def laid_out(random: Generator, X: Array) -> Array:
    """Return the same matrix in some memory layout."""
    layout = random.integers(4)
    if layout == 0:
        return np.asfortranarray(X)
    if layout == 1:  # every other row and column of something larger
        wide = np.empty((2 * X.shape[0], 2 * X.shape[1]), X.dtype)
        wide[::2, ::2] = X
        return wide[::2, ::2]
    if layout == 2:  # not on a cache line
        flat = np.empty(X.size + 1, X.dtype)[1:]
        flat[:] = X.reshape(-1)
        return flat.reshape(X.shape)
    return X


KINDS = (
    "normal", "clustered", "grid", "duplicates", "ulp", "offset", "one feature", "far", "zeros",
)  # fmt: skip
#: Powers of two at which no square of a difference leaves float64's range, for any kind.
_EXPONENTS = {np.float32: (-145, 95), np.float64: (-440, 440)}


def points(random: Generator, n: int, d: int, k: int, dtype: Any) -> tuple[Array, Array, str]:
    """Draw rows and centres of a kind that is hard for some shortcut, and say which."""
    kind = str(random.choice(KINDS))
    exponent = int(random.integers(*_EXPONENTS[dtype]) if random.integers(2) else 0)
    centers = random.normal(size=(k, d))
    X = random.normal(size=(n, d))
    if kind == "clustered":
        X = centers[random.integers(k, size=n)] + 0.1 * X
    elif kind == "grid":  # ties that are exact
        X, centers = np.rint(2 * X), np.rint(2 * centers)
    elif kind == "duplicates":
        centers = centers[random.integers(k, size=k)]
        X[: n // 2] = centers[random.integers(k, size=n // 2)]
    elif kind == "ulp":  # centres one unit in the last place apart
        centers = np.repeat(centers[:1], k, axis=0).astype(dtype)
        rows, columns = np.arange(k), random.integers(d, size=k)
        centers[rows, columns] = np.nextafter(centers[rows, columns], dtype(9))
    elif kind == "offset":
        shift = random.choice([1e3, 1e6, 1e8])
        X, centers = X + shift, centers + shift
    elif kind == "one feature":  # tells the centres apart; the others are large and the same
        X[:, 1:] = centers[:, 1:] = 1e4
    elif kind == "far":  # a row whose norm drowns the others
        X[random.integers(n)] *= 1e6
        centers[random.integers(k)] *= 1e6
    elif kind == "zeros":  # mostly
        X, centers = (A * (random.random(A.shape) < 0.1) for A in (X, centers))
    X, centers = (np.ldexp(A, exponent).astype(dtype) for A in (X, centers))
    return X, centers, f"{kind} x 2**{exponent}"


def drawn_weights(random: Generator, n: int) -> tuple[Array | None, str]:
    """Draw weights of the samples, none as often as each other kind, and say which."""
    kind = str(random.choice(["none", "zeros", "uniform", "1e12", "1e-12", "1e12 and 1e-12"]))
    weights = {
        "none": lambda: None,
        "zeros": lambda: random.choice([0.0, 1.0, 2.0], size=n),
        "uniform": lambda: random.uniform(size=n),
        "1e12": lambda: np.full(n, 1e12),
        "1e-12": lambda: random.choice([1e-12, 3e-12], size=n),
        "1e12 and 1e-12": lambda: random.choice([1e-12, 1.0, 1e12], size=n),
    }[kind]()
    if weights is not None and not weights.any():
        weights[0] = 1.0
    return weights, f"weights {kind}"
