"""What is measured: a case is one piece of work, its rows are the ways to do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: The rows every table knows.  NUMPY is NumPy as a competent person writes it; REFERENCE is
#: ``fastml.reference``, written to be read.
NUMPY, FASTML, REFERENCE = "NumPy", "fastml", "reference"


class MissingError(Exception):
    """A row cannot run here: its package, or its name in fastml, is not there."""


@dataclass(frozen=True)
class Cost:
    """The least work a case can be done with: what its limit is made of.

    flops : a multiply-add counts as two; only those of sums of products
    exponentials, divisions : one each for a sigmoid or a hyperbolic tangent
    read, written : bytes that must come from memory and go to it
    """

    flops: float = 0.0
    exponentials: float = 0.0
    divisions: float = 0.0
    read: float = 0.0
    written: float = 0.0

    def times(self, count: float) -> Cost:
        """Return the cost of doing it so many times."""
        return Cost(
            self.flops * count,
            self.exponentials * count,
            self.divisions * count,
            self.read * count,
            self.written * count,
        )


@dataclass(frozen=True)
class Row:
    """One way to do the work of a case.

    call : what is timed
    answer : turns what it returned into what is compared; not timed
    before : run before each turn, not timed: resets weights
    remark : what else is worth saying about what was returned
    iterations : of a fit, from what it returned; 0 where there are none
    saved : of a fit with bounds, the share of plain Lloyd's comparisons it left out
    compiles : whether the first call compiles
    one_way : whether there is no number of threads to choose
    """

    call: Callable[[], Any]
    answer: Callable[[Any], Any] = lambda returned: returned
    before: Callable[[], None] = lambda: None
    remark: Callable[[Any], str] = lambda returned: ""
    iterations: Callable[[Any], int] = lambda returned: 0
    saved: Callable[[Any], float | None] = lambda returned: None
    compiles: bool = False
    one_way: bool = False


@dataclass(frozen=True)
class Reference:
    """The way to do the work by ``fastml.reference``, on the first ``n`` rows of the inputs."""

    row: Callable[[Any], Row]
    n: int


@dataclass(frozen=True)
class Case:
    """One piece of work on one input.

    rows : for each way, a function from the inputs to the Row
    inputs : makes what all rows share; has ``head(n)``, its first n rows, for the reference
    check : raises AssertionError if (row's name, truth, answer, inputs) do not agree
    truth : from the inputs to what the answers are compared with; None for the first row's
    cost : a Cost, or a function from the truth and the inputs to one
    plain : the cost is that of the plain algorithm, which does more than must be done: what
        ours is compared with, and no limit
    dtype : element type, for the limit
    reference : what fastml's speed is tracked against
    scaling : (curve, axis, value) of a point on a scaling curve
    headline : whether the case stands in the README's table
    fresh : every call is a process of its own, so the checked call is as good as any other
    """

    group: str
    name: str
    rows: dict[str, Callable[[Any], Row]]
    inputs: Callable[[], Any]
    check: Callable[[str, Any, Any, Any], None]
    truth: Callable[[Any], Any] | None = None
    cost: Cost | Callable[[Any, Any], Cost] | None = None
    plain: bool = False
    dtype: str = "float32"
    reference: Reference | None = None
    scaling: tuple[str, str, float] | None = None
    headline: bool = False
    fresh: bool = False

    @property
    def id(self) -> str:
        return f"{self.group}: {self.name}"
