"""Training: one epoch of descent on six networks, the optimisers, and a tiny full batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench import checks
from bench.case import FASTML, NUMPY, Case, Cost, Row
from bench.networks import (
    TorchNetwork,
    fastml_fit,
    multiply_adds,
    numpy_epoch,
    sklearn_fit,
    torch_epoch,
)
from bench.numpy_twins import TanhRegression
from bench.peers import compiled, module
from bench.sizes import Size
from bench.workloads import Training, classification, flat, regression

NETWORKS = [
    ([30, 16, 1], 20_000, 32),
    ([28, 64, 64, 1], 50_000, 128),
    ([784, 128, 1], 60_000, 128),
    ([784, 256, 128, 1], 60_000, 256),
    ([28, 256, 256, 256, 1], 200_000, 1024),
    ([28, 1], 100_000, 256),
]


def name_of(widths: list[int]) -> str:
    """Return widths as in 28-64-64-1."""
    return "-".join(map(str, widths))


def training_cost(widths: list[int], rows: int, itemsize: int) -> Cost:
    """Return forward, weight gradient and delta of every layer; no delta below the first."""
    products = 3 * multiply_adds(widths) - widths[0] * widths[1]
    return Cost(flops=2.0 * products * rows, read=rows * (widths[0] + 1) * itemsize)


def _epochs(size: Size) -> list[Case]:
    networks = size.pick(
        full=NETWORKS,
        quick=[
            (widths, rows // (2 if multiply_adds(widths) < 1e4 else 20), batch)
            for widths, rows, batch in NETWORKS
        ],
        tiny=[([5, 4, 1], 96, 32), ([7, 1], 64, 32)],
    )
    few = size.pick(full=None, quick=3, tiny=1)  # how many in float64
    found = []
    for dtype in ("float32", "float64"):
        for widths, every_row, batch in networks[: None if dtype == "float32" else few]:
            rows = every_row if dtype == "float32" else every_row // 2
            rest: dict[str, Any] = {"torch": torch_epoch()}
            # Compiling takes half a minute a network: where eager torch is not hopeless.
            if dtype == "float32" and rows * multiply_adds(widths) > 5e8:
                rest["torch compiled"] = torch_epoch(compiled)
            if len(widths) > 2:  # scikit-learn's needs a hidden layer
                rest = {"scikit-learn": sklearn_fit(), **rest}
            found.append(
                Case(
                    group="one training epoch",
                    name=f"{name_of(widths)}, {rows:,} rows, batches of {batch}, {dtype}",
                    rows={NUMPY: numpy_epoch, FASTML: fastml_fit(), **rest},
                    inputs=lambda a=(widths, rows, batch, dtype): classification(*a),
                    check=checks.movement(5e-3 if dtype == "float32" else 1e-8),
                    cost=training_cost(
                        widths, max(rows // batch, 1) * batch, np.dtype(dtype).itemsize
                    ),
                    dtype=dtype,
                    headline=dtype == "float32",
                )
            )
    return found


def _optimizers(size: Size) -> list[Case]:
    widths = [28, 64, 64, 1]
    rows = size.pick(full=50_000, quick=5_000, tiny=128)
    return [
        Case(
            group="optimisers",
            name=f"{name_of(widths)}, {rows:,} rows, batches of 128",
            rows={
                FASTML: fastml_fit(),
                "fastml, momentum": fastml_fit(momentum=0.9, nesterovs_momentum=False),
                "fastml, Nesterov": fastml_fit(momentum=0.9, nesterovs_momentum=True),
                "fastml, Adam": fastml_fit(solver="adam"),
                "fastml, plain, its gradients recorded": fastml_fit(record_gradients=True),
            },
            inputs=lambda: classification(widths, rows, 128),
            check=checks.anything,  # four different steps; the tests compare each
        )
    ]


def _numpy_full_batch(steps: int) -> Any:
    def make(work: Training) -> Row:
        model = TanhRegression(*work.copies(), work.learning_rate)

        def reset() -> None:
            model.__init__(*work.copies(), work.learning_rate)  # type: ignore[misc]

        def call() -> None:
            for _ in range(steps):
                model.step(work.X, work.y)

        return Row(call, lambda _: flat(model.coefs, model.intercepts), reset)

    return make


def _torch_full_batch(steps: int, compile_with: Any = None) -> Any:
    def make(work: Training) -> Row:
        torch = module("torch")
        network = TorchNetwork(work, tanh=True)
        state: dict[str, Any] = {}

        def reset() -> None:
            network.reset()
            state["optimizer"] = torch.optim.Adam(network.model.parameters(), lr=work.learning_rate)

        def loss_of(X: Any, y: Any) -> Any:
            return 0.5 * ((network.model(X) - y) ** 2).sum() / len(X)

        if compile_with is not None:
            torch.compiler.reset()
            loss_of = compile_with(loss_of)

        def call() -> None:
            for _ in range(steps):
                state["optimizer"].zero_grad(set_to_none=True)
                loss_of(network.X, network.y).backward()
                state["optimizer"].step()

        reset()
        return Row(call, network.parameters, reset, compiles=compile_with is not None)

    return make


def _full_batch(size: Size) -> list[Case]:
    widths = [4, 32, 16, 4]
    rows, steps = size.pick(full=(10_000, 50), quick=(10_000, 10), tiny=(100, 10))
    settings = {"activation": "tanh", "solver": "adam", "max_iter": steps}
    epoch = training_cost(widths, rows, 4)
    return [
        Case(
            group="tiny network, full batch",
            name=f"{name_of(widths)} tanh, Adam, {rows:,} rows, {steps} steps",
            rows={
                NUMPY: _numpy_full_batch(steps),
                FASTML: fastml_fit("MLPRegressor", **settings),
                "scikit-learn": sklearn_fit("MLPRegressor", **settings),
                "torch": _torch_full_batch(steps),
                "torch compiled": _torch_full_batch(steps, compiled),
            },
            inputs=lambda: regression(widths, rows),
            # Adam divides by the size of the gradient, so roundings of small ones count fully.
            check=checks.movement(2e-2),
            cost=Cost(flops=steps * epoch.flops),  # the data stays in cache
            headline=True,
        )
    ]


def cases(size: Size) -> list[Case]:
    """Return all of training."""
    return [*_epochs(size), *_optimizers(size), *_full_batch(size)]
