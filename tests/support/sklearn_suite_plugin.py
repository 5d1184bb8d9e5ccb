"""A pytest plugin that runs scikit-learn's own tests with its classes replaced by fastml's.

``FASTML_SKLEARN_SUITE`` names the module whose tests run, as ``sklearn.neural_network``: every
public name fastml shares with it is replaced before the tests are imported.
``FASTML_SKLEARN_DESELECTED`` names a file of tests to leave out: each line a test's name (with or
without its parameters, * standing for anything) and, after #, the reason.
"""

from __future__ import annotations

import collections
import fnmatch
import functools
import importlib
import os
from pathlib import Path

import fastml


def _replace(module_name):
    module = importlib.import_module(module_name)
    replaced = [
        name for name in fastml.__all__ if not name.startswith("_") and name in vars(module)
    ]
    for name in replaced:
        setattr(module, name, getattr(fastml, name))
    return replaced


def deselected_tests(path):
    """Return the names of the tests to leave out, and the reason of each.

    Raises
    ------
    ValueError
        If a line gives no reason.
    """
    reasons = {}
    for line in Path(path).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, separator, reason = line.partition(" # ")
            if not separator or not reason.strip():
                raise ValueError(f"No reason is given for leaving out {line!r}.")
            reasons[name.strip()] = reason.strip()
    return reasons


def pytest_configure(config):
    # At import time of this plugin pytest has not yet imported any test.
    replaced = _replace(os.environ["FASTML_SKLEARN_SUITE"])
    if not replaced:
        raise RuntimeError("fastml shares no name with the module.")
    _count_paths(replaced)


#: How often each path computed a fit, where estimators say so.
computed = collections.Counter()


def _count_paths(names):
    """Count what ``computed_by_`` says after every fit."""
    for name in names:
        kind = getattr(fastml, name)
        if not hasattr(kind, "fit") or not kind.__module__.startswith("fastml.linear_model"):
            continue

        def counted(self, *arguments, _fit=kind.fit, **options):
            fitted = _fit(self, *arguments, **options)
            computed[type(self).__name__, fitted.computed_by_] += 1
            return fitted

        kind.fit = functools.wraps(kind.fit)(counted)


def pytest_terminal_summary(terminalreporter):
    for (kind, path), count in sorted(computed.items()):
        terminalreporter.write_line(f"{count:6} fits of {kind} by {path}")


def pytest_collection_modifyitems(config, items):
    reasons = deselected_tests(os.environ["FASTML_SKLEARN_DESELECTED"])
    kept, left_out, used = [], [], set()
    for item in items:
        candidates = (item.name, item.name.partition("[")[0])
        names = {
            pattern
            for pattern in reasons
            if any(fnmatch.fnmatchcase(name, pattern) for name in candidates)
        }
        used |= names
        (left_out if names else kept).append(item)
    unknown = reasons.keys() - used
    if unknown:
        raise ValueError(f"No such tests to leave out: {sorted(unknown)}.")
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
