"""What a type checker tells a user: no ``Any`` after a fit, every choice by name, in all of fastml.

The checker itself is asked, about every public name, so nothing here can be forgotten.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import sklearn
from docstring_sections import entries, section
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import StrOptions

import fastml

api = pytest.importorskip("mypy.api")
ROOT = Path(__file__).parents[2]
ESTIMATORS = [
    getattr(fastml, name)
    for name in fastml.__all__
    if inspect.isclass(getattr(fastml, name)) and issubclass(getattr(fastml, name), BaseEstimator)
]
DISPLAYS = [value for value in map(fastml.inspection.__dict__.get, fastml.inspection.__all__)
            if inspect.isclass(value) and hasattr(value, "from_estimator")]  # fmt: skip
#: Types of scikit-learn's, SciPy's or the user's own, which have no name here.
FOREIGN = {
    "tree_", "outlier_label_", "decision_path", "kneighbors_graph", "radius_neighbors_graph",
    "cost_complexity_pruning_path", "get_metadata_routing", "outlier_label", "cv",
}  # fmt: skip
#: Choices as many as SciPy's metrics, or as a user's own scorers.
OPEN = {"metric", "scoring"}


def name_of(cls):
    """Return the name a user imports a class by."""
    room = cls.__module__.split(".")[1]
    return f"fastml.{room}.{cls.__name__}"


def members(cls):
    """Return the fitted attributes that are documented, and all that is public."""
    documented = entries(section(cls.__doc__, "Attributes"))
    public = [name for name in dir(cls) if not name.startswith("_")]
    return sorted({*documented, *public})


@pytest.fixture(scope="module")
def revealed(tmp_path_factory):
    """Return by (class, member) what mypy reveals of it."""
    if int(np.__version__.split(".")[0]) < 2:
        pytest.skip("the types of NumPy 1 are coarser")
    lines, asked = ["import fastml"], {}
    lines += [f"import fastml.{room}" for room in {c.__module__.split(".")[1] for c in DISPLAYS}]
    for i, cls in enumerate(ESTIMATORS + DISPLAYS):
        lines += [f"reveal_type({name_of(cls)}.__init__)", f"def f{i}(x: {name_of(cls)}) -> None:"]
        asked[len(lines) - 1] = cls.__name__, "__init__"
        for member in members(cls):
            lines.append(f"    reveal_type(x.{member})")
            asked[len(lines)] = cls.__name__, member
    module = tmp_path_factory.mktemp("types") / "reveals.py"
    module.write_text("\n".join(lines) + "\n")
    options = ["--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary"]
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("MYPYPATH", str(ROOT))
        found, errors, _ = api.run([*options, str(module)])
    assert Path.cwd() == before
    notes = re.findall(r'reveals\.py:(\d+): note: Revealed type is "(.*)"', found)
    told = {asked[int(line)]: text.replace("builtins.", "") for line, text in notes}
    assert len(told) == len(asked), found[-2000:] + errors
    return told


def parameters_of(text):
    """Return the type of each parameter of a revealed function."""
    depth, parts = 0, [""]
    for character in text[text.index("(") + 1 :]:
        depth += (character in "([") - (character in ")]")
        if depth < 0:
            break
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    pairs = (part.strip().partition(": ") for part in parts)
    return {name: kind.removesuffix(" =") for name, _, kind in pairs if kind}


def faults_of(cls, revealed):
    """Return what about a class is Any, a line each."""
    found = []
    for member in members(cls):
        told = revealed[cls.__name__, member]
        if member not in FOREIGN and (told == "Any" or re.search(r"-> Any( |$|\))", told)):
            found.append(f"{cls.__name__}.{member} is {told}")
    for parameter, kind in parameters_of(revealed[cls.__name__, "__init__"]).items():
        if parameter not in FOREIGN and kind == "Any":
            found.append(f"{cls.__name__}({parameter}=) is {kind}")
    return found


@pytest.mark.parametrize("cls", ESTIMATORS + DISPLAYS)
def test_nothing_is_any(cls, revealed):
    assert not faults_of(cls, revealed)
    constructor = parameters_of(revealed[cls.__name__, "__init__"])
    names = set(inspect.signature(cls).parameters)
    if sklearn.__version__ >= "1.9" or cls.__init__.__module__.startswith("fastml"):
        assert names == set(constructor) - {"self"}


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_fits_give_the_estimator_itself(cls, revealed):
    for method in ("fit", "partial_fit", "set_params"):
        if hasattr(cls, method):
            assert revealed[cls.__name__, method].endswith(f".{cls.__name__}"), method


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_choices_are_named(cls, revealed):
    constructor = parameters_of(revealed[cls.__name__, "__init__"])
    for parameter, constraints in cls._parameter_constraints.items():
        for constraint in constraints:
            if isinstance(constraint, StrOptions) and parameter not in OPEN:
                told = re.findall(r"Literal\['([^']*)'\]", constructor[parameter])
                wanted = constraint.options - constraint.deprecated
                assert wanted <= set(told), (parameter, constructor[parameter])


def test_an_any_is_found(revealed):
    cls = fastml.KMeans
    assert faults_of(cls, revealed | {("KMeans", "inertia_"): "Any"}) == ["KMeans.inertia_ is Any"]
    spoilt = revealed | {("KMeans", "__init__"): "def (self: K, tol: Any =, *, n: int | str)"}
    assert faults_of(cls, spoilt) == ["KMeans(tol=) is Any"]


def written_constructors():
    """Yield each constructor written down for type checkers, and the class it is of."""
    for path in sorted((ROOT / "fastml").glob("*/_signatures.py")):
        for cls in ast.parse(path.read_text()).body:
            if isinstance(cls, ast.ClassDef):
                (block,) = (one for one in cls.body if isinstance(one, ast.If))
                (init,) = (one for one in block.body if getattr(one, "name", "") == "__init__")
                yield cls.name.removesuffix("Types"), init.args


@pytest.mark.skipif(sklearn.__version__ < "1.9", reason="older constructors differ")
def test_constructors_are_those_of_scikit_learn():
    written = dict(written_constructors())
    assert len(written) == 18
    for name, arguments in written.items():
        theirs = inspect.signature(getattr(fastml, name)).parameters
        positional = [argument.arg for argument in arguments.args[1:]]
        named = [argument.arg for argument in arguments.kwonlyargs]
        assert [*positional, *named] == list(theirs), name
        assert positional == [p.name for p in theirs.values() if p.kind is not p.KEYWORD_ONLY]
        defaults = [*arguments.defaults, *arguments.kw_defaults]
        assert [ast.literal_eval(one) for one in defaults] == [
            p.default for p in theirs.values()
        ], name


def test_the_classes_for_type_checkers_are_empty():
    for room in ("core.typed", *(f"{p.parent.name}._signatures" for p in
                                 (ROOT / "fastml").glob("*/_signatures.py"))):  # fmt: skip
        module = importlib.import_module(f"fastml.{room}")
        own = [c for c in vars(module).values() if getattr(c, "__module__", "") == module.__name__]
        for cls in filter(inspect.isclass, own):
            kept = {"__module__", "__doc__", "__dict__", "__weakref__", "__annotations__",
                    "__firstlineno__", "__static_attributes__", "__annotate_func__",
                    "__annotations_cache__"}  # fmt: skip
            assert set(vars(cls)) <= kept, cls
