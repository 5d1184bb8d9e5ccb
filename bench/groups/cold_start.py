"""What a fresh process pays before its first result: importing, loading, compiling."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import checks
from bench.case import Case, Row
from bench.peers import from_fastml
from bench.sizes import Size

_KMEANS = """
import numpy, fastml
X = numpy.random.default_rng(0).normal(size=(200, 5))
fastml.KMeans(3, random_state=0).fit(X)
"""
_PERCEPTRON = """
import warnings, numpy, fastml
warnings.simplefilter("ignore")
X = numpy.random.default_rng(0).normal(size=(200, 5))
fastml.MLPClassifier((8,), max_iter=2, random_state=0).fit(X, X[:, 0] > 0)
"""

#: Rows of a cold-start case: what the others are compared with, then by the state of the cache.
FLOOR, WARM, EMPTY = "floor", "warm cache", "empty cache"


def environment(cache: str | None = None) -> dict[str, str]:
    """Return the environment of a fresh process that imports this fastml."""
    import fastml

    found = dict(os.environ)
    found["PYTHONPATH"] = str(Path(fastml.__file__).resolve().parents[1])
    if cache is not None:
        found["FASTML_CACHE_DIR"] = cache
    return found


def _run(code: str, cache: str | None = None) -> None:
    subprocess.run([sys.executable, "-c", code], env=environment(cache), check=True)


def _process(code: str, name: str | None = None) -> Callable[[Any], Row]:
    def make(_: Any) -> Row:
        if name is not None:
            from_fastml(name)
        # The first call fills caches.
        return Row(lambda: _run(code), compiles=True, one_way=True)

    return make


def _empty(code: str, name: str) -> Callable[[Any], Row]:
    def make(_: Any) -> Row:
        from_fastml(name)

        def call() -> None:
            with tempfile.TemporaryDirectory() as cache:
                _run(code, cache)

        return Row(call, one_way=True)

    return make


def cases(size: Size) -> list[Case]:
    """Return importing, and the first fit of each estimator."""

    def case(name: str, rows: dict[str, Callable[[Any], Row]]) -> Case:
        return Case("cold start", name, rows, inputs=lambda: None, check=checks.anything)

    found = [
        case(
            "import fastml",
            {FLOOR: _process("import numpy"), WARM: _process("import numpy, fastml")},
        )
    ]
    for name, code, floor in (
        ("KMeans", _KMEANS, "import numpy, numba, sklearn.cluster"),
        ("MLPClassifier", _PERCEPTRON, "import numpy, numba, sklearn.neural_network"),
    ):
        rows = {FLOOR: _process(floor), WARM: _process(code, name)}
        if size.name == "full":
            rows[EMPTY] = _empty(code, name)
        if size.name == "full" or (size.name == "quick" and name == "KMeans"):
            found.append(case(f"first {name}.fit", rows))
    return found
