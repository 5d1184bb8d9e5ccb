"""Numba at arm's length: its private names, life without them, and what it compiles for."""

from __future__ import annotations

import ast
import gc
import json
import operator
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from numba.core import compiler, types
from numba.core.types import functions
from numba.core.typing.templates import ConcreteTemplate

import fastml
from fastml.kernels.machine import jit, numba_private

KERNELS = Path(fastml.__file__).parent / "kernels"


def run(code, **variables):
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_this_version_of_numba_has_them_all():
    numba_private.check()
    if not jit.PLAIN_NUMBA:
        assert jit.plain_reason() == ""


def test_every_missing_or_changed_name_is_noticed():
    for owner, name, reason in numba_private._USED:
        assert reason
        with pytest.MonkeyPatch.context() as patch:
            holder = next(
                (kind for kind in getattr(owner, "__mro__", ()) if name in vars(kind)), owner
            )
            patch.delattr(holder, name)
            if hasattr(owner, name):  # a base class has one of its own
                continue
            with pytest.raises(AttributeError, match=name):
                numba_private.check()
    numba_private.check()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba_private.codegen.CPUCodeLibrary, "__init__", lambda self: None)
        patch.setattr(numba_private, "_SET", [("_final_module", lambda self: None)])
        with pytest.raises(AttributeError, match="_final_module"):
            numba_private.check()


def test_private_names_stand_in_one_file():
    private = (
        "codegen",
        "caching",
        "compiler",
        "dispatcher",
        "serialize",
        "compiler_lock",
        "typing",
    )
    private += ("imputils", "registry", "targetconfig")
    for path in KERNELS.rglob("*.py"):
        if path.name == "numba_private.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("numba"):
                assert not set(node.module.split(".")) & set(private), path
                names = {alias.name for alias in node.names}
                assert not names & set(private), path
                assert not any(name.startswith("_") for name in names), path


JOBS = """
import hashlib, json, warnings
import numpy as np
import fastml
from fastml.kernels.machine.jit import plain_reason

random = np.random.default_rng(0)
X = random.normal(size=(300, 7)).astype(np.float32)
y = (X[:, 0] > 0).astype(int)
model = fastml.KMeans(5, n_init=1, random_state=0).fit(X)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    net = fastml.MLPClassifier((6,), max_iter=3, random_state=0).fit(X, y)
found = [fastml.nearest_centroid(X, X[:9]), model.labels_, model.cluster_centers_]
found += [net.predict_proba(X), fastml.sigmoid(X)]
print(json.dumps({
    "plain": plain_reason(),
    "digests": [hashlib.sha256(part.tobytes()).hexdigest() for part in found],
}))
"""


@pytest.mark.long
def test_main_jobs_give_the_same_bits_without_private_names():
    adapted = run(JOBS)
    plain = run(JOBS, FASTML_PLAIN_NUMBA="1")
    assert plain["plain"] == "FASTML_PLAIN_NUMBA is set"
    assert plain["digests"] == adapted["digests"]


def test_a_changed_numba_is_survived_and_reported():
    code = """
import json
from numba.core import codegen
del codegen.CPUCodeLibrary._optimize_final_module
from fastml._cli.doctor import report
print(json.dumps([line for line in report().splitlines() if line.startswith("compiler")]))
"""
    (line,) = run(code)
    assert "plain numba.njit" in line
    assert "_optimize_final_module" in line


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"NUMBA_ENABLE_AVX": "0"},
        {"NUMBA_CPU_NAME": "generic"},
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"},
    ],
)
def test_host_is_what_numba_compiles_for(variables):
    code = """
import json
from numba.core.registry import cpu_target
from fastml.kernels.machine.host import host
flags = cpu_target.target_context.codegen().magic_tuple()
print(json.dumps([flags[1], flags[2], host().cpu, sorted(host().features), host().vector_bytes]))
"""
    cpu, flags, our_cpu, ours, width = run(code, **variables)
    theirs = {flag[1:] for flag in flags.split(",") if flag.startswith("+")}
    assert our_cpu == cpu
    assert set(ours) <= theirs
    assert theirs - set(ours) <= ({"fma", "f16c"} if "NUMBA_ENABLE_AVX" in variables else set())
    if "avx2" not in theirs:
        assert width == 16
    elif "NUMBA_CPU_FEATURES" in variables:
        assert width == 32


def test_passes_left_out_are_passes_of_numba():
    state = SimpleNamespace(flags=compiler.Flags(), func_ir=None)
    usual = compiler.DefaultPassBuilder.define_nopython_pipeline(state).passes
    kept = numba_private._Compiler.define_pipelines(SimpleNamespace(state=state))[0].passes
    left_out = {*numba_private._UNTYPED, *numba_private._TYPED}
    names = [one.__name__ for one, _ in kept]
    assert names.index("_EndsCall") + 1 == names.index("IRProcessing")
    ours = [one for one in kept if one[0] is not numba_private._EndsCall]
    assert [one for one in usual if one[0].__name__ not in left_out] == ours
    assert left_out <= {one.__name__ for one, _ in usual}


def test_results_without_avx():
    """The labels are those of wide vectors; the compiler takes the narrow ones."""
    code = """
import hashlib, json
import numpy as np
import fastml

X = np.random.default_rng(0).normal(size=(300, 7)).astype(np.float32)
labels = fastml.nearest_centroid(X, X[:9])
print(json.dumps([hashlib.sha256(labels.tobytes()).hexdigest(), len(set(labels.tolist()))]))
"""
    labels = run(code, NUMBA_ENABLE_AVX="0")
    assert labels == run(code)
    assert labels[1] == 9


def test_compiling_looks_for_garbage_seldom_and_gives_the_thresholds_back():
    before = gc.get_threshold()
    try:
        for chosen in ((700, 10, 10), (0, 10, 10), (60_000, 5, 5)):
            gc.set_threshold(*chosen)
            meanwhile = max(chosen[0], numba_private._OBJECTS) if chosen[0] else 0
            with numba_private._seldom_collected():
                assert gc.get_threshold()[0] == meanwhile
                with numba_private._seldom_collected():
                    assert gc.get_threshold()[0] == meanwhile
                assert gc.get_threshold()[0] == meanwhile
            assert gc.get_threshold() == chosen
        gc.set_threshold(700, 10, 10)
        with numba_private._seldom_collected():
            gc.set_threshold(900, 9, 9)  # the user's own choice, in another thread
        assert gc.get_threshold() == (900, 9, 9)
        with pytest.raises(KeyError), numba_private._seldom_collected():
            raise KeyError
        assert gc.get_threshold() == (900, 9, 9)
    finally:
        gc.set_threshold(*before)


def test_operations_on_numbers_are_looked_up_once(monkeypatch):
    template = type("Plus", (ConcreteTemplate,), {"key": operator.add})
    add = types.Function(template)
    function, number, array = types.Function, types.float64, types.float64[::1]
    looked_up = []
    monkeypatch.setattr(numba_private, "_FOUND", {})
    monkeypatch.setattr(
        functions.BaseFunction, "get_call_type", lambda *known: looked_up.append(known[2]) or known
    )
    with numba_private._resolved_once():
        for _ in range(2):
            with numba_private._resolved_once():  # a kernel that another one calls
                for some in ((number, number), (number, array)):
                    assert add.get_call_type(None, some, {})[2] == some
    assert looked_up == [(number, number), *[(number, array)] * 2]
    assert "get_call_type" not in vars(function)
    with pytest.raises(KeyError), numba_private._resolved_once():
        raise KeyError
    assert "get_call_type" not in vars(function)
    more = types.Function([template, type("More", (template,), {})])
    assert more != add  # so what is found for the one is not believed of the other
