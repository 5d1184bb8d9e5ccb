"""The runs of one fit of k-means, in such a way that a killed fit can go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.checkpoint import (
    CheckpointFile,
    State,
    copied,
    generator_state,
    part,
    restore_arrays,
    restore_generator,
)
from ..core.validation import Array
from ._batches import Progress, RunningMeans
from ._lloyd import Clustering, LloydRun

_NUMBERS = ("inertia", "n_iter", "n_decided", "n_scored")


class Runs:
    """Where a fit of several runs stands: which run, how far, and the best before it.

    Parameters
    ----------
    file : CheckpointFile or None, where to go on from and what to write to
    random_state : RandomState, from which the starts are drawn

    Attributes
    ----------
    number : int, the run to begin with
    best : Clustering or None, the result of least inertia so far
    """

    def __init__(self, file: CheckpointFile | None, random_state: np.random.RandomState) -> None:
        self._file, self._random_state = file, random_state
        self._run: LloydRun | None = None
        self._found: State | None = None if file is None else file.read()
        self.number, self.best = 0, None
        if self._found is None:
            return
        arrays, numbers = self._found
        self.number = int(numbers["run"])
        if "best.labels" in arrays:
            self.best = Clustering(
                arrays["best.labels"],
                arrays["best.centers"],
                *(numbers[f"best.{name}"] for name in _NUMBERS),
            )
        restore_generator(random_state, self._found, "random.")

    def centers(self) -> Array | None:
        """Return the centres of the run to go on with, or None to begin one."""
        return None if self._found is None else self._found.arrays["run.points"].copy()

    def begin(self, number: int, run: LloydRun) -> None:
        """Take note of a run that begins, and bring it to where it was."""
        if self._found is not None:
            run.restore(part(self._found.arrays, "run."))
            self._found = None
        self.number, self._run = number, run

    def end(self, found: Clustering) -> None:
        """Keep the result of a run if it is the best."""
        if self.best is None or found.inertia < self.best.inertia:
            self.best = found

    def save(self) -> None:
        """Write the state to the file if that is due."""
        if self._file is not None:
            self._file.offer(self._state)

    def forget(self) -> None:
        """Remove the file: the fit has ended."""
        if self._file is not None:
            self._file.remove()

    def _state(self) -> State:
        assert self._run is not None
        generator = generator_state(self._random_state, "random.")
        arrays, numbers = {**generator.arrays}, {**generator.numbers}
        arrays |= {f"run.{name}": array for name, array in self._run.arrays().items()}
        numbers["run"] = self.number
        if self.best is not None:
            best = dataclasses.asdict(self.best)
            numbers |= {f"best.{name}": best[name] for name in _NUMBERS}
            arrays |= {f"best.{name}": best[name] for name in ("labels", "centers")}
        return State(copied(arrays), numbers)


def batches_state(
    means: RunningMeans,
    progress: Progress,
    random_state: np.random.RandomState,
    numbers: Mapping[str, Any],
) -> State:
    """Return where a fit by batches stands; ``numbers`` are added to its own."""
    generator = generator_state(random_state, "random.")
    return State(
        copied({**generator.arrays, **means.arrays()}),
        {**generator.numbers, **progress.numbers(), **numbers},
    )


def restore_batches(
    found: State, means: RunningMeans, progress: Progress, random_state: np.random.RandomState
) -> None:
    """Bring a fit by batches to where it stood."""
    restore_arrays(means.arrays(), found.arrays)
    progress.restore(found.numbers)
    restore_generator(random_state, found, "random.")
