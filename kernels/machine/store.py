"""The folder of compiled kernels, and its entries.

Numba's own on-disk cache looks at the modification time of the one file a function
stands in, so an edit of the tile would leave every other kernel stale; it numbers
its data files, so two processes writing at once can swap each other's code; and it
raises on a truncated file.  This store keys every entry on a digest of *all* sources
under ``kernels/``, the versions of Python, Numba, llvmlite and NumPy, the switches below
and (through Numba's key) the signature, processor and features; an entry is one file
named by that key, written whole and then moved into place, and checked before it is
unpickled.  Anything unreadable counts as absent.

**What protects from what.**  Entries are pickles: whoever can write one can run code as you.
The checksum in front of an entry protects from *damage*, a full disk or a flipped bit; it is no
signature, and whoever can write a file can write its checksum, so it does not protect from
*forgery*.  From that protects only who can write there: the root, no link, and what is in it must
be yours or the superuser's, and writable by nobody else; every folder above it must belong to one
of the two, too, and be writable by no others unless it is sticky, as /tmp is, so that nobody can
put another folder in its place.  What the superuser owns is trusted as Python itself is: an image
built by one user is run by another.
Entries are opened relative to the folder that has been checked, never through a link, where the
system has the means (not on Windows, where folders inherit the rights of the user's profile).
Where no folder will do there is none: no shared place stands in for it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import llvmlite
import numba
import numpy
import platformdirs
from numba import config

from .settings import CHECK_TILES, EXACT_SCRATCH, PLAIN_NUMBA

_DAYS_KEPT = 30
_MOST_LINKS = 40

#: The folder all kernels stand in.
KERNELS = Path(__file__).resolve().parents[1]

_POSIX = hasattr(os, "getuid")
_RELATIVE = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


class RefusedError(Exception):
    """A folder that compiled kernels must not be kept in; the message says why."""


@cache
def source_digest() -> str:
    """Return a digest of everything outside a signature that machine code rests on."""
    digest = hashlib.sha256()
    for path in sorted(KERNELS.rglob("*.py")):
        digest.update(path.relative_to(KERNELS).as_posix().encode())
        digest.update(path.read_bytes())
    versions = (
        platform.python_implementation(),
        sys.version,
        numba.__version__,
        llvmlite.__version__,
        numpy.__version__,
    )
    # A missing switch is Numba's business: its name may go with its meaning.
    names = ("BOUNDSCHECK", "OPT", "CPU_NAME", "CPU_FEATURES", "ENABLE_AVX")
    numbas = (getattr(config, name, None) for name in names)
    switches = (CHECK_TILES, EXACT_SCRATCH, PLAIN_NUMBA, *numbas)
    digest.update(repr((versions, switches)).encode())
    return digest.hexdigest()[:20]


# --- which folders will do ----------------------------------------------------------------


def _check_own(status: os.stat_result, path: Path) -> None:
    """Refuse what is neither ours nor root's, or what others may write to."""
    if not _POSIX:
        return
    if status.st_uid not in (0, os.getuid()):
        raise RefusedError(f"{path} belongs to another user")
    if status.st_mode & 0o022:
        raise RefusedError(f"others may write to {path}")


def _check_above(path: Path) -> None:
    """Refuse a folder in whose place, or in place of one above it, others could put their own.

    Links on the way are followed one by one: each must be ours or root's, and so must every
    folder it leads through.
    """
    trusted = (0, os.getuid())
    at, ahead, links = Path(path.anchor), list(path.parts[1:]), 0
    while True:
        status = at.lstat()
        if status.st_uid not in trusted:
            raise RefusedError(f"{at} belongs to another user")
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise RefusedError(f"too many links on the way to {path}")
            target = Path(os.readlink(at))
            ahead = list(target.parts[target.is_absolute() :]) + ahead
            at = Path(target.anchor) if target.is_absolute() else at.parent
            continue
        if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
            raise RefusedError(f"others may write to {at}")
        while ahead and ahead[0] == "..":
            ahead.pop(0)
            at = at.parent
        if not ahead:
            return
        at /= ahead.pop(0)


def _make(path: Path) -> None:
    """Make a folder, and those above it that are missing, for the user alone."""
    missing = []
    while not path.exists() and not path.is_symlink():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def check_root(root: Path) -> None:
    """Make ``root`` if need be; raise RefusedError or OSError where others may write to it."""
    _make(root)
    status = root.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise RefusedError(f"{root} is not a folder, or a link to one")
    _check_own(status, root)
    if _POSIX:
        _check_above(root.parent)


def _root() -> Path:
    named = os.environ.get("FASTML_CACHE_DIR")
    if named:
        return Path(os.path.abspath(named))
    root = Path(platformdirs.user_cache_dir("fastml", appauthor=False))
    if not root.is_absolute():
        raise RefusedError("there is no home folder")
    return root


@cache
def _choice() -> tuple[Path | None, str]:
    """Return the folder of this build's machine code, or None and the reason."""
    try:
        root = _root()
        check_root(root)
        directory = root / source_digest()
        directory.mkdir(mode=0o700, exist_ok=True)
        with opened(directory):
            pass
    except (OSError, RuntimeError, RefusedError) as error:
        return None, str(error)
    try:
        os.utime(directory)
    except OSError:  # read-only: what is there can be used
        pass
    forget_old_builds(root, keep=directory)
    return directory, ""


def cache_directory() -> Path | None:
    """Return the folder of this build's machine code, or None where none will do.

    ``FASTML_CACHE_DIR`` names the root; without it, it is the user's cache folder.
    """
    return _choice()[0]


def cache_refusal() -> str:
    """Return why there is no folder of machine code; empty where there is one."""
    return _choice()[1]


def forget_old_builds(root: Path, keep: Path) -> None:
    """Delete builds nobody has used for a month; a race with another process is harmless."""
    oldest = time.time() - _DAYS_KEPT * 86400
    try:
        for build in root.iterdir():
            # Only folders named by a digest are ours: the root may be anything.
            ours = len(build.name) == len(keep.name) and set(build.name) <= set("0123456789abcdef")
            if ours and build != keep and build.lstat().st_mtime < oldest:
                shutil.rmtree(build, ignore_errors=True)
    except OSError:
        return


# --- entries ----------------------------------------------------------------------------------


@contextmanager
def opened(directory: Path) -> Iterator[int | None]:
    """Open a folder of entries and check it; give what entries are opened relative to."""
    if not _RELATIVE:
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise RefusedError(f"{directory} is not a folder, or a link to one")
        _check_own(status, directory)
        yield None
        return
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _check_own(os.fstat(folder), directory)
        yield folder
    finally:
        os.close(folder)


class Store:
    """Entries of one kernel, one file each: the payload's SHA-256, then the payload.

    Nothing here raises for what may happen to a disk: an entry is then absent, or not kept.
    """

    def __init__(self, directory: Path | None, name: str) -> None:
        self._directory = directory
        self._name = name

    def _place(self, folder: int | None, name: str) -> str:
        """Return how an entry is named, relative to the open folder where there is one."""
        assert self._directory is not None
        return name if folder is not None else str(self._directory / name)

    def _entry(self, key: object) -> str:
        return f"{self._name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}.bin"

    def load(self, key: object) -> bytes | None:
        """Return what was saved under a key, None where that is not there as it was."""
        if self._directory is None:
            return None
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        flags |= getattr(os, "O_NONBLOCK", 0)  # somebody's pipe would be waited for
        try:
            with opened(self._directory) as folder:
                place = self._place(folder, self._entry(key))
                with open(os.open(place, flags, dir_fd=folder), "rb") as file:
                    status = os.fstat(file.fileno())
                    if not stat.S_ISREG(status.st_mode):
                        return None
                    _check_own(status, Path(place))
                    content = file.read()
        except (OSError, RefusedError):
            return None
        checksum, payload = content[:32], content[32:]
        return payload if hashlib.sha256(payload).digest() == checksum else None

    def save(self, key: object, payload: bytes) -> None:
        """Keep bytes under a key: whole or, where the disk will not have them, not at all."""
        if self._directory is None:
            return
        temporary = f"{self._name}-{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            with opened(self._directory) as folder:
                source = self._place(folder, temporary)
                target = self._place(folder, self._entry(key))
                try:
                    with open(os.open(source, flags, 0o600, dir_fd=folder), "wb") as file:
                        file.write(hashlib.sha256(payload).digest() + payload)
                    os.replace(source, target, src_dir_fd=folder, dst_dir_fd=folder)
                except OSError:  # full, read-only or gone: the kernel is compiled, only not kept
                    os.unlink(source, dir_fd=folder)
        except (OSError, RefusedError):
            return

    def flush(self) -> None:
        """Forget every entry of this kernel that may be forgotten."""
        try:
            for path in self._directory.glob(f"{self._name}-*.bin") if self._directory else ():
                with suppress(OSError):  # gone, or the superuser's: Numba asks for no more
                    path.unlink()
        except OSError:  # a folder that may not be listed
            return
