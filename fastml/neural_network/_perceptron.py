"""What MLPClassifier and MLPRegressor share: parameters, a fit, the fitted network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..core.checkpoint import Checkpoint, CheckpointFile, ResumableMixin, open_checkpoint
from ..core.estimator import as_of_now, of_features
from ..core.parameters import ParametersMixin
from ..core.random_state import check_random_state
from ..core.typed import Callbacks, Estimator, InPieces, Scored, Weighted
from ..core.validation import Array, check_finite, is_plain, is_sparse
from ..data import Blocks, Table, is_blocks
from ..execution import Plan, last_pass, on_cluster, table_of
from ..kernels.neural_network.bundles import Samples
from ._architecture import ACTIVATIONS, Architecture, architecture_of
from ._initial import hidden_activations, hidden_widths, initial_parameters
from ._loop import TrainingLoop
from ._messages import warn_not_converged
from ._network import Network
from ._plan import needs_arrays, plan_of
from ._resuming import Resuming
from ._samples import known_samples, split, validation_samples
from ._sparse import checked_rows, described
from ._table import TableSamples
from ._targets import Targets
from ._training import train


def partial_fit_is_available(estimator: Any) -> bool:
    """Return whether the solver has epochs.

    Raises
    ------
    AttributeError
        If not: then there is no ``partial_fit``.
    """
    if estimator.solver not in ("sgd", "adam"):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


def require_perceptron(estimator: Any) -> None:
    """Raise unless this is a fitted perceptron of fastml.

    Raises
    ------
    TypeError
        If it is something else.
    NotFittedError
        If it is not fitted.
    """
    if not isinstance(estimator, BasePerceptron):
        raise TypeError(
            "estimator must be a fastml.MLPClassifier or fastml.MLPRegressor, got "
            f"{type(estimator).__module__}.{type(estimator).__qualname__} instead."
        )
    check_is_fitted(estimator)


class BasePerceptron(
    ResumableMixin,
    ParametersMixin,
    Estimator,
    Scored,
    Weighted,
    InPieces,
    Callbacks,
    BaseEstimator,
    ABC,
):
    """A multi-layer perceptron, trained in compiled code.

    All that kernels read of a fitted estimator is one :class:`Network`, ``_network``: a call
    takes it once and stays with it, whatever another thread fits meanwhile.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS)), "array-like"],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean", StrOptions({"blocks"})],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "weight_init": [StrOptions({"glorot", "he", "auto"})],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "record_gradients": ["boolean"],
    }

    hidden_layer_sizes: ArrayLike
    activation: str | list[str]
    solver: str
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool | str
    random_state: int | np.random.RandomState | None
    tol: float
    verbose: bool
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    weight_init: str
    max_time: float | None
    record_gradients: bool

    loss_: float
    best_loss_: float | None
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    best_validation_score_: float | None
    gradient_norms_: Array
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    t_: int
    n_features_in_: int
    _network: Network
    #: What a user assigned to ``coefs_`` and ``intercepts_`` before any fit.
    _given_arrays: dict[str, list[Any]]

    # --- training ------------------------------------------------------------------------

    @abstractmethod
    def _known_targets(self) -> Targets:
        """Return how targets are read for another purpose than a fit."""

    def _train(
        self,
        targets: Targets,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        validation_data: tuple[ArrayLike, ArrayLike] | None = None,
        *,
        goes_on: bool,
        incremental: bool = False,
    ) -> Self:
        """Train, and replace all fitted attributes at once; raising leaves them as they were.

        Parameters
        ----------
        targets : Targets
        goes_on : bool
            Whether from the parameters of the last call.
        incremental : bool
            Whether for one epoch only.
        """
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        draft = as_of_now(self)
        before = draft._fitted_network() if goes_on else None
        kinds = before.dtype if before else (np.float64, np.float32)
        table = self._table(X, y, sample_weight)
        fresh = before is None
        data: Samples | TableSamples
        if table is None:
            data = some = targets.samples(draft, X, y, sample_weight, kinds, reset=fresh)
            rows: Any = np.arange(len(data.X))
        else:
            data = TableSamples(draft, targets, table, kinds, reset=fresh)
            some, rows = data.first, range(len(data))
        random_state = check_random_state(self.random_state)
        architecture = self._architecture(targets.output(some.Y), some, before)
        held_out, start = None, None
        if validation_data is not None:
            held_out = validation_samples(draft, validation_data, targets, architecture)
        if before is not None:
            start = before.parameters.astype(architecture.dtype)  # of layers as wide
        file = None if incremental else self._checkpoint(data, held_out, start, random_state)
        resuming = Resuming(file, random_state)
        parameters = start
        if parameters is None:
            parameters = initial_parameters(
                architecture, self.activation, self.weight_init, random_state
            )
        if isinstance(data, Samples) and held_out is None and self._splits():
            stratify = targets.stratify(data.Y)
            rows, held_out = split(data, self.validation_fraction, random_state, stratify)
        loop = TrainingLoop(
            self, targets, architecture, parameters, data, rows, held_out,
            before=dict(vars(draft)) if goes_on else {}, features=of_features(draft),
            incremental=incremental,
        )  # fmt: skip
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        by_passes = self.solver == "lbfgs" and not isinstance(data, Samples)
        told = (lambda: {**metadata, **last_pass()}) if by_passes else metadata
        given = {"X": X, "y": y, "metadata": told}
        diverged = train(loop, resuming, random_state, given)
        if diverged is not None and loop.history.n_iter == 0:
            raise diverged
        fitted = loop.attributes()
        self.__dict__.update(fitted)  # in one step: until here nothing of the estimator has changed
        for name in {"gradient_norms_", "feature_names_in_", "_given_arrays"} - fitted.keys():
            self.__dict__.pop(name, None)
        if diverged is not None:
            warn_not_converged(str(diverged))
        return self

    def _splits(self) -> bool:
        return bool(self.early_stopping and self.solver != "lbfgs")

    def _table(self, X: Any, y: Any, sample_weight: Any) -> Table | None:
        """Return rows that are not all there, or None where arrays are trained on."""
        stochastic = self.solver != "lbfgs"
        if (stochastic and not is_blocks(X)) or is_sparse(X) or needs_arrays(self):
            return None
        if stochastic and on_cluster():
            raise ValueError(
                f"solver={self.solver!r} trains on one machine: leave the engine of the client, "
                "or use solver='lbfgs'."
            )
        return table_of(self, X, y, sample_weight)

    def _plan(self, X: Blocks) -> Plan | None:
        """Return what a fit of blocks does with rows, None if it needs them all at once."""
        return None if needs_arrays(self) else plan_of(self, X)

    def _why_not_resumable(self) -> str:
        return "" if self.solver != "lbfgs" else "solver='lbfgs' keeps its state to itself"

    def _checkpoint(
        self,
        data: Samples | TableSamples,
        held_out: Samples | None,
        start: Array | None,
        random_state: np.random.RandomState,
    ) -> CheckpointFile | None:
        """Return the file of a fit that begins, or None if nobody wants one."""
        if isinstance(data, TableSamples):
            if any(isinstance(c, Checkpoint) for c in getattr(self, "_skl_callbacks", [])):
                raise ValueError("A Checkpoint works on arrays in memory: pass an array.")
            return None
        if not hasattr(self, "_skl_callbacks") or self._why_not_resumable():
            return None
        settings = self.get_params(deep=False)
        for name in ("max_time", "verbose"):  # which decide no bit
            del settings[name]
        if isinstance(self.random_state, np.random.RandomState):
            settings["random_state"] = random_state
        settings["start"] = start
        arrays = {**described(data.X, "X"), "y": data.Y, "sample_weight": data.weights}
        if held_out is not None:
            arrays |= {**described(held_out.X, "validation X"), "validation y": held_out.Y}
        return open_checkpoint(self, settings, arrays)

    def _architecture(
        self, output: tuple[str, int], data: Samples, before: Network | None
    ) -> Architecture:
        """Return the layers these samples need: those of before, where training goes on."""
        if before is None:
            hidden = hidden_widths(self.hidden_layer_sizes)
            widths = [data.X.shape[1], *hidden, output[1]]
            names = hidden_activations(self.activation, len(hidden))
            return architecture_of(widths, names, data.X.dtype, output[0])
        known = before.architecture
        if output != (known.output, known.widths[-1]):
            raise ValueError(
                f"y needs {output[1]} outputs of activation '{output[0]}', but the estimator "
                f"was fitted with {known.widths[-1]} of '{known.output}'."
            )
        if data.X.shape[1] != known.widths[0]:
            raise ValueError(
                f"X has {data.X.shape[1]} features, but the network has {known.widths[0]} inputs."
            )
        names = hidden_activations(self.activation, len(known.activations))
        if tuple(names) == known.activations:
            return known
        return architecture_of(known.widths, names, known.dtype, known.output)

    # --- the fitted network ----------------------------------------------------------------

    @property
    def coefs_(self) -> list[Array]:
        """Weights of every layer, (n_in, n_out).

        What is written into one is seen by the next call; another list of arrays of the same
        shapes may be assigned.  Assigned to an estimator that is not fitted, with
        ``intercepts_`` and ``out_activation_``, they are what training goes on from.
        """
        return self._arrays("coefs")

    @coefs_.setter
    def coefs_(self, coefs: Sequence[ArrayLike]) -> None:
        self._replace("coefs", coefs)

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of every layer, (n_out,); see ``coefs_``."""
        return self._arrays("intercepts")

    @intercepts_.setter
    def intercepts_(self, intercepts: Sequence[ArrayLike]) -> None:
        self._replace("intercepts", intercepts)

    def _arrays(self, name: str) -> list[Array]:
        """Return the arrays of the fitted network, or what a user gave an unfitted estimator."""
        given: dict[str, list[Array]] = vars(self).get("_given_arrays", {})
        if "_network" not in vars(self) and name in given:
            return given[name]
        arrays: list[Array] = getattr(self._fitted_network(), name)
        return arrays

    def _replace(self, name: str, arrays: Sequence[ArrayLike]) -> None:
        """Put other arrays in place of the network's, or keep them for an unfitted estimator."""
        if "_network" not in vars(self):
            self._given_arrays = {**vars(self).get("_given_arrays", {}), name: list(arrays)}
            return
        network = self._fitted_network()
        both = {"coefs": network.coefs, "intercepts": network.intercepts, name: arrays}
        self._network = network.replaced(both["coefs"], both["intercepts"])

    def _has_network(self) -> bool:
        """Say whether there is a network to predict with and to go on from."""
        return "_network" in vars(self) or len(vars(self).get("_given_arrays", ())) == 2

    def __sklearn_is_fitted__(self) -> bool:
        return self._has_network()

    def _fitted_network(self) -> Network:
        """Return the fitted network, made anew where a user has replaced its arrays.

        Raises
        ------
        AttributeError
            If there is none.
        """
        network: Network | None = vars(self).get("_network")
        if network is None:
            if not self._has_network():
                raise AttributeError(f"This {type(self).__name__} instance is not fitted yet.")
            given = self._given_arrays
            return Network.of_arrays(
                given["coefs"], given["intercepts"], self.activation, self.out_activation_
            )
        current = network.current()
        if current is not network:
            self._network = current
        return current

    def _known_samples(self, X: ArrayLike, y: ArrayLike, architecture: Architecture) -> Samples:
        """Return samples of the kind these layers were made for, for another purpose than fit."""
        return known_samples(self, self._known_targets(), X, y, architecture)

    def _checked_rows(self, X: ArrayLike, *, finite: bool = True) -> tuple[Any, Network]:
        """Return X checked, and the network it is for."""
        if "_network" not in vars(self):
            check_is_fitted(self)
        network = self._fitted_network()
        if not finite and self._needs_no_checks(X, network):
            return X, network
        return checked_rows(self, X, dtype=network.dtype, finite=finite), network

    def _needs_no_checks(self, X: ArrayLike, network: Network) -> bool:
        """Say whether X may go to a kernel that finds out if it is finite: one row costs little."""
        plain = is_plain(X, network.dtype) and X.shape[1] == network.n_features
        return plain and "feature_names_in_" not in vars(self)

    def _applied(self, X: ArrayLike, wanted: int) -> Array:
        """Return what :meth:`Network.applied` does for X, checked."""
        data, network = self._checked_rows(X, finite=False)
        out, finite = network.applied(data, wanted)
        if not finite:
            check_finite(data, "X", type(self).__name__)
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def activations(self, X: ArrayLike) -> list[Array]:
        """Return the output of every layer, the last one being that of the network.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            Finite real numbers.

        Returns
        -------
        activations : list of ndarray (n_samples, n_units)
            One for each hidden layer, then the output layer's: probabilities for a
            classifier, predictions for a regressor.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError, ValueError
            On bad input, in scikit-learn's words.
        """
        data, network = self._checked_rows(X)
        return network.activations(data)
