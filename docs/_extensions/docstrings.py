"""Docstrings made fit for the site: what reads well in a terminal may mean something else there."""

from __future__ import annotations

import re
from typing import Any

_ROLE = re.compile(r":(?:ref|term|doc):`~?([^`<]*?)\s*(?:<[^`>]*>)?`")
_DIRECTIVE = re.compile(r"^\s*\.\. (?:minigallery|rubric|include)::")


#: A fitted attribute in a shape, (n_features_in_,): not a link.
_ATTRIBUTE = re.compile(r"(?<![`\w])(\w+)_(?=,?\))")
#: An absolute value: not a substitution.
_ABSOLUTE = re.compile(r"\|(\w+)\|")


def for_the_site(lines: list[str]) -> list[str]:
    """Return a docstring's lines without references to labels of scikit-learn's own site."""
    cleaned = []
    for line in lines:
        if _DIRECTIVE.match(line):
            continue
        if not line.lstrip().startswith((">>>", "...")):
            line = _ROLE.sub(r"\1", line)
            line = _ATTRIBUTE.sub(r"\1\\_", line)
            line = _ABSOLUTE.sub(r"\|\1\|", line)
        cleaned.append(line)
    return cleaned


def with_sections(lines: list[str]) -> list[str]:
    """Return a docstring's lines with headings over the source and the example of the reference.

    There both stand at the end without any, which numpydoc takes for parameters.
    """
    found: list[str] = []
    for line in lines:
        for begins, title in (("Source:", "References"), (">>>", "Examples")):
            if line.startswith(begins) and title not in lines and title not in found:
                found += ["", title, "-" * len(title), ""]
        found.append(line)
    return found


def _process(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    lines[:] = with_sections(for_the_site(lines))


def setup(app: Any) -> dict[str, Any]:
    """Run before numpydoc reads a docstring."""
    app.connect("autodoc-process-docstring", _process, priority=0)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
