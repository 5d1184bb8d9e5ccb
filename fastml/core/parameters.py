"""scikit-learn's handling of an estimator's parameters, read from its class once.

scikit-learn reads the signature of ``__init__`` and builds every constraint anew at each fit and
each ``get_params``: 50 to 120 microseconds, as long as a fit of some hundred rows takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sklearn.utils._param_validation import make_constraint


class _Known(NamedTuple):
    """What a class says of its parameters.

    init, constraints : what it was read from
    names : list of str
    tests : for each parameter that is constrained its name, and of every constraint the test
    passed : by name the last plain value that passed
    """

    init: Any
    constraints: Any
    names: list[str]
    tests: list[tuple[str, list[Callable[[Any], bool]]]]
    passed: dict[str, Any]


#: Types of values that never change: what has passed once, passes again.
_PLAIN = frozenset((int, float, bool, str, type(None)))


_known: WeakKeyDictionary[type, _Known] = WeakKeyDictionary()


class ParametersMixin:
    """Mixin before scikit-learn's ``BaseEstimator``: the same names, the same validation."""

    @classmethod
    def _get_param_names(cls) -> list[str]:
        base: Any = super()
        return list(_known_of(cls, base._get_param_names).names)

    def _validate_params(self) -> None:
        """Raise InvalidParameterError, in scikit-learn's words, for a parameter out of bounds."""
        base: Any = super()
        known = _known_of(type(self), base._get_param_names)
        for name, tests in known.tests:
            value = getattr(self, name)
            kind = type(value)
            passed = known.passed.get(name, known)
            if kind in _PLAIN and type(passed) is kind and passed == value:
                continue
            for is_satisfied_by in tests:
                if is_satisfied_by(value):
                    if kind in _PLAIN:
                        known.passed[name] = value
                    break
            else:
                base._validate_params()  # which raises, and knows how to say it
                return


def _known_of(cls: Any, read_names: Callable[[], list[str]]) -> _Known:
    """Return what is known of a class, which is read where it is new or has been patched."""
    known = _known.get(cls)
    init, constraints = cls.__init__, cls._parameter_constraints
    if known is None or known.init is not init or known.constraints is not constraints:
        names = read_names()
        tests = [
            (name, [make_constraint(one).is_satisfied_by for one in constraints[name]])
            for name in names
            if constraints.get(name, "no_validation") != "no_validation"
        ]
        known = _known[cls] = _Known(init, constraints, names, tests, {})
    return known
