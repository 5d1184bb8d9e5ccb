"""Time fastml's rows once, in this process: what a comparison of two commits repeats.

Prints {case: seconds}, the least of the calls of each case; null where this fastml cannot.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from .. import cases
from . import sizes
from .case import FASTML, Case
from .timer import least

#: Processes of their own, or too many for a comparison.
LEFT_OUT = ("cold start", "scaling")


def seconds_of(case: Case, seconds: float) -> float | None:
    """Return the least time of a call, over so many seconds and at least three calls."""
    try:
        row = case.rows[FASTML](case.inputs())
        row.before()
        for _ in range(2):  # compile, then touch every page
            row.call()
    except Exception:
        # Whatever a commit cannot do yet is no time; what it does wrong is for the tests.
        return None
    row.before()
    return least(row.call, seconds)


def main() -> None:
    """Time what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=list(sizes.SIZES), default="quick")
    parser.add_argument("--only", default="", help="part of the name of the cases to time")
    arguments = parser.parse_args()
    size = sizes.SIZES[arguments.size]
    found: dict[str, Any] = {}
    for case in cases.all_cases(size):
        if FASTML in case.rows and case.group not in LEFT_OUT and arguments.only in case.id:
            found[case.id] = seconds_of(case, size.seconds)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
