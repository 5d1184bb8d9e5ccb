"""What a fresh process pays before its first result: importing, loading, compiling."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from ..harness.case import Case, Row
from ..harness.first import FirstFit, environment
from ..harness.sizes import Size
from ..peers import from_fastml
from . import collected

#: Rows of a cold-start case: what the others are compared with, then by the state of the cache.
FLOOR, WARM, EMPTY = "floor", "warm cache", "empty cache"
_PRINT = "\nprint(repr(answer))"


def _run(code: str, cache: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(cache),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def _process(code: str, name: str | None = None) -> Callable[[Any], Row]:
    def make(_: Any) -> Row:
        if name is not None:
            from_fastml(name)
            _run(code)  # fills the cache
        return Row(lambda: _run(code), one_way=True)

    return make


def _empty(code: str, name: str) -> Callable[[Any], Row]:
    def make(_: Any) -> Row:
        from_fastml(name)

        def call() -> str:
            with tempfile.TemporaryDirectory() as cache:
                return _run(code, cache)

        return Row(call, one_way=True)

    return make


def _here(fit: FirstFit) -> Callable[[Any], str]:
    """Return what the code answers in this process: bits do not depend on the process."""

    def truth(_: Any) -> str:
        names: dict[str, Any] = {}
        exec(fit.code, names)
        return repr(names["answer"])

    return truth


def _check(name: str, truth: str, answer: str, inputs: Any) -> None:
    expected = "" if name == FLOOR else truth
    assert answer == expected, f"{name}: {answer!r} is not {expected!r}"


def cases(size: Size) -> list[Case]:
    """Return importing, and the first fit of each estimator."""

    def case(name: str, rows: dict[str, Callable[[Any], Row]], truth: Any) -> Case:
        return Case(
            "cold start", name, rows, inputs=lambda: None, check=_check, truth=truth, fresh=True
        )

    imports = {FLOOR: _process("import numpy"), WARM: _process("import numpy, fastml")}
    found = [case("import fastml", imports, lambda _: "")]
    for number, fit in enumerate(collected("FIRST_FITS")):
        rows = {
            FLOOR: _process(fit.floor),
            WARM: _process(fit.code + _PRINT, fit.estimator),
        }
        if size.name == "full":
            rows[EMPTY] = _empty(fit.code + _PRINT, fit.estimator)
        if size.name == "full" or (size.name == "quick" and number == 0):
            found.append(case(f"first {fit.estimator}.fit", rows, _here(fit)))
    return found
