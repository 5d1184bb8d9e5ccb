"""Classes of a classifier's targets, and the number of each target's class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets

from .threads import new_state, run_team, team_size

Array = NDArray[Any]

#: Targets a ticket, and the widest range of whole numbers that a table stands for.
_BLOCK, _WIDEST = 1 << 16, 1 << 12
#: So few numbers are sooner looked at by NumPy.
_FEW = 256
#: First rows of so few classes are looked for one by one, among so many rows first.
_FEW_CLASSES, _FIRST_ROWS = 8, 4096


def check_classes(y: Array) -> None:
    """Raise ValueError, as scikit-learn does, if targets are no classes.

    Whole numbers always are, and need not be looked through.
    """
    if y.dtype.kind not in "biu" or y.ndim != 1:
        check_classification_targets(y)


def number_classes(y: Array, known: Array | None = None) -> tuple[Array, NDArray[np.int32]]:
    """Return the classes, sorted, and the number of each target's class.

    Parameters
    ----------
    y : ndarray (n_samples,)
        Not empty.
    known : ndarray (n_classes,), default=None
        The classes, sorted; those of ``y`` by default.

    Returns
    -------
    classes : ndarray (n_classes,)
    numbers : ndarray (n_samples,) of int32
        -1 where a target is none of the classes.

    Examples
    --------
    >>> number_classes(np.array([3, 1, 3]))
    (array([1, 3]), array([1, 0, 1], dtype=int32))
    """
    if _is_whole(y):
        found = _number_whole(y, known)
        if found is not None:
            return found
    if known is None:
        classes, inverse = np.unique(y, return_inverse=True)
        return classes, inverse.astype(np.int32)
    at = np.minimum(np.searchsorted(known, y), len(known) - 1)
    return known, np.where(known[at] == y, at, -1).astype(np.int32)


def named_classes(classes: Any, n_classes: int) -> Array:
    """Return ``classes_``, which somebody may have replaced, as an array.

    Raises
    ------
    ValueError
        If it has another shape than was fitted.
    """
    found = np.asarray(classes)
    if found.shape != (n_classes,):
        raise ValueError(f"classes_ has shape {found.shape}, expected ({n_classes},).")
    return found


def name_classes(classes: Any, numbers: Array, n_classes: int) -> Array:
    """Return the class of each number: ``classes[numbers]``, but sooner.

    Ten times for the classes 0, 1, 2 ..., and on all threads for others of eight bytes.

    Parameters
    ----------
    classes : array-like (n_classes,)
    numbers : ndarray (n_samples,) of integers or bool
        From 0 to n_classes - 1.  What -1 is named is not defined.
    n_classes : int

    Returns
    -------
    named : ndarray (n_samples,) of the classes' type

    Raises
    ------
    ValueError
        If there are more or fewer classes.

    Examples
    --------
    >>> name_classes(["a", "b"], np.array([1, 0]), 2)
    array(['b', 'a'], dtype='<U1')
    """
    known = named_classes(classes, n_classes)
    if len(numbers) <= _FEW:  # sooner named than their classes are looked at
        return known.take(numbers)
    if known.dtype.kind in "iu" and np.array_equal(known, np.arange(len(known))):
        return numbers.astype(known.dtype)
    if known.dtype.hasobject or known.itemsize != 8:
        return known.take(numbers)
    from ..kernels.ops import classes as kernels  # not for one row, which it would cost a tenth

    values = np.ascontiguousarray(known).view(np.int64)
    named = np.empty(len(numbers), np.int64)
    members = min(team_size(0.5 * len(numbers)), -(-len(numbers) // _BLOCK))
    short = np.ascontiguousarray(numbers, np.int32)
    run_team(kernels.name_numbers, members, values, short, _BLOCK, new_state(), named)
    return named.view(known.dtype)


def count_classes(y: Array) -> tuple[Array, Array, Array]:
    """Return the classes, sorted, the first row of each, and how many rows each has.

    Parameters
    ----------
    y : ndarray (n_samples,)
        Not empty.

    Examples
    --------
    >>> count_classes(np.array([3, 1, 3]))
    (array([1, 3]), array([1, 0]), array([1, 2]))
    """
    from ..kernels.ops import classes as kernels

    found = _range_of(y) if _is_whole(y) else None
    if found is None:
        return np.unique(y, return_index=True, return_counts=True)
    whole, low, width, _, members = found
    shape = -(-len(whole) // _BLOCK), width
    counts, rows = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    run_team(kernels.count_values, members, whole, low, _BLOCK, new_state(), counts, rows)
    values = np.flatnonzero(counts.any(axis=0))
    first = (counts[:, values] > 0).argmax(axis=0)
    return (values + low).astype(y.dtype), rows[first, values], counts[:, values].sum(axis=0)


def first_of_classes(y: Array) -> tuple[Array, Array]:
    """Return what :func:`count_classes` does but the counts, and sooner.

    Examples
    --------
    >>> first_of_classes(np.array([3, 1, 3]))
    (array([1, 3]), array([1, 0]))
    """
    found = _range_of(y) if _is_whole(y) else None
    if found is None or found[2] > _FEW_CLASSES:
        return count_classes(y)[:2]
    whole, low, width, bits, _ = found
    values = [v for v in range(low, low + width) if bits >> v % 64 & 1]
    rows = []
    for value in values:
        first = int((whole[:_FIRST_ROWS] == value).argmax())
        rows.append(first if whole[first] == value else int((whole == value).argmax()))
    return np.array(values).astype(y.dtype), np.array(rows)


def _is_whole(y: Array) -> bool:
    return bool(y.dtype.kind in "iub" and y.dtype.itemsize <= 8 and y.dtype != np.uint64)


def _range_of(y: Array) -> tuple[Array, int, int, int, int] | None:
    """Return whole numbers, the least, how many there may be, their bits, and a team.

    Bit y % 64 is set for every number y.  None if there may be too many.
    """
    from ..kernels.ops import classes as kernels

    whole = np.ascontiguousarray(y, dtype=np.int64)
    n_blocks = -(-len(whole) // _BLOCK)
    members = min(team_size(0.5 * len(whole)), n_blocks)
    lowest, highest, bits = np.empty((3, n_blocks), np.int64)
    run_team(kernels.find_range, members, whole, _BLOCK, new_state(), lowest, highest, bits)
    low, high, found = int(lowest.min()), int(highest.max()), int(np.bitwise_or.reduce(bits))
    return None if high - low >= _WIDEST else (whole, low, high - low + 1, found, members)


def _number_whole(y: Array, known: Array | None) -> tuple[Array, NDArray[np.int32]] | None:
    """Return what :func:`number_classes` does for whole numbers close together, else None."""
    from ..kernels.ops import classes as kernels

    if known is None:
        found = _range_of(y)
        if found is None:
            return None
        whole, low, width, bits, members = found
        if width <= 64:
            values = np.array([v for v in range(low, low + width) if bits >> v % 64 & 1])
        else:
            present = np.zeros((-(-len(whole) // _BLOCK), width), np.bool_)
            run_team(kernels.mark_present, members, whole, low, _BLOCK, new_state(), present)
            values = np.flatnonzero(present.any(axis=0)) + low
        known = values.astype(y.dtype)
    else:
        if not _is_whole(known):
            return None
        values = known.astype(np.int64)
        low, width = int(values[0]), int(values[-1]) - int(values[0]) + 1
        if width > _WIDEST:
            return None
        whole = np.ascontiguousarray(y, dtype=np.int64)
        members = min(team_size(0.5 * len(whole)), -(-len(whole) // _BLOCK))
    table = np.full(width, -1, np.int32)
    table[values - low] = np.arange(len(values), dtype=np.int32)
    numbers = np.empty(len(whole), np.int32)
    run_team(kernels.number_classes, members, whole, low, table, _BLOCK, new_state(), numbers)
    return known, numbers
