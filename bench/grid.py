"""Shapes that nobody chose: drawn by lot from a seed, every peer raced on each.

``python -m bench.grid --seed 1 --seconds 600`` draws shapes of every kind in turn until the time
is over, checks every result, and prints for each kind the share of shapes won, the worst and the
median ratio of the best peer's time to ours, and every shape lost.  ``--output`` keeps all of it
in a file, ``--store`` where the report finds it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from . import cases, peers
from .harness import results, stage
from .harness.case import FASTML, Case
from .harness.lot import Lot
from .harness.sizes import Size
from .harness.targets import WON
from .machine import host
from .machine.cores import Cores
from .machine.host import processor

#: A row waits until others' threads no longer spin, as in every other race: what comes after NumPy
#: would have one processor less.
_SIZE = Size("quick", seconds=0.25, turns=3, rounds=4, settle=0.06)


@dataclass(frozen=True)
class Race:
    """One shape: who was fastest beside us, and by how much we are ahead of them."""

    kind: str
    name: str
    peer: str
    ratio: float
    median_ratio: float
    seconds: float
    wrong: dict[str, str]


def kinds() -> dict[str, tuple[int, Callable[[Lot], Case]]]:
    """Return of every kind of work how many shapes are drawn, and what draws one."""
    found: dict[str, tuple[int, Callable[[Lot], Case]]] = {}
    for module in cases.modules():
        found.update(getattr(module, "DRAWN", {}))
    return found


def order(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return every draw, (kind, number), the kinds mixed so that any beginning has all of them."""
    draws = [
        ((number + 0.5) / count, kind, number)
        for kind, count in counts.items()
        for number in range(count)
    ]
    return [(kind, number) for _, kind, number in sorted(draws)]


def race(kind: str, case: Case, wait: Callable[[], None] = lambda: None) -> Race | None:
    """Race every installed peer on a case; None where nobody else can do it."""
    outcome = stage.measure(replace(case, reference=None), _SIZE, wait=wait)
    peers = {name: times for name, times in outcome.seconds.items() if name != FASTML and times}
    ours = outcome.seconds.get(FASTML)
    if not ours or not peers:
        if not outcome.wrong:
            return None
        return Race(kind, case.name, "", 0.0, 0.0, 0.0, outcome.wrong)
    best = min(peers, key=lambda name: min(peers[name]))
    middle = min(statistics.median(times) for times in peers.values())
    return Race(
        kind, case.name, best, min(peers[best]) / min(ours), middle / statistics.median(ours),
        min(ours), outcome.wrong,
    )  # fmt: skip


def summary(races: list[Race]) -> list[str]:
    """Return a table of the kinds, then the shapes lost, the worst first."""
    lines = ["kind                       shapes   won  worst  median"]
    for kind in dict.fromkeys(race.kind for race in races):
        ratios = [race.ratio for race in races if race.kind == kind and race.peer]
        if ratios:
            won = 100 * sum(ratio >= WON for ratio in ratios) / len(ratios)
            middle = statistics.median(ratios)
            lines.append(
                f"{kind:26s} {len(ratios):6d} {won:4.0f} % {min(ratios):5.2f} {middle:7.2f}"
            )
    raced = [race for race in races if race.peer]
    lost = sorted((race for race in raced if race.ratio < WON), key=lambda race: race.ratio)
    lines += ["", "lost:" if lost else "none lost"]
    lines += [
        f"  {race.ratio:5.2f} ({race.median_ratio:.2f})  {race.kind}: {race.name}  {race.peer}"
        for race in lost
    ]
    lines += [
        f"  WRONG {race.kind}: {race.name}: {name}: {why}"
        for race in races
        for name, why in race.wrong.items()
    ]
    return lines


def _kept(seed: int, races: list[Race], cores: Cores) -> results.Result:
    """Return what is stored of the races of a seed."""
    return {
        "seed": seed,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": results.commit(),
        "machine": results.machine(),
        "cores": cores.told(),
        "races": [asdict(race) for race in races],
    }


def main() -> int:
    """Draw and race; return 1 if a result of ours is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.grid", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600.0, help="no race begins after")
    parser.add_argument("--only", default="", help="part of the name of the kinds to race")
    parser.add_argument("--output", type=Path, help="file for every race, as JSON")
    parser.add_argument("--store", action="store_true", help="keep every race for the report")
    arguments = parser.parse_args()
    if reason := host.refusal():
        print(reason, file=sys.stderr)
        return 2
    chosen = {kind: found for kind, found in kinds().items() if arguments.only in kind}
    races: list[Race] = []
    draws = order({kind: count for kind, (count, _) in chosen.items()})
    cores = Cores(patient=True)
    end = time.monotonic() + arguments.seconds
    for done, (kind, number) in enumerate(draws):
        if time.monotonic() > end:
            print(f"Time is over after {done} of {len(draws)} shapes.")
            break
        lot = Lot(arguments.seed, number, zlib.crc32(kind.encode()))
        if (found := race(kind, chosen[kind][1](lot), cores.wait)) is not None:
            races.append(found)
            print(f"{found.ratio:6.2f}  {kind}: {found.name}  {found.peer}", file=sys.stderr)
    print("\n".join([f"seed {arguments.seed}", *summary(races)]))
    paths = [arguments.output] if arguments.output else []
    if arguments.store:
        folder = results.folder_of(processor(), peers.cpus()) / results.GRID
        paths.append(folder / f"{results.commit()}-{arguments.seed}.json")
    for path in paths:
        results.save(_kept(arguments.seed, races, cores), path)
    return int(any(FASTML in race.wrong for race in races))


if __name__ == "__main__":
    raise SystemExit(main())
