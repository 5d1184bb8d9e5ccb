"""The rules of the house that a parser can check: sizes, arguments, and who may know Numba."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("kernels", "fastml", "bench", "tests", "examples")
MOST_LINES = 450
MOST_ARGUMENTS = 10

#: Called from Python, where a bundle of arrays costs 0.7 us to unbox, so they may take flat
#: arrays and build the bundles inside.
DOORS = {"add_leaves"}


def sources(*folders):
    """Yield every source file with its path from the root, the symlink to kernels/ left out."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.is_relative_to(ROOT / "fastml" / "kernels"):
                yield path.relative_to(ROOT).as_posix(), path


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def decorators(function):
    """Return the names of a function's decorators, called or not."""
    return {
        getattr(node.func if isinstance(node, ast.Call) else node, "id", None)
        for node in function.decorator_list
    }


def wide_functions(tree):
    """Yield the functions of a module with more arguments than may be, and how many."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            given = node.args
            names = [*given.posonlyargs, *given.args, *given.kwonlyargs]
            if len(names) > MOST_ARGUMENTS:
                yield node, len(names)


def test_no_kernel_below_the_doors_takes_many_arguments():
    wide, doors = [], set()
    for name, path in sources("kernels"):
        for function, count in wide_functions(parsed(path)):
            if function.name in DOORS and decorators(function) & {"kernel", "allocating_kernel"}:
                doors.add(function.name)
            else:
                wide.append(f"{name}: {function.name} takes {count}")
    assert not wide, "\n".join(wide)
    assert doors == DOORS, f"no longer wide, so no longer listed: {sorted(DOORS - doors)}"


def test_wide_functions_are_found():
    arguments = ", ".join(f"a{i}" for i in range(MOST_ARGUMENTS))
    tree = ast.parse(f"@kernel\ndef f({arguments}): pass\n@kernel\ndef g({arguments}, *, b): pass")
    assert [(function.name, count) for function, count in wide_functions(tree)] == [("g", 11)]
    assert [decorators(function) for function, _ in wide_functions(tree)] == [{"kernel"}]


def test_no_file_is_long_without_a_reason():
    long = []
    for name, path in sources(*FOLDERS):
        count = len(path.read_text(encoding="utf-8").splitlines())
        # The reason is a sentence of the docstring that begins so.
        if count > MOST_LINES and "One file because" not in (ast.get_docstring(parsed(path)) or ""):
            long.append(f"{name} has {count} lines")
    assert not long, "\n".join(long)


def imported(tree):
    """Yield the dotted name of everything a module imports from outside its own package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)


#: With any of these a module can write LLVM IR of its own.
BUILDERS = ("llvmlite.ir", "numba.core.cgutils", "numba.extending.intrinsic")


def writes_ir(tree):
    """Say whether a module imports, or reaches through llvmlite, what builds LLVM IR."""
    whole = any(
        isinstance(node, ast.Attribute)
        and node.attr == "ir"
        and isinstance(node.value, ast.Name)
        and node.value.id == "llvmlite"
        for node in ast.walk(tree)
    )
    inside = any(
        isinstance(node, ast.ImportFrom)
        and node.level > 0
        and (node.module or "") in ("tile.ir", "tile.operation")
        for node in ast.walk(tree)
    )
    return whole or inside or any(entry.startswith(BUILDERS) for entry in imported(tree))


def test_llvm_ir_stands_in_the_tile_and_the_atomics():
    builders = {
        name for name, path in sources("kernels", "fastml", "bench") if writes_ir(parsed(path))
    }
    allowed = {name for name in builders if name.startswith("kernels/tile/")}
    assert allowed
    assert builders - allowed == {"kernels/machine/atomics.py"}


def test_who_writes_ir_is_found():
    for line in (
        "from llvmlite import ir",
        "import llvmlite.ir as ir",
        "import llvmlite\nI64 = llvmlite.ir.IntType(64)",
        "from numba.core import cgutils",
        "from numba.extending import intrinsic",
        "from ..tile.ir import call",
        "from ..tile.operation import operation",
    ):
        assert writes_ir(ast.parse(line)), line
    for line in ("from ..tile import load", "import llvmlite.binding", "from .ir import call"):
        assert not writes_ir(ast.parse(line)), line


#: What Numba and llvmlite document for extensions.
PUBLIC = (
    "llvmlite.__version__", "llvmlite.binding", "llvmlite.ir", "numba.config",
    "numba.core.cgutils", "numba.core.config", "numba.core.errors", "numba.core.imputils",
    "numba.core.types", "numba.core.typing.templates", "numba.extending", "numba.njit",
    "numba.types",
)  # fmt: skip


def is_private(entry):
    """Say whether an imported name is of Numba or llvmlite and not in their documentation."""
    if entry.partition(".")[0] not in ("numba", "llvmlite") or entry in ("numba", "llvmlite"):
        return False
    return not any(entry == name or entry.startswith(f"{name}.") for name in PUBLIC)


def test_private_names_of_numba_stand_in_one_module():
    users = {
        name
        for name, path in sources("kernels", "fastml")
        if any(map(is_private, imported(parsed(path))))
    }
    assert len(users) == 1, sorted(users)
    assert users.pop().startswith("kernels/machine/")


def test_private_names_are_told_from_public_ones():
    tree = ast.parse(
        "import numba, llvmlite.binding as llvm\nfrom numba.core import types, caching\n"
        "from numba.core.codegen import JITCodeLibrary\nfrom .jit import kernel\n"
        "from numba import njit, _helperlib"
    )
    found = [entry for entry in imported(tree) if is_private(entry)]
    assert found == [
        "numba.core.caching", "numba.core.codegen.JITCodeLibrary", "numba._helperlib",
    ]  # fmt: skip
