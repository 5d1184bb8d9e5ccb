"""Are two answers the same?  Each check states how closely, and why not more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .case import FASTML, REFERENCE

#: A peer that scores in float32 may label a row otherwise when two centres are equally
#: near but for rounding; this share of rows may differ.  fastml's must all be equal.
NEAR_TIES = {"float32": 1e-3, "float64": 1e-6}

Check = Callable[[str, Any, Any, Any], None]


def equal(name: str, truth: Any, answer: Any, inputs: Any) -> None:
    """The very same."""
    assert answer == truth, f"{name}: {answer!r} is not {truth!r}"


def close(relative: float, absolute: float) -> Check:
    """Arrays agree elementwise: the same formula in another order or with another exp."""

    def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
        truths, answers = (x if isinstance(x, tuple) else (x,) for x in (truth, answer))
        assert len(truths) == len(answers)
        for expected, actual in zip(truths, answers, strict=True):
            np.testing.assert_allclose(actual, expected, relative, absolute, err_msg=name)

    return check


def labels(dtype: str) -> Check:
    """Labels of fastml equal the float64 reference's; a peer's but for near-ties."""

    def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
        assert answer.shape == truth.shape
        wrong = int((answer != truth).sum())
        strict = name.startswith((FASTML, REFERENCE))
        allowed = 0 if strict else int(NEAR_TIES[dtype] * len(truth)) + 1
        assert wrong <= allowed, f"{name}: {wrong} of {len(truth)} labels differ"

    return check


def movement(relative: float) -> Check:
    """Parameters moved from the same start to the same place.

    The distance between the two ends is at most ``relative`` of the distance travelled:
    roundings of each step are multiplied by all steps after it.  A truth that is a dict has
    an end for every row.
    """

    def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
        end = truth[name] if isinstance(truth, dict) else truth
        start = inputs.start.astype(np.float64)
        travelled = np.linalg.norm(end - start)
        apart = np.linalg.norm(end.astype(np.float64) - answer)
        assert apart <= relative * travelled, f"{name}: {apart / travelled:.2e} of the way apart"

    return check


def number(relative: float, exact: float | None = None) -> Check:
    """One number agrees: within ``exact`` for fastml if given, ``relative`` for others.

    A peer's may be smaller: the numbers are inertias, and one near-tie decided otherwise
    sends a run to a neighbouring minimum.
    """

    def check(name: str, truth: Any, answer: Any, inputs: Any) -> None:
        if exact is not None and name.startswith(FASTML):
            assert abs(answer / truth - 1) <= exact, f"{name}: {answer!r} is not {truth!r}"
        assert answer <= truth * (1 + relative), f"{name}: {answer!r} is above {truth!r}"

    return check
