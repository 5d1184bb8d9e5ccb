"""The cache of machine code: sees every edit, survives whatever is done to its files.

Runs in processes of their own, on a copy of the package whose sources may be edited.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastml
from fastml.kernels.machine import jit as _jit
from fastml.kernels.machine import numba_private
from fastml.kernels.machine.store import Store
from fastml.kernels.tile import IN_PASSES

RUN = """
import json
import numpy as np
from fastml.kernels.machine import jit as _jit
from fastml.kernels.ops.elementwise import sigmoid_forward

x, out = np.array([0.0, np.log(3.0)]), np.empty(2)
sigmoid_forward(x, 0, 2, out)
stats = sigmoid_forward.stats
print(json.dumps({
    "out": out.tolist(),
    "hits": sum(stats.cache_hits.values()),
    "misses": sum(stats.cache_misses.values()),
    "directory": str(_jit.cache_directory()),
}))
"""
RIGHT = [0.5, 0.75]


def start(tree, cache, script=RUN, **variables):
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"FASTML_CACHE_DIR": str(cache), **variables}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    result = json.loads(out)
    np.testing.assert_allclose(result["out"], result.get("expected", RIGHT), rtol=1e-15)
    return result


def run(tree, cache, **variables):
    return finish(start(tree, cache, **variables))


def copy_package(target):
    package = Path(fastml.__file__).parent
    # Follows the symlink to the kernels: the copy is laid out as an installed package is.
    shutil.copytree(package, target / "fastml", ignore=shutil.ignore_patterns("__pycache__"))
    return target


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return copy_package(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def warm(tree, tmp_path_factory):
    """A cache that one run has filled, not to be changed; and what that run said."""
    cache = tmp_path_factory.mktemp("warm")
    return cache, run(tree, cache)


@pytest.fixture
def cache(warm, tmp_path):
    """A filled cache of the test's own."""
    return Path(shutil.copytree(warm[0], tmp_path / "cache"))


def entries(cache):
    return sorted(cache.glob("*/*.bin"))


def test_second_run_compiles_nothing(tree, warm):
    cache, first = warm
    before = [(path.name, path.read_bytes()) for path in entries(cache)]
    assert (first["hits"], first["misses"]) == (0, 1)
    assert before
    second = run(tree, cache)
    assert (second["hits"], second["misses"]) == (1, 0)
    assert [(path.name, path.read_bytes()) for path in entries(cache)] == before


def test_edit_of_the_tile_is_seen_at_the_next_run(warm, tmp_path):
    cache, _ = warm
    edited = copy_package(tmp_path)
    source = edited / "fastml" / "kernels" / "tile" / "arithmetic.py"
    text = source.read_text(encoding="utf-8")
    division = '_operator(operator.truediv, _instruction("fdiv"))'
    assert text.count(division) == 1
    times = os.stat(source)
    source.write_text(text.replace(division, division.replace("fdiv", "fmul")), encoding="utf-8")
    # Not even the time of modification tells.
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    process = start(edited, cache, RUN.replace('"out":', '"expected": [2.0, 4.0 / 3.0], "out":'))
    assert finish(process)["misses"] == 1  # 1 * (1 + e) in place of 1 / (1 + e)


DIGEST = """
import json
from fastml.kernels.machine import store
print(json.dumps({"out": [0.5, 0.75], "digest": store.source_digest()}))
"""


def digest_of(tree, **variables):
    return finish(start(tree, tree / "cache", DIGEST, **variables))["digest"]


def test_digest_covers_every_folder_and_switch(tmp_path):
    edited = copy_package(tmp_path)
    seen = {digest_of(edited)}
    if not _jit.CHECK_TILES:
        assert seen == {_jit.source_digest()}
    sources = [
        next(iter(sorted(folder.glob("*.py"))))
        for folder in sorted((edited / "fastml" / "kernels").iterdir())
        if folder.is_dir()
    ]
    assert len(sources) > 4
    for source in sources:
        with source.open("a", encoding="utf-8") as file:
            file.write("\n# edited\n")
        seen.add(digest_of(edited))
    for switch in (
        {"FASTML_CHECK_TILES": "0" if _jit.CHECK_TILES else "1"},
        {"FASTML_PLAIN_NUMBA": "1"},
        {"NUMBA_ENABLE_AVX": "0"},
        {"NUMBA_CPU_NAME": "haswell" if os.environ.get("NUMBA_CPU_NAME") else "generic"},
        {"NUMBA_BOUNDSCHECK": "0"},
        {"NUMBA_OPT": "1"},
    ):
        seen.add(digest_of(edited, **switch))
    assert len(seen) == 1 + len(sources) + 6


def test_damaged_entries_are_compiled_again(tree, cache):
    damages = [
        lambda content: b"",
        lambda content: content[:10],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: bytes(len(content)),
        lambda content: content[32:],
    ]
    paths = entries(cache)
    whole = [path.read_bytes() for path in paths]
    for i, path in enumerate(paths):
        path.write_bytes(damages[i % len(damages)](whole[i]))
    assert run(tree, cache)["hits"] == 0
    assert run(tree, cache)["hits"] == 1  # and written anew


def test_kernels_run_where_no_cache_can_be_written(tree, tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    result = run(tree, occupied / "cache")
    assert result["directory"] == "None"
    assert result["misses"] <= 1


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write anywhere")
def test_read_only_cache_folder_is_survived(tree, cache):
    folders = [cache, *(path for path in cache.iterdir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        assert run(tree, cache)["out"] == pytest.approx(RIGHT)
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_processes_writing_at_once_leave_a_whole_cache(tree, tmp_path):
    processes = [start(tree, tmp_path) for _ in range(3)]
    for process in processes:
        finish(process)
    assert run(tree, tmp_path)["hits"] == 1
    (build,) = tmp_path.iterdir()
    assert {path.suffix for path in build.iterdir()} == {".bin"}  # no temporary file is left


@_jit.kernel
def doubled(x, number):
    return 2 * x[0] + number


@_jit.inner_kernel
def met_inside(x):
    return doubled(x, 0) + doubled(x, 1)


@_jit.kernel
def outermost(x, number):
    return met_inside(x) + doubled(x, number)


def test_kernels_met_inside_others_can_be_called(tmp_path):
    """What is compiled on the way is compiled in its own way; constants make no other version."""
    for kernel in (doubled, met_inside, outermost):
        kernel._cache._cache_file = Store(tmp_path, kernel.__name__)
    x = np.array([3.0])
    assert outermost(x, 4) == (6 + 7) + 10
    assert doubled(x, 5) == 11
    for kernel in (doubled, met_inside):
        assert len(kernel.overloads) == 1
    (inside,) = met_inside.overloads.values()
    assert isinstance(inside.library, numba_private.InlinedLibrary)
    assert inside.library.get_pointer_to_function(inside.fndesc.llvm_func_name) == 0
    (outside,) = doubled.overloads.values()
    assert outside.library.get_pointer_to_function(outside.fndesc.llvm_func_name) != 0


def test_inlined_code_is_kept_too(tree, cache):
    inner = "_keep_exponentials" if IN_PASSES else "sigmoid"
    script = RUN.replace(
        "from fastml.kernels.ops.elementwise import sigmoid_forward",
        f"from fastml.kernels.ops.elementwise import {inner}, sigmoid_forward",
    ).replace("stats = sigmoid_forward.stats", f"stats = {inner}.stats")
    # Another kernel, or here the same with its entry gone, finds the inner one compiled.
    paths = list(cache.glob("*/elementwise.sigmoid_forward-*.bin"))
    for path in paths:
        path.unlink()
    result = finish(start(tree, cache, script))
    assert result["misses"] == 0
    assert result["hits"] > 0  # one for each of the types it is called with
    assert any(path.exists() for path in paths)
