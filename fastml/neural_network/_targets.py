"""What a classifier learns to tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.validation import Array


def two_classes(y: Any) -> Array | None:
    """Return the two classes of a vector of whole numbers or booleans, or None if it is not that.

    Four passes over y, where finding any number of classes of any kind takes sorts.

    Examples
    --------
    >>> two_classes(np.array([1, -1, 1]))
    array([-1,  1])
    >>> two_classes(np.array([0.0, 0.5])) is None
    True
    """
    if type(y) is not np.ndarray or y.ndim != 1 or y.dtype.kind not in "iubf" or not y.size:
        return None
    classes = np.array([y.min(), y.max()])
    if not (np.isfinite(classes).all() and (classes == np.floor(classes)).all()):
        return None
    if classes[0] == classes[1] or not ((y == classes[0]) | (y == classes[1])).all():
        return None
    return classes
