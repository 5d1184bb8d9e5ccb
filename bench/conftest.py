"""Runs the suite: cases in turns, one case's arrays at a time, progress instead of dots."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from . import groups, sizes
from .case import Case
from .peers import versions
from .stage import Outcome, Stage


class Stages:
    """Keeps the stage of the case at hand and the outcomes of all."""

    def __init__(self) -> None:
        self.size = sizes.current()
        self.outcomes: dict[str, Outcome] = {}
        self._stage: Stage | None = None

    def enter(self, case: Case) -> Stage:
        """Return the stage of a case; leaving one frees its arrays."""
        if self._stage is None or self._stage.case.id != case.id:
            self._stage = None
            self._stage = Stage(case, self.size, self.outcomes.setdefault(case.id, Outcome()))
        return self._stage


_CASES: list[Case] = []
_STAGES = pytest.StashKey[Stages]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_STAGES] = Stages()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    size = sizes.current()
    if not _CASES:
        _CASES.extend(groups.all_cases(size))
    items = [
        pytest.param(case, turn, row, id=f"{case.id}-turn {turn}-{row}")
        for case in _CASES
        for turn in range(size.turns + 1)
        for row in case.rows
    ]
    metafunc.parametrize(("case", "turn", "row"), items)


@pytest.fixture
def stages(request: pytest.FixtureRequest) -> Stages:
    return request.config.stash[_STAGES]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # a peer's warnings are its own affair
        item.add_marker(pytest.mark.filterwarnings("ignore"))


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    if report.failed:
        return None
    # No letter: the progress display says how far it is.
    return (report.outcome if report.when == "call" or report.skipped else "", "", "")


def pytest_benchmark_update_json(config: Any, benchmarks: Any, output_json: Any) -> None:
    """Say what the times do not: each case, its cost, what is missing, what was wrong."""
    stages = config.stash[_STAGES]
    output_json["fastml"] = {
        "size": stages.size.name,
        "versions": versions(),
        "cases": [
            {
                "group": case.group,
                "name": case.name,
                "id": case.id,
                "dtype": case.dtype,
                "rows": list(case.rows),
                "scaling": case.scaling,
                "headline": case.headline,
                **dataclasses.asdict(stages.outcomes[case.id]),
            }
            for case in _CASES
            if case.id in stages.outcomes
        ],
    }
