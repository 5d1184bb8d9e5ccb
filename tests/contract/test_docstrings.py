"""Every public function, class and method says what each of its parameters is."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest
from docstring_sections import entries, section

import fastml

ROOMS = sorted(
    name
    for name in fastml.__all__
    if inspect.ismodule(getattr(fastml, name)) and name not in ("kernels", "reference")
)


def parameters(thing):
    """Yield the parameters of a signature by the names numpydoc gives them."""
    for name, parameter in inspect.signature(thing).parameters.items():
        if name in ("self", "cls") or parameter.default == "deprecated":
            continue
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
        yield stars.get(parameter.kind, "") + name, parameter


def missing(thing, name):
    """Return what the docstring of a function or class lacks, a line each."""
    docstring = thing.__doc__
    if not docstring:
        return [f"{name} has no docstring"]
    found = entries(section(docstring, "Parameters"))
    faults = []
    for parameter, declared in parameters(thing):
        kind, text = found.get(parameter, ("", ""))
        if parameter not in found:
            faults.append(f"{name} does not name {parameter}")
        elif not text:
            faults.append(f"{name} does not describe {parameter}")
        if parameter in found and declared.default is not declared.empty and "default" not in kind:
            faults.append(f"{name} does not give the default of {parameter}")
    returns = inspect.signature(thing).return_annotation
    returns_something = returns not in (None, "None", inspect.Signature.empty)
    described = section(docstring, "Returns") or section(docstring, "Yields")
    if inspect.isfunction(thing) and returns_something and not described:
        faults.append(f"{name} does not say what it returns")
    return faults


def public(room):
    """Yield the functions and classes of a room, and the public methods of the classes."""
    module = importlib.import_module(f"fastml.{room}")
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    ]  # fmt: skip
    for name in names:
        value = getattr(module, name)
        if not (inspect.isfunction(value) or inspect.isclass(value)):
            continue
        if inspect.isfunction(value) or value.__init__ is not object.__init__:
            dataclass = hasattr(value, "__dataclass_fields__")  # nobody makes one by hand
            if not dataclass:
                yield f"{room}.{name}", value
        if inspect.isclass(value):
            for method, function in inspect.getmembers(value):
                function = inspect.unwrap(getattr(function, "__func__", function))
                if (
                    inspect.isfunction(function)
                    and not method.startswith("_")
                    and function.__module__.startswith("fastml.")
                ):
                    yield f"{room}.{name}.{method}", function


@pytest.mark.parametrize("room", ROOMS)
def test_every_parameter_is_described(room):
    things = list(public(room))
    assert things
    faults = [fault for name, thing in things for fault in missing(thing, name)]
    assert not faults, "\n".join(faults)


def test_the_reference_names_every_parameter():
    faults = []
    for name in fastml.reference.__all__:
        function = getattr(fastml.reference, name)
        found = entries(section(function.__doc__, "Parameters"))
        for parameter, _ in parameters(function):
            kind, text = found.get(parameter, ("", ""))
            if not kind and not text:
                faults.append(f"{name} does not describe {parameter}")
        assert ">>>" in function.__doc__, f"{name} has no example"
        assert "Source:" in function.__doc__, f"{name} names no source"
    assert not faults, "\n".join(faults)


def test_what_is_missing_is_found():
    def function(a: int, b: int = 2, **c: int) -> int:
        """Return something.

        Parameters
        ----------
        a, d : int
            One text for two names.
        b : int

        Raises
        ------
        ValueError
            Never.
        """
        return a

    assert missing(function, "f") == [
        "f does not describe b",
        "f does not give the default of b",
        "f does not name **c",
        "f does not say what it returns",
    ]


@pytest.mark.parametrize("name", [name for name in fastml.__all__ if name not in ROOMS])
def test_nothing_is_left_to_be_filled_in(name):
    thing = getattr(fastml, name)
    owned = [getattr(thing, each, None) for each in dir(thing)] if inspect.isclass(thing) else []
    for docstring in (getattr(each, "__doc__", None) for each in (thing, *owned)):
        if isinstance(docstring, str):
            assert not re.search(r"^\s*\{\w+\}$", docstring, re.MULTILINE), docstring
