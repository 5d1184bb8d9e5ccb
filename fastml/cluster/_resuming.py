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
    restore_arrays,
    restore_generator,
)
from ..core.validation import Array
from ._batches import Progress, RunningMeans
from ._lloyd import Clustering, LloydRun

_NUMBERS = ("inertia", "n_iter", "n_decided", "n_scored")


def _part(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the entries whose name begins so, without that."""
    return {key.removeprefix(name): v for key, v in values.items() if key.startswith(name)}


def _generator_state(random_state: np.random.RandomState) -> tuple[dict[str, Any], dict[str, Any]]:
    arrays, numbers = generator_state(random_state)
    return (
        {f"random.{name}": array for name, array in arrays.items()},
        {f"random.{name}": number for name, number in numbers.items()},
    )


def _restore_generator(random_state: np.random.RandomState, found: State) -> None:
    generator = State(_part(found.arrays, "random."), _part(found.numbers, "random."))
    restore_generator(random_state, generator)


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
        _restore_generator(random_state, self._found)

    def centers(self) -> Array | None:
        """Return the centres of the run to go on with, or None to begin one."""
        return None if self._found is None else self._found.arrays["run.points"].copy()

    def begin(self, number: int, run: LloydRun) -> None:
        """Take note of a run that begins, and bring it to where it was."""
        if self._found is not None:
            restore_arrays(run.arrays(), _part(self._found.arrays, "run."))
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
        arrays, numbers = _generator_state(self._random_state)
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
    arrays, generator = _generator_state(random_state)
    return State(
        copied({**arrays, **means.arrays()}), {**generator, **progress.numbers(), **numbers}
    )


def restore_batches(
    found: State, means: RunningMeans, progress: Progress, random_state: np.random.RandomState
) -> None:
    """Bring a fit by batches to where it stood."""
    restore_arrays(means.arrays(), found.arrays)
    progress.restore(found.numbers)
    _restore_generator(random_state, found)
