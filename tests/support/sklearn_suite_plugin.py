"""A pytest plugin that runs scikit-learn's own tests with its classes replaced by fastml's.

``FASTML_SKLEARN_SUITE`` names the module whose tests run, as ``sklearn.neural_network``: every
public name fastml shares with it is replaced before the tests are imported.  A fit that
scikit-learn computed though what was asked is ours fails its test: see :mod:`delegated_fits`.
``FASTML_SKLEARN_DESELECTED`` names a file of tests to leave out: each line a test's name (with or
without its parameters, * standing for anything) and, after #, the reason.
"""

from __future__ import annotations

import fnmatch
import functools
import importlib
import inspect
import os
from collections import Counter
from pathlib import Path

from delegated_fits import Call, is_due
from sklearn import __version__
from sklearn.utils.fixes import parse_version

import fastml

#: scikit-learn before 1.9: its lists of tests differ, and some asked for more than it does now.
BEFORE_1_9 = parse_version(__version__) < parse_version("1.9.0")
#: Tests left out there: their later versions pass, or are left out under another name.
STRICTER_BEFORE_1_9 = {
    "test_predict_joint_proba": "takes rounding of a logarithm near 0 for an error",
    "test_class_weights?RandomForestClassifier?": "the older name of test_class_weights_forest",
}
#: How many fits of each class each path computed, as its ``computed_by_`` says.
fits = Counter()


def _replace(module_name):
    module = importlib.import_module(module_name)
    replaced = [
        name for name in fastml.__all__ if not name.startswith("_") and name in vars(module)
    ]
    for name in replaced:
        setattr(module, name, getattr(fastml, name))
    return replaced


def _call(method, estimator, arguments, keywords):
    """Return what a call of a fit was given."""
    given = inspect.signature(method).bind(estimator, *arguments, **keywords).arguments
    others = given.get("params", {})
    return Call(estimator, given.get("X"), given.get("y"), given.get("sample_weight"), others)


def count_fits(cls):
    """Count who computes the fits of a class, in ``fits``.

    A fit raises AssertionError if it was scikit-learn's without a documented reason that holds.
    """
    for name in ("fit", "partial_fit"):
        inner = inspect.getattr_static(cls, name, None)
        if not inspect.isfunction(inner):  # a method that is only sometimes there stays so
            continue

        @functools.wraps(inner)
        def counting(self, *arguments, inner=inner, **keywords):
            result = inner(self, *arguments, **keywords)
            computed_by = getattr(self, "computed_by_", "fastml")
            fits[cls.__name__, computed_by] += 1
            assert is_due(computed_by, _call(inner, self, arguments, keywords)), computed_by
            return result

        setattr(cls, name, counting)


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
    for name in replaced:
        if isinstance(getattr(fastml, name), type):
            count_fits(getattr(fastml, name))


def pytest_terminal_summary(terminalreporter):
    for (kind, path), count in sorted(fits.items()):
        terminalreporter.write_line(f"{count:6} fits of {kind} by {path}")


def pytest_collection_modifyitems(config, items):
    reasons = deselected_tests(os.environ["FASTML_SKLEARN_DESELECTED"])
    if BEFORE_1_9:
        reasons |= STRICTER_BEFORE_1_9
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
    if unknown and not BEFORE_1_9:
        raise ValueError(f"No such tests to leave out: {sorted(unknown)}.")
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
