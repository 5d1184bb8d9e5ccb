"""Callbacks that look on, ask to stop, or interrupt."""

from __future__ import annotations


class Onlooker:
    """A callback that does nothing: what others are made of."""

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        pass


class Stop(Onlooker):
    """Asks to stop after a number of iterations, and notes the score of each."""

    def __init__(self, after):
        self.left = after
        self.scores = []

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        if context.parent is None:
            return False
        self.scores.append(fitted_estimator.score(X))
        self.left -= 1
        return self.left == 0


class Interrupted(BaseException):
    """Nothing a library may catch for good."""


class Interrupt(Onlooker):
    """Raises, as an interrupt would, when so many iterations have begun and another begins."""

    def __init__(self, count, error=Interrupted):
        self.count, self.error = count, error

    def on_fit_task_begin(self, estimator, context):
        self.count -= context.parent is not None
        if self.count < 0:
            raise self.error
