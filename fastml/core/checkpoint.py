"""Long fits that survive being killed: their state in a file, from which the same fit goes on.

An estimator that can be resumed hands over its state as arrays and numbers, and says what the
state depends on:

- it inherits from :class:`ResumableMixin`;
- its fit calls :func:`open_checkpoint` with its *settings* (parameters that decide the result, not
  how long it may take or what it prints) and its *data*; that is None without a checkpoint;
- ``read`` returns the :class:`State` to go on from, or None at the start;
- after every epoch ``offer`` is given a function that returns the state, which is called when a
  write is due;
- ``remove`` when the fit has ended.

The file is one line of magic with the version of the format, one with the SHA-256 of what
follows, one of JSON (what the state is of, and its numbers), then the arrays as NumPy's npz.
Nothing in it is pickled, so reading one runs nobody's code.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import stat
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from .._version import __version__
from .sklearn_compat import CallbackSupportMixin
from .validation import Array

#: Raise the number with every change of the layout or of what a state holds.
_MAGIC = b"fastml checkpoint 3\n"
#: Rows of the data that its digest looks at.
_ROWS_LOOKED_AT = 1024


class State(NamedTuple):
    """Where a fit stands.

    arrays : dict of str to ndarray, none of objects
    numbers : dict of str to int, float, str or None
    """

    arrays: Mapping[str, Array]
    numbers: Mapping[str, Any]


class Checkpoint:
    """Write the state of a fit to a file now and then, and go on from it after a crash.

    A callback: set it on an estimator with ``set_callbacks`` and call ``fit``.  Where the file
    exists, ``fit`` goes on from there, and ends with the same bits as a fit that was never
    interrupted; it must have the same settings and data, on the same kind of processor, or it
    is refused.  The file is removed when the fit has ended: one that is there is of an
    unfinished fit.  It is written beside its place and moved there whole, so a process may be
    killed at any moment.

    A clone of an estimator leaves its checkpoint behind, so the candidates of a grid search never
    share a file.  One fit at a time may use a path.

    Parameters
    ----------
    path : str or path-like
        The file.  Its folder must exist.
    every : float, default=60.0
        Seconds between two writes at least; 0 writes after every iteration.

    Raises
    ------
    ValueError
        If ``every`` is negative or no number.  By ``fit``: if the file is damaged, of another
        version, or of a fit of other settings or data, or its folder is missing or cannot be
        written to; nothing is then changed.

    Notes
    -----
    :class:`fastml.KMeans`, :class:`fastml.MiniBatchKMeans`, :class:`fastml.MLPClassifier` and
    :class:`fastml.MLPRegressor` can be resumed, the perceptrons with the solvers 'sgd' and 'adam'
    and in ``fit``.  Data are compared by shape, type and 1,024 rows spread evenly over them.  An
    ``init`` that is a callable is compared by its name alone, and ``max_time`` counts from the
    last start.  A perceptron whose training is interrupted keeps its file; one whose training
    diverges does not.  A file that cannot be written is a RuntimeWarning, and the fit goes on.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fastml
    >>> X = [[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]]
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "clusters.checkpoint"
    >>> model = fastml.KMeans(n_clusters=2, random_state=0)
    >>> model = model.set_callbacks(fastml.Checkpoint(path, every=300)).fit(X)
    >>> path.exists()
    False
    """

    def __init__(self, path: str | os.PathLike[str], *, every: float = 60.0) -> None:
        if not (isinstance(every, (int, float)) and 0 <= every < math.inf):
            raise ValueError(f"every must be a number of seconds from 0 on, got {every!r} instead.")
        self.path = Path(path).absolute()
        self.every = float(every)

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}, every={self.every:g})"

    def setup(self, estimator: Any, context: Any) -> None:
        """Refuse an estimator that cannot be resumed.

        Parameters
        ----------
        estimator : estimator
            The one whose fit begins.
        context : sklearn.callback.CallbackContext
            Not looked at.

        Raises
        ------
        TypeError
            If the estimator cannot be resumed.
        """
        able = isinstance(estimator, ResumableMixin)
        reason = estimator._why_not_resumable() if able else ""
        if reason or not able:
            why = f": {reason}" if reason else ""
            raise TypeError(f"{type(estimator).__name__} cannot be resumed from a Checkpoint{why}.")

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing: part of the protocol of callbacks.

        Parameters
        ----------
        estimator : estimator
            Not looked at.
        context : sklearn.callback.CallbackContext
            Not looked at.
        """

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing: the fit itself asks for the state to go on from.

        Parameters
        ----------
        estimator : estimator
            Not looked at.
        context : sklearn.callback.CallbackContext
            Not looked at.
        """

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Do nothing: the fit itself hands over its state.

        Parameters
        ----------
        estimator : estimator
            Not looked at.
        context : sklearn.callback.CallbackContext
            Not looked at.
        """


class ResumableMixin(CallbackSupportMixin):
    """An estimator whose fit can be resumed; its clones have no checkpoint."""

    def __sklearn_clone__(self) -> Self:
        clone: Self = super().__sklearn_clone__()
        callbacks = getattr(clone, "_skl_callbacks", [])
        if any(isinstance(callback, Checkpoint) for callback in callbacks):
            clone.set_callbacks(*(c for c in callbacks if not isinstance(c, Checkpoint)))
        return clone

    def _why_not_resumable(self) -> str:
        """Return which parameter stands against it, and why; empty where none does."""
        return ""


def data_digest(**arrays: Any) -> str:
    """Return a digest of data: of the shape, the type and some rows of each array.

    Parameters
    ----------
    **arrays : ndarray (n_samples, ...) or None, by name
    """
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        if array is None:
            digest.update(f"{name}: none\n".encode())
            continue
        digest.update(f"{name}: {array.shape} {array.dtype.str}\n".encode())
        if len(array):
            count = min(len(array), _ROWS_LOOKED_AT)
            rows = np.linspace(0, len(array) - 1, count).astype(np.int64)
            digest.update(np.ascontiguousarray(array[rows]).tobytes())
    return digest.hexdigest()


def part(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the entries whose name begins so, without that."""
    return {key.removeprefix(name): v for key, v in values.items() if key.startswith(name)}


def generator_state(random_state: np.random.RandomState, name: str = "") -> State:
    """Return the state of a random generator, its entries' names beginning with ``name``.

    Raises
    ------
    TypeError
        If it is none of NumPy's Mersenne twisters.
    """
    kind, key, position, has_gauss, gauss = random_state.get_state(legacy=True)
    if kind != "MT19937":
        raise TypeError(f"random_state must be a Mersenne twister for a Checkpoint, got {kind}.")
    numbers = {"position": int(position), "has_gauss": int(has_gauss), "gauss": float(gauss)}
    named = {f"{name}{key}": number for key, number in numbers.items()}
    return State({f"{name}key": np.array(key)}, named)


def restore_generator(random_state: np.random.RandomState, state: State, name: str = "") -> None:
    """Put a random generator where another one was: see :func:`generator_state`."""
    found = [state.numbers[name + key] for key in ("position", "has_gauss", "gauss")]
    random_state.set_state(("MT19937", state.arrays[f"{name}key"], *found))


def _described(value: Any) -> Any:
    """Return a setting as JSON can hold it, equal for equal settings."""
    if isinstance(value, np.random.RandomState):
        state = generator_state(value)
        return f"RandomState {data_digest(key=state.arrays['key'])} {dict(state.numbers)}"
    if isinstance(value, (bool, int, str, type(None))):
        return value
    if isinstance(value, (float, np.generic)):
        return repr(value.item() if isinstance(value, np.generic) else value)
    if callable(value):
        return (
            f"{value.__module__}.{value.__qualname__}"
            if hasattr(value, "__qualname__")
            else (type(value).__qualname__)
        )
    if isinstance(value, Mapping):
        return sorted(str([_described(key), _described(v)]) for key, v in value.items())
    array = np.asarray(value)
    if array.dtype.hasobject:
        return [_described(v) for v in array.reshape(-1)]
    return f"array {array.shape} {array.dtype.str} {hashlib.sha256(array.tobytes()).hexdigest()}"


def _processor() -> str:
    """Return what decides the bits of a result besides settings and data."""
    from ..kernels.machine.host import host

    found = host()
    return f"vectors of {found.vector_bytes} bytes, {found.vector_registers} registers"


class CheckpointFile:
    """The file of one fit.

    Parameters
    ----------
    checkpoint : Checkpoint
    identity : dict
        What the state is of, by name.
    """

    def __init__(self, checkpoint: Checkpoint, identity: dict[str, Any]) -> None:
        self._path, self._every, self._identity = checkpoint.path, checkpoint.every, identity
        self._last = time.monotonic()

    def read(self) -> State | None:
        """Return the state to go on from, or None if there is none.

        Raises
        ------
        ValueError
            If the file is damaged, of another version, or of another fit, or none could be written
            to its folder.
        """
        if not os.access(self._path.parent, os.W_OK | os.X_OK):  # a long fit would be in vain
            raise ValueError(f"The folder of the checkpoint {self._path} cannot be written to.")
        try:
            if not stat.S_ISREG(self._path.stat().st_mode):  # a device may have no end
                raise ValueError(f"The checkpoint {self._path} is no file.")
            with open(self._path, "rb") as file:
                self._check_kind(file.read(len(_MAGIC)))
                content = file.read()
        except FileNotFoundError:
            return None
        for leftover in self._path.parent.glob(f".{self._path.name}.*.tmp"):
            leftover.unlink(missing_ok=True)
        header, arrays = self._unpacked(content)
        for name, value in self._identity.items():
            if header["identity"].get(name) != value:
                raise ValueError(
                    f"The checkpoint {self._path} is of a fit with another {name}: it has "
                    f"{header['identity'].get(name)!r}, this fit {value!r}. Remove the file, or "
                    "choose another path, to begin anew."
                )
        return State(arrays, header["numbers"])

    def _check_kind(self, kind: bytes) -> None:
        """Raise ValueError unless a file that begins so is a checkpoint of this version."""
        if kind != _MAGIC:
            if kind.startswith(_MAGIC.rpartition(b" ")[0]):
                raise ValueError(
                    f"The checkpoint {self._path} has another version of the format: "
                    f"{kind.decode(errors='replace').strip()!r}, expected "
                    f"{_MAGIC.decode().strip()!r}."
                )
            raise ValueError(f"{self._path} is not a checkpoint of fastml.")

    def _unpacked(self, content: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the header and the arrays of what follows the first line."""
        digest, _, rest = content.partition(b"\n")
        if hashlib.sha256(rest).hexdigest().encode() != digest:
            raise ValueError(f"The checkpoint {self._path} is damaged: its checksum is wrong.")
        try:
            line, _, packed = rest.partition(b"\n")
            header = json.loads(line)
            with np.load(io.BytesIO(packed), allow_pickle=False) as found:
                arrays = {name: found[name] for name in found.files}
            header["identity"].items(), header["numbers"].items()
        except (ValueError, KeyError, AttributeError, TypeError, zipfile.BadZipFile) as error:
            raise ValueError(f"The checkpoint {self._path} is damaged: {error}") from error
        return header, arrays

    def offer(self, state: Callable[[], State]) -> None:
        """Write the state if that is due."""
        if time.monotonic() - self._last < self._every:
            return
        try:
            self._write(state())
        except OSError as error:
            warnings.warn(
                f"The checkpoint {self._path} could not be written: {error}", RuntimeWarning,
                stacklevel=2,
            )  # fmt: skip
        self._last = time.monotonic()

    def _write(self, state: State) -> None:
        packed = io.BytesIO()
        np.savez(packed, **dict[str, Any](state.arrays))
        header = {"identity": self._identity, "numbers": dict(state.numbers)}
        rest = json.dumps(header).encode() + b"\n" + packed.getbuffer()
        digest = hashlib.sha256(rest).hexdigest().encode() + b"\n"
        handle, temporary = tempfile.mkstemp(
            dir=self._path.parent, prefix=f".{self._path.name}.", suffix=".tmp"
        )
        try:
            with open(handle, "wb") as file:
                file.writelines((_MAGIC, digest, rest))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        if os.name == "posix":  # the folder's entry, too, must survive a power cut
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def remove(self) -> None:
        """Remove the file: the fit has ended."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            warnings.warn(
                f"The checkpoint {self._path} of a fit that has ended could not be removed: "
                f"{error}", RuntimeWarning, stacklevel=2,
            )  # fmt: skip


def open_checkpoint(
    estimator: Any, settings: Mapping[str, Any], data: Mapping[str, Any]
) -> CheckpointFile | None:
    """Return the file of a fit that begins, or None if its estimator has no checkpoint.

    Parameters
    ----------
    estimator : ResumableMixin
    settings : dict
        Parameters that decide the result, by name: numbers, strings, None, arrays, random
        generators, callables.
    data : dict of str to ndarray or None
        What it is fitted to.

    Raises
    ------
    ValueError
        If it has several checkpoints.
    """
    found = [c for c in getattr(estimator, "_skl_callbacks", []) if isinstance(c, Checkpoint)]
    if not found:
        return None
    if len(found) > 1:
        raise ValueError(f"{type(estimator).__name__} has {len(found)} checkpoints, expected one.")
    identity = {
        "estimator": type(estimator).__name__,
        "fastml version": __version__,
        "processor": _processor(),
        **{name: _described(value) for name, value in sorted(settings.items())},
        **{f"shape of {name}": str(np.shape(array)) for name, array in data.items()},
        **{f"dtype of {name}": str(getattr(array, "dtype", None)) for name, array in data.items()},
        "data": data_digest(**data),
    }
    return CheckpointFile(found[0], identity)


def copied(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return copies of arrays by their names."""
    return {name: array.copy() for name, array in arrays.items()}


def restore_arrays(target: Mapping[str, Array], found: Mapping[str, Array]) -> None:
    """Copy saved arrays into those of a fit, all of them or none.

    Raises
    ------
    ValueError
        If one is missing, or of another shape or type.
    """
    for name, array in target.items():
        saved = found.get(name)
        if saved is None or saved.shape != array.shape or saved.dtype != array.dtype:
            raise ValueError(
                f"The checkpoint holds no {name} of shape {array.shape} and dtype {array.dtype}."
            )
    for name, array in target.items():
        array[...] = found[name]
