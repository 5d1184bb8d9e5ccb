"""Switches of the environment that change what is compiled, read once."""

from __future__ import annotations

import os


def _is_set(name: str) -> bool:
    return os.environ.get(name, "0") not in ("", "0")


#: Check every tile load and store against its array (slow; run on one thread).
CHECK_TILES = _is_set("FASTML_CHECK_TILES")

#: Give working memory exactly the elements asked for, unaligned: what lies behind is not ours.
EXACT_SCRATCH = _is_set("FASTML_EXACT_SCRATCH")

#: Compile with plain ``numba.njit`` and Numba's own cache: slower to compile, the same results.
PLAIN_NUMBA = _is_set("FASTML_PLAIN_NUMBA")
