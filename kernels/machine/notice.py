"""A line on a terminal while kernels are compiled: the first call of a machine takes seconds.

Only where standard error is a terminal, never in a log, a notebook or a pipe; it is taken away
when a kernel is done.
"""

from __future__ import annotations

import sys

_CLEAR = "\r\x1b[K"
_wanted = True


def silence() -> None:
    """Say nothing any more: the caller has lines of its own."""
    global _wanted
    _wanted = False


def _say(text: str) -> None:
    stream = sys.stderr
    try:
        if _wanted and stream is not None and stream.isatty():
            stream.write(text)
            stream.flush()
    except (OSError, ValueError):  # closed or broken: a notice is not worth an error
        return


def begin(name: str) -> None:
    """Say that a kernel is being compiled.

    Parameters
    ----------
    name : str
    """
    _say(f"{_CLEAR}fastml: compiling {name} (once; later processes load it)")


def end() -> None:
    """Take the line away."""
    _say(_CLEAR)
