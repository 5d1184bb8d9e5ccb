"""Numbers and tables as text."""

from __future__ import annotations

from collections.abc import Iterable

#: Within this share of a tie neither side is called the faster.
TIE = 0.03


def duration(seconds: float) -> str:
    """Return a time with three digits and its unit.

    >>> duration(0.0012345), duration(12.34), duration(5.678e-7)
    ('1.23 ms', '12.3 s', '568 ns')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size * 0.9995:
            return f"{digits(seconds / size)} {unit}"
    return f"{digits(seconds / 1e-9)} ns"


def digits(number: float) -> str:
    if number >= 100:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def ratio(number: float | None) -> str:
    """Return a speed-up with two digits or more, a loss in bold."""
    if number is None:
        return "—"
    text = f"{digits(number) if number >= 10 else f'{number:.2g}'}×"
    return f"**{text}**" if number < 1 - TIE else text


def share(number: float | None) -> str:
    """Return a share of the limit in per cent."""
    return "—" if number is None else f"{100 * number:.0f} %"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return a Markdown table, numbers to the right."""
    head = list(head)
    lines = [_line(head), "|---" + "|---:" * (len(head) - 1) + "|"]
    return lines + [_line(row) for row in rows]


def _line(cells: Iterable[str]) -> str:
    """Return a line of a table: a bar in a cell, as in k-means||, would begin another."""
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def count(number: float) -> str:
    """Return a large number to be read.

    >>> count(64_000_000), count(20_000)
    ('64,000,000', '20,000')
    """
    return f"{int(number):,}"
