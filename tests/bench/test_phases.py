"""The account of an epoch: its phases, one after the other, are a step of training."""

from __future__ import annotations

import numpy as np
import pytest

from bench.machine.phases import Epoch
from bench.report import tables
from fastml.kernels.tile import VECTORS, lanes_of


@pytest.mark.parametrize("widths", [[5, 4, 1], [28, 1], [9, 33, 17, 1]])
def test_phases_in_turn_find_the_gradient_that_training_finds(widths):
    height = VECTORS * lanes_of(np.float32)
    # One block, whose targets are still there; and products do not wait for activations.
    epoch = Epoch(widths, height, height, "float32", "identity")
    for call in list(epoch.phases().values())[:-1]:
        call()
    found = epoch.steps.gradient.copy()
    epoch.steps.add_up(epoch.samples, epoch.order, epoch.parameters)
    assert np.abs(found).max() > 0
    np.testing.assert_allclose(found, epoch.steps.gradient, rtol=1e-5, atol=1e-5)


def test_what_no_phase_takes_is_the_rest():
    entry = {"network": "net", "rows": 100, "whole": 1e-4, "phases": {"a": 2e-5, "b": 5e-5}}
    assert tables.phase_table([entry])[-1] == "| net | 1000 ns | 20 % | 50 % | 30 % |"
