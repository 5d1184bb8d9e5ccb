"""Look into a network that does not learn: its gradients layer by layer, and pictures of them."""

from __future__ import annotations

from ._check_gradients import GradientCheck, check_gradients
from ._displays import GradientFlowDisplay, LossCurveDisplay
from ._gradient_flow import GradientFlow, gradient_flow
from ._kmeans_displays import KMeansElbowDisplay, KMeansStepsDisplay

__all__ = [
    "GradientCheck",
    "GradientFlow",
    "GradientFlowDisplay",
    "KMeansElbowDisplay",
    "KMeansStepsDisplay",
    "LossCurveDisplay",
    "check_gradients",
    "gradient_flow",
]
