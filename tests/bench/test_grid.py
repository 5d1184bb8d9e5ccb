"""Shapes drawn by lot: the draws, what is raced, and what is said of it."""

from __future__ import annotations

from bench import grid
from bench.cases.neural_network import elementwise
from bench.harness import results, sizes
from bench.harness.case import FASTML
from bench.harness.lot import Lot
from bench.harness.targets import Loss
from bench.report.lots import lot_lines


def test_lots_are_drawn_again_from_the_same_seed_and_lie_within_their_bounds():
    def drawn(*seed):
        lot = Lot(*seed)
        return [lot.whole(3, 2000) for _ in range(300)] + [lot.dtype() for _ in range(50)]

    assert drawn(1, 2) == drawn(1, 2)
    assert drawn(1, 2) != drawn(1, 3)
    numbers = drawn(5)[:300]
    assert min(numbers) >= 3
    assert max(numbers) <= 2000
    assert 60 < sorted(numbers)[150] < 100  # the middle of a logarithmic scale is 77
    assert set(drawn(5)[300:]) == {"float32", "float64"}


def test_any_beginning_of_a_grid_has_all_kinds():
    draws = grid.order({"many": 40, "few": 10})
    assert len(set(draws)) == 50
    assert {kind for kind, _ in draws[:8]} == {"many", "few"}
    assert sum(kind == "few" for kind, _ in draws[:25]) == 5


def test_every_drawn_kind_draws_cases_that_differ():
    kinds = grid.kinds()
    assert "nearest centroid" in kinds
    for kind, (count, draw) in kinds.items():
        cases_drawn = [draw(Lot(3, number)) for number in range(5)]
        assert count > 0
        assert len({case.name for case in cases_drawn}) > 1, kind
        assert all(FASTML in case.rows and len(case.rows) > 1 for case in cases_drawn)


def test_a_grid_names_what_it_lost_and_what_was_wrong():
    races = [
        grid.Race("a", "won", "torch", 2.0, 2.0, 1.0, {}),
        grid.Race("a", "lost", "faiss", 0.5, 0.6, 1.0, {}),
        grid.Race("b", "bad", "", 0.0, 0.0, 0.0, {FASTML: "other labels"}),
    ]
    text = "\n".join(grid.summary(races))
    assert "50 %  0.50    1.25" in text
    assert "0.50 (0.60)  a: lost  faiss" in text
    assert "WRONG b: bad: fastml: other labels" in text
    assert "0.00" not in text  # nobody to lose to


def test_races_are_run(monkeypatch):
    monkeypatch.setattr(grid, "_SIZE", sizes.SIZES["tiny"])
    race = grid.race("sigmoid", elementwise.case("sigmoid", 1_000, "float32"))
    assert race is not None
    assert race.ratio > 0
    assert race.peer
    assert not race.wrong


def test_races_are_kept_for_the_report(monkeypatch, tmp_path):
    monkeypatch.setattr(grid, "_SIZE", sizes.SIZES["tiny"])
    monkeypatch.setattr(results, "HISTORY", tmp_path)
    kind = {"sigmoid": (1, lambda lot: elementwise.case("sigmoid", 1_000, "float32"))}
    monkeypatch.setattr(grid, "kinds", lambda: kind)
    monkeypatch.setattr(grid.host, "refusal", lambda: "")
    monkeypatch.setattr("sys.argv", ["grid", "--seed", "5", "--store"])
    assert grid.main() == 0
    kept = results.grids({"machine": results.machine()})
    assert [(each["seed"], len(each["races"])) for each in kept] == [(5, 1)]
    another = {"machine": {"cpu": "another"}}
    assert results.grids(another) == []
    assert results.grids_elsewhere(another) == {kept[0]["machine"]["cpu"]: kept}
    assert results.grids_elsewhere(kept[0]) == {}
    assert any(line.startswith("| sigmoid | 1 |") for line in lot_lines(kept))


def test_the_report_shows_every_shape_lost_and_why():
    def race(kind, name, ratio):
        return {"kind": kind, "name": name, "peer": "torch", "ratio": ratio, "seconds": 0.002}

    races = [race("a", "x", 0.5), race("a", "y", 0.9), race("a", "z", 8.0), race("b", "w", 2.0)]
    kept = {"seed": 3, "commit": "abc", "races": races}
    lines = lot_lines([kept], [Loss("a", "Few rows."), Loss("b", "Never said.")])
    assert "| a | 3 | 33 % | 1 | **0.5×** | **0.9×** | **missed** |" in lines
    assert "| b | 1 | 100 % | 0 | 2× | 2× | kept |" in lines
    assert "| a: x | torch | **0.5×** | 2.00 ms |" in lines
    assert lines[-1] == "- a: Few rows."
    assert lot_lines([], []) == []
