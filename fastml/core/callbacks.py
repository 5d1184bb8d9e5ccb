"""scikit-learn's callbacks around a fit and each of its epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Epoch:
    """One epoch, and whether a callback asked to stop at its end."""

    stop: bool = False


class FitTask:
    """The task of a call of ``fit``, whose subtasks are epochs.

    Parameters
    ----------
    estimator : CallbackSupportMixin
    max_epochs : int
    data : dict
        What callbacks may ask for: ``X``, ``y`` and ``metadata``.
    attributes : callable
        Returns the fitted attributes an estimator stopped now would have.
    subtask : str
        What callbacks call one of the subtasks.
    """

    def __init__(
        self,
        estimator: Any,
        max_epochs: int,
        data: dict[str, Any],
        attributes: Callable[[], dict[str, Any]],
        subtask: str = "epoch",
    ) -> None:
        self._arguments = {"estimator": estimator, **data}
        self._attributes = attributes
        self._subtask = subtask
        #: Whether there is anybody to tell.
        self.watched = hasattr(estimator, "_skl_callbacks")
        self._context: Any = None  # whose identifiers take longer than an epoch of some rows
        if self.watched:
            self._context = estimator._init_callback_context(max_subtasks=max_epochs)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Tell the callbacks that the fit begins and, if it succeeds, that it ends."""
        if not self.watched:
            yield
            return
        self._context.call_on_fit_task_begin(**self._arguments)
        yield
        self._context.call_on_fit_task_end(
            **self._arguments, reconstruction_attributes=self._attributes
        )

    @contextmanager
    def epoch(self) -> Iterator[Epoch]:
        """Tell the callbacks that an epoch begins and ends; costs nothing without any."""
        epoch = Epoch()
        if not self.watched:
            yield epoch
            return
        context = self._context.subcontext(task_name=self._subtask)
        context.call_on_fit_task_begin(**self._arguments)
        yield epoch
        epoch.stop = context.call_on_fit_task_end(
            **self._arguments, reconstruction_attributes=self._attributes
        )
