"""Machine learning on large tables with ordinary CPUs, at the machine's limit.

Names resolve on first use: importing :mod:`fastml` imports neither scikit-learn nor Numba.
They are listed in ``__init__.pyi``, which type checkers read and :mod:`lazy_loader` too.
"""

from __future__ import annotations

from typing import Any

import lazy_loader

from ._version import __version__ as __version__

_resolve, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    value = _resolve(name)
    globals()[name] = value  # so that the next use costs nothing
    return value
