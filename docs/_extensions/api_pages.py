"""A page for every public name of fastml, and the index of them."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import fastml

#: The rooms in the order of the guide, with what stands in them.
ROOMS = {
    "cluster": "K-means",
    "neural_network": "Perceptrons",
    "linear_model": "Linear models",
    "naive_bayes": "Naive Bayes",
    "neighbors": "Nearest neighbours",
    "tree": "Decision trees",
    "ensemble": "Forests",
    "data": "Rows that need not be in memory",
    "execution": "Where fits run",
    "inspection": "Why a network does not learn, and displays",
    "functional": "Functions on arrays",
    "reference": "The reference in plain NumPy",
}
#: Modules without public names of their own.
_UNSEEN = {"kernels"}


def _public(module: ModuleType) -> list[str]:
    names = getattr(module, "__all__", None)
    if names is None:
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
    return sorted(name for name in names if not inspect.ismodule(getattr(module, name)))


def rooms() -> dict[str, tuple[str, list[str]]]:
    """Return for each room its title and the full names of what is public in it, each name once."""
    modules = [name for name in fastml.__all__ if inspect.ismodule(getattr(fastml, name))]
    order = [*ROOMS, *sorted(set(modules) - set(ROOMS) - _UNSEEN)]
    short = {id(getattr(fastml, name)): name for name in fastml.__all__}
    seen: set[str] = set()
    found: dict[str, tuple[str, list[str]]] = {}
    for room in order:
        if room not in modules:
            continue
        module = getattr(fastml, room)
        names = []
        for name in _public(module):
            value = getattr(module, name)
            if id(value) in short and callable(value) and room != "reference":
                names.append(f"fastml.{short[id(value)]}")
            else:
                names.append(f"fastml.{room}.{name}")
        found[room] = (ROOMS.get(room, room), [name for name in names if name not in seen])
        seen |= set(names)
    rest = [
        f"fastml.{name}"
        for name in sorted(fastml.__all__)
        if name != "__version__" and not inspect.ismodule(getattr(fastml, name))
    ]
    found["core"] = ("Threads and fits that go on", [name for name in rest if name not in seen])
    return found


def _resolve(name: str) -> Any:
    value: Any = fastml
    for part in name.split(".")[1:]:
        value = getattr(value, part)
    return value


def _ours(function: Any) -> bool:
    function = inspect.unwrap(getattr(function, "__func__", function))
    return str(getattr(function, "__module__", "")).startswith("fastml")


def _members(cls: type) -> tuple[list[str], list[str], list[str]]:
    """Return the methods written here, the properties, and the methods taken over as they are."""
    methods, properties, borrowed = [], [], []
    for name in sorted(vars_of(cls)):
        value = inspect.getattr_static(cls, name)
        if isinstance(value, property):
            if value.fget is not None and _ours(value.fget):
                properties.append(name)
            continue
        value = getattr(cls, name, None)
        if not callable(value) or inspect.isclass(value):
            continue
        (methods if _ours(value) else borrowed).append(name)
    return methods, properties, borrowed


def vars_of(cls: type) -> set[str]:
    """Return the public names of a class and its bases."""
    return {name for base in cls.__mro__ for name in vars(base) if not name.startswith("_")}


def _first_line(value: Any) -> str:
    return (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")


def _page(name: str) -> str:
    value = _resolve(name)
    title = f"{name}\n{'=' * len(name)}\n\n"
    if not inspect.isclass(value):
        kind = "autofunction" if callable(value) else "autodata"
        return f"{title}.. {kind}:: {name}\n"
    text = f"{title}.. autoclass:: {name}\n"
    methods, properties, borrowed = _members(value)
    for method in methods:
        text += f"\n   .. automethod:: {method}\n"
    for attribute in properties:
        text += f"\n   .. autoattribute:: {attribute}\n"
    if borrowed:
        listed = ", ".join(f"``{method}``" for method in borrowed)
        text += f"\n   **As scikit-learn has them:** {listed}.\n"
    return text


def _short(name: str) -> str:
    """Return a name as a narrow list has it: without the package; the reference's with its room."""
    _, room, *rest = name.split(".")
    return ".".join([room, *rest] if room == "reference" else rest or [room])


def pages() -> dict[str, str]:
    """Return the text of every page by its name, ``index`` among them."""
    found: dict[str, str] = {}
    index = (
        "API reference\n=============\n\nEvery public name, once. Shapes, types, defaults and "
        "errors stand\nwith each; every example runs as a test.\n"
    )
    for title, names in rooms().values():
        index += f"\n{title}\n{'-' * len(title)}\n\n.. list-table::\n   :class: names\n\n"
        for name in names:
            found[name] = _page(name)
            index += f"   * - :doc:`{name} <{name}>`\n     - {_first_line(_resolve(name))}\n"
        entries = "".join(f"   {_short(name)} <{name}>\n" for name in names)
        index += f"\n.. toctree::\n   :hidden:\n\n{entries}"
    found["index"] = index
    return found
