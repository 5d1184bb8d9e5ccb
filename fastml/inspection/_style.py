"""The colours of pictures."""

from __future__ import annotations

from typing import Any

#: Told apart with any colour vision (Paul Tol's "bright", and two more).
COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#ee8866", "#777777",
)  # fmt: skip
INK, FAINT = "#222222", "#777777"


def plain(value: float) -> str:
    """Return a number of an axis as it is read aloud, without powers of ten where that is short.

    >>> plain(1500000.0), plain(0.25), plain(2e-7)
    ('1,500,000', '0.25', '2e-07')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def plain_log_axis(axes: Any) -> None:
    """Have a logarithmic y axis say plain numbers, in between too where it spans few decades.

    Parameters
    ----------
    axes : matplotlib Axes
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    low, high = axes.get_ylim()
    formatter = FuncFormatter(lambda value, _: plain(value))
    axes.yaxis.set_major_formatter(formatter)
    few = high / low < 10 if low > 0 else False
    axes.yaxis.set_minor_formatter(formatter if few else NullFormatter())
