"""The stage of one case: its inputs, its rows, what they answered, how long they take.

Every row of a case gets the same number of rounds, at least two; the rows take turns, A B C
A B C, so that a disturbance of the machine meets all of them.
"""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from .. import peers
from . import account
from .case import FASTML, REFERENCE, Case, Cost, MissingError, Row
from .sizes import FEWEST_ROUNDS, Size
from .timer import least, seconds_of

#: A round is at least this long; shorter calls are repeated within it.
_SHORTEST_ROUND = 1e-3
#: Calls are repeated for about so long to choose a number of threads.
_TRIAL = 0.03
#: A call of so long has told how long it takes on all threads, if it did not compile.
_LONG = 0.5
#: One of so long is not tried on one thread.
_TOO_LONG = 1.0
#: Seconds between two looks whether threads of the rows before still run, the share of them that
#: is nobody's, and how often to look at most.
_LOOK, _IDLE, _LOOKS = 0.005, 0.2, 60
#: A call shorter than this has a warm-up call before each turn: the rows before have filled
#: the caches with other things and sent threads to sleep.  To a longer one it does not matter.
_WARM_UP = 0.2


@dataclass
class Outcome:
    """What happened to one case."""

    cost: Cost | None = None
    seconds: dict[str, list[float]] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    iterations: dict[str, int] = field(default_factory=dict)
    saved: dict[str, float] = field(default_factory=dict)
    reference: tuple[int, Outcome] | None = None
    account: dict[str, float] = field(default_factory=dict)


class Stage:
    """Holds what the rows of one case share, for as long as the case is measured."""

    def __init__(
        self, case: Case, size: Size, say: Callable[[str], None], wait: Callable[[], None]
    ) -> None:
        self.case, self.size, self.say, self._wait = case, size, say, wait
        self.outcome = Outcome()
        self.inputs = case.inputs()
        self.cpus = peers.cpus()
        peers.set_threads(self.cpus)
        self.truth = case.truth(self.inputs) if case.truth else None
        if case.truth:
            self._count_cost()
        self._rows: dict[str, Row] = {}
        self._estimates: dict[str, float] = {}

    def measure(self) -> Outcome:
        """Check every row, then time all that are right."""
        for name in self.case.rows:
            self.say(f"{self.case.id}: {name}")
            try:
                self._prepare(name)
            except MissingError as missing:
                self.outcome.missing[name] = str(missing)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                self.outcome.wrong[name] = " ".join(reason.split())[:300]
                where = traceback.extract_tb(error.__traceback__)[-1]
                self.say(f"WRONG {self.case.id}: {name}: {reason} ({where.name})")
        self._go_round()
        return self.outcome

    def take_apart(self) -> None:
        """Measure where our time goes, where the case has a limit."""
        cost = self.outcome.cost
        if cost is not None and not self.case.plain and self.outcome.seconds.get(FASTML):
            self._wait()
            try:
                self.outcome.account = account.measure(self.case, cost, self.inputs)
            except Exception as error:  # of a part of the rows: there may be fewer than clusters
                self.say(f"{self.case.id}: not taken apart: {type(error).__name__}: {error}")

    def _count_cost(self) -> None:
        cost = self.case.cost
        self.outcome.cost = cost(self.truth, self.inputs) if callable(cost) else cost

    def _on_its_threads(self, name: str) -> Row:
        """Return a row whose turn it is, with its number of threads set."""
        peers.set_threads(self.outcome.threads.get(name, self.cpus))
        row = self._rows[name]
        row.before()
        return row

    def _prepare(self, name: str) -> None:
        """Make a row, check its answer, and learn how long it takes."""
        self._rows[name] = self.case.rows[name](self.inputs)
        row = self._on_its_threads(name)
        returned: list[Any] = []
        first = seconds_of(lambda: returned.append(row.call()))
        answer = row.answer(returned[0])
        if self.truth is None:
            self.truth = answer
            self._count_cost()
        self.case.check(name, self.truth, answer, self.inputs)
        if remark := row.remark(returned[0]):
            self.outcome.remarks[name] = remark
        if iterations := row.iterations(returned[0]):
            self.outcome.iterations[name] = iterations
        if (saved := row.saved(returned[0])) is not None:
            self.outcome.saved[name] = saved
        enough = self.case.fresh or (self.size.once and first >= _TOO_LONG and not row.compiles)
        self.outcome.seconds[name] = [first] if enough else []
        self._estimates[name] = self._estimate(name, first)

    def _estimate(self, name: str, first: float) -> float:
        """Return how long a warm call takes, a peer's at the better of one and all threads."""
        row = self._rows[name]
        known = first >= _LONG and not row.compiles
        if self.case.fresh or (known and (name.startswith(FASTML) or first >= _TOO_LONG)):
            if not row.one_way:
                self.outcome.threads[name] = self.cpus
            return first
        seconds = {self.cpus: first} if known else {}
        counts = {self.cpus} if row.one_way or name.startswith(FASTML) else {1, self.cpus}
        for count in sorted(counts - set(seconds)):
            self.outcome.threads[name] = count
            call = self._on_its_threads(name).call
            if row.compiles:  # torch compiles anew for its number of threads
                call()
            seconds[count] = least(call, _TRIAL, fewest=1 if first > _TRIAL else 2, most=4)
        best = min(seconds, key=seconds.__getitem__)
        self.outcome.threads[name] = best
        return seconds[best]

    def _plan(self) -> tuple[int, int]:
        """Return the turns, and the rounds of each row in each turn."""
        one = sum(max(seconds, _SHORTEST_ROUND) for seconds in self._estimates.values())
        budget = self.size.seconds / (3 if self.case.scaling else 1)
        fewest = FEWEST_ROUNDS - 1 if self.case.fresh else FEWEST_ROUNDS
        rounds = max(fewest, int(budget / one))
        turns = min(rounds, self.size.turns)
        return turns, min(rounds // turns, self.size.rounds)

    def _go_round(self) -> None:
        done = {
            name for name, seconds in self.outcome.seconds.items() if seconds and self.size.once
        }
        names = [name for name in self._estimates if name not in {*self.outcome.wrong, *done}]
        if not names:
            return
        turns, rounds = self._plan()
        for turn in range(turns):
            peers.set_threads(self.cpus)
            self._wait()
            for name in names:
                self.say(f"{self.case.id}: {name}, turn {turn + 1} of {turns}")
                row, estimate = self._on_its_threads(name), self._estimates[name]
                self._settle()
                if estimate < _WARM_UP:
                    row.call()
                calls = max(1, round(_SHORTEST_ROUND / max(estimate, 1e-9)))
                for _ in range(rounds):
                    self.outcome.seconds[name].append(seconds_of(row.call, calls))

    def _settle(self) -> None:
        """Wait for the threads of the rows before, which spin on after their work, to go to sleep.

        OpenBLAS's do for 120 ms, on a processor a helper of ours would have needed.
        """
        if self.size.settle == 0:
            return
        time.sleep(self.size.settle)
        for _ in range(_LOOKS):
            before = time.process_time()
            time.sleep(_LOOK)
            if time.process_time() - before < _IDLE * _LOOK:
                return


def measure(
    case: Case,
    size: Size,
    say: Callable[[str], None] = lambda what: None,
    wait: Callable[[], None] = lambda: None,
) -> Outcome:
    """Measure a case, and what it is tracked against.

    Parameters
    ----------
    say : callable, told what is at work
    wait : callable, returns when a turn of the rows may begin, see :mod:`..machine.cores`
    """
    if size.name != "tiny":
        gc.collect()  # the arrays of the case before, should a cycle hold them
    stage = Stage(case, size, say, wait)
    outcome = stage.measure()
    if not case.scaling and size.name != "quick":  # nobody reads it there
        say(f"{case.id}: where the time goes")
        stage.take_apart()
    if case.reference is not None and FASTML in case.rows:
        inputs = stage.inputs.head(case.reference.n)
        small = replace(
            case,
            name=f"{case.name}, the reference",
            rows={REFERENCE: case.reference.row, FASTML: case.rows[FASTML]},
            inputs=lambda: inputs,
            truth=None,
            cost=None,
        )
        del stage
        quicker = replace(size, seconds=size.seconds / 4)
        outcome.reference = case.reference.n, Stage(small, quicker, say, wait).measure()
    return outcome
