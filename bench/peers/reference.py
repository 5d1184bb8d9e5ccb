"""``fastml.reference``: the mathematics in plain NumPy, which speed is tracked against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..harness.case import Row
from ..harness.workloads import Fit, Layer, Points, Problem, Training, Vector, flat


def nearest(work: Points) -> Row:
    """Label rows by the differences, in float64."""
    from fastml import reference

    return Row(lambda: reference.nearest_centroid(work.X, work.centers))


def fit(max_iter: int) -> Callable[[Problem], Row]:
    """Return the factory of a row: plain Lloyd from the given centres."""

    def make(work: Problem) -> Row:
        from fastml import reference

        def call() -> Fit:
            centers, labels, _, n_iter = reference.kmeans(
                work.X, len(work.centers), init=work.centers, max_iter=max_iter
            )
            return Fit(centers, n_iter, labels)

        return Row(call, iterations=lambda found: found.n_iter)

    return make


def sigmoid_row(name: str) -> Callable[[Vector], Row]:
    """Return the row of the sigmoid or its derivative."""

    def make(work: Vector) -> Row:
        from fastml import reference

        function = getattr(reference, name)
        return Row(lambda: function(work.x), work.answer)

    return make


def dense_forward(work: Layer) -> Row:
    """Apply a layer of sigmoids."""
    from fastml import reference

    return Row(lambda: reference.dense_forward(work.X, work.W, work.b))


def dense_backward(work: Layer) -> Row:
    """Carry a delta back through a layer."""
    from fastml import reference

    return Row(lambda: reference.dense_backward(work.X, work.W, work.delta, activation="logistic"))


def epoch(work: Training) -> Row:
    """Run one epoch of plain descent."""
    from fastml import reference

    coefs, intercepts = work.copies()
    order = np.arange(len(work.X))

    def reset() -> None:
        starts = [*work.coefs, *work.intercepts]
        for target, source in zip([*coefs, *intercepts], starts, strict=True):
            target[...] = source

    return Row(
        lambda: reference.train_epoch(
            work.X, work.y, coefs, intercepts, order, work.batch_size, work.learning_rate
        ),
        lambda loss: flat(coefs, intercepts),
        reset,
    )


def probability(work: Training) -> Row:
    """Return ŷ of all rows."""
    from fastml import reference

    return Row(lambda: reference.forward(work.X, work.coefs, work.intercepts)[-1][:, 0])


def tanh_adam(steps: int) -> Callable[[Training], Row]:
    """Return the factory of a row: full-batch Adam on tanh layers under half the squared error."""

    def make(work: Training) -> Row:
        state: dict[str, Any] = {}

        def reset() -> None:
            coefs, intercepts = work.copies()
            parameters = [*coefs, *intercepts]
            zeros = [[np.zeros_like(p) for p in parameters] for _ in range(2)]
            state.update(coefs=coefs, intercepts=intercepts, moments=zeros)

        def call() -> None:
            from fastml import reference

            coefs, intercepts = state["coefs"], state["intercepts"]
            hidden = ["tanh"] * (len(coefs) - 1)
            for t in range(1, steps + 1):
                _, dWs, dbs = reference.loss_and_gradients(
                    work.X, work.y, coefs, intercepts, activations=hidden, output="identity"
                )
                rate = float(work.learning_rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t))
                parts = zip([*coefs, *intercepts], [*dWs, *dbs], *state["moments"], strict=True)
                for p, g, m, v in parts:
                    m += 0.1 * (g - m)
                    v += 0.001 * (g * g - v)
                    p -= rate * m / (np.sqrt(v) + 1e-8)

        reset()
        return Row(call, lambda _: flat(state["coefs"], state["intercepts"]), reset)

    return make
