"""Passes in this process: threads read ahead while the caller computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from ..core.memory import memory_limit
from ..core.passes import Grid, Pass, Piece, TreeSum
from ..core.readers import read_ahead, ring
from ..data import Part, Table
from ._engine import BUFFERS, STATE_BYTES, Placement, most_blocks

S = TypeVar("S")


class LocalEngine:
    """Reads pieces into a ring of buffers, or uses them where they lie."""

    def place(self, table: Table, grid: Grid, check: str | None = None) -> Placement:
        """Return how rows are gone through."""
        table = table.settled()
        return Placement(table, grid, most_blocks(table, grid), {}, check)

    def step(self, placement: Placement, fit: Pass[Any, S], model: Any) -> TreeSum[S]:
        """Make one pass and return the statistics of all pieces."""
        pieces = placement.table.pieces(placement.grid, placement.most_blocks)
        return self.run(placement, pieces, fit, model)

    def run(
        self, placement: Placement, pieces: list[Piece], fit: Pass[Any, S], model: Any
    ) -> TreeSum[S]:
        """Return the statistics of some pieces.

        Every other pass goes backwards: what is in memory of the end is then used before it is
        driven out.  Sources that can only be read forwards are read forwards.
        """
        table, ordered = placement.table, list(pieces)
        table.passes += 1
        if table.passes % 2 == 0 and table.any_order:
            ordered.reverse()
        tree: TreeSum[S] = TreeSum(fit.merge)
        known = getattr(fit, "without_rows", None)
        if known is not None:
            due = []
            for piece in ordered:
                found = known(piece, state_of(placement, piece), model)
                if found is None:
                    due.append(piece)
                else:
                    tree.add(piece.first, piece.n_blocks, found)
            ordered = due
        for part in parts(placement, ordered):
            tree.add(part.first, part.n_blocks, fit.statistics(part, model))
        if placement.check is not None:
            table.seen = True
        return tree

    def close(self) -> None:
        """Let go of nothing."""


def state_of(placement: Placement, piece: Piece) -> dict[str, Any]:
    """Return what is known of the rows of a piece, on disk where it would break the limit."""
    state = placement.states.get(piece.first)
    if state is None:
        limit = memory_limit()
        spill = limit is not None and STATE_BYTES * placement.table.n_rows > limit // 8
        state = placement.states[piece.first] = {"spill": spill}
    return state


def parts(placement: Placement, pieces: Iterable[Piece]) -> Iterator[Part]:
    """Yield pieces with their rows, the next ones read meanwhile.

    The rows of one may be gone when the next is asked for.
    """
    table, check = placement.table, None if placement.table.seen else placement.check

    def read(piece: Piece, buffer: Any) -> Part:
        return table.read(piece, buffer, check=check, state=state_of(placement, piece))

    if table.in_place:
        yield from _in_place(table, list(pieces), read)
        return
    rows = placement.grid.block_rows * placement.most_blocks
    size = min(rows, table.n_rows) * table.row_bytes
    yield from read_ahead(pieces, read, ring(BUFFERS, size), table.readers)


def _in_place(table: Table, pieces: list[Piece], read: Any) -> Iterator[Part]:
    """Yield pieces of mapped memory, the system told what comes next."""
    for number, piece in enumerate(pieces):
        for part in table.parts:
            for soon in pieces[number + 1 : number + 3]:
                part.prefetch(soon.start, soon.stop)
        yield read(piece, None)
