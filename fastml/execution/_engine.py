"""Where passes run: the engine in force, and what every engine does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, TypeVar

from ..core.memory import limited_memory, memory_limit, parse_bytes
from ..core.passes import Grid, Pass, TreeSum
from ..core.threads import get_num_threads
from ..data import Table, as_table, is_blocks
from ._progress import PassReport, Tally, begin_log, tell_of_pass, told

Model = TypeVar("Model")
S = TypeVar("S")

#: About so many bytes are read ahead as one piece, into so many buffers.
PIECE_BYTES, BUFFERS = 12 << 20, 3
#: Where whoever computes reads, a piece is still in a cache when it is computed with.
RAW_PIECE_BYTES = 8 << 20
#: Bytes a row that a pass may need besides: labels, class numbers and the like.
_ROW_OVERHEAD = 32
#: What a pass may keep of each row: a label and a limit, or a distance.
STATE_BYTES = 8


class Placement(NamedTuple):
    """Rows as an engine goes through them.

    table : Table
    grid : Grid
    most_blocks : int, blocks of a piece at most
    states : dict, of each piece by its first block: what passes may keep, see ``Part.state``
    files : FileRoom, where they keep it if there is not the memory
    check : str or None, the estimator whose X must be finite
    earlier : tuple of Placement, of the same rows in other pieces: what those keep is known, too
    """

    table: Table
    grid: Grid
    most_blocks: int
    states: dict[int, dict[str, Any]]
    files: Any
    check: str | None
    earlier: tuple[Any, ...] = ()

    def kept(self) -> list[tuple[int, dict[str, Any]]]:
        """Return the first row of each piece something is kept of, in order, and what."""
        rows = self.grid.block_rows
        return [(first * rows, self.states[first]) for first in sorted(self.states)]


class Engine(Protocol):
    """Goes through rows: three methods, so that another one can follow."""

    def place(
        self, table: Table, grid: Grid, check: str | None = None, earlier: Any = None
    ) -> Placement:
        """Return how rows are gone through, with what an earlier placement keeps of them."""

    def step(self, placement: Placement, fit: Pass[Any, S], model: Any) -> tuple[TreeSum[S], Tally]:
        """Make one pass and return the statistics of all pieces, and what was counted."""

    def close(self) -> None:
        """Let go of whatever is held."""


_in_context: ContextVar[Engine | None] = ContextVar("fastml_engine", default=None)


def piece_bytes(raw: bool = False) -> int:
    """Return the bytes of a piece: an eighth of the limit, or less; of raw rows a fifth.

    Parameters
    ----------
    raw : bool
        Whether whoever computes reads, see ``Table``.
    """
    limit, most = memory_limit(), RAW_PIECE_BYTES if raw else PIECE_BYTES
    return most if limit is None else min(most, limit // (5 if raw else 2 * BUFFERS + 2))


def most_blocks(table: Table, grid: Grid, targets: int = 0) -> int:
    """Return the blocks of a piece: a power of two.

    Parameters
    ----------
    targets : int
        Bytes a row of targets that are not in the table yet.
    """
    row = table.piece_bytes + targets + _ROW_OVERHEAD
    blocks = piece_bytes(table.raw) // (row * grid.block_rows)
    return 1 << max(0, int(blocks).bit_length() - 1)


def sharers(n_pieces: int) -> int:
    """Return how many threads may read and compute at once, within two fifths of the limit."""
    limit, threads = memory_limit(), min(get_num_threads(), max(1, n_pieces))
    return threads if limit is None else min(threads, 2 * limit // (5 * piece_bytes(raw=True)))


def current_engine() -> Engine:
    """Return the engine in force: this machine's, unless another one was entered."""
    found = _in_context.get()
    if found is None:
        from .local import LocalEngine

        found = LocalEngine()
    return found


@contextmanager
def engine(
    client: Any = None,
    *,
    memory_limit: int | str | None = None,
    progress: Callable[[PassReport], Any] | None = None,
) -> Iterator[None]:
    """Have fits run somewhere else, under a limit, or watched, within a ``with`` block.

    Results are the same bits wherever they run.

    Parameters
    ----------
    client : dask.distributed.Client, default=None
        Whose workers share the passes; this process makes them by default.
    memory_limit : int or str, default=None
        Bytes, or text like "4GB", that a fit or a prediction of blocks takes at most on top of
        what was there before it, in this process and in each worker; by default that of the
        environment variable ``FASTML_MEMORY_LIMIT``, else none.
    progress : callable, default=None
        Called after every pass of a fit by passes, with a :class:`fastml.PassReport`: rows, bytes
        read and skipped, seconds, workers, restarts, seconds left at most.  ``print`` will do.
        What it raises ends the fit, the estimator as it was.

    Yields
    ------
    None

    Raises
    ------
    TypeError, ValueError
        If the client is none, the limit no size of at least 1 MiB, or ``progress`` cannot be
        called.

    Examples
    --------
    >>> import fastml
    >>> import numpy as np
    >>> X = fastml.blocks(np.arange(200.0).reshape(100, 2))
    >>> with fastml.engine(memory_limit="64MB"):
    ...     model = fastml.KMeans(2, random_state=0).fit(X)
    >>> model.cluster_centers_.shape
    (2, 2)
    """
    limit = None if memory_limit is None else parse_bytes(memory_limit)
    if progress is not None and not callable(progress):
        raise TypeError(f"progress must be callable, got {type(progress).__name__} instead.")
    chosen: Engine | None = None
    if client is not None:
        from .dask import DaskEngine

        chosen = DaskEngine(client, limit)
    token, listener = _in_context.set(chosen), told.set(progress or told.get())
    try:
        with limited_memory(limit):
            yield
    finally:
        told.reset(listener)
        _in_context.reset(token)
        if chosen is not None:
            chosen.close()


def on_cluster() -> bool:
    """Say whether the workers of a cluster make the passes."""
    return _in_context.get() is not None


def table_of(estimator: Any, X: Any, y: Any = None, sample_weight: Any = None) -> Table | None:
    """Return the table of a fit by passes, or None if it works on arrays in memory.

    Arrays are cut into pieces only where a cluster is to work on them.
    """
    if not (is_blocks(X) or on_cluster()):
        return None
    table = as_table(X, y, sample_weight)
    begin_log(estimator, table.X)
    return table


def _step(engine: Engine, placement: Any, fit: Pass[Any, S], model: Any) -> TreeSum[S]:
    """Make one pass, tell of it, and return the statistics of all pieces."""
    start = time.perf_counter()
    tree, tally = engine.step(placement, fit, model)
    table = placement.table
    tell_of_pass(table.n_rows, table.row_bytes, time.perf_counter() - start, tally)
    return tree


class Passes:
    """Passes over a table in blocks of one size, which may keep what they know of rows.

    Parameters
    ----------
    table : Table
    block_rows : int
        Rows of a reduction block.
    check : str, default=None
        The estimator whose X must be finite, where that is not known yet.
    earlier : Passes, default=None
        Over the same rows: what they keep is in ``state["earlier"]`` of each piece, a list of
        first rows, in order, and what is kept from there on.
    """

    def __init__(
        self,
        table: Table,
        block_rows: int,
        check: str | None = None,
        earlier: Passes | None = None,
    ) -> None:
        self._engine = current_engine()
        before: Any = None if earlier is None else earlier._placement
        self._placement: Any = self._engine.place(table, Grid(block_rows), check, before)

    def run(self, fit: Any, model: Any) -> Any:
        """Make one pass and return the next model."""
        total = _step(self._engine, self._placement, fit, model).total()
        return fit.finish(total, model)


def sum_over(
    table: Table, block_rows: int, fit: Pass[Any, S], model: Any = None, check: str | None = None
) -> TreeSum[S]:
    """Make one pass over a table and return the statistics of its pieces.

    Parameters
    ----------
    block_rows : int
        Rows of a reduction block.
    check : str, default=None
        The estimator whose X must be finite, where that is not known yet.
    """
    found = current_engine()
    return _step(found, found.place(table, Grid(block_rows), check), fit, model)
