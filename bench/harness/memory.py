"""Peak resident anonymous memory of each fit, over the size of its data.

Each fit runs in a process of its own, after a tiny fit that loads and compiles what it
needs; this process reads the child's RssAnon while it works.
"""

from __future__ import annotations

import select
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .case import FASTML, MissingError
from .first import environment
from .sizes import Size

_SECONDS_BETWEEN = 0.002


@dataclass(frozen=True)
class MemoryFit:
    """A fit whose memory is watched.

    rows : how many, by the name of the size; a size that is not there leaves it out
    inputs : from a number of rows to what is fitted
    libraries : for each, what returns the function that fits, or raises MissingError
    told : from the inputs to the bytes that were told before, if any were
    """

    name: str
    rows: dict[str, int]
    inputs: Callable[[int], Any]
    libraries: dict[str, Callable[[], Callable[[Any], Any]]]
    told: Callable[[Any], float] | None = None


def _fits() -> dict[str, MemoryFit]:
    from ..cases import collected

    return {fit.name: fit for fit in collected("MEMORY")}


def child(fit: str, library: str, rows: int) -> None:
    """Fit in this process, saying when it begins and ends."""
    warnings.simplefilter("ignore")
    try:
        watched = _fits()[fit]
        function = watched.libraries[library]()
    except MissingError as missing:
        print(f"missing: {missing}", flush=True)
        return
    function(watched.inputs(2000))
    work = watched.inputs(rows)
    print(work.X.nbytes, 0 if watched.told is None else watched.told(work), flush=True)
    sys.stdin.readline()
    function(work)
    print("done", flush=True)
    sys.stdin.readline()


def _resident(pid: int) -> int:
    """Return the resident anonymous bytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError("no RssAnon")


def _peak(fit: str, library: str, rows: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.harness.memory", fit, library, str(rows)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        if said.startswith("missing"):
            return {"missing": said.partition(": ")[2]}
        data, told = map(float, said.split())
        before = peak = _resident(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        while not select.select([process.stdout], [], [], _SECONDS_BETWEEN)[0]:
            peak = max(peak, _resident(process.pid))
        assert process.stdout.readline().strip() == "done"
        peak = max(peak, _resident(process.pid))
        process.stdin.close()
    return {"data": data, "extra": peak - before} | ({"told": told} if told else {})


def measure(size: Size) -> list[dict[str, Any]]:
    """Return for each fit and library the bytes of the data and what came on top of them."""
    if not Path("/proc/self/status").exists():
        return []
    return [
        {"fit": fit.name, "library": library, **_peak(fit.name, library, fit.rows[size.name])}
        for fit in _fits().values()
        for library in fit.libraries
        if size.name in fit.rows and (size.name == "full" or library == FASTML)
    ]


if __name__ == "__main__":
    child(sys.argv[1], sys.argv[2], int(sys.argv[3]))
