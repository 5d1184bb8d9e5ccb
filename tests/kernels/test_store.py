"""The folder of compiled kernels: which will do, and entries that survive what disks do."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fastml.kernels.machine import store
from fastml.kernels.machine.store import RefusedError, Store

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")


@pytest.mark.parametrize("length", [0, 10, 31, 32, 33, -1])
def test_truncated_entry_counts_as_absent(tmp_path, length):
    entries = Store(tmp_path, "kernel")
    entries.save("key", b"code 1")
    assert entries.load("key") == b"code 1"
    assert entries.load("other key") is None
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:length])
    assert entries.load("key") is None
    entries.save("key", b"code 2")
    assert entries.load("key") == b"code 2"
    entries.flush()
    assert entries.load("key") is None
    assert not list(tmp_path.iterdir())


def test_an_entry_that_may_not_be_forgotten_is_survived(tmp_path, monkeypatch):
    def refuse(*arguments, **keywords):
        raise PermissionError

    entries = Store(tmp_path, "kernel")
    entries.save("key", b"code")
    with monkeypatch.context() as patched:  # the tests may run as the superuser, who may
        patched.setattr(Path, "unlink", refuse)
        entries.flush()
    assert entries.load("key") == b"code"
    Store(tmp_path / "absent", "kernel").flush()


def test_changed_byte_is_noticed(tmp_path):
    entries = Store(tmp_path, "kernel")
    entries.save("key", b"machine code")
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    assert content.count(b"machine code") == 1
    path.write_bytes(content.replace(b"machine code", b"machine c0de"))
    assert entries.load("key") is None


def test_entry_in_the_way_is_survived(tmp_path):
    entries = Store(tmp_path, "kernel")
    entries.save("key", b"1")
    (path,) = tmp_path.iterdir()
    path.unlink()
    path.mkdir()  # reading and replacing it both fail
    entries.save("key", b"2")
    assert entries.load("key") is None
    assert list(tmp_path.iterdir()) == [path]  # nothing half-written is left behind


def test_folder_that_vanishes_is_survived(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    entries = Store(folder, "kernel")
    folder.rmdir()
    entries.save("key", b"1")
    assert entries.load("key") is None


FULL = """
import resource, signal, sys
from pathlib import Path
from fastml.kernels.machine.store import Store

entries = Store(Path(sys.argv[1]), "kernel")
entries.save("small", b"1")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
entries.save("large", bytes(100_000))
assert entries.load("large") is None
assert entries.load("small") == b"1"
"""


@posix
def test_disk_that_takes_no_more_is_survived(tmp_path):
    arguments = [sys.executable, "-c", FULL, str(tmp_path)]
    result = subprocess.run(arguments, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr
    assert len(list(tmp_path.iterdir())) == 1  # the half of an entry is gone


@posix
def test_read_only_folder_gives_what_it_has(tmp_path, monkeypatch):
    entries = Store(tmp_path, "kernel")
    entries.save("key", b"1")

    opening = os.open

    def read_only(path, flags, *arguments, **keywords):
        if flags & os.O_WRONLY:
            raise OSError(30, "Read-only file system")
        return opening(path, flags, *arguments, **keywords)

    monkeypatch.setattr(os, "open", read_only)
    entries.save("key", b"2")
    entries.save("other", b"3")
    assert entries.load("key") == b"1"
    assert entries.load("other") is None


# --- nobody else may write there ----------------------------------------------------------------


@posix
def test_own_folder_is_made_for_the_user_alone(tmp_path):
    root = tmp_path / "a" / "b"
    before = os.umask(0)
    try:
        store.check_root(root)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (root, root.parent)] == [0o700] * 2


@posix
def test_root_others_may_write_to_is_refused(tmp_path):
    for mode in (0o777, 0o770, 0o1777, 0o702):
        tmp_path.chmod(mode)
        with pytest.raises(RefusedError, match="others may write"):
            store.check_root(tmp_path)
    tmp_path.chmod(0o755)
    store.check_root(tmp_path)


@posix
def test_parent_others_may_write_to_is_refused_unless_sticky(tmp_path):
    shared = tmp_path / "shared"
    root = shared / "deep" / "root"
    store.check_root(root)
    for mode in (0o777, 0o770):
        shared.chmod(mode)
        with pytest.raises(RefusedError, match="others may write"):
            store.check_root(root)
    shared.chmod(0o1777)
    store.check_root(root)


@posix
def test_links(tmp_path):
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(real)
    with pytest.raises(RefusedError, match="link"):
        store.check_root(link)
    store.check_root(link / "root")  # on the way, our own links will do
    shared = tmp_path / "shared"
    inside = shared / "inside"
    inside.mkdir(parents=True, mode=0o700)
    shared.chmod(0o777)
    through = tmp_path / "through"
    through.symlink_to("shared/inside/../inside")
    with pytest.raises(RefusedError, match="others may write"):
        store.check_root(through / "root")
    turning = tmp_path / "turning"
    turning.symlink_to("turning")
    with pytest.raises((RefusedError, OSError)):
        store.check_root(turning / "root")


@posix
@pytest.mark.parametrize("owned", ["root", "parent"])
def test_folders_of_other_users_are_refused(tmp_path, monkeypatch, owned):
    root = tmp_path / "cache"
    store.check_root(root)
    if os.getuid() != 0:
        monkeypatch.setattr(os, "getuid", lambda: 12345)  # everything is somebody else's
    else:
        os.chown(root if owned == "root" else tmp_path, 12345, -1)
    with pytest.raises(RefusedError, match="another user"):
        store.check_root(root)


@posix
def test_what_belongs_to_root_will_do(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    store.check_root(Path("/usr"))
    with pytest.raises(RefusedError, match="others may write"):
        store.check_root(Path("/tmp").resolve())


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="root has other users")
def test_entries_of_root_are_read_by_others_and_those_of_others_by_nobody(tmp_path, monkeypatch):
    entries = Store(tmp_path, "kernel")
    entries.save("key", b"1")
    (path,) = tmp_path.iterdir()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert entries.load("key") == b"1"
    os.chown(path, 54321, -1)
    assert entries.load("key") is None
    os.chown(path, 12345, -1)
    assert entries.load("key") == b"1"
    os.chown(tmp_path, 54321, -1)
    assert entries.load("key") is None


@posix
def test_folder_of_entries_is_checked_each_time(tmp_path):
    folder = tmp_path / "build"
    folder.mkdir(mode=0o700)
    entries = Store(folder, "kernel")
    entries.save("key", b"1")
    assert entries.load("key") == b"1"
    folder.chmod(0o777)
    assert entries.load("key") is None
    entries.save("key", b"2")
    folder.chmod(0o700)
    assert entries.load("key") == b"1"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert entries.load("key") is None
    entries.save("other", b"3")
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


@posix
def test_entries_that_are_no_files_of_ours_are_not_read(tmp_path):
    entries = Store(tmp_path, "kernel")
    entries.save("key", b"1")
    (path,) = tmp_path.iterdir()
    path.chmod(0o666)
    assert entries.load("key") is None
    path.chmod(0o600)
    assert entries.load("key") == b"1"
    path.rename(tmp_path / "moved")
    path.symlink_to("moved")
    assert entries.load("key") is None
    path.unlink()
    os.mkfifo(path)
    assert entries.load("key") is None  # and does not wait for a writer


def choice(**variables):
    code = "from fastml.kernels.machine.store import cache_directory, cache_refusal\n"
    code += "print(cache_directory()); print(cache_refusal())"
    environment = {k: v for k, v in os.environ.items() if k != "FASTML_CACHE_DIR"}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert result.returncode == 0, result.stderr
    directory, refusal = result.stdout.splitlines()
    return directory, refusal


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="XDG")
def test_the_folder_is_the_user_cache_or_none(tmp_path):
    directory, refusal = choice(XDG_CACHE_HOME=str(tmp_path))
    assert Path(directory).parent == tmp_path / "fastml"
    assert not refusal
    tmp_path.chmod(0o777)
    shared = tmp_path / "temporary"
    shared.mkdir()
    directory, refusal = choice(XDG_CACHE_HOME=str(tmp_path), TMPDIR=str(shared))
    assert directory == "None"
    assert str(tmp_path) in refusal
    assert not list(shared.iterdir())  # no other place stands in


@posix
def test_folder_of_this_build_that_others_may_write_to_is_refused(tmp_path):
    directory, _ = choice(FASTML_CACHE_DIR=str(tmp_path))
    Path(directory).chmod(0o777)
    directory, refusal = choice(FASTML_CACHE_DIR=str(tmp_path))
    assert directory == "None"
    assert "others may write" in refusal


def test_builds_unused_for_a_month_are_forgotten(tmp_path):
    current, old, recent = (tmp_path / (letter * 20) for letter in "abc")
    foreign = tmp_path / "somebody's folder"
    for folder in (current, old, recent, foreign):
        folder.mkdir()
        (folder / "entry.bin").touch()
    for folder, days in ((current, 90), (old, 31), (recent, 29), (foreign, 90)):
        time = folder.stat().st_mtime - days * 86400
        os.utime(folder, (time, time))
    store.forget_old_builds(tmp_path, keep=current)
    assert {path.name for path in tmp_path.iterdir()} == {
        current.name,
        recent.name,
        foreign.name,
    }
