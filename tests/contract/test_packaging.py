"""What is built and installed: the right packages, once, and cheap to import."""

import ast
import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import fastml

ROOT = Path(__file__).resolve().parents[2]


def run_python(code, cwd, *path):
    """Run code in a fresh interpreter that sees ``path`` before everything else."""
    prologue = f"import sys; sys.path[:0] = {[str(entry) for entry in path]!r}\n"
    result = subprocess.run(
        [sys.executable, "-P", "-c", prologue + code], cwd=cwd, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    result = subprocess.run(
        # Through an sdist, so that what it lacks the wheel lacks too.
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    # A wheel of plain Python is installed by unpacking it.
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_wheel_holds_every_module_once_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))
    modules = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    expected = {"fastml/py.typed", "fastml/__init__.pyi"}
    expected |= {str(path.relative_to(ROOT)) for path in (ROOT / "fastml").rglob("*.py")}
    expected |= {f"fastml/{path.relative_to(ROOT)}" for path in (ROOT / "kernels").rglob("*.py")}
    assert modules == expected


def test_wheel_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
        (entry_points,) = (n for n in archive.namelist() if n.endswith("/entry_points.txt"))
        scripts = archive.read(entry_points).decode()
    assert metadata["Name"] == "fastml-kernels"
    assert metadata["Version"] == fastml.__version__
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert "fastml = fastml._cli:main" in scripts


def test_installed_wheel_works_outside_the_tree(installed, tmp_path):
    code = """
import fastml, fastml.kernels.tile
for module in (fastml, fastml.kernels.tile):
    print(module.__file__)
print(fastml.sigmoid([0.0]))
"""
    first, second, value = run_python(code, tmp_path, installed).splitlines()
    assert Path(first) == installed / "fastml" / "__init__.py"
    assert Path(second) == installed / "fastml" / "kernels" / "tile" / "__init__.py"
    assert value == "[0.5]"


def test_installed_wheel_leaks_no_other_top_level_package(installed):
    top = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert top == {"fastml"}


def test_import_is_lazy(tmp_path):
    code = """
import fastml
heavy = {"sklearn", "numba", "scipy", "matplotlib", "rich"} & set(sys.modules)
print(sorted(heavy))
"""
    assert run_python(code, tmp_path, ROOT).strip() == "[]"


def test_every_name_of_the_stub_resolves(tmp_path):
    code = """
import fastml
for name in fastml.__all__:
    getattr(fastml, name)
    assert name in vars(fastml), name  # not resolved a second time
print(sorted(fastml.__all__) == sorted(dir(fastml)) and "KMeans" in dir(fastml.cluster))
"""
    assert run_python(code, tmp_path, ROOT).strip() == "True"
    stub = ast.parse((ROOT / "fastml" / "__init__.pyi").read_text(encoding="utf-8"))
    (listed,) = (ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(listed) == sorted(fastml.__all__)


def test_every_family_is_a_name_of_the_package():
    folders = {path.parent.name for path in (ROOT / "fastml").glob("[a-z]*/__init__.py")}
    assert folders - {"core", "kernels"} <= set(fastml.__all__)
    for folder in ("fastml", "kernels"):
        for path in (ROOT / folder).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), f"{path} is in no package"


def test_type_checkers_know_the_names(tmp_path):
    (tmp_path / "right.py").write_text(
        "from fastml import KMeans\nfrom fastml.cluster import KMeans as Same\n"
        "model: Same = KMeans(3)\n"
    )
    (tmp_path / "wrong.py").write_text("import fastml\nfastml.KMeanz\nfastml.KMeans(tool=1.0)\n")
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
    command += ["--cache-dir", str(tmp_path / "cache"), "--no-error-summary"]
    run = {
        name: subprocess.run(
            [*command, str(tmp_path / f"{name}.py")], cwd=ROOT, capture_output=True, text=True
        )
        for name in ("right", "wrong")
    }
    assert run["right"].returncode == 0, run["right"].stdout
    assert run["wrong"].returncode == 1, run["wrong"].stdout
    assert 'Module has no attribute "KMeanz"' in run["wrong"].stdout
    assert 'Unexpected keyword argument "tool"' in run["wrong"].stdout


def test_kernels_need_no_scikit_learn(tmp_path):
    code = """
import importlib, pkgutil
sys.modules["sklearn"] = None  # importing it raises
import fastml.kernels
for module in pkgutil.walk_packages(fastml.kernels.__path__, "fastml.kernels."):
    importlib.import_module(module.name)
print("imported")
"""
    assert run_python(code, tmp_path, ROOT).strip() == "imported"


def imports_of(path):
    """Return the dotted names a module imports, relative ones from the folder it stands in."""
    package = list(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            yield from (f"{start}.{name.name}" for name in node.names)


#: The floors of the house, lowest first; rooms of one floor do not know each other.
FAMILIES = sorted(
    {path.parent.name for path in (ROOT / "fastml").glob("[a-z]*/__init__.py")}
    - {"core", "data", "execution", "inspection", "kernels", "reference"}
)
KERNELS = [["machine"], ["tile"], ["ops"], FAMILIES]
FASTML = [
    ["core"],
    ["data"],
    ["execution"],
    FAMILIES,
    ["functional"],
    ["inspection"],
    ["_cli"],
]


def test_every_room_stands_on_a_floor():
    rooms = {path.parent.name for path in (ROOT / "kernels").glob("*/__init__.py")}
    assert rooms == {room for floor in KERNELS for room in floor} - {"ensemble"}


#: Who may use a family, and which.
EXCEPTIONS = {("ensemble", "tree"), ("neighbors", "cluster")}


@pytest.mark.parametrize(("top", "floors"), [("kernels", KERNELS), ("fastml", FASTML)])
def test_imports_run_one_way(top, floors):
    level = {room: i for i, rooms in enumerate(floors) for room in rooms}
    for path in (ROOT / top).rglob("*.py"):
        room = path.relative_to(ROOT / top).with_suffix("").parts[0]
        if room not in level or (top == "fastml" and room == "kernels"):
            continue
        for name in imports_of(path):
            parts = name.split(".")
            assert not (top == "kernels" and parts[0] == "fastml"), f"{path} imports {name}"
            if parts[0] != top or len(parts) < 2 or parts[1] == room or parts[1] not in level:
                continue
            if top == "fastml" and (room, parts[1]) in EXCEPTIONS:
                continue
            assert level[parts[1]] < level[room], f"{path.relative_to(ROOT)} imports {name}"


def test_nothing_imports_kernels_from_the_top():
    # A second copy of every module, with tile types of its own.
    top_level = re.compile(r"^\s*(from|import)\s+kernels\b", re.MULTILINE)
    for folder in ("fastml", "kernels", "tests", "bench"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not top_level.search(path.read_text(encoding="utf-8")), path
