"""What is told of every pass over the rows while a fit goes on."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

from ..core.memory import in_words


class PassReport(NamedTuple):
    """One pass over the rows.

    Attributes
    ----------
    number : int
        Which pass of its fit it was, from 1 on.
    rows : int
        Rows of the table.
    bytes_read : int
        Bytes of those that were looked at, as they lie in memory.
    bytes_skipped : int
        Bytes of those that were not, since nothing about them could change.
    seconds : float
        How long it took, reading and computing.
    workers : int
        Processes that shared it; 1 without a cluster.
    restarts : int
        Tasks sent again and workers lost during it.
    seconds_left : float
        At most, if every pass still allowed takes as long as those so far; NaN where that is not
        known.
    """

    number: int
    rows: int
    bytes_read: int
    bytes_skipped: int
    seconds: float
    workers: int
    restarts: int
    seconds_left: float

    @property
    def gigabytes_per_second(self) -> float:
        """Gigabytes (1e9 bytes) looked at or skipped a second."""
        return (self.bytes_read + self.bytes_skipped) / 1e9 / max(self.seconds, 1e-9)

    def __str__(self) -> str:
        total = max(1, self.bytes_read + self.bytes_skipped)
        words = [
            f"pass {self.number}: {self.rows:,} rows in {self.seconds:.2f} s",
            f"{self.gigabytes_per_second:.2f} GB/s",
        ]
        if self.bytes_skipped:
            words.append(
                f"{in_words(self.bytes_skipped)} ({self.bytes_skipped / total:.0%}) skipped"
            )
        if self.workers > 1:
            words.append(f"{self.workers} workers")
        if self.restarts:
            words.append(f"{self.restarts} restarted")
        if not math.isnan(self.seconds_left):
            words.append(f"at most {self.seconds_left:.0f} s left")
        return ", ".join(words)


class Tally(NamedTuple):
    """What an engine counts during a pass.

    skipped : int, rows that were not looked at
    workers, restarts : int, see ``PassReport``
    """

    skipped: int
    workers: int = 1
    restarts: int = 0


class PassLog:
    """The passes of one fit so far.

    Parameters
    ----------
    most : int
        The number of passes at most, 0 where that is not known.
    """

    def __init__(self, most: int = 0) -> None:
        self._most = most
        #: Seconds of all passes, and how many there were.
        self.seconds, self.count = 0.0, 0
        self.last: PassReport | None = None

    def add(self, rows: int, row_bytes: int, seconds: float, tally: Tally) -> PassReport:
        """Note a pass and return what is told of it."""
        self.seconds += seconds
        self.count += 1
        left = math.nan
        if self._most:
            left = max(0, self._most - self.count) * self.seconds / self.count
        skipped = tally.skipped * row_bytes
        self.last = PassReport(
            self.count, rows, rows * row_bytes - skipped, skipped, seconds, tally.workers,
            tally.restarts, left,
        )  # fmt: skip
        return self.last


#: Whom ``fastml.engine`` was told to tell, and the passes of the fit that is running.
told: ContextVar[Callable[[PassReport], Any] | None] = ContextVar("fastml_told", default=None)
log: ContextVar[PassLog | None] = ContextVar("fastml_passes", default=None)


def begin_log(estimator: Any = None, X: Any = None) -> None:
    """Begin to count the passes of a fit, or of another call that makes some."""
    plan = estimator._plan(X) if hasattr(estimator, "_plan") else None
    log.set(PassLog(0 if plan is None else sum(count for _, count in plan.passes)))


def tell_of_pass(rows: int, row_bytes: int, seconds: float, tally: Tally) -> None:
    """Tell who wants to know of a pass."""
    passes, listener = log.get() or PassLog(), told.get()
    report = passes.add(rows, row_bytes, seconds, tally)
    if listener is not None:
        listener(report)


def last_pass() -> dict[str, Any]:
    """Return what callbacks are told besides the data: the report of the last pass."""
    passes = log.get()
    return {"pass": None if passes is None else passes.last}
