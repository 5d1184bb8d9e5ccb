"""Look into models: the gradients of a network layer by layer, and pictures of every family."""

from __future__ import annotations

from ._check_gradients import GradientCheck, check_gradients
from ._class_densities_display import ClassDensitiesDisplay
from ._displays import GradientFlowDisplay, LossCurveDisplay
from ._gradient_flow import GradientFlow, gradient_flow
from ._kmeans_displays import KMeansStepsDisplay
from ._kmeans_elbow_display import KMeansElbowDisplay
from ._neighbor_votes_display import NeighborVotesDisplay
from ._tree_display import TreeDisplay

__all__ = [
    "ClassDensitiesDisplay",
    "GradientCheck",
    "GradientFlow",
    "GradientFlowDisplay",
    "KMeansElbowDisplay",
    "KMeansStepsDisplay",
    "LossCurveDisplay",
    "NeighborVotesDisplay",
    "TreeDisplay",
    "check_gradients",
    "gradient_flow",
]
