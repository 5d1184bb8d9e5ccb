"""What a fresh process is asked first."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FirstFit:
    """The first fit of an estimator.

    estimator : its public name in fastml
    code : fits it on little data and sets ``answer``, which is the same in every process
    floor : imports what nobody is spared
    """

    estimator: str
    code: str
    floor: str


def environment(cache: str | None = None) -> dict[str, str]:
    """Return the environment of a fresh process that imports this fastml and this bench."""
    import fastml

    found = dict(os.environ)
    found["PYTHONPATH"] = str(Path(fastml.__file__).resolve().parents[1])
    if cache is not None:
        found["FASTML_CACHE_DIR"] = cache
    return found
