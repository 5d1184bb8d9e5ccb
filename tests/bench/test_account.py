"""The account of a call: what is fixed, and what computing takes, from two small tables."""

from types import SimpleNamespace

import pytest

from bench.harness import account
from bench.harness.case import Case, Cost, Row
from bench.harness.workloads import Vector, vector

_FIXED, _ROW = 0.002, 1e-8


def _row(inputs):
    """Return a row whose call returns the seconds it would take."""
    return Row(lambda: _FIXED + _ROW * len(inputs))


def _case(row=_row):
    return Case("g", "n", {"fastml": row}, inputs=lambda: None, check=lambda *found: None)


def test_what_is_fixed_and_what_grows_are_told_apart(monkeypatch):
    monkeypatch.setattr(account, "least", lambda call, seconds: call())
    monkeypatch.setattr(account.peers, "cpus", lambda: 4)
    n = 8 << 20
    found = account.measure(_case(), Cost(read=4.0 * n), vector(n, "float32"))
    assert found == pytest.approx({"fixed": _FIXED, "computing": n * _ROW / 4})


def test_rows_timed_are_the_first_ones():
    seen: list[Vector] = []

    def row(inputs):
        seen.append(inputs)
        return Row(lambda: None)

    n = 8 << 20
    whole = vector(n, "float32")
    account.measure(_case(row), Cost(read=4.0 * n), whole, seconds=0.0)
    assert [len(inputs) for inputs in seen] == [3 << 14, 3 << 16]
    assert (seen[1].x == whole.x[: 3 << 16]).all()


@pytest.mark.parametrize("inputs", [vector(1000, "float32"), SimpleNamespace(x=1)])
def test_a_table_in_the_caches_has_no_account(inputs):
    assert account.measure(_case(), Cost(read=4000.0), inputs) == {}
