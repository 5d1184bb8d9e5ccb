"""Shapes drawn by lot: how many are won, and every one that is not."""

from __future__ import annotations

import statistics
from typing import Any

from .. import cases
from ..harness.results import Result
from ..harness.targets import WON, Loss
from .text import duration, ratio, share, table

#: What is aimed at: shares of shapes won, no ratio below, and the middle one.
_WON_SHARE, _WORST, _MIDDLE = 0.97, 0.8, 2.0


def lot_lines(grids: list[Result], known: list[Loss] | None = None) -> list[str]:
    """Return a table of the kinds, then every shape lost, the worst first, with what is known.

    Parameters
    ----------
    grids : list of Result
        The races of one commit, of one seed each.
    known : list of Loss, optional
        Why shapes are lost; by default what the cases say.
    """
    races = [race for grid in grids for race in grid["races"] if race["peer"]]
    if not races:
        return []
    known = cases.collected("LOSSES") if known is None else known
    seeds = ", ".join(str(grid["seed"]) for grid in grids)
    seeds = f"seed{'s' if len(grids) > 1 else ''} {seeds}"
    about = (
        f"Written by `make bench-grid`, commit `{grids[0]['commit']}`, {seeds}: the best "
        f"installed peer's least time over ours. A shape is won from {WON} on. The aim for each "
        f"kind: {share(_WON_SHARE)} won, none below {_WORST}, {ratio(_MIDDLE)} in the middle."
    )
    kinds = dict.fromkeys(race["kind"] for race in races)
    rows = [_row(kind, [race for race in races if race["kind"] == kind]) for kind in kinds]
    head = ["", "shapes", "won", f"below {_WORST}", "worst", "middle", "the aim"]
    return [about, "", *table(head, rows), *_lost(races, known)]


def _row(kind: str, races: list[dict[str, Any]]) -> list[str]:
    ratios = [race["ratio"] for race in races]
    won = sum(each >= WON for each in ratios) / len(ratios)
    low = sum(each < _WORST for each in ratios)
    middle = statistics.median(ratios)
    kept = won >= _WON_SHARE and low == 0 and middle >= _MIDDLE
    shown = [ratio(min(ratios)), ratio(middle)]
    return [kind, str(len(ratios)), share(won), str(low), *shown, "kept" if kept else "**missed**"]


def _lost(races: list[dict[str, Any]], known: list[Loss]) -> list[str]:
    lost = sorted((race for race in races if race["ratio"] < WON), key=lambda race: race["ratio"])
    if not lost:
        return []
    rows = [
        [
            f"{race['kind']}: {race['name']}",
            race["peer"],
            ratio(race["ratio"]),
            duration(race["seconds"]),
        ]
        for race in lost
    ]
    kinds = {race["kind"] for race in lost}
    said = [
        line for loss in known if loss.kind in kinds for line in ("", f"- {loss.kind}: {loss.why}")
    ]
    return ["", "Lost:", "", *table(["", "to", "ratio", "our time"], rows), *said]
