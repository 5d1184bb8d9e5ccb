"""Where the time of a training epoch goes: every phase alone, on one thread.

The phases are those of ``kernels/neural_network/train.py``, run on the same working memory.  What a
whole epoch takes beyond their sum is tickets, and activations that left the caches in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..harness.sizes import Size
from ..harness.timer import least

#: Widths, rows and batch of the networks whose epochs are taken apart.
_NETWORKS = [
    ([30, 16, 1], 20_000, 32),
    ([28, 64, 64, 1], 20_000, 128),
    ([784, 128, 1], 6_000, 128),
    ([784, 256, 128, 1], 3_000, 256),
    ([28, 256, 256, 256, 1], 8_000, 1024),
    ([28, 1], 50_000, 256),
]


class _Descent:
    """What the library's optimiser asks of an estimator: plain descent, by nearly nothing."""

    solver, momentum, learning_rate, learning_rate_init = "sgd", 0.0, "constant", 1e-30
    nesterovs_momentum, beta_2, epsilon, power_t = False, 0.9, 1e-8, 0.5


class Epoch:
    """One epoch of plain descent in its parts, on the library's own working memory.

    Parameters
    ----------
    widths : list of int, features, hidden units of each layer, outputs
    rows, batch : int, of which only whole batches count
    dtype : str
    activation : str, of hidden layers
    """

    def __init__(
        self, widths: list[int], rows: int, batch: int, dtype: str, activation: str = "logistic"
    ) -> None:
        from fastml.kernels.neural_network import block, bundles
        from fastml.kernels.tile import lanes_of
        from fastml.neural_network._architecture import Architecture
        from fastml.neural_network._compiled import CompiledSteps
        from fastml.neural_network._optimizer import Optimizer

        random = np.random.default_rng(0)
        architecture = Architecture(widths, [activation] * (len(widths) - 2), np.dtype(dtype))
        self.n_steps = rows // batch
        self.order = random.permutation(self.n_steps * batch)
        X = random.standard_normal((self.order.size, widths[0])).astype(dtype)
        Y = (random.random((self.order.size, 1)) < 0.5).astype(dtype)
        self.samples = bundles.Samples.checked(X, Y)
        self.parameters = random.standard_normal(architecture.n_parameters).astype(dtype)
        self.steps: Any = CompiledSteps(architecture, batch)
        self.optimizer: Any = Optimizer(_Descent, architecture)
        height = architecture.height
        self.gathered = block.Gathered(  # targets are padded to whole vectors
            np.zeros(height, np.int64),
            np.zeros(height * lanes_of(dtype), dtype),
            np.ones(height, dtype),
        )
        self.whole()  # the working memory is made by the first

    def whole(self) -> None:
        """Train, on one thread."""
        import fastml

        with fastml.num_threads(1):
            self.steps.train(self.samples, self.order[None], self.parameters, self.optimizer, 0.0)

    def phases(self) -> dict[str, Callable[[], Any]]:
        """Return what does each phase of all steps, by name."""
        from fastml.kernels.neural_network import bundles

        from . import epoch_kernels as kernels

        steps, gathered, n = self.steps, self.gathered, self.n_steps
        plan, network = steps._plan, steps._network._replace(parameters=self.parameters)
        work = bundles.Workspace(steps.gradient, steps._panels, steps._sums, steps._block_sums)
        bundle = self.optimizer.bundle(0.0, self.parameters)
        samples, order, panels = self.samples, self.order, steps._panels
        return {
            "gathering": lambda: kernels.gather(samples, network, plan, gathered, order, panels),
            "forward products": lambda: kernels.forward_products(network, plan, panels, n),
            "activations": lambda: kernels.activations(network, plan, panels, gathered, n),
            "deltas": lambda: kernels.deltas(network, plan, panels, n),
            "gradients": lambda: kernels.gradients(network, plan, work, n),
            "updates": lambda: kernels.updates(network, bundle, plan, work.gradient, n),
        }


def measure(size: Size) -> list[dict[str, Any]]:
    """Return of every network the seconds of an epoch and of its phases, on one thread."""
    seconds = size.pick(full=0.2, quick=0.05, tiny=0.0)
    networks = size.pick(full=_NETWORKS, quick=_NETWORKS[:2], tiny=[([5, 4, 1], 96, 32)])
    dtypes = ("float32", "float64")
    found = []
    for widths, rows, batch in networks:
        for dtype in size.pick(full=dtypes, quick=dtypes, tiny=dtypes[:1]):
            epoch = Epoch(widths, rows, batch, dtype)
            found.append(
                {
                    "network": f"{'-'.join(map(str, widths))}, batches of {batch}, {dtype}",
                    "rows": epoch.order.size,
                    "whole": least(epoch.whole, seconds),
                    "phases": {name: least(call, seconds) for name, call in epoch.phases().items()},
                }
            )
    return found
