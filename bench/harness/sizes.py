"""How large the work is and how long it may take: large, full, quick or tiny."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

#: No case has fewer rounds, however long they take.
FEWEST_ROUNDS = 2


@dataclass(frozen=True)
class Size:
    """One way to run the suite.

    name : of the column of shapes each case takes
    seconds : the rounds of all rows of a case are to take together, if two take less
    turns : how often the rows of a case are gone through, one after another, at most
    rounds : of a row in one turn, at most
    settle : seconds to wait before a row, and then until other libraries' threads, which spin on
        after their work, sleep; 0 not to wait
    once : whether a peer's call that takes long is not repeated: the checked one counts
    """

    name: str
    seconds: float
    turns: int
    rounds: int
    settle: float
    once: bool = False

    def pick(self, **choices: Any) -> Any:
        """Return the choice for this size; the large one takes the full one's but for its cases."""
        return choices["full" if self.name == LARGE else self.name]


#: The name of the size of few cases, which take their peers a minute each.
LARGE = "large"
SIZES = {
    LARGE: Size(LARGE, seconds=0.0, turns=2, rounds=1, settle=0.06, once=True),
    "full": Size("full", seconds=1.5, turns=5, rounds=8, settle=0.06),
    "quick": Size("quick", seconds=0.3, turns=3, rounds=5, settle=0.06),
    "tiny": Size("tiny", seconds=0.01, turns=2, rounds=1, settle=0.0),
}


def current() -> Size:
    """Return the size the environment variable BENCH_SIZE names."""
    return SIZES[os.environ.get("BENCH_SIZE", "full")]
