"""Names of kernels: the same in every process, and two kernels never go by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pkgutil import walk_packages

import fastml.kernels
from fastml.kernels.machine import jit
from fastml.kernels.machine.identity import identity

_NAMES = """
import json, sys
sys.path.insert(0, {folder!r})
import test_identity
print(json.dumps(sorted(test_identity.names_of_kernels())))
"""


def _enclosing(inner, number):
    @jit.inner_kernel
    def outer(x):
        return inner(x) + number

    return outer


def _enclosed():
    @jit.inner_kernel
    def inner(x):
        return x * 2

    return inner


def names_of_kernels():
    """Return the qualified name of every kernel that a module holds, once for each kernel."""
    found = {}
    for info in walk_packages(fastml.kernels.__path__, "fastml.kernels."):
        for thing in vars(import_module(info.name)).values():
            function = getattr(thing, "py_func", None)
            if function is not None and function.__module__ == info.name:
                found[id(function)] = f"{info.name}.{function.__qualname__}"
    return list(found.values())


def test_a_kernel_that_encloses_another_has_the_same_name_every_time():
    def name(kernel):
        return kernel.py_func.__qualname__

    assert name(_enclosing(_enclosed(), 1)) == name(_enclosing(_enclosed(), 1))
    assert name(_enclosing(_enclosed(), 1)) != name(_enclosing(_enclosed(), 2))
    assert name(_enclosing(_enclosed(), 1)) != name(_enclosing(_enclosing(_enclosed(), 1), 1))
    assert name(_enclosed()) == "_enclosed.<locals>.inner"


def test_no_two_kernels_go_by_one_name_and_every_process_knows_the_same():
    names = names_of_kernels()
    assert len(names) > 400
    assert len(set(names)) == len(names)
    code = _NAMES.format(folder=os.path.dirname(__file__))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == sorted(names)


def test_functions_of_one_line_are_told_apart():
    functions = [lambda x: x.real, lambda x: x.imag, lambda x: x + 1, lambda x: x + 2]
    assert len({repr(identity(function)) for function in functions}) == 4


def test_what_cannot_be_pickled_is_told_apart_all_the_same():
    lock = __import__("threading").Lock()

    def locked():
        return lock

    assert identity(locked) == identity(locked)
