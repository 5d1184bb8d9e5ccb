"""One thread for the BLAS behind NumPy and SciPy, where its bits are ours.

Its threads would wait for ours, and how many there are decides the order it adds in.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import scipy.linalg  # noqa: F401  (so that its BLAS is there to be found)
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


@cache
def _libraries() -> Any:
    """Return those that are loaded: to look for them takes 2 milliseconds, so it is done once."""
    return ThreadpoolController().select(user_api="blas")


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context within which the BLAS of NumPy and SciPy has one thread."""
    limit: AbstractContextManager[Any] = _libraries().limit(limits=1)
    return limit
