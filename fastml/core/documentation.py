"""Docstrings that share entries: what several classes say of a parameter is written once."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import TypeVar

_Class = TypeVar("_Class", bound=type)
_Function = TypeVar("_Function", bound=Callable[..., object])
#: By the name of a parameter or attribute: its type, and what it means.
Entries = Mapping[str, tuple[str, str]]


def documented(parameters: Entries, **sections: Entries | str) -> Callable[[_Class], _Class]:
    """Return a decorator that completes the docstring of a class.

    A line ``{parameters}`` makes way for the entries of the constructor's parameters, in its
    order; a line with the name of another section, say ``{attributes}``, for those of the section.

    Parameters
    ----------
    parameters : dict
        Of each parameter its type and meaning; the default is read from the constructor, and
        those it does not have are left out.
    **sections : dict or str
        Entries likewise, or text that stands as it is.

    Returns
    -------
    decorator : callable
    """

    def complete(cls: _Class) -> _Class:
        if cls.__doc__:  # there is none under python -OO
            own = _of_constructor(cls, parameters)
            cls.__doc__ = _filled(cls.__doc__, {"parameters": own, **sections})
        return cls

    return complete


def filled(**sections: Entries | str) -> Callable[[_Function], _Function]:
    """Return a decorator that completes the docstring of a function, as :func:`documented` does.

    Parameters
    ----------
    **sections : dict or str
        By the name in braces that makes way for it: entries, or text.

    Returns
    -------
    decorator : callable
    """

    def complete(function: _Function) -> _Function:
        if function.__doc__:
            function.__doc__ = _filled(function.__doc__, sections)
        return function

    return complete


def _filled(docstring: str, sections: Mapping[str, Entries | str]) -> str:
    """Return a docstring in which sections stand where they are named."""
    text = inspect.cleandoc(docstring)
    for name, section in sections.items():
        written = section if isinstance(section, str) else text_of(section)
        text = text.replace(f"{{{name}}}", written.strip("\n"))
    return text


def _of_constructor(cls: type, parameters: Entries) -> dict[str, tuple[str, str]]:
    """Return the entries of a constructor's parameters, with their defaults."""
    return {
        name: (f"{parameters[name][0]}, default={given.default!r}", parameters[name][1])
        for name, given in inspect.signature(cls).parameters.items()
        if name in parameters
    }


def text_of(entries: Entries) -> str:
    """Return entries as numpydoc has them."""
    lines = []
    for name, (kind, meaning) in entries.items():
        lines.append(f"{name} : {kind}")
        lines += textwrap.wrap(meaning, 96, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)
