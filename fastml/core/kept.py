"""What follows from fitted arrays, kept from one call to the next while every bit is as it was.

Users may put other arrays in the place of fitted ones, and write into them.  To make a model ready
anew takes longer than some hundred rows; to see that nothing has changed, a microsecond.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

#: Of each array its shape, its type and its bytes.
Contents = tuple[tuple[Any, Any, bytes], ...]


class Kept(dict[Any, Any]):
    """What was last made of fitted arrays, by what it is: made by a fit, and filled by predictions.

    It is no part of what was fitted: copies and pickles of an estimator begin without it.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


def made_of(
    arrays: Sequence[Any], kept: dict[Any, Any], what: Any, key: Any, make: Callable[[], Any]
) -> Any:
    """Return what is made of arrays, made anew only where they are not as they were.

    Parameters
    ----------
    arrays : sequence of array-like
    kept : dict, a :class:`Kept`, or one that nobody keeps
    what : hashable
        What it is: for each there is one in ``kept``.
    key : object
        What it depends on besides.
    make : callable
    """
    found = kept.get(what)
    if found is None or found[0] != key or not as_they_were(arrays, found[1]):
        held = contents(arrays)  # before: whoever writes meanwhile has it made once more
        found = kept[what] = key, held, make()
    return found[2]


def contents(arrays: Sequence[Any]) -> Contents:
    """Return what arrays hold, to be compared by :func:`as_they_were`."""
    found = [np.asarray(array) for array in arrays]
    return tuple((array.shape, array.dtype, array.tobytes()) for array in found)


def as_they_were(arrays: Sequence[Any], before: Contents) -> bool:
    """Say whether as many arrays hold what they held before.

    Examples
    --------
    >>> some = [np.zeros(2), np.ones(3)]
    >>> before = contents(some)
    >>> as_they_were(some, before)
    True
    >>> some[0][1] = 1.0
    >>> as_they_were(some, before)
    False
    """
    if len(arrays) != len(before):
        return False
    for array, (shape, dtype, held) in zip(arrays, before, strict=False):
        if type(array) is not np.ndarray:
            array = np.asarray(array)
        # As bytes: to compare them as arrays takes as long as all else for one row.
        if array.shape != shape or array.dtype != dtype or array.tobytes() != held:
            return False
    return True
