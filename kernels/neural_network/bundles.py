"""Arrays that belong together, each bundle made by one constructor that checks its members.

Kernels have no bounds checks: what they may read and write follows from these shapes.  Every
constructor is called ``checked``, looks at a few numbers of each array and never at all of it,
and raises ValueError.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from ..machine.jit import inner_kernel
from ..tile import COLUMNS, VECTORS, lanes_of

#: Columns of the layer table.
N_IN, N_OUT, WEIGHTS, BIASES, ACTIVATION, INPUT, OUTPUT, DELTA, TRANSPOSED = range(9)
#: Columns of the table of weight tickets: a layer and the rows [FIRST, LAST) of its weights.
LAYER, FIRST, LAST = range(3)


def require(array: Any, name: str, dtype: Any, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless an array is of this dtype and shape, contiguous and aligned.

    Parameters
    ----------
    shape : tuple of int or None
        None where any length will do.
    """
    if array.dtype != dtype:
        raise ValueError(f"{name} has dtype {array.dtype}, expected {np.dtype(dtype)}.")
    found = array.shape
    if found != shape and (
        len(found) != len(shape)
        or any(wanted not in (None, n) for wanted, n in zip(shape, found, strict=True))
    ):
        expected = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{name} has shape {found}, expected ({expected}).")
    flags = array.flags
    if not (flags.c_contiguous and flags.aligned):
        raise ValueError(f"{name} must be contiguous and aligned.")


class Layer(NamedTuple):
    """Where one layer with weights stands.

    n_in, n_out : its widths
    weights, biases : their first elements in the parameters
    activation : code; that of the last layer decides the loss, see ``loss``
    input, output, delta : the first elements of these panels in a block's workspace
    transposed : that of the delta transposed, or -1 where its weight gradient takes it as it is
    """

    n_in: int
    n_out: int
    weights: int
    biases: int
    activation: int
    input: int
    output: int
    delta: int
    transposed: int


class Network(NamedTuple):
    """Layers over one flat vector of parameters: any depth, one specialisation.

    layers : (n_layers, 9) int64, one row a layer: the members of :class:`Layer`
    parameters : (n_parameters,)
    """

    layers: Any
    parameters: Any

    @classmethod
    def checked(cls, layers: Any, parameters: Any) -> Self:
        """Return the bundle if every layer follows the one before and lies in the parameters."""
        require(layers, "layers", np.int64, (None, 9))
        require(parameters, "parameters", parameters.dtype, (None,))
        end, width = parameters.size, None
        for n_in, n_out, weights, biases, *_ in layers.tolist():  # Python's numbers are faster
            if width not in (None, n_in):
                raise ValueError("layers do not follow each other.")
            if not (
                min(n_in, n_out) > 0
                and 0 <= weights <= end - n_in * n_out
                and 0 <= biases <= end - n_out
            ):
                raise ValueError("a layer lies outside the parameters.")
            width = n_out
        if width is None:
            raise ValueError("a network has at least one layer.")
        return cls(layers, parameters)


@inner_kernel
def layer_of(network, i):
    """Return the i-th layer of a network."""
    row = network.layers[i]
    return Layer(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8])


class Samples(NamedTuple):
    """What a network learns from, all of one element type.

    X : (n_samples, n_features), any strides
    Y : (n_samples, n_outputs), for softmax (n_samples, 1) holding the number of each sample's class
    weights : (n_samples,), or empty where all samples weigh 1
    """

    X: Any
    Y: Any
    weights: Any

    @classmethod
    def checked(cls, X: Any, Y: Any, weights: Any = None) -> Self:
        """Return the bundle; None for ``weights`` is 1 for every sample.

        An X that is not aligned is copied.
        """
        if X.ndim != 2 or X.dtype not in (np.float32, np.float64) or not X.dtype.isnative:
            raise ValueError(
                f"X must be a matrix of float32 or float64, got {X.dtype}, {X.ndim}-D."
            )
        if not X.flags.aligned or any(stride % X.itemsize for stride in X.strides):
            X = np.array(X, order="C")
        weights = np.empty(0, X.dtype) if weights is None else weights
        require(Y, "Y", X.dtype, (len(X), None))
        require(weights, "weights", X.dtype, (len(X) if weights.size else 0,))
        return cls(X, Y, weights)

    def of(self, rows: Any) -> Self:
        """Return some of the samples."""
        return type(self)(self.X[rows], self.Y[rows], self.weights_of(rows))

    def weights_of(self, rows: Any) -> Any:
        """Return the weights of some samples, or empty where all weigh 1."""
        return self.weights[rows] if self.weights.size else self.weights

    def total_weight(self, rows: Any) -> float:
        """Return the sum of the weights of some samples."""
        return float(self.weights[rows].sum(dtype=np.float64)) if self.weights.size else len(rows)


class Optimizer(NamedTuple):
    """A rule of training and what it remembers.

    rule : DESCENT, MOMENTUM, NESTEROV or ADAM; or GRADIENT, which takes no step, see ``optimizer``
    settings : (5,) float64: learning rate, L2 penalty, beta_1 (the momentum), beta_2, epsilon
    steps : how many were taken before
    moment_1, moment_2 : (n_parameters,), the velocity or Adam's two moments; empty where the rule
        has none
    """

    rule: int
    settings: Any
    steps: int
    moment_1: Any
    moment_2: Any

    @classmethod
    def checked(
        cls, rule: int, settings: Any, steps: int, moments: Any, n_moments: int, parameters: Any
    ) -> Self:
        """Return the bundle if the moments are those of a rule over these parameters."""
        require(settings, "settings", np.float64, (5,))
        for i, moment in enumerate(moments):
            size = parameters.size if i < n_moments else 0
            require(moment, f"moment_{i + 1}", parameters.dtype, (size,))
        return cls(int(rule), settings, int(steps), *moments)


class Plan(NamedTuple):
    """How a batch is cut into tickets: by its size and the network's shape alone.

    batch_size : samples of a batch
    n_blocks : blocks of samples of a batch
    group_blocks : blocks of samples a ticket
    block_size : elements of one block's workspace
    n_groups : groups whose sums are kept; 0 where weight gradients are not split
    weight_tickets : (n_tickets, 3) int64: LAYER, FIRST, LAST
    """

    batch_size: int
    n_blocks: int
    group_blocks: int
    block_size: int
    n_groups: int
    weight_tickets: Any

    @classmethod
    def checked(cls, network: Network, plan: Any) -> Self:
        """Return the bundle if its tickets and block sizes are those of the network."""
        bundle = cls(*plan)
        layers = network.layers
        height = VECTORS * lanes_of(network.parameters.dtype)
        require(bundle.weight_tickets, "weight_tickets", np.int64, (None, 3))
        if bundle.n_blocks * height < bundle.batch_size or bundle.group_blocks < 1:
            raise ValueError("a batch has more rows than its blocks.")
        tickets = bundle.weight_tickets.tolist()
        lanes = lanes_of(network.parameters.dtype)
        for i, (n_in, n_out, *places) in enumerate(layers.tolist()):
            # The input and what is transposed take whole vectors; tiles read COLUMNS more.
            whole_in, whole_out = (-(-n // lanes) * lanes for n in (n_in, n_out))
            widths = (n_in if i else whole_in, n_out, n_out, whole_out)
            *always, transposed = places[INPUT - WEIGHTS :]
            starts = [*always, transposed] if transposed >= 0 else always
            ends = [at + (n + COLUMNS) * height for at, n in zip(starts, widths, strict=False)]
            if min(starts) < 0 or max(ends) > bundle.block_size:
                raise ValueError("a layer lies outside its block's workspace.")
            rows = [(first, last) for layer, first, last in tickets if layer == i]
            if [0, *(last for _, last in rows)] != [*(first for first, _ in rows), n_in]:
                raise ValueError("the weight tickets do not cover every weight once.")
        if any(not 0 <= layer < len(layers) for layer, _, _ in tickets):
            raise ValueError("a weight ticket is of no layer.")
        return bundle


class Epochs(NamedTuple):
    """The rows some epochs train on, and what their batches lose.

    order : (n_epochs * n_rows,) int64, the row numbers of each epoch in turn
    losses : (n_epochs, 1 + n_tickets) float64; the losses summed over all samples of an epoch are
        added to its first (batches whose weights do not average 1 are scaled so that they do),
        the sum over steps of the squares of a ticket's weights, scaled alike, to its own
    """

    order: Any
    losses: Any

    @classmethod
    def checked(cls, order: Any, losses: Any, plan: Plan) -> Self:
        """Return the bundle if every epoch has as many rows and every ticket its sum."""
        require(order, "order", np.int64, (None,))
        require(losses, "losses", np.float64, (None, 1 + len(plan.weight_tickets)))
        if not len(losses) or order.size % len(losses):
            raise ValueError(f"order has {order.size} rows, for {len(losses)} epochs.")
        return cls(order, losses)


class Workspace(NamedTuple):
    """What the steps of training write.

    gradient : (n_parameters,), the sum over the last batch at the end; over all of them, added to
        what was there, for GRADIENT
    panels : the workspaces of the blocks of one batch; where sums are split, of the blocks of one
        group for every member
    sums : (n_groups * n_parameters,), the sums of the groups; empty where they are not split
    block_sums : (n_blocks, 2) float64, sums of losses and weights of the last batch
    """

    gradient: Any
    panels: Any
    sums: Any
    block_sums: Any

    @classmethod
    def checked(cls, arrays: Any, network: Network, plan: Plan, members: int) -> Self:
        """Return the bundle if all that a team writes has room."""
        bundle = cls(*arrays)
        n_parameters, dtype = network.parameters.size, network.parameters.dtype
        require(bundle.gradient, "gradient", dtype, (n_parameters,))
        require(bundle.panels, "panels", dtype, (None,))
        require(bundle.sums, "sums", dtype, (plan.n_groups * n_parameters,))
        require(bundle.block_sums, "block_sums", np.float64, (plan.n_blocks, 2))
        n_blocks = members * plan.group_blocks if plan.n_groups else plan.n_blocks
        if bundle.panels.size < n_blocks * plan.block_size:
            raise ValueError(f"panels has {bundle.panels.size} elements, too few for {n_blocks}.")
        if plan.n_groups and plan.n_groups * plan.group_blocks < plan.n_blocks:
            raise ValueError("sums has too few groups for a batch.")
        return bundle
