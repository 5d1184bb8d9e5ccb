"""What a fit of blocks would read, and the memory it would take."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.memory import in_words, memory_limit
from ..core.passes import Grid
from ..data import Blocks, Table
from ._engine import BUFFERS, STATE_BYTES, most_blocks, sharers

#: What threads, and Python's objects of a fit, take.
_FIXED_BYTES = 500_000


class Plan(NamedTuple):
    """What a fit does with rows: an estimator's ``_plan(X)`` returns it.

    passes : list of (str, int), what for, and how many at most
    block_rows : int, rows of a reduction block of the widest pass
    sums : int, bytes of the statistics of a piece
    keeps : bool, whether rows carry something from pass to pass
    results : int, bytes of results for every row
    sample : int, bytes of rows that are taken out
    held : int, bytes of all rows that are in memory whatever the limit
    targets : int, bytes a row of targets that are read or converted with a piece
    temporary : int, bytes a row of a piece takes besides while it is computed with
    each : int, bytes of a thread at work, whatever the pieces
    shuffled : int, bytes of rows that are shuffled at a time: pieces are then read one by one
    besides : int, bytes that are taken whatever the limit and threads
    note : str, what is read besides
    """

    passes: list[tuple[str, int]]
    block_rows: int
    sums: int
    keeps: bool = False
    results: int = 0
    sample: int = 0
    held: int = 0
    targets: int = 0
    temporary: int = 0
    each: int = 0
    shuffled: int = 0
    besides: int = 0
    note: str = ""


def explain(X: Blocks, model: Any) -> None:
    """Print what a fit would read, and the memory it would take.

    Parameters
    ----------
    X : Blocks
    model : estimator
    """
    if isinstance(model, type):
        raise TypeError(f"model must be an estimator: {model.__name__}(...), not the class.")
    name, limit = type(model).__name__, memory_limit()
    bound = "no limit" if limit is None else f"a limit of {in_words(limit)}"
    print(f"{name} of {X!r}, {in_words(X.nbytes)} in memory, {bound}")
    plan: Plan | None = model._plan(X) if hasattr(model, "_plan") else None
    if plan is None:
        print("  needs all rows at once, as an array")
        print(f"  memory: at least {in_words(X.nbytes)}")
        if limit is not None and X.nbytes > limit:
            print("  which the limit does not allow")
        return
    table = Table(X)
    for what, count in plan.passes:
        print(f"  {what}: {count} {'pass' if count == 1 else 'passes'}")
    total = sum(count for _, count in plan.passes)
    print(f"  to read: {in_words(total * X.nbytes)} at most")
    if plan.note:
        print(f"  {plan.note}")
    if plan.held:
        if X.view(0, 0) is None:
            print(f"  written once to a raw file: {in_words(X.nbytes)}")
        print(f"  memory: about {in_words(plan.held)}, which must fit")
        return
    if X.slow and total > 2:
        print(f"  written once to a raw file: {in_words(X.nbytes)}")
    blocks = 1 if plan.shuffled else most_blocks(table, Grid(plan.block_rows), plan.targets)
    rows = min(blocks * plan.block_rows, len(X))
    count = sharers(-(-table.n_rows // rows)) if table.raw else BUFFERS
    count = 1 if plan.shuffled else count
    ring = 0 if table.in_place else count * rows * table.row_bytes
    computing = count if table.raw else 1
    state = STATE_BYTES * len(X) if plan.keeps else 0
    most = None if limit is None else limit // 8
    spilled = most is not None and state > most
    results, sample, shuffled = (
        0 if most is not None and size > parts * most else size
        for size, parts in ((plan.results, 1), (plan.sample, 1), (plan.shuffled, 2))
    )
    peak = (
        ring + count * rows * plan.targets + computing * (rows * plan.temporary + plan.each)
        + 3 * plan.sums + results + sample + shuffled + (0 if spilled else state)
        + plan.besides + _FIXED_BYTES
    )  # fmt: skip
    how = "used in place" if not ring else f"{count} read at once" if table.raw else "read ahead"
    print(f"  pieces of {in_words(rows * table.row_bytes)}, {how}")
    if state:
        print(f"  kept of the rows: {in_words(state)}, {'in a file' if spilled else 'in memory'}")
    if plan.results:
        print(f"  results: {in_words(plan.results)}, {'in memory' if results else 'in a file'}")
    if plan.shuffled:
        where = "in memory" if shuffled else "in files"
        print(f"  shuffled at a time: {in_words(plan.shuffled)}, {where}")
    if plan.sample:
        print(f"  a sample: {in_words(plan.sample)}, {'in memory' if sample else 'in a file'}")
    print(f"  memory: about {in_words(peak)}")
