"""A progress display over a run of the suite, beside pytest's captured output."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Display:
    """A pytest plugin, and a line for what runs outside pytest."""

    def __init__(self) -> None:
        # A copy of stderr, which pytest's capture does not reach.
        stream = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8")
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(file=stream),
        )
        self._task = self._progress.add_task("starting", total=None)

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def say(self, what: str) -> None:
        """Say what is being done."""
        self._progress.update(self._task, description=what)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._progress.update(self._task, total=len(session.items), completed=0)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> None:
        self.say(item.callspec.params["case"].id)

    def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:
        self._progress.advance(self._task)
