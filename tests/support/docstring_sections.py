"""Sections of docstrings as numpydoc has them."""

from __future__ import annotations

import inspect
import re


def ends_section(lines):
    """Say whether the first line begins another section, or the source or an example."""
    underlined = len(lines) > 1 and lines[0] and re.fullmatch("--+", lines[1])
    return bool(underlined) or lines[0].startswith((">>>", "Source:"))


def section(docstring, title):
    """Return the lines of one section of a numpydoc docstring."""
    lines = inspect.cleandoc(docstring).splitlines()
    for i, line in enumerate(lines[:-1]):
        if line == title and re.fullmatch("-+", lines[i + 1]):
            end = i + 2
            while end < len(lines) and not ends_section(lines[end : end + 2]):
                end += 1
            return lines[i + 2 : end]
    return []


def entries(lines):
    """Return for each name of a section its type and its description."""
    found = {}
    names = []
    for line in lines:
        if line and not line.startswith(" "):
            left, _, kind = line.partition(" :")
            names = [name.strip() for name in left.split(",")]
            found |= {name: [kind.strip(), ""] for name in names}
        else:
            for name in names:
                found[name][1] += line.strip()
    return found
