"""What is measured: a case is one piece of work, its rows are the ways to do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: The rows every table knows.
NUMPY, FASTML = "NumPy", "fastml"


class MissingError(Exception):
    """A row cannot run here: its package, or its name in fastml, is not there."""


@dataclass(frozen=True)
class Cost:
    """The least work a case can be done with: what its limit is made of.

    flops : a multiply-add counts as two; only those of sums of products
    read, written : bytes that must come from memory and go to it
    """

    flops: float = 0.0
    read: float = 0.0
    written: float = 0.0


@dataclass(frozen=True)
class Row:
    """One way to do the work of a case.

    call : what is timed
    answer : turns what it returned into what is compared; not timed
    before : run before each turn, not timed: resets weights
    remark : what else is worth saying about what was returned
    compiles : whether the first call compiles
    one_way : whether there is no number of threads to choose
    """

    call: Callable[[], Any]
    answer: Callable[[Any], Any] = lambda returned: returned
    before: Callable[[], None] = lambda: None
    remark: Callable[[Any], str] = lambda returned: ""
    compiles: bool = False
    one_way: bool = False


@dataclass(frozen=True)
class Case:
    """One piece of work on one input.

    rows : for each way, a function from the inputs to the Row; the first row's answer is the truth
    inputs : makes what all rows share
    check : raises AssertionError if (row's name, truth, answer, inputs) do not agree
    cost : a Cost, or a function from the truth and the inputs to one
    dtype : element type, for the limit
    scaling : (curve, axis, value) of a point on a scaling curve
    headline : whether the case stands in the README's table
    """

    group: str
    name: str
    rows: dict[str, Callable[[Any], Row]]
    inputs: Callable[[], Any]
    check: Callable[[str, Any, Any, Any], None]
    cost: Cost | Callable[[Any, Any], Cost] | None = None
    dtype: str = "float32"
    scaling: tuple[str, str, float] | None = None
    headline: bool = False

    @property
    def id(self) -> str:
        return f"{self.group}: {self.name}"
