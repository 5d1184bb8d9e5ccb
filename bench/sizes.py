"""How large the work is and how often it is repeated: full, quick or tiny."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Size:
    """One way to run the suite.

    name : of the column of shapes each group takes
    turns : how often the rows of a case are gone through, one after another
    seconds : a row is not repeated once it has used this long
    slow : a first call that took longer is the measurement; it is not repeated
    settle : seconds to wait before a row: other libraries' threads spin on after their work
    """

    name: str
    turns: int
    seconds: float
    slow: float
    settle: float

    def pick(self, **choices: Any) -> Any:
        """Return the choice for this size."""
        return choices[self.name]


SIZES = {
    "full": Size("full", turns=5, seconds=1.0, slow=2.0, settle=0.02),
    "quick": Size("quick", turns=3, seconds=0.15, slow=1.0, settle=0.01),
    "tiny": Size("tiny", turns=1, seconds=0.01, slow=0.2, settle=0.0),
}


def current() -> Size:
    """Return the size the environment variable BENCH_SIZE names."""
    return SIZES[os.environ.get("BENCH_SIZE", "full")]
