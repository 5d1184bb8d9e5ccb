"""A progress display over a run of the suite."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Display:
    """A bar that advances by cases, and says which row is at work."""

    def __init__(self, total: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            # A refresh is work of another thread beside what is measured.
            auto_refresh=False,
        )
        self._task = self._progress.add_task("starting", total=total)

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def say(self, what: str) -> None:
        """Say what is being done; what is wrong stays on the screen."""
        if what.startswith("WRONG"):
            self._progress.console.print(what)
        self._progress.update(self._task, description=what, refresh=True)

    def advance(self) -> None:
        """Say that a case is done."""
        self._progress.advance(self._task)
