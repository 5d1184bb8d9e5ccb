"""Training in such a way that a killed fit can go on."""

from __future__ import annotations

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
from ._blockwise import TableEpochs
from ._epochs import RunAhead
from ._loop import TrainingLoop


class Resuming:
    """Where the training of a stochastic solver stands, in a file.

    First weights and samples held out are not written: they are drawn again, by the generator as
    it was when the fit began, which is written.

    Parameters
    ----------
    file : CheckpointFile or None
        Where to go on from and what to write to; None for neither.
    random_state : RandomState
        Put where it was when the fit began, if that goes on.
    """

    def __init__(self, file: CheckpointFile | None, random_state: np.random.RandomState) -> None:
        self._file, self._random_state = file, random_state
        self._found: State | None = None
        if file is not None:
            self._found = file.read()
            if self._found is not None:
                restore_generator(random_state, self._found, "start.")
            self._start = generator_state(random_state, "start.")

    def begin(self, loop: TrainingLoop, epochs: RunAhead | TableEpochs) -> None:
        """Bring a training that begins to where it was."""
        if self._found is None:
            return
        arrays, numbers = self._found
        assert loop.optimizer is not None
        restore_arrays(_arrays(loop, epochs), arrays)
        loop.optimizer.steps = numbers["optimizer.steps"]
        loop.optimizer.learning_rate = numbers["optimizer.learning_rate"]
        loop.history.restore(part(arrays, "history."), part(numbers, "history."))
        restore_generator(self._random_state, self._found, "random.")
        self._found = None

    def save(self, loop: TrainingLoop, epochs: RunAhead | TableEpochs) -> None:
        """Write the state to the file if that is due."""
        if self._file is not None:
            self._file.offer(lambda: self._state(loop, epochs))

    def forget(self) -> None:
        """Remove the file: the fit has ended."""
        if self._file is not None:
            self._file.remove()

    def _state(self, loop: TrainingLoop, epochs: RunAhead | TableEpochs) -> State:
        assert loop.optimizer is not None
        generator = generator_state(self._random_state, "random.")
        history = loop.history.state()
        arrays = {
            **self._start.arrays,
            **generator.arrays,
            **{f"history.{name}": array for name, array in history.arrays.items()},
            **_arrays(loop, epochs),
        }
        numbers = {
            **self._start.numbers,
            **generator.numbers,
            **{f"history.{name}": number for name, number in history.numbers.items()},
            "optimizer.steps": int(loop.optimizer.steps),
            "optimizer.learning_rate": float(loop.optimizer.learning_rate),
        }
        return State(copied(arrays), numbers)


def _arrays(loop: TrainingLoop, epochs: RunAhead | TableEpochs) -> dict[str, Array]:
    """Return the arrays that training changes in place."""
    assert loop.optimizer is not None
    moments = {f"moment.{i}": moment for i, moment in enumerate(loop.optimizer.moments)}
    return {"parameters": loop.parameters, "kept": loop.kept, "order": epochs.order, **moments}
