"""The constructors of the kernels' bundles let nothing pass that a kernel would run over."""

from __future__ import annotations

import numpy as np
import pytest

from fastml.kernels.neural_network import bundles
from fastml.kernels.neural_network.optimizer import ADAM, DESCENT, MOMENTUM, optimizer_step
from fastml.neural_network._architecture import Architecture
from fastml.neural_network._compiled import CompiledSteps

DTYPES = ["float32", "float64"]


@pytest.fixture(params=DTYPES)
def steps(request):
    architecture = Architecture([37, 9, 3], ["relu"], np.dtype(request.param), "softmax")
    return CompiledSteps(architecture, 200)


def test_require():
    good = np.zeros((3, 4))
    bundles.require(good, "a", np.float64, (3, None))
    memory = np.zeros(100, np.uint8)[1:97].view(np.float64).reshape(3, 4)
    for bad, message in [
        (good.astype(np.float32), "a has dtype float32, expected float64"),
        (good.astype(">f8"), "a has dtype >f8, expected float64"),
        (good[:2], r"a has shape \(2, 4\), expected \(3, any\)"),
        (good[0], r"a has shape \(4,\), expected"),
        (np.zeros((4, 3)).T, "a must be contiguous"),
        (memory, "a must be contiguous and aligned"),
    ]:
        with pytest.raises(ValueError, match=message):
            bundles.require(bad, "a", np.float64, (3, None))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (bundles.N_IN, 10, "do not follow each other"),
        (bundles.N_OUT, 0, "outside the parameters"),
        (bundles.N_OUT, 1 << 40, "outside the parameters"),
        (bundles.WEIGHTS, -1, "outside the parameters"),
        (bundles.WEIGHTS, 370, "outside the parameters"),
        (bundles.BIASES, -1, "outside the parameters"),
        (bundles.BIASES, 1 << 40, "outside the parameters"),
    ],
)
def test_layers_outside_the_parameters(steps, column, value, message):
    layers = steps._network.layers.copy()
    layers[1, column] = value
    with pytest.raises(ValueError, match=message):
        bundles.Network.checked(layers, steps.gradient)
    with pytest.raises(ValueError, match="outside the parameters"):
        bundles.Network.checked(steps._network.layers, steps.gradient[:-1])
    with pytest.raises(ValueError, match="at least one layer"):
        bundles.Network.checked(layers[:0], steps.gradient)


@pytest.mark.parametrize("column", [bundles.INPUT, bundles.OUTPUT, bundles.DELTA])
@pytest.mark.parametrize("value", [-1, 1 << 40])
def test_panels_outside_the_workspace(steps, column, value):
    layers = steps._network.layers.copy()
    layers[0, column] = value
    network = bundles.Network.checked(layers, steps.gradient)
    with pytest.raises(ValueError, match="outside its block's workspace"):
        bundles.Plan.checked(network, steps._plan)


def test_the_workspace_of_a_block_has_no_element_to_spare(steps):
    plan = steps._plan
    assert bundles.Plan.checked(steps._network, plan) == plan
    with pytest.raises(ValueError, match="outside its block's workspace"):
        bundles.Plan.checked(steps._network, plan._replace(block_size=plan.block_size // 2))


def test_plans_that_leave_something_out(steps):
    plan, network = steps._plan, steps._network
    for tickets in (plan.weight_tickets[1:], np.repeat(plan.weight_tickets, 2, axis=0)):
        with pytest.raises(ValueError, match="do not cover every weight once"):
            bundles.Plan.checked(network, plan._replace(weight_tickets=tickets))
    more = np.concatenate([plan.weight_tickets, [[2, 0, 5]]])
    with pytest.raises(ValueError, match="of no layer"):
        bundles.Plan.checked(network, plan._replace(weight_tickets=more))
    with pytest.raises(ValueError, match="more rows than its blocks"):
        bundles.Plan.checked(network, plan._replace(batch_size=1 << 20))


def test_epochs_of_unequal_length(steps):
    losses = np.zeros((2, 1 + len(steps._plan.weight_tickets)))
    bundles.Epochs.checked(np.arange(8), losses, steps._plan)
    with pytest.raises(ValueError, match="order has 7 rows, for 2 epochs"):
        bundles.Epochs.checked(np.arange(7), losses, steps._plan)
    with pytest.raises(ValueError, match="order has dtype int32"):
        bundles.Epochs.checked(np.arange(8, dtype=np.int32), losses, steps._plan)
    with pytest.raises(ValueError, match="losses has shape"):
        bundles.Epochs.checked(np.arange(8), losses[:, 1:], steps._plan)


def test_workspaces_without_room(steps):
    arrays = [steps.gradient, steps._block_panels(3), steps._sums, steps._block_sums]
    bundles.Workspace.checked(arrays, steps._network, steps._plan, 3)
    for i in range(4):
        short = [array[:-1] if i == j else array for j, array in enumerate(arrays)]
        if arrays[i].size:
            with pytest.raises(ValueError, match=r"has shape|too few"):
                bundles.Workspace.checked(short, steps._network, steps._plan, 3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples(dtype):
    X, Y = np.zeros((6, 2), dtype), np.zeros((6, 1), dtype)
    assert bundles.Samples.checked(X, Y).weights.size == 0
    packed = np.zeros(6, np.dtype([("x", dtype, 2), ("flag", "i1")]))["x"]
    assert not packed.flags.aligned
    assert bundles.Samples.checked(packed, Y).X.flags.aligned
    for bad in (
        (X[:5], Y, None), (X, Y[:, 0], None), (X, Y.astype(int), None), (X.astype(int), Y, None),
        (X, Y, np.ones(5, dtype)), (X, Y, np.ones((6, 1), dtype)), (X[0], Y, None),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"has shape|has dtype|must be a matrix"):
            bundles.Samples.checked(*bad)


def test_samples_of_another_network(steps):
    dtype = steps.architecture.dtype
    parameters = np.zeros(steps.architecture.n_parameters, dtype)
    for X, Y in [((4, 36), (4, 1)), ((4, 37), (4, 3))]:
        samples = bundles.Samples.checked(np.zeros(X, dtype), np.zeros(Y, dtype))
        with pytest.raises(ValueError, match="not those of the network"):
            steps.add_up(samples, np.arange(4), parameters)


@pytest.mark.parametrize("dtype", DTYPES)
def test_moments_belong_to_the_parameters(dtype):
    parameters, settings = np.zeros(9, dtype), np.zeros(5)
    nine, none = np.zeros(9, dtype), np.zeros(0, dtype)
    for rule, moments, n_moments in [
        (ADAM, [nine, np.zeros(8, dtype)], 2), (ADAM, [nine, none], 2), (MOMENTUM, [none, none], 1),
        (DESCENT, [nine, none], 0), (ADAM, [nine.astype(np.float16), nine], 2),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match="moment_"):
            bundles.Optimizer.checked(rule, settings, 0, moments, n_moments, parameters)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rule", "n_moments"), [(MOMENTUM, 1), (ADAM, 2)])
def test_moments_below_the_normal_numbers_are_zero(rule, n_moments, dtype):
    tiny = np.finfo(dtype).tiny
    parameters = np.ones(37, dtype)
    gradient = np.zeros(37, dtype)
    moments = [np.full(37 if i < n_moments else 0, 4 * tiny, dtype) for i in range(2)]
    moments[0][::2] = 0.25
    settings = np.array([0.1, 0.0, 0.9, 0.5, 1e-8])
    for step in range(8):
        bundle = bundles.Optimizer.checked(rule, settings, step, moments, n_moments, parameters)
        optimizer_step(bundle, 37, parameters, gradient)
        for moment in moments:
            assert ((moment == 0) | (moment >= tiny)).all()
    assert (moments[0][1::2] == (0 if rule == ADAM else moments[0][1])).all()
    assert moments[0][0] == pytest.approx(0.25 * 0.9**8)
    assert moments[1].sum() == 0
