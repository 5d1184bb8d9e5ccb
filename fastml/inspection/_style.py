"""The colours of pictures."""

from __future__ import annotations

from typing import Any

#: Told apart with any colour vision (Paul Tol's "bright", and four more).
COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#ee8866", "#777777",
    "#332288", "#774411",
)  # fmt: skip
INK, FAINT = "#222222", "#777777"


def plain(value: float) -> str:
    """Return a number of an axis as it is read aloud, without powers of ten where that is short.

    >>> plain(1500000.0), plain(0.25), plain(2e-7)
    ('1,500,000', '0.25', '2e-07')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def shortened(name: object, most: int = 28) -> str:
    """Return a name that leaves room for the picture: its middle is left out where it is long.

    >>> shortened("petal length"), shortened("amount_of_money_spent_by_customers_last_year")
    ('petal length', 'amount_of_mone…ers_last_year')
    """
    text = str(name)
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[len(text) - (most - most // 2 - 1) :]}"


def plain_log_axis(axes: Any) -> None:
    """Have a logarithmic y axis say plain numbers: 1, 2, 5 where it spans few decades.

    Parameters
    ----------
    axes : matplotlib Axes
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_ylim()
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if low > 0 and high / low < 300:
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
