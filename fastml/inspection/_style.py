"""The colours of pictures."""

from __future__ import annotations

#: Told apart with any colour vision (Paul Tol's "bright", and two more).
COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#ee8866", "#777777",
)  # fmt: skip
INK, FAINT = "#222222", "#777777"
