"""How the trees of a forest grow: several at a time by joblib, or one after the other."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import joblib
import numpy as np
from joblib.parallel import get_active_backend

from ..core.threads import get_num_threads
from ..tree._problem import max_features_of

#: Nanoseconds of a tree's fit for each row, feature that a node looks at, and level.
_A_LOOK = 16.0
#: Nanoseconds that joblib's threads cost: it looks only every 10 ms whether they are ready, and
#: Python's part of a tree's fit, two thirds of a millisecond, is longer where others wait.
_JOBS, _A_TREE_AMONG_JOBS = 20e6, 0.3e6


def _worth_jobs(settings: dict[str, Any], X: Any) -> bool:
    """Say whether threads of joblib take less time for the trees than one after the other does."""
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if len(shape) != 2 or 0 in shape:  # a list, which is rarely long, or wrong
        return False
    n, d = shape
    levels = min(settings["max_depth"] or n, int(n).bit_length())
    n_trees = settings["n_estimators"]
    looks = n_trees * n * max_features_of(settings["max_features"], d) * levels
    saved = _A_LOOK * looks * (1 - 1 / get_num_threads())
    return bool(saved > _JOBS + _A_TREE_AMONG_JOBS * n_trees)


def _backend() -> tuple[str, Any]:
    """Return the name of the backend jobs go to unless they say more, and how many at a time."""
    backend, jobs = get_active_backend()
    return type(backend).__name__, jobs


def named_by_nobody() -> bool:
    """Say whether trees may be grown in whatever way: no backend is set for their jobs.

    In a job of joblib's, as of a search with ``n_jobs``, the backend is threads, of which there is
    one.
    """
    name, jobs = _backend()
    return name in ("LokyBackend", "ThreadingBackend", "SequentialBackend") and jobs in (None, 1)


@contextmanager
def _side_by_side(worth_jobs: bool) -> Iterator[None]:
    """Have trees fill the machine where that is worth it, unless the caller names a backend."""
    name, jobs = _backend()
    if name != "LokyBackend" or jobs not in (None, 1):  # as joblib has it or had
        yield
    elif worth_jobs:
        with joblib.parallel_config("threading", n_jobs=get_num_threads()):
            yield
    else:
        with joblib.parallel_config("sequential"):
            yield


class _WarningFilters:
    """Keeps what is to be done with warnings as it was before the first of some fits began.

    scikit-learn's workers each set it and set it back, all for the whole process, and so under each
    other's feet.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, in a child without the threads that were fitting."""
        # A fit may begin in the middle of what holds the lock: in a handler of a signal.  So fits
        # are counted before anything is kept, and until nothing is any more.
        self._lock, self._n_fits = threading.RLock(), 0
        self._kept = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._n_fits += 1
            if self._n_fits == 1:
                kept = warnings.catch_warnings()
                kept.__enter__()
                self._kept = kept

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._n_fits == 1:
                self._kept.__exit__(None, None, None)
            self._n_fits -= 1


_WARNING_FILTERS = _WarningFilters()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_WARNING_FILTERS.forget)


def grow_trees(base: Any, settings: dict[str, Any], X: Any, y: Any, sample_weight: Any) -> None:
    """Fit scikit-learn's forest, on this thread alone where no other can be started.

    Parameters
    ----------
    base : the forest as scikit-learn's
    settings : dict, its parameters
    """
    random_state = settings["random_state"]
    generator = random_state if isinstance(random_state, np.random.RandomState) else None
    drawn: Any = None if generator is None else generator.get_state()
    try:
        with _side_by_side(_worth_jobs(settings, X)), _WARNING_FILTERS:
            base.fit(X, y, sample_weight)
    except Exception as error:
        if not _lacks_threads(error):
            raise
        if generator is not None:
            generator.set_state(drawn)
        with joblib.parallel_config("sequential"):
            base.fit(X, y, sample_weight)


def _lacks_threads(error: BaseException | None) -> bool:
    """Say whether no more threads could be started: a pool that has some fails while it tidies."""
    while error is not None and str(error) != "can't start new thread":
        error = error.__context__
    return error is not None
