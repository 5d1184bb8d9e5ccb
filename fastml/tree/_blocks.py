"""Trees of rows larger than memory: codes and targets are held, the rows are mapped from a file.

Codes say where nearly all splits are; of the rows only those in the bins that are looked into are
read again, and small nodes as a whole.  What is read is what an array holds, so the tree is the
same, bit by bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.memory import in_words, memory_limit
from ..core.validation import Array
from ..data import Blocks, as_blocks, is_blocks, mapped
from ..execution import Plan

#: Bytes of a code, and what else is held of a row, as measured: its class or number, weight, place
#: and leaf.
_CODE_BYTES, OF_CLASSES, OF_NUMBERS, OF_A_FOREST = 2, 130, 200, 220
#: Histograms and lists.
_LISTS_BYTES = 16 << 20


def held_bytes(shape: tuple[int, ...], row_bytes: int) -> int:
    """Return about how many bytes growing trees takes, so many a row besides the codes."""
    n, d = shape
    return n * (_CODE_BYTES * d + row_bytes) + _LISTS_BYTES


def rows_of(
    X: Any, y: Any, sample_weight: Any, row_bytes: int, dtype: Any = None
) -> tuple[Array, Any, Any]:
    """Return the samples of a fit as arrays, X mapped to memory if it is blocks.

    Parameters
    ----------
    X : Blocks (n_samples, n_features), or what stands for them
    y, sample_weight : array-like, Blocks or None
    row_bytes : int
        Bytes of a row besides its codes.
    dtype : dtype, default=None
        That of the rows: float32 if X is, else float64 by default.

    Raises
    ------
    ValueError
        If the codes of X would break the limit of memory.
    """
    source = as_blocks(X, "X")
    limit, needed = memory_limit(), held_bytes(source.shape, row_bytes)
    if limit is not None and needed > limit:
        raise ValueError(
            f"Codes and targets of {source.name} would take {in_words(needed)} of memory, above "
            f"the limit of {in_words(limit)}."
        )
    kind = dtype or (np.float32 if source.dtype == np.float32 else np.float64)
    rows = mapped(source.astype(kind), source.cache_folder)
    y, sample_weight = (np.asarray(a) if is_blocks(a) else a for a in (y, sample_weight))
    return rows, y, sample_weight


def plan_of(X: Blocks, row_bytes: int) -> Plan:
    """Return what growing trees of blocks does with rows."""
    passes = [("missing values, codes", 2)]
    return Plan(
        passes, 1, 0, held=held_bytes(X.shape, row_bytes),
        note="rows in bins that are looked into, and of small nodes, are read again",
    )  # fmt: skip
