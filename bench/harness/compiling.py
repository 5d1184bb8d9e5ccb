"""Where compile time goes: seconds of each kernel, from an empty cache, worst first.

Numba tells when it compiles what (its event ``numba:compile``) and when LLVM is at work
(``numba:llvm_lock``); a kernel's own time is without that of the kernels it calls.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from .first import environment
from .sizes import Size


def child(what: str) -> None:
    """Use the library once in this process; print what was compiled."""
    from numba.core import event

    rows: list[dict[str, Any]] = []
    stack: list[dict[str, Any]] = []

    class Compiles(event.Listener):
        def on_start(self, event: Any) -> None:
            dispatcher = event.data["dispatcher"]
            module = dispatcher.py_func.__module__.rpartition(".")[2]
            name = f"{module}.{dispatcher.py_func.__name__}"
            start = time.perf_counter()
            stack.append({"kernel": name, "start": start, "inner": 0.0, "llvm": 0.0})

        def on_end(self, event: Any) -> None:
            entry = stack.pop()
            whole = time.perf_counter() - entry.pop("start")
            rows.append({**entry, "seconds": whole - entry.pop("inner")})
            if stack:
                stack[-1]["inner"] += whole

    class Llvm(event.Listener):
        depth, start = 0, 0.0

        def on_start(self, event: Any) -> None:
            if self.depth == 0:
                self.start = time.perf_counter()
            self.depth += 1

        def on_end(self, event: Any) -> None:
            self.depth -= 1
            if self.depth == 0 and stack:
                stack[-1]["llvm"] += time.perf_counter() - self.start

    event.register("numba:compile", Compiles())
    event.register("numba:llvm_lock", Llvm())
    warnings.simplefilter("ignore")
    use(what)
    for row in rows:
        row.pop("inner", None)
    print(json.dumps(rows))


def use(what: str) -> None:
    """Do what a first user does: one function, or the first fit of each estimator."""
    import numpy as np

    import fastml

    from ..cases import collected

    if what == "function":
        fastml.sigmoid(np.zeros(5, np.float32))
        return
    for fit in collected("FIRST_FITS"):
        exec(fit.code, {})


def measure(size: Size) -> list[dict[str, Any]]:
    """Return {"kernel", "seconds", "llvm", "times"} of each kernel, worst first."""
    if size.name == "quick":
        return []
    what = size.pick(full="everything", tiny="function")
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-m", "bench.harness.compiling", what],
            env=environment(cache),
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
            text=True,
        )
    kernels: dict[str, dict[str, Any]] = {}
    for row in json.loads(done.stdout.splitlines()[-1]):
        entry = kernels.setdefault(
            row["kernel"], {"kernel": row["kernel"], "seconds": 0.0, "llvm": 0.0, "times": 0}
        )
        entry["seconds"] += row["seconds"]
        entry["llvm"] += row["llvm"]
        entry["times"] += 1
    return sorted(kernels.values(), key=lambda entry: -entry["seconds"])


if __name__ == "__main__":
    child(sys.argv[1])
