"""The suite: every row of every case, checked in turn 0 and timed in the turns after.

The turns of a case go through its rows one after another, A B C A B C, so that a
disturbance of the machine meets all of them.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from .case import MissingError


@pytest.mark.benchmark(disable_gc=True)
def test_row(benchmark: Any, stages: Any, case: Any, turn: int, row: str) -> None:
    stage = stages.enter(case)
    benchmark.group = case.group
    benchmark.extra_info.update(case=case.id, row=row, turn=turn)
    if row in stage.outcome.missing or row in stage.outcome.wrong:
        pytest.skip("turn 0 says why")

    if turn == 0:
        try:
            with stage.noted(row):
                returned = benchmark.pedantic(stage.row(row).call)
                stage.check(row, returned)
                stage.estimate(row, benchmark.stats.stats.min)
        except MissingError as missing:
            pytest.skip(str(missing))
        return

    rounds, calls, warm_ups = stage.plan(row)
    if rounds == 0:
        pytest.skip("has had its time")
    call = stage.row(row).call
    time.sleep(stages.size.settle)
    benchmark.pedantic(call, rounds=rounds, iterations=calls, warmup_rounds=warm_ups)
    stage.spent(row, benchmark.stats.stats.min, benchmark.stats.stats.total * calls)
