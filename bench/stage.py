"""The stage of one case: its inputs, its rows, what they answered, how long they take."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .case import FASTML, Case, Cost, MissingError, Row
from .peers import cpus, set_threads
from .sizes import Size

#: A round is at least this long; shorter calls are repeated within it.
_SHORTEST_ROUND = 1e-3
_MOST_ROUNDS = 10
#: Calls are repeated for about so long to choose a number of threads.
_TRIAL = 0.03
#: A first call that took longer tells how long the next will take.
_LONG = 0.5


@dataclass
class Outcome:
    """What happened to one case: what the JSON says beside the times."""

    cost: Cost | None = None
    missing: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)


class Stage:
    """Holds what the rows of one case share, for as long as the case is measured."""

    def __init__(self, case: Case, size: Size, outcome: Outcome) -> None:
        if size.name != "tiny":
            gc.collect()  # the arrays of the case before, should a cycle hold them
        self.case, self.size, self.outcome = case, size, outcome
        self.inputs = case.inputs()
        self.truth: Any = None
        self.cpus = cpus()
        self._rows: dict[str, Row] = {}
        self._estimate: dict[str, float] = {}
        self._spent: dict[str, float] = {}

    @contextmanager
    def noted(self, name: str) -> Iterator[None]:
        """Note why a row cannot be measured: it is missing, or it failed."""
        try:
            yield
        except MissingError as missing:
            self.outcome.missing[name] = str(missing)
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            self.outcome.wrong[name] = " ".join(reason.split())[:300]
            raise

    def row(self, name: str) -> Row:
        """Return a row, made on first use, made ready."""
        if name not in self._rows:
            self._rows[name] = self.case.rows[name](self.inputs)
        row = self._rows[name]
        set_threads(self.outcome.threads.get(name, self.cpus))
        row.before()
        return row

    def check(self, name: str, returned: Any) -> None:
        """Compare what a row returned with the truth, which the first row told."""
        answer = self._rows[name].answer(returned)
        if self.truth is None:
            self.truth = answer
            cost = self.case.cost
            self.outcome.cost = cost(answer, self.inputs) if callable(cost) else cost
        self.case.check(name, self.truth, answer, self.inputs)
        if remark := self._rows[name].remark(returned):
            self.outcome.remarks[name] = remark

    def estimate(self, name: str, first: float) -> None:
        """Find out how long a warm call takes, a peer's at the better of one and all threads.

        A first call that was long tells enough, unless it compiled; so much work is
        better done on all threads.
        """
        row = self._rows[name]
        if first >= _LONG and not row.compiles:
            self._estimate[name] = first
            self._spent[name] = first if first >= self.size.slow else 0.0
            return
        one_way = row.one_way or name.startswith(FASTML)
        counts = [self.cpus] if one_way else sorted({1, self.cpus})
        seconds = {count: self._warm_seconds(row, count) for count in counts}
        best = min(seconds, key=seconds.__getitem__)
        self.outcome.threads[name] = best
        self._estimate[name], self._spent[name] = seconds[best], 0.0

    def _warm_seconds(self, row: Row, threads: int) -> float:
        """Return the least time of a few calls; torch compiles anew for its number of threads."""
        set_threads(threads)
        row.before()
        times: list[float] = []
        fewest = 1 if row.one_way else 2
        while len(times) < fewest or (len(times) < 4 and sum(times) < _TRIAL):
            start = time.perf_counter()
            row.call()
            times.append(time.perf_counter() - start)
            if times[0] >= _TRIAL and not row.compiles:
                break
        return min(times)

    def plan(self, name: str) -> tuple[int, int, int]:
        """Return the rounds, the calls a round and the warm-up rounds of a turn; 0 rounds: skip."""
        estimate, spent = self._estimate[name], self._spent[name]
        if spent > 0 and spent + estimate > self.size.seconds:
            return 0, 1, 0
        calls = max(1, int(_SHORTEST_ROUND / max(estimate, 1e-9)))
        each = self.size.seconds / self.size.turns
        rounds = int(min(max(each / (estimate * calls), 1), _MOST_ROUNDS))
        return rounds, calls, int(estimate * calls < each)

    def spent(self, name: str, fastest: float, total: float) -> None:
        """Note what a turn took."""
        self._estimate[name] = fastest
        self._spent[name] += total
