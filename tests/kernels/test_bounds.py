"""No kernel reads or writes outside its arrays.

Once with every index and every tile checked; once as compiled for use, every array and workspace
between pages of memory that may not be touched.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(arguments, **variables):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=4000,
    )


#: The rooms of the suite that hold tests marked ``checked``, and the one for what rooms share.
#: One test each, so that several processes can take them.
FAMILIES = ("cluster", "linear_model", "naive_bayes", "neighbors", "neural_network", "tree")
SHARED = ("kernels", "support", "test_functional.py")


@pytest.mark.parametrize(
    "rooms", [*((family,) for family in FAMILIES), SHARED], ids=lambda rooms: rooms[0]
)
def test_every_kernel_stays_inside_its_arrays(rooms):
    """The tests marked ``checked`` run every kernel, over shapes with whole and partial vectors.

    The cache keeps what these switches compile apart from what is compiled for use.  The compiler
    optimises nothing, which takes it a quarter less: what is checked is the same.
    """
    result = run(
        ["-m", "pytest", "-q", "-rA", "-m", "checked", "-p", "no:cacheprovider",
         "-o", "python_files=test_*.py bounds_checks.py", *(f"tests/{room}" for room in rooms)],
        FASTML_CHECK_TILES="1",
        NUMBA_BOUNDSCHECK="1",
        NUMBA_OPT="0",
        FASTML_NUM_THREADS="1",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    passed = re.findall(r"^PASSED tests/([^/:]+)", result.stdout, re.MULTILINE)
    assert len(passed) >= 6
    assert set(passed) == set(rooms)
    skipped = re.findall("^SKIPPED.*", result.stdout, re.MULTILINE)
    assert all(line.endswith("no instruction for bytes") for line in skipped), skipped


def test_every_family_and_every_checked_test_has_a_room_above():
    floors = {"machine", "tile", "ops"}
    assert {path.parent.name for path in (ROOT / "kernels").glob("*/__init__.py")} - floors == set(
        FAMILIES
    )
    marked = {
        path.relative_to(ROOT / "tests").parts[0]
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"^(@|pytestmark = )pytest\.mark\.checked", path.read_text(), re.MULTILINE)
    }
    assert marked == {*FAMILIES, *SHARED}


def test_arrays_and_workspaces_as_used_stay_between_closed_pages():
    """Some of the cases of the campaign ``guards``; what it finds, it would find.

    With kernels as the rest of the suite has them: those of the campaign would take minutes to
    compile, for the last few elements of workspaces, whose bounds the tests above check.
    """
    if sys.platform != "linux":
        pytest.skip("the guarded memory is Linux's")
    guards = str(ROOT / "tests/support/guards.py")
    for broken in ("array", "workspace", "freed"):
        found = run([guards, "--break", broken], NUMBA_BOUNDSCHECK="0")  # which would see it first
        assert found.returncode == 1, found.stdout
        assert "ended by signal 11" in found.stdout
    result = run([guards, "--seed", "0", "--cases", "100", "--padded"])
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert "100 cases, 0 failed" in result.stdout
