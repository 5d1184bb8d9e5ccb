"""PyTorch, as it is and compiled."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from ..harness.case import Row
from ..harness.workloads import Array, Layer, Training, Vector, flat
from . import module

#: Rows at a time: its activations stay in cache, which is faster than all at once.
_ROWS_AT_ONCE = 8192

Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


class Network:
    """A torch network with the given weights."""

    def __init__(self, work: Training, *, tanh: bool = False) -> None:
        torch = module("torch")
        self.work = work
        self.X, self.y = torch.from_numpy(work.X), torch.from_numpy(work.y)
        if work.y.ndim == 1:
            self.y = self.y[:, None]
        layers: list[Any] = []
        for n_in, n_out in pairwise(work.widths):
            activation = torch.nn.Tanh() if tanh else torch.nn.Sigmoid()
            layers += [torch.nn.Linear(n_in, n_out), activation]
        self.model = torch.nn.Sequential(*layers[:-1]).to(self.X.dtype)
        self.linear = layers[::2]
        self.reset()

    def reset(self) -> None:
        """Give the model the weights of the start."""
        torch = module("torch")
        with torch.no_grad():
            for layer, W, b in zip(self.linear, self.work.coefs, self.work.intercepts, strict=True):
                layer.weight.copy_(torch.from_numpy(W.T.copy()))
                layer.bias.copy_(torch.from_numpy(b))

    def parameters(self, _: Any = None) -> Array:
        """Return all parameters one behind the other, as :func:`flat` does."""
        return flat(
            [layer.weight.detach().numpy().T for layer in self.linear],
            [layer.bias.detach().numpy() for layer in self.linear],
        )


def epoch(compile_with: Compile | None = None) -> Callable[[Training], Row]:
    """Return the factory of a row: one epoch of plain descent on consecutive batches."""

    def make(work: Training) -> Row:
        torch = module("torch")
        network = Network(work)
        optimizer = torch.optim.SGD(network.model.parameters(), lr=work.learning_rate)
        bce = torch.nn.functional.binary_cross_entropy_with_logits

        def loss_of(X: Any, y: Any) -> Any:
            return bce(network.model(X), y)

        if compile_with is not None:
            torch.compiler.reset()
            loss_of = compile_with(loss_of)
        size = work.batch_size

        def call() -> None:
            for first in range(0, len(network.X), size):
                optimizer.zero_grad(set_to_none=True)
                loss_of(network.X[first : first + size], network.y[first : first + size]).backward()
                optimizer.step()

        return Row(call, network.parameters, network.reset, compiles=compile_with is not None)

    return make


def full_batch(steps: int, compile_with: Compile | None = None) -> Callable[[Training], Row]:
    """Return the factory of a row: so many steps of Adam on tanh layers, all rows in each."""

    def make(work: Training) -> Row:
        torch = module("torch")
        network = Network(work, tanh=True)
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


def probability(compile_with: Compile | None = None) -> Callable[[Training], Row]:
    """Return the factory of a row without gradients."""

    def make(work: Training) -> Row:
        torch = module("torch")
        network = Network(work)
        out = torch.empty(len(work.X), 1, dtype=network.X.dtype)

        def forward(X: Any) -> Any:
            return torch.sigmoid(network.model(X))

        if compile_with is not None:
            torch.compiler.reset()
            forward = compile_with(forward)

        def call() -> Any:
            with torch.inference_mode():
                for first in range(0, len(out), _ROWS_AT_ONCE):
                    rows = slice(first, first + _ROWS_AT_ONCE)
                    out[rows] = forward(network.X[rows])
            return out

        return Row(call, lambda p: p.numpy()[:, 0].copy(), compiles=compile_with is not None)

    return make


def sigmoid_row(name: str) -> Callable[[Vector], Row]:
    """Return the row of the sigmoid or its derivative."""

    def make(work: Vector) -> Row:
        torch = module("torch")
        x, out = torch.from_numpy(work.x), torch.from_numpy(work.out)

        def sigmoid() -> Any:
            return torch.sigmoid(x, out=out)

        def derivative() -> Any:
            torch.sigmoid(x, out=out)
            return torch.addcmul(out, out, out, value=-1, out=out)

        call = sigmoid if name == "sigmoid" else derivative
        return Row(call, lambda returned: work.answer(returned.numpy()))

    return make


def dense_forward(work: Layer) -> Row:
    """Apply a layer of sigmoids."""
    torch = module("torch")
    X, W, b, out = map(torch.from_numpy, (work.X, work.W, work.b, work.out))
    return Row(lambda: torch.addmm(b, X, W, out=out).sigmoid_(), lambda returned: returned.numpy())


def dense_backward(work: Layer) -> Row:
    """Carry a delta back through a layer."""
    torch = module("torch")
    X, W, delta, below = map(torch.from_numpy, (work.X, work.W, work.delta, work.below))

    def call() -> Any:
        torch.matmul(delta, W.T, out=below)
        below.mul_(X).mul_(1 - X)
        return below, X.T @ delta, delta.sum(0)

    return Row(call, lambda returned: tuple(part.numpy() for part in returned))
