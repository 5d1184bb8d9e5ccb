"""What training records of its epochs, and how long nothing has improved."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from ..core.checkpoint import State
from ..core.validation import Array
from ..kernels.neural_network.bundles import Samples

_NUMBERS = ("best_loss", "best_score", "without_improvement", "n_samples_seen", "n_iter")


class History:
    """The records of an estimator's epochs, perhaps going on from an earlier call.

    Parameters
    ----------
    before : dict
        The fitted attributes to go on from; empty for a new start.
    validated : bool
        Whether there are held-out samples.
    early_stopping : bool
        Whether their score decides, not the loss.
    tol : float
        An epoch improves if it is better than the best by more than this.
    """

    def __init__(
        self, before: dict[str, Any], *, validated: bool, early_stopping: bool, tol: float
    ) -> None:
        self.validated, self.early_stopping, self.tol = validated, early_stopping, tol
        self.losses: list[float] = [*(before.get("loss_curve_") or [])]
        self.scores: list[float] = [*(before.get("validation_scores_") or [])]
        self.validation_losses: list[float] = [*(before.get("validation_loss_curve_") or [])]
        self.norms: list[Array] = [*before.get("gradient_norms_", [])]
        loss, score = before.get("best_loss_"), before.get("best_validation_score_")
        self.best_loss: float = np.inf if loss is None else loss
        self.best_score: float = -np.inf if score is None else score
        self.without_improvement: int = before.get("_no_improvement_count", 0)
        self.n_samples_seen: int = before.get("t_", 0)
        self.n_iter = 0

    def add_epoch(self, loss: float, n_samples: int) -> None:
        """Record a finished epoch."""
        self.n_iter += 1
        self.n_samples_seen += n_samples
        self.losses.append(loss)

    def add_norms(self, coefs: list[Array], samples: Samples, rows: Array) -> None:
        """Record the norms of the gradient by each layer's weights, summed over ``rows``."""
        norms = np.array([np.linalg.norm(dW) for dW in coefs], dtype=np.float64)
        weight = samples.total_weight(rows)
        self.norms.append(norms / weight if weight else norms)

    def count_improvement(self) -> bool:
        """Count the epochs since the last that improved; return whether this one is the best.

        Best by the score of early stopping, that is: without it, no epoch is.
        """
        best = False
        if self.early_stopping:
            improved = not self.scores[-1] < self.best_score + self.tol
            if self.scores[-1] > self.best_score:
                self.best_score = self.scores[-1]
                best = True
        else:
            improved = not self.losses[-1] > self.best_loss - self.tol
            self.best_loss = min(self.best_loss, self.losses[-1])
        self.without_improvement = 0 if improved else self.without_improvement + 1
        return best

    def epochs_to_keep(self, losses: list[float], most_without: float, *, finite: bool) -> int:
        """Return how many of these epochs pass before training diverges or stands still.

        At least one.

        Parameters
        ----------
        losses : list of float, of epochs that were run but not yet recorded
        most_without : float, epochs without improvement that are no standstill
        finite : bool, whether the parameters after the last are
        """
        best, without = self.best_loss, self.without_improvement
        for i, loss in enumerate(losses):
            if not isfinite(loss):
                return max(i, 1)
            without = 0 if not loss > best - self.tol else without + 1
            best = min(best, loss)
            if without > most_without:
                return i + 1
        return len(losses) if finite else max(len(losses) - 1, 1)

    def state(self) -> State:
        """Return the records, for a checkpoint."""
        arrays = {
            "losses": np.array(self.losses, np.float64),
            "scores": np.array(self.scores, np.float64),
            "validation_losses": np.array(self.validation_losses, np.float64),
            "norms": np.array(self.norms, np.float64),
        }
        return State(arrays, {name: getattr(self, name) for name in _NUMBERS})

    def restore(self, arrays: dict[str, Array], numbers: dict[str, Any]) -> None:
        """Take over the records of a checkpoint."""
        self.losses = arrays["losses"].tolist()
        self.scores = arrays["scores"].tolist()
        self.validation_losses = arrays["validation_losses"].tolist()
        self.norms = list(arrays["norms"])
        for name in _NUMBERS:
            setattr(self, name, numbers[name])

    def attributes(self) -> dict[str, Any]:
        """Return the records as an estimator's fitted attributes."""
        recorded = {"gradient_norms_": np.array(self.norms)} if self.norms else {}
        return {
            "loss_curve_": [*self.losses],
            "loss_": self.losses[-1] if self.losses else self.best_loss,
            "best_loss_": None if self.early_stopping else self.best_loss,
            "validation_scores_": [*self.scores] if self.validated else None,
            "validation_loss_curve_": [*self.validation_losses] if self.validated else None,
            "best_validation_score_": self.best_score if self.early_stopping else None,
            "n_iter_": self.n_iter,
            "t_": self.n_samples_seen,
            "_no_improvement_count": self.without_improvement,
            **recorded,
        }
