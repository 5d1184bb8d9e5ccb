"""The one Numba policy: how every kernel is compiled and where machine code is kept.

Numba's own on-disk cache looks at the modification time of the one file a function
stands in, so an edit in ``tile.py`` would leave every other kernel stale; it numbers
its data files, so two processes writing at once can swap each other's code; and it
raises on a truncated file.  This cache keys every entry on a digest of *all* sources
under ``kernels/``, the versions of Python, Numba, llvmlite and NumPy, the switches below
and (through Numba's key) the signature, processor and features; an entry is one file
named by that key, written whole and then moved into place, and checked before it is
unpickled.  Anything unreadable counts as absent.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy
from numba.core import caching, codegen, config, types
from numba.core.compiler_lock import global_compiler_lock

#: Check every tile load and store against its array (slow; run on one thread).
CHECK_TILES = os.environ.get("FASTML_CHECK_TILES", "0") not in ("", "0")

_DAYS_KEPT = 30

#: The folder all kernels stand in.
_KERNELS = Path(__file__).resolve().parents[1]


@cache
def source_digest() -> str:
    """Return a digest of everything outside a signature that machine code rests on."""
    digest = hashlib.sha256()
    for path in sorted(_KERNELS.rglob("*.py")):
        digest.update(path.relative_to(_KERNELS).as_posix().encode())
        digest.update(path.read_bytes())
    versions = (
        platform.python_implementation(),
        sys.version,
        numba.__version__,
        llvmlite.__version__,
        numpy.__version__,
    )
    switches = (CHECK_TILES, config.BOUNDSCHECK, config.OPT, config.CPU_NAME, config.CPU_FEATURES)
    digest.update(repr((versions, switches)).encode())
    return digest.hexdigest()[:20]


def _user_cache_root() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _usable(root: Path) -> bool:
    """Make ``root`` if need be; say whether it is ours alone to write.

    Entries are pickles: a folder somebody else can write to would let them run code.
    """
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = root.stat()
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
            return False
        with tempfile.TemporaryFile(dir=root):
            return True
    except (OSError, RuntimeError):
        return False


@cache
def cache_directory() -> Path | None:
    """Return the folder of this build's machine code, or None where none can be written.

    ``FASTML_CACHE_DIR`` names the root; without it, the user's cache folder, then a
    private folder under the system's temporary one.
    """
    named = os.environ.get("FASTML_CACHE_DIR")
    if named:
        roots = [Path(named)]
    else:
        user = str(os.getuid()) if hasattr(os, "getuid") else "user"
        roots = [Path(tempfile.gettempdir()) / f"fastml-{user}"]
        try:
            roots.insert(0, _user_cache_root() / "fastml")
        except RuntimeError:  # no home folder
            pass
    for root in roots:
        if _usable(root):
            directory = root / source_digest()
            try:
                directory.mkdir(mode=0o700, exist_ok=True)
                os.utime(directory)
            except OSError:
                continue
            _forget_old_builds(root, keep=directory)
            return directory
    return None


def _forget_old_builds(root: Path, keep: Path) -> None:
    """Delete builds nobody has used for a month; a race with another process is harmless."""
    oldest = time.time() - _DAYS_KEPT * 86400
    try:
        for build in root.iterdir():
            # Only folders named by a digest are ours: the root may be anything.
            ours = len(build.name) == len(keep.name) and set(build.name) <= set("0123456789abcdef")
            if ours and build != keep and build.stat().st_mtime < oldest:
                shutil.rmtree(build, ignore_errors=True)
    except OSError:
        return


class _Store:
    """Entries of one kernel, one file each: the payload's SHA-256, then the payload."""

    def __init__(self, directory: Path | None, name: str) -> None:
        self._directory = directory
        self._name = name

    def _path(self, key: object) -> Path:
        assert self._directory is not None
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:24]
        return self._directory / f"{self._name}-{digest}.bin"

    def load(self, key: object) -> Any:
        if self._directory is None:
            return None
        try:
            content = self._path(key).read_bytes()
            checksum, payload = content[:32], content[32:]
            if hashlib.sha256(payload).digest() != checksum:
                return None
            return caching.pickle.loads(payload)
        except Exception:  # unreadable in any way: compile again
            return None

    def save(self, key: object, data: object) -> None:
        if self._directory is None:
            return
        payload = caching.dumps(data)
        temporary = None
        try:
            with tempfile.NamedTemporaryFile(dir=self._directory, delete=False) as file:
                temporary = Path(file.name)
                file.write(hashlib.sha256(payload).digest() + payload)
            os.replace(temporary, self._path(key))
        except OSError:  # full or vanished disk: the kernel is compiled, only not kept
            if temporary is not None:
                temporary.unlink(missing_ok=True)

    def flush(self) -> None:
        if self._directory is not None:
            for path in self._directory.glob(f"{self._name}-*.bin"):
                path.unlink(missing_ok=True)


class _Implementation(caching.CompileResultCacheImpl):  # type: ignore[misc]
    """Numba's way to pickle a compiled function, without its choice of a folder."""

    def __init__(self) -> None:
        pass

    def check_cachable(self, result: Any) -> bool:
        return not (result.lifted or result.library.has_dynamic_globals)


class _KernelCache(caching.FunctionCache):  # type: ignore[misc]
    """Numba's function cache over :class:`_Store`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = repr(function)
        self._py_func = function
        self._impl = _Implementation()
        directory = cache_directory()
        self._cache_path = str(directory or "")
        name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        source = Path(function.__code__.co_filename).resolve()
        if _KERNELS not in source.parents:
            # A kernel written elsewhere: its own file counts too, where there is one.
            try:
                name += "-" + hashlib.sha256(source.read_bytes()).hexdigest()[:12]
            except OSError:
                directory = None
        self._cache_file = _Store(directory, name)
        self.enable()

    def _save_overload(self, signature: object, data: Any) -> None:
        if self._enabled and self._impl.check_cachable(data):
            key = self._index_key(signature, data.codegen)
            self._cache_file.save(key, self._impl.reduce(data))


class _Library(codegen.JITCodeLibrary):  # type: ignore[misc]
    """The code of a kernel, optimised once.

    Numba optimises twice, the first time to bring reference counts together, of which kernels
    have few or none.
    """

    def _optimize_final_module(self) -> None:
        passes, builder = self._codegen._module_pass_manager()
        with self._recorded_timings.record("Module passes (full optimization)", builder):
            passes.run(self._final_module, builder)


class _InlinedLibrary(codegen.JITCodeLibrary):  # type: ignore[misc]
    """Code that only becomes part of its callers: kept as LLVM's, never made machine code.

    It would be optimised and translated by itself, and again in every caller and theirs.
    """

    def _optimize_final_module(self) -> None:
        """Leave it to the callers."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0

    def serialize_using_object_code(self) -> Any:
        return self.serialize_using_bitcode()


@contextmanager
def _libraries(generator: Any, library: type) -> Iterator[None]:
    """Have Numba keep what it compiles here, and in this thread, in libraries of this kind."""
    chosen: dict[str, Any] = {"_library_class": library}
    if library is _InlinedLibrary:
        chosen["set_env"] = lambda name, env: None  # a global variable of machine code
    with global_compiler_lock:
        # A kernel may be met while another is compiled that is kept in another way.
        names = ("_library_class", "set_env")
        before = {name: vars(generator).pop(name) for name in names if name in vars(generator)}
        vars(generator).update(chosen)
        try:
            yield
        finally:
            for name in names:
                vars(generator).pop(name, None)
            vars(generator).update(before)


def _compiled(function: Callable[..., Any], library: type = _Library, **options: Any) -> Any:
    dispatcher = numba.njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, **options)(
        function
    )
    if config.DISABLE_JIT:
        return dispatcher
    dispatcher._cache = _KernelCache(function)
    compile_ = dispatcher.compile

    def compile_into_library(signature: Any) -> Any:
        with _libraries(dispatcher.targetctx.codegen(), library):
            return compile_(signature)

    dispatcher.compile = compile_into_library
    template = dispatcher.get_call_template

    def template_of_types(arguments: Any, keywords: Any) -> Any:
        """Look for a specialisation by types alone: Numba makes one for every constant, too."""
        keywords = {name: types.unliteral(kind) for name, kind in keywords.items()}
        return template(tuple(map(types.unliteral, arguments)), keywords)

    dispatcher.get_call_template = template_of_types
    return dispatcher


def kernel(function: Callable[..., Any]) -> Any:
    """Compile ``function`` by the policy: no Python objects, no lock, no fast-math, no memory.

    Fast-math stays off: it would let the compiler reorder sums, and the same bits on
    every run is a promise; where a fused multiply-add or a reordered sum is wanted, the
    tile says so.  Division by zero gives what IEEE 754 says (``error_model``).

    A kernel allocates nothing, so it is compiled without Numba's reference counts: an array
    passed to a function costs two locked instructions otherwise, a fifth of the time of a
    small panel.
    """
    return _compiled(function, _nrt=False)


def inner_kernel(function: Callable[..., Any]) -> Any:
    """Compile ``function`` as :func:`kernel` does, to be called by kernels only.

    Without the wrapper Python calls, which costs a tenth of the compilation.
    """
    return _compiled(function, _InlinedLibrary, _nrt=False, no_cpython_wrapper=True)


def allocating_kernel(function: Callable[..., Any]) -> Any:
    """Compile ``function`` as :func:`kernel` does, with leave to make arrays.

    For the few that set up their working memory and then take tickets.
    """
    return _compiled(function)
