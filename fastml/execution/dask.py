"""Passes on the workers of a Dask cluster: one pure task a worker and pass.

A task is a function of its arguments alone: which rows, what of them, the model so far.  What a
worker keeps between tasks, opened sources, cache files, labels of rows, is made again wherever it
is missing.  So a worker that dies costs the work since the last pass of its rows, not the fit, and
the bits do not know.
"""

from __future__ import annotations

import pickle
import platform
import uuid
import warnings
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .._version import __version__
from ..core.memory import limited_memory, memory_limit
from ..core.passes import Grid, Pass, Piece, TreeSum
from ..core.threads import num_threads
from ..data import Blocks, Table
from ._engine import Placement, most_blocks
from ._estimators import FileRoom
from ._progress import Tally
from .local import LocalEngine

S = TypeVar("S")

#: Seconds between looks at whether anything still lives; without workers for so long, give up.
_LOOK, _PATIENCE = 0.5, 60.0
#: How often a task is sent again that took its workers down with it.
_ATTEMPTS = 4
#: Seconds for workers to say what they are, and to hand over what they found, before another look.
_ANSWER, _FETCH = 5.0, 60.0
#: Shares of rows begin and end at so many places within a piece.
_CUTS = 8
#: Fits of which a worker keeps what it opened.
_KEPT_FITS = 3

#: Workers that were asked already, by client.
_compared: set[tuple[str, str]] = set()
#: In a worker: what it opened and knows, by placement and first row.
_kept: dict[tuple[str, int], Placement] = {}


class Share(NamedTuple):
    """The rows of one task: pieces that follow each other, and a table that has them."""

    worker: str
    pieces: list[Piece]
    table: Table


class SharedPlacement(NamedTuple):
    """Rows as the workers go through them, see ``Placement``."""

    name: str
    grid: Grid
    shares: list[Share]
    check: str | None
    table: Table
    steps: list[int]
    earlier: str | None


class DaskEngine:
    """Has the workers of a cluster make the passes.

    Parameters
    ----------
    client : dask.distributed.Client
    limit : int or None
        Bytes of each worker.
    """

    def __init__(self, client: Any, limit: int | None) -> None:
        if not hasattr(client, "submit") or not hasattr(client, "scheduler_info"):
            raise TypeError(
                f"client must be a dask.distributed.Client, got {type(client).__name__} instead."
            )
        if getattr(client, "asynchronous", False):
            raise TypeError("client must not be asynchronous: a fit waits for its workers.")
        self._client, self._limit = client, limit
        self._names: list[str] = []
        #: Tasks that were sent again in all passes so far, and workers seen to be gone.
        self._sent_again = 0
        self._lost: set[str] = set()
        #: Tasks of the step before.
        self._old: list[Any] = []
        self._compare_workers()

    def workers(self) -> dict[str, int]:
        """Return the workers' addresses and threads, in a fixed order."""
        found = self._client.scheduler_info(n_workers=-1)["workers"]
        return {address: int(found[address]["nthreads"]) for address in sorted(found)}

    def _compare_workers(self) -> None:
        """Warn where workers would compute other bits than this process."""
        from distributed import wait

        here, workers = fingerprint(), self.workers()
        futures = [
            self._client.submit(fingerprint, workers=[address], pure=False)
            for address in workers
            if (self._client.id, address) not in _compared
        ]
        try:
            if futures:
                wait(futures, timeout=_ANSWER)  # type: ignore[no-untyped-call]
        except TimeoutError:
            pass  # some are busy, or gone: they are asked next time
        answers = []
        for future in futures:
            if future.status == "finished":
                with suppress(Exception):  # who died since then is the only one who may answer
                    answers.append(future.result(timeout=_ANSWER))
        self._client.cancel(futures)
        _compared.update((self._client.id, address) for address in workers)
        for found in answers:
            if found != here:
                warnings.warn(
                    f"A worker differs from this process, {found} from {here}: results may differ "
                    "in their last bits.",
                    RuntimeWarning,
                    stacklevel=4,
                )
                return

    def place(self, table: Table, grid: Grid, check: str | None = None, earlier: Any = None) -> Any:
        """Return how rows are shared: ranges that follow each other, by the workers' threads."""
        for part in table.parts:
            check_sendable(part)
        workers = self.workers()
        most = most_blocks(table, grid)
        n_blocks, total, at, sharers = grid.n_blocks(table.n_rows), sum(workers.values()), 0, []
        finest = max(1, most // _CUTS)  # shares of whole pieces would not be equal
        done = 0
        for address, threads in workers.items():
            done += threads
            end = n_blocks
            if done < total:
                end = max(at, min(n_blocks, round(n_blocks * done / total / finest) * finest))
            if end > at:
                mine = list(grid.pieces(table.n_rows, most, at, end))
                sharers.append(Share(address, mine, table.cut(mine[0].start, mine[-1].stop)))
            at = end
        if not sharers:  # nobody is there yet: whoever comes
            sharers = [Share("", table.pieces(grid, most), table.cut(0, table.n_rows))]
        seen = None if table.seen else check
        self._names.append(uuid.uuid4().hex)
        before = None if earlier is None else earlier.name
        return SharedPlacement(self._names[-1], grid, sharers, seen, table, [0], before)

    def step(self, placement: Any, fit: Pass[Any, S], model: Any) -> tuple[TreeSum[S], Tally]:
        """Make one pass and return the statistics of all pieces, and what was counted."""
        name, grid, shares, check, table, steps, earlier = placement
        steps[0] += 1
        order = packed((name, grid, fit, model, check, earlier))
        keys = [f"{name}-{steps[0]}-{number}" for number in range(len(shares))]
        futures = self._submit_at_once(keys, shares, order)
        tree: TreeSum[S] = TreeSum(fit.merge)
        skipped, before, moved = 0, self._sent_again + len(self._lost), set[str]()
        try:
            for number, result in enumerate(self._results(futures, shares, order)):
                nodes, not_read, worker = pickle.loads(result)
                skipped += not_read
                # Who did it, for a dead one perhaps, keeps what is known of the rows.
                moved |= {shares[number].worker} - {"", worker}
                shares[number] = shares[number]._replace(worker=worker)
                for first, count, statistics in nodes:
                    tree.add(first, count, statistics)
            if moved:  # the scheduler had it done anew before anybody looked
                self._lost |= moved - self.workers().keys()
        except CancelledError as error:
            raise ConnectionError(
                "The tasks of a fit were cancelled: its client or cluster was closed or restarted."
            ) from error
        except BaseException:
            with suppress(Exception):  # the client may be what is gone
                self._client.cancel(futures)
            raise
        self._old = futures
        if check is not None:
            table.seen = True
        restarts = self._sent_again + len(self._lost) - before
        return tree, Tally(skipped, len(shares), restarts)

    def close(self) -> None:
        """Have workers forget what they keep, those that are there."""
        from distributed import fire_and_forget

        if not self._names or self._client.status != "running":
            return
        with suppress(Exception):  # a client that is being closed must not hide what ended a fit
            self._client.cancel(self._old)
            for address in self.workers():
                task = self._client.submit(forget, self._names, workers=[address], pure=False)
                fire_and_forget(task)  # type: ignore[no-untyped-call]

    def _submit_at_once(self, keys: list[str], shares: list[Share], order: Any) -> list[Any]:
        """Send the tasks of a step, and let go of those of the step before.

        A client sends what it has to say every ten milliseconds: tasks one by one would wait for
        each other, and all for the end of what came before.
        """

        async def submit() -> list[Any]:
            pairs = zip(keys, shares, strict=True)
            return [self._submit(key, share, order) for key, share in pairs]

        futures: list[Any] = self._client.sync(submit)
        if self._old:
            self._client.cancel(self._old)
            self._old = []
        return futures

    def _submit(self, key: str, share: Share, order: Any) -> Any:
        pinned = {"workers": [share.worker], "allow_other_workers": True} if share.worker else {}
        # Packed: the scheduler unpacks what tasks are given, and would open the files.
        table = packed_apart(share.table)
        return self._client.submit(
            nodes_of, table, share.pieces, order, self._limit, key=f"fastml-{key}", retries=2,
            **pinned,
        )  # fmt: skip

    def _results(
        self, futures: list[Any], shares: list[Share] | None = None, order: Any = None
    ) -> list[Any]:
        """Return the results of tasks; give up where nobody is left to do them."""
        from distributed import KilledWorker, wait

        async def fetch() -> list[Any]:
            return list(await self._client.gather(futures, errors="raise", asynchronous=True))

        attempts = alone = 0
        allowed = _FETCH
        while True:
            try:
                wait(futures, timeout=_LOOK)  # type: ignore[no-untyped-call]
                try:
                    allowed, at_most = 2 * allowed, allowed  # a slow network ends some time, too
                    found: list[Any] = self._client.sync(fetch, callback_timeout=at_most)
                    return found
                except KilledWorker:
                    if shares is None or attempts >= _ATTEMPTS:
                        raise
                    attempts += 1
                    for i, future in enumerate(futures):
                        if future.status == "error":
                            self._sent_again += 1
                            key = f"{future.key}-{attempts}".removeprefix("fastml-")
                            futures[i] = self._submit(key, shares[i], order)
            except TimeoutError:
                pass
            if self._client.status != "running":
                raise ConnectionError("The client lost its connection to the scheduler.")
            here = self.workers()
            self._lost |= {share.worker for share in shares or () if share.worker} - here.keys()
            alone = 0 if here else alone + 1  # looks: all may have been stopped a while
            if here and shares is not None:
                self._send_stranded(futures, shares, order, here)
            if alone * _LOOK > _PATIENCE:
                raise TimeoutError(f"The cluster had no workers for {_PATIENCE:.0f} seconds.")

    def _send_stranded(
        self, futures: list[Any], shares: list[Share], order: Any, here: dict[str, int]
    ) -> None:
        """Send tasks anew that nobody does, to whoever comes.

        If all workers are gone at once, Dask keeps a task for the one it was meant for, which never
        comes again: new ones do not get it, though others may do it.
        """
        stranded = [
            i
            for i, future in enumerate(futures)
            if future.status in ("pending", "lost") and shares[i].worker not in {"", *here}
        ]
        if not stranded:
            return
        in_work = {key for keys in self._client.processing().values() for key in keys}
        for i in stranded:
            if futures[i].key not in in_work:
                self._client.cancel([futures[i]])
                shares[i] = shares[i]._replace(worker="")
                key = f"{futures[i].key}-anew".removeprefix("fastml-")
                futures[i] = self._submit(key, shares[i], order)


def check_sendable(part: Any) -> None:
    """Raise TypeError for rows that another process cannot read."""
    if isinstance(part, Blocks):
        part = part.spec()[1]
    if isinstance(part, tuple | list):
        for inner in part:
            check_sendable(inner)


def fingerprint() -> dict[str, Any]:
    """Return what decides bits: versions, and what the processor can do."""
    from ..kernels.machine import host

    return {
        "fastml": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "processor": f"{host.host().cpu} {sorted(host.host().features)}",
    }


def limit_in(worker: Any, limit: int | None) -> int | None:
    """Return the bytes a fit may take in a worker: at most half of what Dask lets the worker have.

    Dask ends a worker that takes more, and would end every other one that is given its rows.
    """
    if limit is None:
        limit = memory_limit()
    allowed = getattr(getattr(worker, "memory_manager", None), "memory_limit", None)
    if not allowed:
        return limit
    return int(allowed) // 2 if limit is None else min(limit, int(allowed) // 2)


def packed(thing: Any) -> bytes:
    """Return a thing as bytes: arrays that Dask itself sends may arrive read-only."""
    import cloudpickle  # type: ignore[import-untyped]

    return bytes(cloudpickle.dumps(thing))


def packed_apart(thing: Any) -> tuple[bytes, list[Any]]:
    """Return a thing as bytes, and the arrays in it apart: as bytes of their own, not copied."""
    import cloudpickle

    arrays: list[pickle.PickleBuffer] = []
    head = cloudpickle.dumps(thing, protocol=5, buffer_callback=arrays.append)
    return bytes(head), [np.asarray(array.raw()) for array in arrays]


def nodes_of(
    table: tuple[bytes, list[Any]], pieces: list[Piece], order: bytes, limit: int | None
) -> bytes:
    """Return the statistics of pieces, merged as far as the tree allows: a task of a worker.

    They are a list of first blocks, numbers of blocks and statistics, packed as the order is,
    together with the number of rows that were skipped, and the worker's address.
    """
    from distributed import get_worker

    name, grid, fit, model, check, earlier = pickle.loads(order)
    worker = get_worker()
    with num_threads(worker.state.nthreads), limited_memory(limit_in(worker, limit)):
        before = _used(earlier)
        key = name, pieces[0].start
        placement = _kept.pop(key, None)
        if placement is None:
            most = max(piece.n_blocks for piece in pieces)
            rows = pickle.loads(table[0], buffers=table[1]).settled()
            placement = Placement(rows, grid, most, {}, FileRoom(), check, before)
            _forget_old(name)
        _kept[key] = placement
        try:
            tree, tally = LocalEngine().run(placement, pieces, fit, model)
            return packed((tree.nodes(), tally.skipped, worker.address))
        finally:
            placement.table.rooms.clear()  # there may be other placements


def forget(names: list[str]) -> None:
    """Let go of what is kept for placements: a task of a worker."""
    for key in [key for key in list(_kept) if key[0] in names]:
        _kept.pop(key, None)


def _used(name: str | None) -> tuple[Placement, ...]:
    """Return what is kept for a placement, which counts as used."""
    found = []
    for key in [key for key in list(_kept) if key[0] == name]:
        placement = _kept.pop(key, None)
        if placement is not None:
            _kept[key] = placement
            found.append(placement)
    return tuple(found)


def _forget_old(name: str) -> None:
    """Let go of what was used longest ago."""
    names = list(dict.fromkeys(kept for kept, _ in list(_kept)))
    for old in names[: max(0, len(names) - _KEPT_FITS + 1)]:
        if old != name:
            for key in [key for key in list(_kept) if key[0] == old]:
                _kept.pop(key, None)
