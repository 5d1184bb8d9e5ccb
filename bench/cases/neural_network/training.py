"""Training: one epoch of descent on six networks, the optimisers, and a tiny full batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...harness import checks
from ...harness.case import FASTML, NUMPY, Case, Cost, Reference
from ...harness.lot import Lot
from ...harness.sizes import Size
from ...harness.targets import LIMIT, SKLEARN, TORCH, Loss, Target
from ...harness.truths import trained
from ...harness.workloads import (
    Array,
    Training,
    classification,
    multiply_adds,
    name_of,
    regression,
)
from ...peers import compiled, fastml, reference, sklearn, torch
from ...peers import numpy as plain

NETWORKS = [
    ([30, 16, 1], 20_000, 32),
    ([28, 64, 64, 1], 50_000, 128),
    ([784, 128, 1], 60_000, 128),
    ([784, 256, 128, 1], 60_000, 256),
    ([28, 256, 256, 256, 1], 200_000, 1024),
    ([28, 1], 100_000, 256),
]
#: Multiply-adds of the rows the reference trains on.
_REFERENCE = 5e8


def cost(widths: list[int], rows: int, itemsize: int) -> Cost:
    """Return forward, weight gradient and delta of every layer; no delta below the first."""
    products = 3 * multiply_adds(widths) - widths[0] * widths[1]
    units = sum(widths[1:])
    return Cost(2.0 * products, units, units, (widths[0] + 1) * itemsize).times(rows)


def epoch(widths: list[int], rows: int, batch: int, dtype: str, *, headline: bool = False) -> Case:
    """Return one epoch of plain descent."""
    ways: dict[str, Any] = {NUMPY: plain.epochs(plain.Descent), FASTML: fastml.epoch()}
    if len(widths) > 2:  # scikit-learn's needs a hidden layer
        ways["scikit-learn"] = sklearn.epoch()
    ways["torch"] = torch.epoch()
    # Compiling takes half a minute a network: where eager torch is not hopeless.
    if headline and rows * multiply_adds(widths) > 1e10:
        ways["torch compiled"] = torch.epoch(compiled)
    n = max(rows // batch, 1) * batch
    tracked = int(min(n, max(batch, _REFERENCE / multiply_adds(widths) // batch * batch)))
    return Case(
        group="one training epoch",
        name=f"{name_of(widths)}, {rows:,} rows, batches of {batch}, {dtype}",
        rows=ways,
        inputs=lambda: classification(widths, rows, batch, dtype),
        check=checks.movement(5e-3 if dtype == "float32" else 1e-8),
        truth=lambda work: trained(work, plain.Descent),
        cost=cost(widths, n, np.dtype(dtype).itemsize),
        dtype=dtype,
        reference=Reference(reference.epoch, tracked),
        headline=headline,
    )


def drawn(lot: Lot) -> Case:
    """Return an epoch drawn by lot: one to three hidden layers, whole batches."""
    hidden = [lot.whole(8, 300) for _ in range(lot.random.integers(1, 4))]
    widths, batch = [lot.whole(4, 800), *hidden, 1], lot.whole(16, 2048)
    most = min(2e5, 1e10 / multiply_adds(widths))
    return epoch(widths, batch * lot.whole(2, max(2, most / batch)), batch, lot.dtype())


DRAWN = {"one training epoch": (24, drawn)}
LOSSES = [
    Loss(
        "one training epoch",
        "A fit of one epoch is more than its steps: these are two fifths of it at 663 rows of "
        "25-105-1, three quarters at 324 of 773-44-1. The rest is the look for NaN, checks of "
        "parameters, and Python. Threads that wait for each other twice a step gain nothing where "
        "the machine takes one of them away.",
    )
]


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
            found.append(epoch(widths, rows, batch, dtype, headline=dtype == "float32"))
    return found


_MOMENTUM, _NESTEROV, _ADAM = "fastml, momentum", "fastml, Nesterov", "fastml, Adam"
#: At plain descent's rate Adam's steps are so long that roundings decide where it goes.
_ADAM_RATE = 1e-3
_RECORDED = "fastml, plain, its gradients recorded"


def _optimizer_truths(work: Training) -> dict[str, Array]:
    """Return for every row where its optimiser leads in float64."""
    descent = trained(work, plain.Descent)
    return {
        FASTML: descent,
        _RECORDED: descent,
        _MOMENTUM: trained(work, lambda network: plain.Descent(network, 0.9)),
        _NESTEROV: trained(work, lambda network: plain.Descent(network, 0.9, nesterov=True)),
        _ADAM: trained(work, lambda network: plain.Adam(network, _ADAM_RATE)),
    }


def _optimizers(size: Size) -> list[Case]:
    widths = [28, 64, 64, 1]
    rows = size.pick(full=50_000, quick=5_000, tiny=128)
    return [
        Case(
            group="optimisers",
            name=f"{name_of(widths)}, {rows:,} rows, batches of 128",
            rows={
                FASTML: fastml.epoch(),
                _MOMENTUM: fastml.epoch(momentum=0.9, nesterovs_momentum=False),
                _NESTEROV: fastml.epoch(momentum=0.9, nesterovs_momentum=True),
                _ADAM: fastml.epoch(solver="adam", learning_rate_init=_ADAM_RATE),
                _RECORDED: fastml.epoch(record_gradients=True),
            },
            inputs=lambda: classification(widths, rows, 128),
            check=checks.movement(5e-3),
            truth=_optimizer_truths,
        )
    ]


def _full_batch(size: Size) -> list[Case]:
    widths = [4, 32, 16, 4]
    rows, steps = size.pick(full=(10_000, 50), quick=(10_000, 10), tiny=(100, 10))
    settings = {"activation": "tanh", "solver": "adam", "max_iter": steps}
    one = cost(widths, rows, 4)
    hidden = float(rows * sum(widths[1:-1]))
    return [
        Case(
            group="tiny network, full batch",
            name=f"{name_of(widths)} tanh, Adam, {rows:,} rows, {steps} steps",
            rows={
                NUMPY: plain.epochs(plain.Adam, steps, regression=True),
                FASTML: fastml.epoch("MLPRegressor", **settings),
                "scikit-learn": sklearn.epoch("MLPRegressor", **settings),
                "torch": torch.full_batch(steps),
                "torch compiled": torch.full_batch(steps, compiled),
            },
            inputs=lambda: regression(widths, rows),
            # Adam divides by the size of the gradient, so roundings of small ones count fully.
            check=checks.movement(2e-2),
            truth=_adam_truth(steps),
            cost=Cost(one.flops, hidden, hidden).times(steps),  # the data stays in cache
            reference=Reference(reference.tanh_adam(steps), rows),
            headline=True,
        )
    ]


def _adam_truth(steps: int) -> Any:
    def truth(work: Training) -> Array:
        row = reference.tanh_adam(steps)(work)
        return np.asarray(row.answer(row.call()))

    return truth


def cases(size: Size) -> list[Case]:
    """Return all of training."""
    return [*_epochs(size), *_optimizers(size), *_full_batch(size)]


_STEPS = (
    "Of the smallest networks two fifths of our time is the fit's door: validation, copies, "
    "history; steps shorter than 10 µs run on one thread, as waiting for another takes longer. "
    "Of the largest it is weight gradients, activations, transposed deltas and the derivative, in "
    "this order, beside the products."
)
_SHARED = "Of two shared cores runs differ by more than what is missing."
TARGETS = [
    *[
        Target("one training epoch", f"{name}, {rows} rows", rival, wanted, _STEPS)
        for name, rows, *all_wanted in (
            ("30-16-1", "20,000", 40, 100),
            ("28-64-64-1", "50,000", 6, 9),
            ("784-128-1", "60,000", 2.5, 2.8),
            ("784-256-128-1", "60,000", 2.5, 2),
            ("28-256-256-256-1", "200,000", 2.8, 1.6),
            ("28-1", "100,000", None, 25),
        )
        for rival, wanted in zip((SKLEARN, TORCH), all_wanted, strict=True)
        if wanted is not None
    ],
    Target("one training epoch", "784-256-128-1, 60,000 rows", LIMIT, 0.7, _SHARED),
    Target("one training epoch", "28-256-256-256-1, 200,000 rows", LIMIT, 0.7, _SHARED),
    Target(
        "tiny network, full batch", "4-32-16-4", TORCH, 8,
        "Short epochs share a compiled call. Its activations, and the sums over lanes of a few "
        "weights, keep a step from the peak of multiply-adds.",
    ),
]  # fmt: skip
