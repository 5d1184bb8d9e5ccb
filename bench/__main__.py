"""The one command: measure, keep the result, write the report.

``python -m bench`` runs the full suite; ``--size quick`` is for before a pull request.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from . import compiling, limits, memory, report, results, scores, sizes
from .progress import Display


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--size", choices=list(sizes.SIZES), default=os.environ.get("BENCH_SIZE", "full")
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for the report and the result instead of bench/; the README stays as it is",
    )
    parser.add_argument("--only", help="rows whose name matches this pytest -k expression")
    return parser.parse_args()


def _suite(display: Display, only: str | None) -> tuple[int, dict[str, Any]]:
    """Run the rows under pytest-benchmark; return pytest's verdict and the JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        arguments = [
            str(Path(__file__).parent),
            f"--rootdir={results.ROOT}",
            "--override-ini=addopts=",
            "--quiet",
            "--no-header",
            "--show-capture=no",
            "--tb=short",
            "-pno:cacheprovider",
            "--benchmark-quiet",
            f"--benchmark-json={path}",
        ]
        if only:
            arguments.append(f"-k{only}")
        verdict = pytest.main(arguments, plugins=[display])
        return int(verdict), json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def main() -> int:
    """Run everything; return 0 unless a row failed or gave a wrong result."""
    arguments = _arguments()
    os.environ["BENCH_SIZE"] = arguments.size
    size = sizes.current()
    with Display() as display:
        display.say("the machine's limits")
        before = limits.measure(size)
        verdict, raw = _suite(display, arguments.only)
        if not raw.get("benchmarks"):
            return verdict or 1
        display.say("the machine's limits, again")
        limit = limits.best_of(before, limits.measure(size))
        more: dict[str, Any] = {}
        if not arguments.only:
            for name, module in (("memory", memory), ("compiling", compiling), ("scores", scores)):
                display.say(name)
                more[name] = module.measure(size)
    result = results.condensed(raw, limit, **more)
    _keep(result, arguments)
    for line in report.table(
        ["", "over NumPy", "over best peer", "share of limit"], _brief(result)
    ):
        print(line)
    return verdict


def _keep(result: results.Result, arguments: argparse.Namespace) -> None:
    """Store a full result and rewrite the report; any other only where it was asked for."""
    folder = arguments.output
    whole = arguments.size == "full" and not arguments.only
    if folder is None and not whole:
        folder = results.ROOT / ".benchmarks" / arguments.size
    if folder is None:
        results.save(result, results.path_of(result))
        report.write(result)
        print("Written: bench/RESULTS.md, bench/plots/, bench/history/ and the README's table.")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        results.save(result, folder / "result.json")
        report.write(result, folder)
        print(f"Written: {folder}")


def _brief(result: results.Result) -> list[list[str]]:
    return [
        [
            f"{case['group']}: {case['name']}",
            report.ratio(case.get("over_numpy")),
            f"{report.ratio(case.get('over_best_peer'))} {case.get('best_peer', '')}",
            report.share(case.get("share")),
        ]
        for case in result["cases"]
        if case["group"] not in ("scaling", "cold start", "optimisers")
    ]


if __name__ == "__main__":
    raise SystemExit(main())
