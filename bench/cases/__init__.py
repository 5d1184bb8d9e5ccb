"""The cases: one folder a family, and beside them what goes across families.

Every module below is found by itself.  One with ``cases(size)`` has cases to measure, in the
order of the report, and one with ``large_cases(size)`` those of the size *large*, whose targets are
``LARGE_TARGETS``; one with ``TARGETS`` says what they aim at, one with ``ACCOUNTS`` why some stay
under the machine's limit; one with ``DRAWN`` has kinds of shapes that are drawn by lot, and
``LOSSES`` says why some of them are lost; one with ``MEMORY`` or ``FIRST_FITS`` says which fits are
watched for memory, and what a fresh process is asked first.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

from ..harness.case import Case
from ..harness.sizes import LARGE, Size


@cache
def modules() -> list[ModuleType]:
    """Return every module below: those of the families first, each in alphabetical order."""
    names = [found.name for found in pkgutil.walk_packages(__path__, f"{__name__}.")]
    packages = {name.rpartition(".")[0] for name in names}
    names.sort(
        key=lambda name: (name not in packages and name.rpartition(".")[0] == __name__, name)
    )
    return [importlib.import_module(name) for name in names]


def collected(attribute: str) -> list[Any]:
    """Return what all modules list under a name."""
    return [entry for module in modules() for entry in getattr(module, attribute, ())]


def all_cases(size: Size) -> list[Case]:
    """Return every case, those of one group together."""
    name = "large_cases" if size.name == LARGE else "cases"
    makers = [getattr(module, name) for module in modules() if hasattr(module, name)]
    cases = [case for make in makers for case in make(size)]
    groups = list(dict.fromkeys(case.group for case in cases))
    return sorted(cases, key=lambda case: groups.index(case.group))
