"""Passes in this process.

Raw rows, in memory or in a file, are read by the threads that compute, each a piece of its own: a
copy costs little where it stays in a cache, and nobody waits for anybody.  What has to be decoded
is read ahead by threads of its own while all others compute one piece.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any, TypeVar

from ..core.memory import memory_limit
from ..core.passes import Grid, Pass, Piece, TreeSum
from ..core.readers import read_ahead, ring
from ..core.sharing import share
from ..core.threads import get_num_threads, num_threads
from ..data import Part, Table
from ._engine import BUFFERS, STATE_BYTES, Placement, most_blocks, sharers
from ._estimators import FileRoom
from ._progress import Tally

S = TypeVar("S")


class LocalEngine:
    """Reads pieces into buffers, or uses them where they lie."""

    def place(
        self, table: Table, grid: Grid, check: str | None = None, earlier: Any = None
    ) -> Placement:
        """Return how rows are gone through."""
        table, before = table.settled(), () if earlier is None else (earlier,)
        return Placement(table, grid, most_blocks(table, grid), {}, FileRoom(), check, before)

    def step(self, placement: Placement, fit: Pass[Any, S], model: Any) -> tuple[TreeSum[S], Tally]:
        """Make one pass and return the statistics of all pieces, and what was counted."""
        pieces = placement.table.pieces(placement.grid, placement.most_blocks)
        return self.run(placement, pieces, fit, model)

    def run(
        self, placement: Placement, pieces: list[Piece], fit: Pass[Any, S], model: Any
    ) -> tuple[TreeSum[S], Tally]:
        """Return the statistics of some pieces, and how many of their rows were skipped.

        Every other pass goes backwards: what is in memory of the end is then used before it is
        driven out.  Sources that can only be read forwards are read forwards.
        """
        table, ordered = placement.table, list(pieces)
        table.passes += 1
        if table.passes % 2 == 0 and table.any_order:
            ordered.reverse()
        tree: TreeSum[S] = TreeSum(fit.merge)
        known, skipped = getattr(fit, "without_rows", None), 0
        if known is not None:
            unread = []
            for piece in ordered:
                found = known(piece, state_of(placement, piece), model)
                if found is None:
                    unread.append(piece)
                else:
                    tree.add(piece.first, piece.n_blocks, found)
                    skipped += piece.stop - piece.start
            ordered = unread
        if table.raw:
            _share_pieces(placement, ordered, fit, model, tree)
        else:
            for part in _parts(placement, ordered):
                tree.add(part.first, part.n_blocks, fit.statistics(part, model))
        if placement.check is not None:
            table.seen = True
        return tree, Tally(skipped)

    def close(self) -> None:
        """Let go of nothing."""


def state_of(placement: Placement, piece: Piece) -> dict[str, Any]:
    """Return what is known of the rows of a piece, on disk where it would break the limit."""
    state = placement.states.get(piece.first)
    if state is None:
        limit = memory_limit()
        spill = limit is not None and STATE_BYTES * placement.table.n_rows > limit // 8
        files = placement.files if spill else None
        state = placement.states[piece.first] = {"spill": files}
        if placement.earlier:
            kept = (found for other in placement.earlier for found in other.kept())
            state["earlier"] = sorted(kept, key=itemgetter(0))
    return state


def _read(placement: Placement, piece: Piece, buffer: Any) -> Part:
    check = None if placement.table.seen else placement.check
    return placement.table.read(piece, buffer, check=check, state=state_of(placement, piece))


def _buffers(placement: Placement, count: int) -> list[Any]:
    """Return so many buffers, each for the rows of a piece: new memory takes as long as reading."""
    table, rows = placement.table, placement.grid.block_rows * placement.most_blocks
    size = 0 if table.in_place else min(rows, table.n_rows) * table.buffer_bytes
    if len(table.rooms) < count or len(table.rooms[0]) < size:
        table.rooms.clear()
        table.rooms += ring(count, size)
    return table.rooms[:count]


def _share_pieces(
    placement: Placement, pieces: list[Piece], fit: Pass[Any, S], model: Any, tree: TreeSum[S]
) -> None:
    """Add the statistics of pieces to a tree, each read and computed by one of the threads."""
    table, count = placement.table, sharers(len(pieces))
    threads, lock = max(1, get_num_threads() // count), allocate_lock()

    def work(number: int, buffer: Any) -> None:
        for soon in pieces[number + count : number + count + 1]:
            for source in table.parts:
                source.prefetch(soon.start, soon.stop)
        with num_threads(threads):
            part = _read(placement, pieces[number], buffer)
            found = fit.statistics(part, model)
        with lock:
            tree.add(part.first, part.n_blocks, found)

    share(range(len(pieces)), work, _buffers(placement, count))


def _parts(placement: Placement, pieces: Iterable[Piece]) -> Iterator[Part]:
    """Yield pieces with their rows, the next ones read meanwhile.

    The rows of one may be gone when the next is asked for.
    """
    buffers = _buffers(placement, BUFFERS)
    yield from read_ahead(
        pieces, lambda piece, buffer: _read(placement, piece, buffer), buffers,
        placement.table.readers,
    )  # fmt: skip
